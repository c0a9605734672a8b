//! The events of a run: what can be in its log, and how it stands there.
//!
//! An [`Event`] is one immutable fact. [`Encoder`] turns events into lines
//! under the hash chain, [`decode`] turns a line back, strictly: an unknown
//! type, a missing field or a word outside its closed set is an error. The
//! crate knows no clock and keeps no state of a run.
//!
//! ```text
//! Event ──Encoder (seq, chain, more)──▶ line ──decode──▶ Event
//! ```
//!
//! ```
//! use rok_events::{Body, Encoder, Event, decode};
//! use rok_vocabulary::{Actor, Attempt, Epoch, Seq, Timestamp};
//!
//! let event = Event {
//!     seq: Seq(0),
//!     at: Timestamp::parse_rfc3339("2026-02-16T23:05:12.000Z")?,
//!     epoch: Epoch(0),
//!     actor: Actor::Runner,
//!     body: Body::StepStarted {
//!         step: "stage".parse()?,
//!         attempt: Attempt(0),
//!         data: None,
//!         inputs_hash: None,
//!     },
//! };
//! let run = "run_abc".parse()?;
//! let mut encoder = Encoder::new(&run);
//! let mut lines = Vec::new();
//! encoder.encode(core::slice::from_ref(&event), &mut lines);
//! let line = lines.strip_suffix(b"\n").ok_or("no newline")?;
//! assert_eq!(decode(line, &run)?.event, event);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;

mod agents;
mod artifact;
mod data;
mod decode;
mod encode;
mod event;
mod settings;

pub use agents::{AgentData, FellBackData, TriedData};
pub use artifact::{ArtifactLeft, ArtifactMade, ArtifactPlace, CachedData, ContentRef, InputsHash};
pub use data::{
    AckData, ApprovalData, BudgetData, ChildCounts, CompletedData, CreatedData, DeclaredData,
    ExpectationsData, FanOutData, HeldData, OverrideAppliedData, OverrideData, ParentRef, PlanRef,
    PolicyData, PolicyStage, ReconciledData, ReconciliationStage, RecoveredData, RepairedData,
    ReplaysData, RequestData, RollbackData, RolledBackData, SandboxData, SkipCause, StartedData,
    StateData, StepCounts, StepEndData, StoppingData, SubPlan, UsageData,
};
pub use decode::{DecodeError, Decoded, decode};
pub use encode::Encoder;
pub use event::{Body, Event, EventType, StateChange};
pub use settings::{Contract, SCHEMA, Settings};
