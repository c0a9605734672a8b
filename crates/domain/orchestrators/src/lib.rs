//! The orchestrators: stages that select components of a registry and have them
//! run as one plan.
//!
//! They perform nothing themselves: the domain of runs does, by its facade, so
//! that every orchestrated run is a run like any other. What goes wrong is in
//! the report, never a panic.
//!
//! ```text
//!  ExecutionContext ─query─▶ registry ─found─▶ by files ─▶ compile ─▶ a plan
//!                                                                      │ submit, drive
//!  RunReport ◀─ results ◀─ summary of the run ◀──────────── RunsFacade ◀┘
//! ```
//!
//! ```
//! use rok_orchestrators::stage_query;
//! use rok_orchestration::ExecutionContext;
//!
//! let query = stage_query("pre-commit", &ExecutionContext::of_stage("pre-commit"))?;
//! assert_eq!(query.selector.tags, ["pre-commit"]);
//! # Ok::<(), rok_orchestration::OrchestratorError>(())
//! ```

mod trouble;

mod query;

mod as_staged;
mod git;
mod host;
mod index;
mod judged;
mod kept;
mod not_started;
mod rules;
mod scope;
mod staged;

pub mod compile;
mod order;
mod pipe;

mod results;

mod profile;
mod recorded;
mod replay;

mod run;

mod admin;
mod document;
mod engine;
mod stages;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use as_staged::with_checks;
pub use engine::{Orchestrators, Setup};
pub use query::stage_query;
pub use stages::{
    CIOrchestrator, PipelineOrchestrator, PreCommitOrchestrator, RegistryOrchestrator,
    TestOrchestrator,
};
