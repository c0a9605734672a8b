//! The executor port: what performs a step, and what it reports.
//!
//! An [`Executor`] starts work and reports once when the work is really over:
//! ended by itself, or stopped with everything that it left behind. It never
//! decides whether a step is tried again, and it never writes the event log.
//!
//! ```text
//! StepRequest ──start──▶ Executor ──(work)──▶ StepReport ──▶ ReportSink
//!                  cancel ─┘
//! ```
//!
//! [`Functions`] performs `call` steps by functions that an embedder registers.
//!
//! ```
//! use rok_executor::{Call, Functions, StepFailure};
//! use rok_vocabulary::ErrorClass;
//!
//! let functions = Functions::new()
//!     .register("double", |call: &Call<'_>| {
//!         let n = call.input("n").and_then(serde_json::Value::as_i64)
//!             .ok_or_else(|| StepFailure::new(ErrorClass::ContractInputMissing, "input `n` is absent"))?;
//!         Ok(serde_json::json!({ "doubled": n * 2 }))
//!     });
//! assert!(functions.contains("double"));
//! ```

mod clock;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod functions;
mod outputs;
mod port;
mod strict;

pub use clock::wall_clock;
pub use functions::{Call, Functions};
pub use outputs::{
    INLINE_OUTPUT_BYTES, MAX_OUTPUT_BYTES, check_outputs, is_inline, oversized_outputs,
};
pub use port::{
    AgentRecord, AgentWork, AttemptRecord, AttemptRef, CallWork, CancelReason, Executor,
    ExecutorError, GivenProcess, INHERITED, LogRecord, PIPED, PIPED_FILE, PlanWork, PreflightFault,
    ProcessWork, Program, Remains, ReportSink, ServiceWork, StepFailure, StepReport, StepRequest,
    StepResult, StepSuccess, Usage, Withdrawn, Work, Workspace,
};
pub use strict::strict_json;
