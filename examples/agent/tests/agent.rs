//! The real binary, asked by the executor that asks it in a run.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use rok_agents::{Need, Terms};
use rok_attest::SigningKey;
use rok_exec_agent::{AgentDirectory, AgentExecutor, AgentsFile};
use rok_executor::{AgentWork, AttemptRef, Executor, StepReport, StepRequest, Work};
use rok_secrets::Secrets;
use rok_vocabulary::{
    Attempt, Epoch, ErrorClass, IdempotencyKey, RunId, StepId, StepRef, TrustLevel,
};
use serde_json::{Map, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

struct Started {
    child: Child,
    executor: AgentExecutor,
    dir: tempfile::TempDir,
}

impl Started {
    /// An agent whose program is this shell line.
    fn new(line: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = SigningKey::generate().unwrap();
        key.write_new(&dir.path().join("a.pem")).unwrap();
        std::fs::write(dir.path().join("a.pub"), key.public().to_pem()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_rok-agent"))
            .args([
                "--id",
                "a",
                "--can",
                "sum",
                "--listen",
                "127.0.0.1:0",
                "--key",
                "a.pem",
            ])
            .args(["--", "sh", "-c", line])
            .current_dir(dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut url).unwrap();
        let file = format!(
            "[agents.a]\nurl = '{}'\ncapabilities = ['sum']\ntrust_level = 'VERIFIED'\nkey = 'a.pub'\n",
            url.trim()
        );
        let path = dir.path().join("agents.toml");
        std::fs::write(&path, file).unwrap();
        let directory = AgentDirectory::new(AgentsFile::read(&path).unwrap(), []);
        let executor = AgentExecutor::new(Arc::new(directory));
        Self {
            child,
            executor,
            dir,
        }
    }

    fn perform(&self, step: &str, attempt: u32) -> StepReport {
        let (sender, reports) = channel();
        let sender = Mutex::new(sender);
        let sink = move |report| drop(sender.lock().unwrap().send(report));
        self.executor.start(request(step, attempt), Arc::new(sink));
        reports.recv_timeout(Duration::from_secs(60)).unwrap()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(step: &str, attempt: u32) -> StepRequest {
    let (run, step): (RunId, StepId) = ("r1".parse().unwrap(), step.parse().unwrap());
    StepRequest {
        key: IdempotencyKey::new(&run, Epoch(0), &step),
        attempt: AttemptRef {
            run,
            step: StepRef {
                epoch: Epoch(0),
                step,
                attempt: Attempt(attempt),
                compensates: false,
            },
        },
        work: Work::Agent(Box::new(AgentWork {
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
        })),
        inputs: Arc::new(json!({})),
        secrets: Secrets::none(),
        timeout: None,
        kill_grace: Duration::ZERO,
        traceparent: None,
        artifacts: Vec::new(),
        workspace: None,
    }
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

#[test]
fn what_is_no_object_is_no_result() {
    let agent = Started::new("echo 28");
    let failure = agent.perform("a", 0).result.end.unwrap_err();
    assert_eq!(failure.class, ErrorClass::ValidationFailed);
}
