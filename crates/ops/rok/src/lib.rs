//! Run orchestration that can be audited, fail-closed by default.
//!
//! A plan (a DAG of steps) becomes a run. The run declares, before it starts,
//! what every domain owes it; it is executed durably and resumes after a crash;
//! and it does not complete until what was declared and what was acknowledged
//! agree. This crate composes the others and is the library to embed; the `rok`
//! binary is a thin shell over the same composition.
//!
//! ```text
//! Rok (this crate) ─▶ RunsFacade ─▶ runner ⇄ kernel ─▶ run folder
//! ```
//!
//! ```
//! use rok::{Rok, StepFailure};
//! use serde_json::json;
//!
//! # let dir = tempfile::tempdir()?;
//! let rok = Rok::in_folder(dir.path())
//!     .function("measure", |call| Ok(json!({ "accuracy": call.input("target").cloned() })))
//!     .function("publish", |_| Ok(json!(null)))
//!     .open()?;
//! let plan = "
//! plan: embedded
//! inputs: { target: { type: number, default: 0.97 } }
//! steps:
//!   measure: { call: measure, gate: hard }
//!   publish: { call: publish, needs: [measure] }
//! ";
//! let run = rok.run(plan, &json!({}))?;
//! assert_eq!(run.status, "succeeded");
//! assert!(run.reconciliation.is_clean());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod compose;
mod embed;
pub mod pipeline;
mod program;
pub mod service_runs;

pub use embed::{Rok, RokBuilder};
pub use program::program;
pub use rok_exec_agent::AgentFunction;
pub use rok_executor::{Call, Functions, StepFailure};
pub use rok_facades::runs::{
    DriveEnd, RunSelector, RunSummary, RunsError, StopSignal, Submission, VerifyReport,
};
pub use rok_vocabulary as vocabulary;
