//! The pipeline runner's own names (seed 004) over the same engine: a folder,
//! a function for each step, and three calls. Nothing here decides anything;
//! the run folder that it leaves is the one that `rok` reads.
//!
//! ```
//! use rok::pipeline::{ErrorClass, PipelineExecutor, PipelineState, StepDefinition, StepFunctions, generate_summary, resume_run};
//!
//! # let dir = tempfile::tempdir()?;
//! let run_dir = dir.path().join("runs/run_abc");
//! let functions = || {
//!     StepFunctions::new()
//!         .with("preflight_contract_check", |ctx, _step| {
//!             let given = ctx.inputs().is_object();
//!             given.then_some(()).ok_or((ErrorClass::ContractInputMissing, "Missing input file".into()))
//!         })
//!         .with("stage_data_layout", |_, _| Ok(()))
//! };
//! let steps = [
//!     StepDefinition::new("preflight_contract_check", "Preflight").hard_gate(),
//!     StepDefinition::new("stage_data_layout", "Stage data layout")
//!         .max_retries(3)
//!         .retry_classes(&[ErrorClass::TransientIo]),
//! ];
//!
//! let executor = PipelineExecutor::new(&run_dir, functions())?.with_steps(steps);
//! let ctx = executor.start("run_abc", "Manual trigger")?;
//! let final_state = executor.execute(&ctx)?;
//! assert_eq!(final_state, PipelineState::Succeeded);
//! assert!(generate_summary(&run_dir)?.to_text().contains("Run Summary: run_abc"));
//!
//! // A run that succeeded cannot be resumed: the guard says so.
//! assert!(resume_run(&run_dir).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod executor;
mod functions;
mod state;
mod steps;
mod summary;

pub use executor::{PipelineExecutor, resume_run};
pub use functions::{Context, StepFunctions, StepResult};
pub use rok_vocabulary::{ErrorClass, StepId};
pub use state::PipelineState;
pub use steps::StepDefinition;
pub use summary::{Summary, generate_summary};
