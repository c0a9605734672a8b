//! `rok conformance --agent`: the real agent keeps the contract of executors,
//! and one that dies, is late or forges fails by the rule's name.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use rok_attest::SigningKey;
use rstest::rstest;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// Does as its order says.
const OBEYS: &str = r#"case "$(cat)" in *answers*) echo '{"n":1}' ;; *fails*) exit 65 ;; *) exec sleep 600 ;; esac"#;
const WORKS: [&str; 6] = [
    "--work",
    r#"answers={"do":"answers"}"#,
    "--work",
    r#"fails={"do":"fails"}"#,
    "--work",
    r#"stays={"do":"stay"}"#,
];

/// An agent `a` whose results are signed by one key, and `rok` beside it.
struct Bench {
    agent: Child,
    dir: tempfile::TempDir,
    url: String,
    slots: &'static str,
}

impl Bench {
    fn new(options: &[&str]) -> Self {
        Self::of_slots("8", options)
    }

    fn of_slots(slots: &'static str, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["own", "other"] {
            let key = SigningKey::generate().unwrap();
            key.write_new(&dir.path().join(format!("{name}.pem")))
                .unwrap();
            std::fs::write(
                dir.path().join(format!("{name}.pub")),
                key.public().to_pem(),
            )
            .unwrap();
        }
        let mut agent = Command::new(env!("CARGO_BIN_EXE_rok-agent"))
            .args(["--id", "a", "--listen", "127.0.0.1:0", "--slots", slots])
            .args(["--key", "own.pem"])
            .args(options)
            .current_dir(dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("AGENT_TOKEN", "a-token-of-the-test")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let out = agent.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        Self {
            agent,
            dir,
            url,
            slots,
        }
    }

    /// One whose program is this shell line.
    fn of(line: &str) -> Self {
        Self::new(&["--can", "sum", "--", "sh", "-c", line])
    }

    /// Says of the agent what it can do, whose key it has, and how long it may take.
    fn known(self, can: &str, key: &str, max_latency: &str) -> Self {
        let text = format!(
            "heartbeat = '100ms'\nsilence = '2s'\nmax_latency = '{max_latency}'\n\
             [agents.a]\nurl = '{}'\ncapabilities = ['{can}']\ntrust_level = 'SIGNED'\n\
             key = '{key}.pub'\nslots = {}\ntoken_env = 'AGENT_TOKEN'\n",
            self.url, self.slots
        );
        std::fs::write(self.dir.path().join("agents.toml"), text).unwrap();
        self
    }

    fn rok(&self, arguments: &[&str]) -> Done {
        let ended = Command::new(support::rok())
            .arg("conformance")
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path())
            .env("TMPDIR", self.dir.path())
            .env("ROK_AGENTS", "agents.toml")
            .env("AGENT_TOKEN", "a-token-of-the-test")
            .output()
            .unwrap();
        Done {
            code: ended.status.code(),
            report: serde_json::from_slice(&ended.stdout).unwrap_or_default(),
            err: String::from_utf8(ended.stderr).unwrap(),
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

struct Done {
    code: Option<i32>,
    report: Value,
    err: String,
}

impl Done {
    /// The names of those cases that ended so.
    fn all(&self, status: &str) -> Vec<&str> {
        let results = self.report["results"].as_array().into_iter().flatten();
        let ended = results.filter(|result| result["status"] == status);
        ended.filter_map(|one| one["component"].as_str()).collect()
    }

    /// What is said of the case that is broken.
    fn why(&self, case: &str) -> &str {
        let mut results = self.report["results"].as_array().into_iter().flatten();
        let found = results.find(|result| result["component"] == case);
        let error = &found.unwrap_or_else(|| panic!("{case}: {}", self.report))["errors"][0];
        assert_eq!(error["rule"], case);
        error["message"].as_str().unwrap_or_default()
    }
}

#[test]
fn an_agent_that_runs_processes_keeps_every_rule() {
    let bench = Bench::new(&["--run", "--token-env", "AGENT_TOKEN"]).known("run", "own", "1m");
    // It remembers its work, and is shown other work the second time.
    for who in ["a", bench.url.as_str()] {
        let done = bench.rok(&["--agent", who, "--json"]);
        assert_eq!(done.code, Some(0), "{}\n{}", done.report, done.err);
        assert_eq!(done.report["summary"]["passed"], 12, "{}", done.report);
        assert_eq!(done.report["status"], "success");
    }
}

/// As an agents' file has it that does not speak of slots.
#[test]
fn an_agent_that_does_one_thing_at_a_time_keeps_every_rule() {
    let options = ["--run", "--token-env", "AGENT_TOKEN"];
    let bench = Bench::of_slots("1", &options).known("run", "own", "1m");
    let done = bench.rok(&["--agent", "a", "--json"]);
    assert_eq!(done.code, Some(0), "{}\n{}", done.report, done.err);
    assert_eq!(done.report["summary"]["passed"], 12, "{}", done.report);
}

#[test]
fn an_agent_of_another_capability_is_told_its_work() {
    let bench = Bench::of(OBEYS).known("sum", "own", "1m");
    let untold = bench.rok(&["--agent", "a"]);
    assert_eq!(untold.code, Some(2), "{}", untold.err);
    assert!(untold.err.contains("ROK0241"), "{}", untold.err);
    assert!(untold.err.contains("--work answers=JSON"), "{}", untold.err);

    let arguments = [&["--agent", "a", "--json"], &WORKS[..]].concat();
    let done = bench.rok(&arguments);
    assert_eq!(done.code, Some(0), "{}\n{}", done.report, done.err);
    assert_eq!(done.all("skip"), ["executor/a_secret_is_never_told"]);
    assert_eq!(done.report["status"], "partial");

    let arguments = [&["--agent", "a", "--json"], &WORKS[..2]].concat();
    let done = bench.rok(&[&arguments[..], &["--case", "executor/a_failure"]].concat());
    assert_eq!(done.code, Some(1), "nothing was shown: {}", done.report);
    let why = done.report["results"][0]["messages"][0].as_str().unwrap();
    assert!(why.contains("--work fails=JSON"), "{why}");
}

/// Its program is `sh`, whose parent is the agent.
const DIES: &str = "kill -9 $PPID";

#[rstest]
#[case::dies(DIES, "own", "10s", "not heard for 2s")]
#[case::late("sleep 600", "own", "1s", "no result after 1s")]
#[case::forges(OBEYS, "other", "10s", "its signature is not by key")]
#[case::fails("exit 65", "own", "10s", "it failed: ")]
fn an_agent_that_fails_fails_by_the_rules_name(
    #[case] line: &str,
    #[case] key: &str,
    #[case] max_latency: &str,
    #[case] told: &str,
) {
    let bench = Bench::of(line).known("sum", key, max_latency);
    let cases = ["--case", "executor/a_success", "--case", "executor/foreign"];
    let done = bench.rok(&[&["--agent", "a", "--json"], &WORKS[..], &cases].concat());
    assert_eq!(done.code, Some(1), "{}\n{}", done.report, done.err);
    assert_eq!(done.all("fail"), ["executor/a_success_is_reported_once"]);
    // What does not depend on the agent is not its fault.
    assert_eq!(
        done.all("pass"),
        ["executor/foreign_work_is_refused_and_reported"]
    );
    let why = done.why("executor/a_success_is_reported_once");
    assert!(why.contains(told), "{why}");
    assert_eq!(done.report["status"], "failed");
}

#[test]
fn an_agent_that_is_not_there_is_told_once() {
    let mut bench = Bench::of(OBEYS).known("sum", "own", "1m");
    bench.agent.kill().unwrap();
    bench.agent.wait().unwrap();
    let arguments = [&["--agent", "a"], &WORKS[..]].concat();
    let done = bench.rok(&arguments);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(
        done.err.contains("[ROK0241]: agent `a` cannot be asked: "),
        "{}",
        done.err
    );
    let done = bench.rok(&["--agent", "b"]);
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(done.err.contains("ROK0173"), "{}", done.err);
}
