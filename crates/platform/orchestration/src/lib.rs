//! The words of orchestrators: what is asked of one, and the report that it
//! gives.
//!
//! It finds no component, runs none and reads no clock: whoever does fills the
//! report, and status and exit code follow from the results by one rule.
//!
//! ```text
//! ExecutionContext ─▶ an orchestrator ─▶ RunReport ─▶ a formatter ─▶ text
//!   stage, filters,                        ComponentResult …
//!   mode, files …                          status, exit_code
//! ```
//!
//! ```
//! use rok_orchestration::{ComponentResult, ReportStatus, ResultStatus, RunReport};
//! use rok_vocabulary::Timestamp;
//!
//! let at = Timestamp::from_millis(0);
//! let mut report: RunReport = RunReport::begun("ci", "CIOrchestrator", "r-1", at);
//! report.results.push(ComponentResult::new("fmt", ResultStatus::Pass));
//! report.results.push(ComponentResult::new("clippy", ResultStatus::Fail));
//! report.settle(None, at);
//! assert_eq!((report.status, report.exit_code), (ReportStatus::Failed, 1));
//! assert_eq!((report.summary.passed, report.summary.failed), (1, 1));
//! ```
#![no_std]

extern crate alloc;

mod mode;

mod context;

mod error;

mod finding;
mod result;

mod profile;
mod report;

mod execution_plan;

mod operators;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use context::{ExecutionContext, FileScope, PIPELINE, RegistryAction, Replay};
pub use error::{OrchestratorError, Trouble};
pub use execution_plan::{
    DocumentFault, ExecutionNode, ExecutionPlan, NamedEdge, NamedNode, PlanEdge,
};
pub use finding::{Finding, Level};
pub use mode::ExecutionMode;
pub use operators::{OperatorEvent, OperatorEventKind};
pub use profile::{ProfileReport, ProfiledComponent};
pub use report::{
    DryRunReport, PlannedComponent, ReplayReport, ReportError, ReportStatus, ReportSummary,
    RunReport,
};
pub use result::{ComponentArtifact, ComponentResult, ResultStatus};
