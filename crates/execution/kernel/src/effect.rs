//! What the kernel wants done, and what it refuses.

use crate::compiled::StepIx;
use crate::kernel::KernelError;
use crate::state::DoneIx;
use crate::steps::StopReason;
use alloc::string::String;
use alloc::vec::Vec;
use rok_events::Event;
use rok_rac::Duty;
use rok_vocabulary::{Attempt, StepId, Timestamp};

/// Something to be done once the decision is durable. Every effect is answered
/// by an input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Ask the trace facade to start the run's trace.
    StartTrace,
    /// Check what the run needs, and ask the policies whether it may start.
    Admit,
    /// Ask the policies whether the run may end as it does.
    EvaluatePolicy,
    /// Ask the incident facade to record the run's outcome.
    CreateIncident,
    /// Ask the incident facade to record unexpected acks.
    OpenDriftIncident,
    /// Ask the trace facade to complete the run's trace.
    CompleteTrace,
    /// Publish the result.
    Publish,
    /// Ask the incident facade to have an override reviewed.
    ReviewOverride {
        /// The gate.
        step: StepIx,
    },
    /// Start an attempt.
    StartStep {
        /// The step.
        step: StepIx,
        /// The attempt.
        attempt: Attempt,
    },
    /// Stop an attempt.
    CancelStep {
        /// The step.
        step: StepIx,
        /// The attempt.
        attempt: Attempt,
        /// Why.
        reason: StopReason,
    },
    /// Start an attempt at a step's compensation.
    StartCompensation {
        /// What is undone.
        done: DoneIx,
        /// The attempt at its compensation.
        attempt: Attempt,
    },
    /// Stop an attempt at a step's compensation.
    CancelCompensation {
        /// What is undone.
        done: DoneIx,
        /// The attempt at its compensation.
        attempt: Attempt,
        /// Why.
        reason: StopReason,
    },
}

/// What comes of an input.
#[derive(Debug, Default)]
pub struct Decision {
    /// Facts to be made durable, as one. Empty: the input was only late.
    pub events: Vec<Event>,
    /// What to do after that.
    pub effects: Vec<Effect>,
    /// When to say [`Input::Tick`](crate::Input::Tick), at the latest.
    pub wake_at: Option<Timestamp>,
    /// Why a command was refused by a policy; the refusal itself is an event.
    pub denied: Option<String>,
}

/// An input that makes no sense in the run's state. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The run's epoch is closed.
    #[error("the run is closed: it is {phase}")]
    Closed {
        /// The terminal phase.
        phase: rok_vocabulary::RunPhase,
    },
    /// There is nothing left to cancel.
    #[error("the run cannot be cancelled any more: its execution is over, it is {phase}")]
    ExecutionOver {
        /// The phase.
        phase: rok_vocabulary::RunPhase,
    },
    /// The input tells of what cannot have happened yet.
    #[error("that cannot have happened yet: {why}")]
    Impossible {
        /// Why not.
        why: String,
    },
    /// The plan has no such step.
    #[error("the plan has no step `{step}`")]
    UnknownStep {
        /// The step.
        step: StepId,
    },
    /// The step does not wait for a decision.
    #[error("step `{step}` does not wait for a decision: it is {state}")]
    NotWaiting {
        /// The step.
        step: StepId,
        /// Its state.
        state: rok_vocabulary::StepState,
    },
    /// The step was approved before and has not started yet.
    #[error("step `{step}` was approved already: it starts when the run goes on")]
    AlreadyApproved {
        /// The step.
        step: StepId,
    },
    /// The gate has waited too long.
    #[error("manual gate `{step}` expired at {at}: it cannot be decided any more")]
    GateExpired {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
    },
    /// The same person approved before.
    #[error("{actor} approved step `{step}` before, and counts once: {missing} more must")]
    ApprovedBefore {
        /// The step.
        step: StepId,
        /// Who.
        actor: String,
        /// How many others are asked for.
        missing: u32,
    },
    /// The run was paused before.
    #[error("the run is paused already, by {by} since {since}")]
    PausedBefore {
        /// Who paused it.
        by: String,
        /// Since when.
        since: Timestamp,
    },
    /// The run is in no state for a pause.
    #[error("the run cannot be paused: {why}")]
    NotToPause {
        /// Why not.
        why: String,
    },
    /// There is nothing to unpause.
    #[error("the run is not paused")]
    NotPaused,
    /// The gate cannot be overridden.
    #[error("step `{step}` cannot be overridden: {why}")]
    NotToOverride {
        /// The step.
        step: StepId,
        /// Why not.
        why: String,
    },
    /// The ack belongs to another run.
    #[error("the ack of {duty} belongs to run `{run}`")]
    ForeignAck {
        /// The duty.
        duty: Duty,
        /// The other run.
        run: rok_vocabulary::RunId,
    },
    /// The run cannot be resumed.
    #[error("the run cannot be resumed: {reason}")]
    NotResumable {
        /// Why not.
        reason: String,
    },
    /// The run cannot be rolled back.
    #[error("the run cannot be rolled back: {reason}")]
    NotRollbackable {
        /// Why not.
        reason: String,
    },
    /// The kernel's own rules refuse it.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}
