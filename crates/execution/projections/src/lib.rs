//! What is told of a run: its log folded into a state and a history.
//!
//! A projection only reads. [`Replay`] folds a log line by line into the
//! kernel's state and into a [`History`] of what the state does not keep:
//! attempts, artifacts, decisions of people, records of domains.
//!
//! ```text
//! lines ──Replay──▶ RunState (the kernel's fold) + History
//! ```
//!
//! ```
//! use rok_kernel::CompiledPlan;
//! use rok_projections::Replay;
//!
//! let plan = rok_plan::parse(b"plan: p\nsteps:\n  a: { call: f }\n", "p.yaml")?;
//! let plan = CompiledPlan::new(plan, "00".into())?;
//! let mut replay = Replay::new(plan, "run_abc".parse()?);
//! assert!(replay.line(b"{}").is_err(), "what is no event is refused");
//! assert_eq!(replay.state().steps().len(), 1);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;

mod console;
mod domain_rows;
mod history;
mod large;
mod letter;
mod notices;
mod redecide;
mod replay;
mod service_run;

pub use console::Console;
pub use domain_rows::{DomainRow, INCIDENTS, LESSONS, domain_rows};
pub use history::{AckEntry, Artifact, Decision, History, LogEntry, StepHistory, Violation};
pub use large::Contents;
pub use letter::Letter;
pub use notices::{NOTIFICATIONS, Notice, Notices, Way};
pub use redecide::{Divergence, Redecide, Redecided};
pub use replay::{Replay, ReplayError};
pub use service_run::{KbaseRow, ServiceEntry, ServiceRun, ServiceRunStatus, ServiceStatus};
