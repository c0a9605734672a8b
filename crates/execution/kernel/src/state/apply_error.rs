//! Why an event cannot follow the events before it.

use alloc::string::String;
use rok_events::EventType;
use rok_phases::{PhaseError, PhaseInput};
use rok_vocabulary::{Attempt, Epoch, RunPhase, Seq, StepId, StepState, Timestamp};

/// An event that cannot follow the events before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The events are not gap-free.
    #[error("event {found} where event {expected} must be")]
    Seq {
        /// The place that comes next.
        expected: Seq,
        /// The place that the event claims.
        found: Seq,
    },
    /// Time ran backwards.
    #[error("event {seq} is of {found}, before the event that it follows ({last})")]
    TimeBackwards {
        /// The event.
        seq: Seq,
        /// The instant before.
        last: Timestamp,
        /// The event's instant.
        found: Timestamp,
    },
    /// The event belongs to another epoch than the run is in.
    #[error("event {seq} belongs to epoch {found}, the run is in epoch {epoch}")]
    OtherEpoch {
        /// The event.
        seq: Seq,
        /// The run's epoch.
        epoch: Epoch,
        /// The event's epoch.
        found: Epoch,
    },
    /// The run executes another plan.
    #[error("the log belongs to plan {found}, not to plan {expected}")]
    OtherPlan {
        /// The digest of the plan at hand.
        expected: String,
        /// The digest in the log.
        found: String,
    },
    /// The event's type cannot come here.
    #[error("{event_type} cannot come here: {why}")]
    OutOfPlace {
        /// The event's type.
        event_type: EventType,
        /// Why not.
        why: &'static str,
    },
    /// A transition that does not exist.
    #[error(transparent)]
    Phase(#[from] PhaseError),
    /// A transition that the event describes wrongly.
    #[error("the transition on `{input}` leads from {from} to {to}, not as the event says")]
    WrongTransition {
        /// What happened.
        input: PhaseInput,
        /// Where it starts.
        from: RunPhase,
        /// Where it leads.
        to: RunPhase,
    },
    /// The plan has no such step.
    #[error("the plan has no step `{step}`")]
    UnknownStep {
        /// The step.
        step: StepId,
    },
    /// The log claims a list that the plan does not give over the log's own
    /// records.
    #[error("step `{step}` claims other items than its `for_each` gives")]
    OtherItems {
        /// The step.
        step: StepId,
    },
    /// The step is in no state for that.
    #[error(
        "{event_type} of step `{step}`, attempt {attempt}: the step is {state}, attempt {current}"
    )]
    WrongStep {
        /// The event's type.
        event_type: EventType,
        /// The step.
        step: StepId,
        /// The attempt in the event.
        attempt: Attempt,
        /// The step's state.
        state: StepState,
        /// The step's attempt.
        current: Attempt,
    },
    /// A stored ack contradicts itself.
    #[error(transparent)]
    Ack(#[from] rok_rac::AckError),
    /// The log claims a reconciliation that its own records do not give.
    #[error("event {seq} claims a reconciliation that the log's expectations and acks do not give")]
    Forged {
        /// The event.
        seq: Seq,
    },
}
