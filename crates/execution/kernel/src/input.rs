//! What can be said to the kernel: a closed set.

use crate::compiled::StepIx;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rok_events::{
    ArtifactLeft, ArtifactMade, ParentRef, PolicyData, Settings, StepEndData, SubPlan,
};
use rok_execution_policy::{Breach, ExecutionPolicy};
use rok_rac::DomainAck;
use rok_vocabulary::{Actor, Attempt, CommandId, Epoch, ErrorClass, PlanId, StepId};
use serde_json::Value;
use serde_json::value::RawValue;

/// What a run is created from, besides its plan.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// The inputs, checked and with defaults: a JSON object.
    pub inputs: Arc<Value>,
    /// Labels of plan and run.
    pub labels: BTreeMap<String, String>,
    /// What the run's decisions depend on, resolved.
    pub settings: Settings,
    /// The plan file's folder, absolute.
    pub cwd: Option<String>,
    /// The rok version.
    pub engine: String,
    /// Which policies govern it, sha-256, hex; `None` for the default.
    pub policies: Option<String>,
    /// The policies that are injected into it.
    pub execution_policies: Vec<ExecutionPolicy>,
    /// Who submits.
    pub submitter: Actor,
    /// Why.
    pub reason: Option<String>,
    /// Its rank among the runs that wait.
    pub priority: i8,
    /// The request that it comes of, where that has a key of its own.
    pub request: Option<rok_events::RequestData>,
    /// Which run it replays, where it is a replay.
    pub replays: Option<rok_events::ReplaysData>,
    /// The plans that its steps name.
    pub plans: BTreeMap<PlanId, SubPlan>,
    /// The step that it is created for, where it is the run of one.
    pub parent: Option<ParentRef>,
    /// Duties on top of the standard ones.
    pub expected: Vec<rok_rac::Expected>,
}

/// What the kernel is told.
#[derive(Debug)]
pub enum Input {
    /// Preflight and authorization are over.
    Admitted(Admission),
    /// A worker claims the run.
    Claimed {
        /// The worker.
        owner: String,
    },
    /// A domain answers a duty; its record travels along.
    Ack {
        /// The answer.
        ack: DomainAck,
        /// What the domain recorded.
        record: Option<Box<RawValue>>,
    },
    /// The policies were asked whether the run may end as it does.
    PolicyEvaluated {
        /// The answer; `None` when the domain could not answer.
        answer: Option<PolicyAnswer>,
        /// The domain's ack.
        ack: DomainAck,
        /// What the domain recorded.
        record: Option<Box<RawValue>>,
    },
    /// An attempt is over.
    StepDone(StepDone),
    /// Injected policies forbid the work of an attempt.
    Breached(Breached),
    /// The result is committed and published, or not.
    Published(Result<(), String>),
    /// A person or program wants something.
    Command(Command),
    /// Time has passed.
    Tick,
    /// A new owner took over an interrupted run.
    Recovered {
        /// The new owner.
        owner: String,
        /// What was dropped from the end of the log.
        repaired: Option<Repair>,
        /// How many processes of the earlier owner were ended.
        killed: u32,
        /// What is known of attempts whose worker is gone.
        lost: Vec<LostAttempt>,
    },
    /// Something that lay about was put aside, outside of any attempt.
    Left {
        /// Whose declarations it falls under.
        step: StepIx,
        /// What it is.
        left: Vec<ArtifactLeft>,
    },
    /// The next epoch is asked for.
    Resume {
        /// Who asks.
        actor: Actor,
        /// Why.
        reason: Option<String>,
        /// The command that asked.
        command: Option<CommandId>,
    },
    /// An attempt at a compensation is over; `step` is the [`DoneIx`](crate::DoneIx).
    CompensationDone(StepDone),
    /// What succeeded is to be undone, in the next epoch.
    Rollback {
        /// Who asks.
        actor: Actor,
        /// Why.
        reason: Option<String>,
        /// Steps that were undone by hand.
        done: Vec<StepId>,
        /// Interrupted compensations that may run again.
        again: Vec<StepId>,
    },
    /// rok itself failed while it drove this run.
    Fault {
        /// What happened; for people, without secrets.
        reason: String,
    },
}

/// An attempt whose worker is gone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LostAttempt {
    /// The step.
    pub step: StepIx,
    /// What can be told of how it went.
    pub data: Box<StepEndData>,
    /// What it left, and where it is now put aside.
    pub left: Vec<ArtifactLeft>,
}

/// An unfinished decision at the end of the log that was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    /// Bytes dropped.
    pub dropped_bytes: u64,
    /// Whole lines among them.
    pub dropped_lines: u64,
}

/// What preflight and authorization came to.
#[derive(Debug, Clone)]
pub enum Admission {
    /// Preflight found what would make the run fail for sure.
    Refused {
        /// The class of the first fault.
        class: ErrorClass,
        /// All faults, for people.
        reason: String,
    },
    /// Preflight passed; the policies answered. `None` where governance is
    /// switched off.
    Checked(Option<PolicyAnswer>),
}

/// What policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyAnswer {
    /// The question and the answer.
    pub data: PolicyData,
    /// Why, for people.
    pub reason: Option<String>,
    /// What single policies forbid.
    pub violations: Vec<Violated>,
}

/// What a policy forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violated {
    /// The policy.
    pub policy: String,
    /// Whether it blocks; otherwise it is recorded only.
    pub strict: bool,
    /// Why, for people.
    pub reason: Option<String>,
}

/// An attempt is over.
#[derive(Debug)]
pub struct StepDone {
    /// The epoch it belongs to.
    pub epoch: Epoch,
    /// The step.
    pub step: StepIx,
    /// The attempt.
    pub attempt: Attempt,
    /// How it ended.
    pub end: StepEnd,
    /// Timing and usage; `outputs`, `last` and `undecided` are the kernel's.
    pub data: Box<StepEndData>,
    /// What was put aside on its account.
    pub left: Vec<ArtifactLeft>,
}

/// Injected policies forbid the work of an attempt, as it is known now.
#[derive(Debug, Clone, PartialEq)]
pub struct Breached {
    /// The epoch it belongs to.
    pub epoch: Epoch,
    /// The step, or the [`DoneIx`](crate::DoneIx) of what is undone.
    pub step: StepIx,
    /// Whether it is the attempt of a compensation.
    pub compensates: bool,
    /// The attempt.
    pub attempt: Attempt,
    /// What they forbid.
    pub breaches: Vec<Breach>,
    /// Whether it was not begun because of one.
    pub blocked: bool,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum StepEnd {
    /// It succeeded.
    Succeeded(StepSuccess),
    /// It failed.
    Failed {
        /// Decides about retries.
        class: ErrorClass,
        /// For people.
        reason: String,
    },
}

/// What a successful attempt hands on.
#[derive(Debug, Default)]
pub struct StepSuccess {
    /// A JSON object, or null.
    pub outputs: Value,
    /// Declared artifacts that it made.
    pub artifacts: Vec<ArtifactMade>,
}

/// Something that a person or a program wants of a run.
#[derive(Debug, Clone)]
pub struct Command {
    /// The same command twice counts once.
    pub id: CommandId,
    /// Who wants it.
    pub actor: Actor,
    /// Their roles, as the asker's side knows them.
    pub roles: Vec<String>,
    /// What.
    pub kind: CommandKind,
    /// Why.
    pub reason: Option<String>,
    /// What the policies say of it; `None` where governance is switched off.
    pub authorization: Option<PolicyAnswer>,
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandKind {
    /// Let a waiting step pass.
    Approve(StepId),
    /// Stop a waiting step.
    Reject(StepId),
    /// End the run.
    Cancel,
    /// Start nothing new until the run is unpaused.
    Pause,
    /// Go on.
    Unpause,
    /// Let the next epoch pass a failed hard gate.
    Override(StepId),
}

impl CommandKind {
    /// The step that it is about.
    #[must_use]
    pub const fn step(&self) -> Option<&StepId> {
        match self {
            Self::Approve(step) | Self::Reject(step) | Self::Override(step) => Some(step),
            Self::Cancel | Self::Pause | Self::Unpause => None,
        }
    }

    /// The word for policies and events.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Approve(_) => "approve",
            Self::Reject(_) => "reject",
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Override(_) => "override",
        }
    }
}
