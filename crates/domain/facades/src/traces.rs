//! Traces: a run is a trace, its epochs, steps and attempts are spans. Ids come
//! from [`rok_trace_ids`], so nobody has to be asked for one.

use crate::answer::{Answer, EngineError, FacadeError, Record, answer, call, plain};
use crate::facts::{DutyKey, OutcomeFacts, RunFacts, StepCounts};
use rok_rac::Duty;
use rok_trace_ids::{SpanId, TraceId};
use rok_vocabulary::{
    Attempt, Domain, Epoch, ErrorClass, Outcome, PlanId, RunId, StepId, StepState, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One attempt at one step, over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSpan {
    /// The step.
    pub step: StepId,
    /// The attempt at it.
    pub attempt: Attempt,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub state: StepState,
    /// Why, when it failed.
    pub error_class: Option<ErrorClass>,
    /// Whether it is an attempt at the step's compensation.
    pub compensates: bool,
}

/// One attempt in a trace's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanSummary {
    /// The attempt's span.
    pub span_id: SpanId,
    /// The step.
    pub step: StepId,
    /// The attempt at it.
    pub attempt: Attempt,
    /// When it was started.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How it ended.
    pub state: StepState,
    /// Whether it is an attempt at the step's compensation.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub compensates: bool,
}

/// A trace's record, bounded: every span can be computed again from the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceRecord {
    /// From the duty key: a repeated call yields the same.
    pub id: String,
    /// The run.
    pub run_id: RunId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its plan: the root span's name.
    pub plan: PlanId,
    /// The trace, the same in every epoch.
    pub trace_id: TraceId,
    /// The epoch's span.
    pub root_span_id: SpanId,
    /// When the run was created.
    pub started_at: Timestamp,
    /// When the trace was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How execution ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// How many spans the epoch has: the root, steps that ran, attempts.
    pub spans: u32,
    /// How many steps ended how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<StepCounts>,
    /// The attempts that took longest, the longest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slowest: Vec<SpanSummary>,
}

impl Record for TraceRecord {
    fn id(&self) -> &str {
        &self.id
    }
    fn run_id(&self) -> &RunId {
        &self.run_id
    }
}

/// What stands behind the trace facade. Plain results, never an ack.
pub trait TraceEngine: Send + Sync {
    /// Starts a trace.
    fn start_trace(
        &self,
        key: &DutyKey<'_>,
        facts: &RunFacts<'_>,
    ) -> Result<TraceRecord, EngineError>;

    /// Takes note of an attempt that is over, for a live view. May be called
    /// again for the same attempt, and is not what the record is made of.
    fn record_step(&self, facts: &RunFacts<'_>, span: &StepSpan) -> Result<(), EngineError>;

    /// Completes a trace. `spans` are the epoch's attempts, from the folded
    /// log, so that the record is the same after a crash.
    fn complete_trace(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
        spans: &[StepSpan],
    ) -> Result<TraceRecord, EngineError>;

    /// Whether its records come of what it is told alone, and nothing else is
    /// left of having asked: then it may be asked before it is durable that it
    /// was. One that does not say so is asked afterwards.
    fn is_pure(&self) -> bool {
        false
    }
}

/// The door to the trace domain.
#[derive(Clone)]
pub struct TraceFacade {
    engine: Arc<dyn TraceEngine>,
}

impl TraceFacade {
    /// A facade over an engine.
    #[must_use]
    pub fn new(engine: Arc<dyn TraceEngine>) -> Self {
        Self { engine }
    }

    /// Answers `logs/start_trace`.
    pub fn start_trace(&self, facts: &RunFacts<'_>) -> Answer<TraceRecord> {
        let key = DutyKey::new(facts, Duty::START_TRACE);
        answer(facts, key.duty.clone(), || {
            self.engine.start_trace(&key, facts)
        })
    }

    /// Takes note of an attempt that is over. Owes no ack; a failure costs a
    /// live view and nothing else.
    pub fn record_step(&self, facts: &RunFacts<'_>, span: &StepSpan) -> Result<(), FacadeError> {
        plain(Domain::Logs, "record the step", || {
            self.engine.record_step(facts, span)
        })
    }

    /// Answers `logs/complete_trace`.
    pub fn complete_trace(
        &self,
        facts: &OutcomeFacts<'_>,
        spans: &[StepSpan],
    ) -> Answer<TraceRecord> {
        let key = DutyKey::new(&facts.run, Duty::COMPLETE_TRACE);
        answer(&facts.run, key.duty.clone(), || {
            self.engine.complete_trace(&key, facts, spans)
        })
    }

    /// Whether nothing is left of having asked but the answer.
    #[must_use]
    pub fn is_pure(&self) -> bool {
        call(|| Ok(self.engine.is_pure())).unwrap_or_default()
    }
}
