//! The only door to a domain: an engine trait per domain, and a facade that
//! turns what an engine says into a record and an ack.
//!
//! A facade decides nothing about a run and writes nothing: the record travels
//! in the same commit as its ack. Engines never see an ack, and whatever an
//! engine does (an error, a panic, a record of another run) becomes a FAILED
//! ack. Everything here is synchronous and names no engine.
//!
//! ```text
//! RunFacts / OutcomeFacts ─▶ IncidentFacade ──▶ dyn IncidentEngine
//!                            GovernanceFacade ─▶ dyn GovernanceEngine
//!                            TraceFacade ─────▶ dyn TraceEngine
//! Answer { record, ack } ◀── facade ◀── Result<record, EngineError>
//! ```
//!
//! ```
//! # use std::sync::Arc;
//! use rok_facades::{EngineError, StepSpan, TraceEngine, TraceFacade, TraceRecord};
//! use rok_facades::{DutyKey, OutcomeFacts, OwnedRunFacts, RunFacts};
//! use rok_vocabulary::{AckStatus, Timestamp};
//!
//! struct Down;
//! impl TraceEngine for Down {
//!     fn start_trace(&self, _: &DutyKey<'_>, _: &RunFacts<'_>) -> Result<TraceRecord, EngineError> {
//!         Err(EngineError::unavailable("no route to the collector"))
//!     }
//! #   fn record_step(&self, _: &RunFacts<'_>, _: &StepSpan) -> Result<(), EngineError> { Ok(()) }
//! #   fn complete_trace(&self, _: &DutyKey<'_>, _: &OutcomeFacts<'_>, _: &[StepSpan]) -> Result<TraceRecord, EngineError> {
//! #       Err(EngineError::unavailable("no route to the collector"))
//! #   }
//!     // …
//! }
//!
//! let facts = OwnedRunFacts::new("run_abc".parse()?, "deliverable".parse()?, Timestamp::from_millis(0));
//! let answer = TraceFacade::new(Arc::new(Down)).start_trace(&facts.borrow());
//! assert_eq!(answer.ack.status(), AckStatus::Failed);
//! assert_eq!(answer.ack.error(), Some("no route to the collector"));
//! assert!(answer.record.is_none());
//! # Ok::<(), rok_vocabulary::IdError>(())
//! ```

mod facts;
mod owned;

mod answer;

mod access;
pub mod agents;
pub mod desk;
mod governance;
mod incidents;
mod lessons;
pub mod orchestrators;
pub mod plan_tests;
pub mod registry;
pub mod runs;
pub mod schedules;
mod synthesis;
mod traces;

mod bounded;
mod together;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use access::{
    AccessAction, AccessEngine, AccessFacade, AccessRequest, AccessTarget, RunIdentity,
};
pub use answer::{Answer, EngineError, FacadeError, Record};
pub use bounded::Bounded;
pub use facts::{DutyKey, OutcomeFacts, RunFacts, StepCounts};
pub use governance::{
    ActionRequest, Authorization, GateFacts, GovernanceEngine, GovernanceFacade, GovernedAction,
    PolicyInfo, PolicyOverview, PolicyVerdict, Violation,
};
pub use incidents::{
    Handling, Incident, IncidentCategory, IncidentEngine, IncidentFacade, IncidentFilter,
    IncidentHistory, IncidentReport, IncidentStatus, Occurrence,
};
pub use lessons::{
    Deferred, Lesson, LessonDecision, LessonEngine, LessonError, LessonFacade, LessonFilter,
    LessonKind, LessonState,
};
pub use owned::{OwnedOutcomeFacts, OwnedRunFacts};
pub use synthesis::{
    Cause, DEGRADED_AFTER, Diagnosis, ServiceFact, ServiceRunFacts, Signal, SynthesisEngine,
    SynthesisFacade,
};
pub use together::Facades;
pub use traces::{SpanSummary, StepSpan, TraceEngine, TraceFacade, TraceRecord};
