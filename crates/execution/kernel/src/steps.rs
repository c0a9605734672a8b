//! What is remembered of a step.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rok_events::{InputsHash, SkipCause};
use rok_vocabulary::{Actor, Attempt, ErrorClass, RunId, StepState, Timestamp};
use serde_json::Value;

/// Why the kernel stops an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopReason {
    /// A hard gate failed, or someone cancelled the run.
    Cancelled,
    /// The run's `max_duration` passed.
    RunTimeout,
}

/// A step that people decide on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateWait {
    /// Since when.
    pub since: Timestamp,
    /// When it will have waited too long, in wall time.
    pub expires_at: Option<Timestamp>,
    /// Who approved so far.
    pub approvals: Vec<Approval>,
}

/// One person's word for a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub actor: Actor,
    /// As which of the plan's approvers; `None` where anybody may.
    pub entry: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Whether another step stands in for one that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StandIn {
    /// None does.
    #[default]
    None,
    /// One is to, and has not ended.
    Awaited,
    /// One has succeeded: its outputs are this step's.
    Succeeded,
    /// One was to, and did not succeed.
    Failed,
}

/// One step of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepSlot {
    /// Its state.
    pub state: StepState,
    /// The current attempt, or the next one where a retry is due.
    pub attempt: Attempt,
    /// Retries used up in this epoch.
    pub retries: u32,
    /// What it handed on.
    pub outputs: Option<Arc<Value>>,
    /// The class of its last failure.
    pub class: Option<ErrorClass>,
    /// The reason of its last failure, or of its skipping.
    pub reason: Option<String>,
    /// The label of what its current attempt came of.
    pub inputs_hash: Option<InputsHash>,
    /// Why it was skipped.
    pub skip: Option<SkipCause>,
    /// Its running attempt is being stopped.
    pub stop: Option<StopReason>,
    /// When it was told to stop.
    pub stop_at: Option<Timestamp>,
    /// When the next attempt is due.
    pub retry_due: Option<Timestamp>,
    /// An interrupted attempt waits for a person's decision.
    pub undecided: bool,
    /// While people decide on it: since when, and who has.
    pub wait: Option<Box<GateWait>>,
    /// The run that does its work, where one does.
    pub run: Option<RunId>,
    /// Whether its fallback stands in for it.
    pub stand_in: StandIn,
    /// A person let it pass.
    pub approved: bool,
    /// When the first attempt of this epoch was started.
    pub started_at: Option<Timestamp>,
    /// When the step reached its last state.
    pub ended_at: Option<Timestamp>,
}

impl Default for StepSlot {
    fn default() -> Self {
        Self {
            state: StepState::Pending,
            attempt: Attempt::FIRST,
            retries: 0,
            outputs: None,
            class: None,
            reason: None,
            inputs_hash: None,
            skip: None,
            stop: None,
            stop_at: None,
            retry_due: None,
            undecided: false,
            run: None,
            stand_in: StandIn::None,
            wait: None,
            approved: false,
            started_at: None,
            ended_at: None,
        }
    }
}

impl StepSlot {
    /// Who approved so far, while more approvals are missing.
    #[must_use]
    pub fn approvals(&self) -> &[Approval] {
        self.wait.as_deref().map_or(&[], |wait| &wait.approvals)
    }

    /// When the gate will have waited too long, in wall time.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.wait.as_deref()?.expires_at
    }

    /// Whether nothing more will happen to it in this epoch.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        match self.state {
            StepState::Succeeded | StepState::Skipped | StepState::Compensated => true,
            StepState::Failed => {
                let awaited = matches!(self.stand_in, StandIn::Awaited);
                self.retry_due.is_none() && !self.undecided && !awaited
            }
            StepState::Pending | StepState::Waiting | StepState::Running => false,
        }
    }
}
