//! The one canonical state machine of a run.
//!
//! One `const` table, [`VALID_TRANSITIONS`], is the only source of what may
//! follow what: [`next`] reads it, [`mermaid`] draws it, the tests walk every
//! (phase, input) pair of it. Everything that is not in it is refused and
//! leaves the machine as it was. The crate has no clock: instants come in.
//!
//! ```text
//! CREATED → AUTHORIZED → EXECUTING → GOVERNANCE_CHECK → FINALIZING → COMPLETED | FAILED
//! ```
//!
//! ```
//! use rok_phases::{PhaseInput, PhaseStateMachine, next};
//! use rok_vocabulary::{RunPhase, Timestamp};
//!
//! let at = Timestamp::from_millis(0);
//! let mut machine = PhaseStateMachine::new("run_abc".parse()?, at);
//! machine.transition(PhaseInput::Granted, at, None)?;
//! assert_eq!(machine.phase(), RunPhase::Authorized);
//! // The governance check cannot be skipped.
//! assert!(machine.transition(PhaseInput::Published, at, None).is_err());
//! assert_eq!(next(RunPhase::Executing, PhaseInput::CheckPassed), None);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;

mod diagram;
mod machine;
mod table;

pub use diagram::mermaid;
pub use machine::{PhaseContext, PhaseError, PhaseStateMachine, PhaseTransition};
pub use table::{PhaseInput, UnknownInput, VALID_TRANSITIONS, ValidTransition, next};
