//! The closed words that every other crate speaks: ids, phases, states,
//! outcomes, error classes, profiles and timestamps.
//!
//! No logic lives here, and no clock, randomness or I/O: a word is parsed,
//! printed and compared. Parsing an unknown word is a typed error, never a
//! default (fail closed).
//!
//! ```
//! use rok_vocabulary::{ErrorClass, RunId, RunPhase, Timestamp};
//!
//! let run: RunId = "run_abc".parse()?;
//! assert_eq!(run.as_str(), "run_abc");
//! assert!("../etc".parse::<RunId>().is_err());
//! assert_eq!(RunPhase::GovernanceCheck.as_str(), "GOVERNANCE_CHECK");
//! assert!("LIMBO".parse::<RunPhase>().is_err());
//! assert_eq!(ErrorClass::TransientIo.to_string(), "transient_io");
//! let t = Timestamp::parse_rfc3339("2026-02-16T23:05:12.000Z")?;
//! assert_eq!(t.to_string(), "2026-02-16T23:05:12.000Z");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;

mod actor;
mod amount;
mod duration;
mod ids;
#[cfg(feature = "schema")]
mod schema;
mod time;
mod words;

pub use actor::{Actor, ActorError};
pub use amount::format_amount;
pub use duration::{DurationError, format_duration, parse_duration};
pub use ids::{
    AgentId, Attempt, BatchId, Capability, CommandId, ComponentName, Epoch, IdError,
    IdempotencyKey, InputName, PlanId, RunId, ScheduleId, Seq, StepId, StepRef,
};
pub use time::{TimeError, Timestamp};
pub use words::{
    AckErrorKind, AckStatus, AgentPlace, BudgetDimension, Channel, ComponentStatus, ComponentType,
    Disposition, Domain, EnforcementLevel, ErrorClass, ExpectationStatus, FallbackTrigger,
    Federation, HoldReason, Outcome, PlanMode, PolicyScope, PolicyType, Profile,
    ReconciliationStatus, RunPhase, SandboxMode, Severity, StepState, TrustLevel, UnknownWord,
};
