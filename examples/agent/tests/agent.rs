//! The real binary, asked by the executor that asks it in a run.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use rok_agents::{Need, Terms};
use rok_attest::SigningKey;
use rok_exec_agent::{AgentDirectory, AgentExecutor, AgentsFile};
use rok_executor::contract;
use rok_executor::{AgentWork, Executor, StepReport, StepRequest, Work};
use rok_vocabulary::{ErrorClass, TrustLevel};
use serde_json::{Map, Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

struct Started {
    child: Child,
    dir: tempfile::TempDir,
}

impl Started {
    /// An agent whose program is this shell line.
    fn new(line: &str) -> Self {
        Self::with(&["--can", "sum", "--", "sh", "-c", line], "'sum'")
    }

    /// An agent with these options, which can do that.
    fn with(options: &[&str], can: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = SigningKey::generate().unwrap();
        key.write_new(&dir.path().join("a.pem")).unwrap();
        std::fs::write(dir.path().join("a.pub"), key.public().to_pem()).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_rok-agent"))
            .args(["--id", "a", "--listen", "127.0.0.1:0", "--key", "a.pem"])
            .args(options)
            .current_dir(dir.path())
            .env_clear()
            .env("PATH", &path)
            // The one variable that this process surely has.
            .env("AGENT_TOKEN", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut url).unwrap();
        let file = format!(
            "[agents.a]\nurl = '{}'\ncapabilities = [{can}]\ntrust_level = 'VERIFIED'\nkey = 'a.pub'\n",
            url.trim()
        );
        std::fs::write(dir.path().join("agents.toml"), file).unwrap();
        Self { child, dir }
    }

    /// An executor that knows it, and shows this variable's value as its token.
    fn executor(&self, token_env: Option<&str>) -> AgentExecutor {
        let path = self.dir.path().join("agents.toml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        if let Some(name) = token_env {
            text.push_str("token_env = '");
            text.push_str(name);
            text.push_str("'\n");
        }
        let path = self.dir.path().join("shown.toml");
        std::fs::write(&path, text).unwrap();
        let directory = AgentDirectory::new(AgentsFile::read(&path).unwrap(), []);
        AgentExecutor::new(Arc::new(directory))
    }

    fn perform(&self, step: &str, attempt: u32) -> StepReport {
        through(&self.executor(None), request(step, attempt))
    }

    fn ordered(&self, step: &str, capability: &str, with: &Value) -> StepReport {
        through(&self.executor(Some("PATH")), order(step, capability, with))
    }

    fn stranger(&self) -> StepReport {
        let with = json!({ "argv": ["true"] });
        through(&self.executor(None), order("a", "run", &with))
    }
}

fn order(step: &str, capability: &str, with: &Value) -> StepRequest {
    let mut request = request(step, 0);
    if let Work::Agent(work) = &mut request.work {
        work.capability = capability.parse().unwrap();
        work.need.capabilities = [capability.parse().unwrap()].into();
        work.with.clone_from(with.as_object().unwrap());
    }
    request
}

fn through(executor: &AgentExecutor, request: StepRequest) -> StepReport {
    let (sender, reports) = channel();
    let sender = Mutex::new(sender);
    let sink = move |report| drop(sender.lock().unwrap().send(report));
    executor.start(request, Arc::new(sink));
    reports.recv_timeout(Duration::from_secs(60)).unwrap()
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(step: &str, attempt: u32) -> StepRequest {
    contract::request(
        "r1",
        step,
        attempt,
        Work::Agent(Box::new(AgentWork {
            capability: "sum".parse().unwrap(),
            need: Need {
                min_trust: TrustLevel::Verified,
                ..Need::of("sum".parse().unwrap())
            },
            federation: None,
            with: Map::from_iter([("n".to_owned(), json!(7))]),
            terms: Terms::default(),
            idempotent: true,
            max_latency: None,
            process: None,
        })),
    )
}

/// The order comes on standard input; what was done once is not done again.
#[test]
fn a_program_does_the_work_once() {
    let agent = Started::new("cat > order.json; echo x >> ran; echo '{\"sum\": 28}'");
    let report = agent.perform("a", 0);
    assert_eq!(report.result.end.unwrap().outputs, json!({ "sum": 28 }));
    let again = agent.perform("a", 1);
    assert_eq!(again.result.end.unwrap().outputs, json!({ "sum": 28 }));
    let read = |name: &str| std::fs::read_to_string(agent.dir.path().join(name)).unwrap();
    assert_eq!(read("ran"), "x\n");
    assert!(read("order.json").contains("\"with\":{\"n\":7}"));
}

#[test]
fn a_program_that_fails_says_how_and_may_try_again() {
    let agent = Started::new("[ -e ran ] && echo '{}' && exit; touch ran; echo busy >&2; exit 75");
    let failure = agent.perform("a", 0).result.end.unwrap_err();
    assert_eq!(failure.class, ErrorClass::TransientIo);
    assert!(failure.reason.ends_with(": busy"), "{failure}");
    assert!(agent.perform("a", 1).result.end.is_ok());
}

/// The process of a `run` step, as it would be started by `rok`.
#[test]
fn a_process_is_started_by_the_contract_of_steps() {
    let agent = Started::with(&["--run", "--token-env", "AGENT_TOKEN"], "'run'");
    let line = "cat \"$ROK_INPUTS\" >&2; echo \"$GREETING $ROK_STEP_ID\"; \
                printf '{\"n\": 1}' > \"$ROK_OUTPUT\"; echo '{\"tokens\": 3}' > \"$ROK_USAGE\"";
    let order = |line: &str| json!({ "argv": ["sh", "-c", line], "env": { "GREETING": "hello" }, "inputs": { "who": "ada" } });
    let report = agent.ordered("a", "run", &order(line));
    assert_eq!(report.result.end.unwrap().outputs, json!({ "n": 1 }));
    assert_eq!(report.result.usage.tokens, 3);
    let fails =
        "printf '{\"class\": \"transient_io\", \"reason\": \"busy\"}' > \"$ROK_ERROR\"; exit 1";
    let failure = agent
        .ordered("b", "run", &order(fails))
        .result
        .end
        .unwrap_err();
    assert_eq!(
        (failure.class, &*failure.reason),
        (ErrorClass::TransientIo, "busy")
    );
    let failure = agent.ordered("c", "run", &json!({ "argv": ["no-such-program"] }));
    let failure = failure.result.end.unwrap_err();
    assert_eq!(failure.class, ErrorClass::ConfigError);
}

/// Whoever starts processes for others hears nobody without a token.
#[test]
fn to_run_takes_a_token() {
    let ended = Command::new(env!("CARGO_BIN_EXE_rok-agent"))
        .args(["--id", "a", "--run", "--listen", "127.0.0.1:0"])
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let agent = Started::with(&["--run", "--token-env", "AGENT_TOKEN"], "'run'");
    let stranger = agent.stranger();
    let failure = stranger.result.end.unwrap_err();
    assert!(failure.reason.contains("401"), "{failure}");
}

#[test]
fn what_is_no_object_is_no_result() {
    let agent = Started::new("echo 28");
    let failure = agent.perform("a", 0).result.end.unwrap_err();
    assert_eq!(failure.class, ErrorClass::ValidationFailed);
}
