//! The Run Orchestration Kernel (ROK): the single authority over a run's
//! lifecycle.
//!
//! A pure state machine. Inputs and instants come in, a [`Decision`] comes
//! out: events to be made durable, effects to be performed after that, and
//! when to wake up. The kernel has no clock, no I/O and no entropy; it names
//! no facade, no store and no executor.
//!
//! ```text
//! Input ──handle──▶ Decision { events, effects, wake_at }
//!           │ emit        │
//!           ▼             ▼
//!       RunState ◀─apply─ Event        (a fold of the log is the same state)
//! ```
//!
//! [`RunState::apply`] is the only mutation. Effects are a function of state
//! ([`RunState::outstanding`]), so recovery is: fold the log, then perform what
//! is outstanding. [`Reconciled`] is the proof that the governance check was
//! passed: without one, finalizing does not compile.
//!
//! ```compile_fail
//! # fn f(mut rok: rok_kernel::RunOrchestrationKernel, now: rok_vocabulary::Timestamp) {
//! // There is no way to finalize without the proof of a passed check.
//! rok.finalize(now);
//! # }
//! ```
#![no_std]

extern crate alloc;

mod clock;
mod compiled;
mod effect;
mod input;
mod kernel;
mod reconciled;
mod request;
mod scope;
mod state;
mod steps;

pub use compiled::{CompiledPlan, StepIx};
pub use effect::{Decision, Effect, Rejected};
pub use input::{
    Admission, Command, CommandKind, Input, PolicyAnswer, Repair, RunSpec, StepDone, StepEnd,
    StepSuccess,
};
pub use kernel::{Authorization, GovernanceCheck, KernelError, RunOrchestrationKernel, create_rok};
pub use reconciled::Reconciled;
pub use request::{ResolveError, ResolvedAction, ResolvedStep};
pub use scope::RunScope;
pub use state::{ApplyError, Closing, Hold, PolicyState, Resumability, RunState, Stopping};
pub use steps::{StepSlot, StopReason};
