//! A run folder, requests, and a look at processes.

use rok_exec_process::ProcessExecutor;
use rok_executor::{
    AttemptRef, Executor, ProcessWork, Program, ReportSink, StepReport, StepRequest, StepResult,
    Work, Workspace,
};
use rok_expr::SecretText;
use rok_secrets::Secrets;
use rok_vocabulary::{Attempt, Epoch, ErrorClass, IdempotencyKey, RunId, StepId, StepRef};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longer than any test may take.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
pub(crate) const SHORT: Duration = Duration::from_millis(100);
pub(crate) const SECRET: &str = "hun\"ter2/äß";

pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) executor: ProcessExecutor,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(ProcessExecutor::builder().max_in_flight(4).build().unwrap())
    }

    pub(crate) fn with(executor: ProcessExecutor) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Arc::new(Workspace {
            logs: dir.path().join("run/logs"),
            artifacts: dir.path().join("run/artifacts"),
            procs: dir.path().join("run/procs"),
            scratch: dir.path().join("scratch"),
        });
        Self {
            dir,
            workspace,
            executor,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn request(&self, step: &str, program: Program) -> StepRequest {
        let run: RunId = "run-1".parse().unwrap();
        let id: StepId = step.parse().unwrap();
        StepRequest {
            key: IdempotencyKey::new(&run, Epoch(0), &id),
            attempt: AttemptRef {
                run,
                step: StepRef {
                    epoch: Epoch(0),
                    step: id,
                    attempt: Attempt(0),
                    compensates: false,
                },
            },
            work: Work::Process(ProcessWork {
                program,
                env: Vec::new(),
                cwd: self.dir.path().to_owned(),
                sandbox: None,
            }),
            inputs: Arc::new(serde_json::json!({ "n": 1 })),
            secrets: Secrets::none(),
            timeout: Some(LONG),
            kill_grace: LONG,
            traceparent: None,
            artifacts: Vec::new(),
            workspace: Some(self.workspace.clone()),
        }
    }

    pub(crate) fn sh(&self, step: &str, script: &str) -> StepRequest {
        let script = script.to_owned();
        self.request(
            step,
            Program::Shell {
                bash: false,
                script,
                values: Vec::new(),
            },
        )
    }

    /// With the secret `TOKEN` in the variable `TOKEN`.
    pub(crate) fn sh_with_secret(&self, step: &str, script: &str) -> StepRequest {
        let name: rok_vocabulary::InputName = "TOKEN".parse().unwrap();
        let mut request = self.sh(step, script);
        request.secrets = Secrets::from_pairs([(name.clone(), SECRET)]).unwrap();
        if let Work::Process(work) = &mut request.work {
            let value = SecretText::from_parts([rok_expr::Part::Secret(name)]);
            work.env.push(("TOKEN".into(), value));
        }
        request
    }

    pub(crate) fn start(&self, request: StepRequest) -> Receiver<StepReport> {
        let (sink, reports) = sink();
        self.executor.start(request, sink);
        reports
    }

    pub(crate) fn run(&self, request: StepRequest) -> StepResult {
        self.start(request).recv().unwrap().result
    }

    pub(crate) fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.workspace.logs.join(name)).unwrap()
    }

    /// A named pipe; a step's word through it is read by [`said`].
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let status = std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap();
        assert!(status.success());
        path
    }
}

pub(crate) fn sink() -> (Arc<dyn ReportSink>, Receiver<StepReport>) {
    let (sender, reports) = channel();
    (
        Arc::new(move |report| sender.send(report).unwrap_or_default()),
        reports,
    )
}

/// What comes through a named pipe until its writer closes it.
pub(crate) fn said(pipe: &Path) -> String {
    std::fs::read_to_string(pipe).unwrap().trim().to_owned()
}

pub(crate) fn failure(result: &StepResult) -> (ErrorClass, String) {
    let failure = result.end.as_ref().expect_err("the step failed").clone();
    (failure.class, failure.reason)
}

/// Whether a process lives; one that is dead and not reaped does not.
pub(crate) fn lives(pid: &str) -> bool {
    assert!(pid.parse::<u32>().is_ok(), "no process id: {pid:?}");
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        let state = stat.rsplit(')').next().unwrap().trim_start().chars().next();
        !matches!(state, Some('Z' | 'X'))
    })
}

/// Every file below a folder, with its content.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(files(&path));
        } else {
            let content = std::fs::read(&path).unwrap();
            out.push((path, content));
        }
    }
    out
}
