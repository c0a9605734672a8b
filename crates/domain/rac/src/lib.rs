//! The Runtime Audit Contract: what every domain owes a run, what the domains
//! say they did, and whether the two agree.
//!
//! The crate decides nothing about a run's phases and calls nobody: it keeps
//! the [`Ledger`], computes the [`Reconciliation`] and lets a profile judge it.
//!
//! ```text
//! AuditExpectation ─declare─▶ Ledger ◀─receive─ DomainAck
//!                               │ reconcile (multisets)
//!                               ▼
//!                        Reconciliation ─judge(profile)─▶ Verdict
//! ```
//!
//! ```
//! use core::time::Duration;
//! use rok_rac::{Deadline, DomainAck, Duty, Expected, Ledger, Scope, Verdict, judge};
//! use rok_vocabulary::{Epoch, Profile, Timestamp};
//!
//! let at = Timestamp::from_millis(0);
//! let mut ledger = Ledger::new("run_abc".parse()?, Epoch::FIRST);
//! ledger.declare(Expected::new(Duty::START_TRACE, Deadline::after(Duration::from_secs(5))), at);
//!
//! let open = ledger.reconcile(Scope::Everything, at);
//! assert!(matches!(judge(Profile::Strict, &open), Verdict::Refused { .. }));
//!
//! ledger.receive(DomainAck::success(ledger.run(), Epoch::FIRST, Duty::START_TRACE, "t-1", at)?);
//! assert!(ledger.reconcile(Scope::Everything, at).is_clean());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;

mod ack;
mod duty;
mod expectation;
mod ledger;
mod profile;
mod reconciliation;

pub use ack::{AckError, AckId, DomainAck};
pub use duty::{Action, Duty, DutyError};
pub use expectation::{AuditExpectation, Deadline, Expected};
pub use ledger::{Declared, Ledger, Received};
pub use profile::{Verdict, judge};
pub use reconciliation::{FailedDuty, Reconciliation, Scope};
