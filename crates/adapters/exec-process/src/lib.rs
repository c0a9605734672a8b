//! Performs process steps on Linux: one supervisor thread starts, watches,
//! stops and reaps them all.
//!
//! A step ends when nothing of it is alive: its process group is killed after
//! its leader, and under [`ProcessExecutor::with_subreaper`] whatever left the
//! group as well. This crate never runs code between fork and exec, never
//! reaps a process that it did not start (unless it is the subreaper), and
//! never signals a process id that may have been given to another process.
//!
//! ```text
//!  start, cancel ─▶ commands ─▶ supervisor ──spawn──▶ process group ─▶ log
//!                                  │ ▲ pidfd, timers       └▶ ROK_OUTPUT, …
//!            report ◀── finish ◀───┘
//! ```
//!
//! ```
//! use rok_exec_process::ProcessExecutor;
//! use rok_executor::{
//!     AttemptRef, Executor, ProcessWork, Program, StepReport, StepRequest, Work, Workspace,
//! };
//! use rok_vocabulary::{Attempt, Epoch, IdempotencyKey, RunId, StepId, StepRef};
//! use std::sync::{Arc, mpsc};
//!
//! let dir = tempfile::tempdir()?;
//! let (run, step): (RunId, StepId) = ("r1".parse()?, "hello".parse()?);
//! let request = StepRequest {
//!     key: IdempotencyKey::new(&run, Epoch(0), &step),
//!     attempt: AttemptRef {
//!         run,
//!         step: StepRef { epoch: Epoch(0), step, attempt: Attempt(0), compensates: false },
//!     },
//!     work: Work::Process(ProcessWork {
//!         program: Program::Shell {
//!             bash: false,
//!             script: r#"echo hi; echo '{"n":1}' > "$ROK_OUTPUT""#.into(),
//!             values: Vec::new(),
//!         },
//!         env: Vec::new(),
//!         cwd: dir.path().into(),
//!         sandbox: None,
//!     }),
//!     inputs: Arc::new(serde_json::json!({})),
//!     secrets: rok_secrets::Secrets::none(),
//!     timeout: None,
//!     kill_grace: std::time::Duration::from_secs(5),
//!     traceparent: None,
//!     artifacts: Vec::new(),
//!     workspace: Some(Arc::new(Workspace {
//!         logs: dir.path().join("logs"),
//!         artifacts: dir.path().join("artifacts"),
//!         procs: dir.path().join("procs"),
//!         scratch: dir.path().join("scratch"),
//!     })),
//! };
//!
//! let executor = ProcessExecutor::new()?;
//! let (sender, reports) = mpsc::channel();
//! executor.start(request, Arc::new(move |report: StepReport| sender.send(report).unwrap()));
//! let result = reports.recv()?.result;
//! assert_eq!(result.end.unwrap().outputs["n"], 1);
//! assert_eq!(std::fs::read_to_string(dir.path().join("logs/hello.0.log"))?, "hi\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod command;
mod contract;
mod executor;
mod finish;
mod log;
mod neighbours;
mod orphans;
mod peak;
mod places;
mod procfs;
mod record;
mod remains;
mod sandbox;
mod supervisor;

pub use executor::{Builder, ProcessExecutor};
