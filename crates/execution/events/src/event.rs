//! The event: one immutable fact in a run's log.

use crate::agents::FellBackData;
use crate::artifact::{ArtifactPlace, InputsHash};
use crate::data::{
    AckData, ApprovalData, BudgetData, CompletedData, CreatedData, DeclaredData, HeldData,
    OverrideAppliedData, OverrideData, PolicyData, ReconciledData, RecoveredData, RepairedData,
    RollbackData, RolledBackData, SkipCause, StartedData, StateData, StepEndData, StoppingData,
};
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use rok_vocabulary::{
    Actor, Attempt, CommandId, Epoch, ErrorClass, Outcome, RunPhase, Seq, StepId, Timestamp,
    UnknownWord,
};

/// One immutable fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place in the log.
    pub seq: Seq,
    /// When it was decided; never runs backwards within a log.
    pub at: Timestamp,
    /// The epoch it belongs to.
    pub epoch: Epoch,
    /// Who caused it.
    pub actor: Actor,
    /// What happened.
    pub body: Body,
}

/// A transition of the run's phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The phase that was left; `None` on the way into CREATED.
    pub from: Option<RunPhase>,
    /// The phase that was entered.
    pub to: RunPhase,
    /// Why the run fails, if it does.
    pub class: Option<ErrorClass>,
    /// Why, for people.
    pub reason: Option<String>,
    /// The rest.
    pub data: StateData,
}

/// What happened: a closed set. The variants carry what stands at the top
/// level of a line; `data` what only that type has.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are named as in the log; the types' docs say what they are"
)]
pub enum Body {
    /// The run exists.
    RunCreated {
        trace_id: String,
        reason: Option<String>,
        data: Box<CreatedData>,
    },
    /// The run's phase changed.
    RunStateChanged(Box<StateChange>),
    /// Only holds remain: the run waits.
    RunHeld {
        step: Option<StepId>,
        reason: Option<String>,
        data: HeldData,
    },
    /// The run goes on.
    RunReleased {
        reason: Option<String>,
        command: Option<CommandId>,
    },
    /// The next epoch begins.
    RunResumed {
        reason: Option<String>,
        command: Option<CommandId>,
    },
    /// Someone wants the run to end.
    RunCancelRequested {
        reason: Option<String>,
        command: Option<CommandId>,
    },
    /// The run is being brought to an end for another reason.
    RunStopping {
        class: ErrorClass,
        reason: String,
        data: StoppingData,
    },
    /// A new owner took over an interrupted run.
    RunRecovered { data: RecoveredData },
    /// The run's result.
    RunCompleted {
        class: Option<ErrorClass>,
        reason: Option<String>,
        data: Box<CompletedData>,
    },
    /// An attempt may have started.
    StepStarted {
        step: StepId,
        attempt: Attempt,
        data: Option<Box<StartedData>>,
        inputs_hash: Option<InputsHash>,
    },
    /// An attempt succeeded.
    StepSucceeded {
        step: StepId,
        attempt: Attempt,
        data: Box<StepEndData>,
    },
    /// An attempt failed.
    StepFailed {
        step: StepId,
        attempt: Attempt,
        class: ErrorClass,
        reason: String,
        data: Box<StepEndData>,
    },
    /// Another attempt will follow, at `due`.
    StepRetried {
        step: StepId,
        attempt: Attempt,
        class: ErrorClass,
        due: Timestamp,
    },
    /// The step will not run in this epoch.
    StepSkipped {
        step: StepId,
        cause: SkipCause,
        reason: String,
    },
    /// Another step runs instead of one that failed for good; or an attempt
    /// was taken away from its agent, and why.
    StepFellBack {
        step: StepId,
        attempt: Attempt,
        reason: Option<String>,
        data: Box<FellBackData>,
    },
    /// A manual gate waits for a decision.
    StepWaiting { step: StepId },
    /// What a step runs is deprecated, by the plan's word.
    ComponentDeprecated { step: StepId, reason: String },
    /// A hard gate failed, after its last attempt.
    GateFailed {
        step: StepId,
        attempt: Attempt,
        class: ErrorClass,
        reason: String,
    },
    /// A person let a step pass.
    GateApproved {
        step: StepId,
        reason: Option<String>,
        data: Box<ApprovalData>,
    },
    /// A person stopped a step.
    GateRejected {
        step: StepId,
        reason: Option<String>,
        command: CommandId,
    },
    /// A person answers for a failed hard gate.
    OverrideApproved {
        step: StepId,
        reason: String,
        data: Box<OverrideData>,
    },
    /// The next epoch may pass a failed hard gate.
    RunOverrideApplied {
        step: StepId,
        reason: String,
        data: OverrideAppliedData,
    },
    /// A limit of the plan's budget is exceeded.
    BudgetExceeded { data: BudgetData },
    /// What succeeded is undone from here on: within an epoch whose execution
    /// did not succeed, or, after its seal, as the next one.
    RunRollbackStarted {
        reason: Option<String>,
        data: Box<RollbackData>,
    },
    /// Everything that could be undone is.
    RunRolledBack { data: RolledBackData },
    /// An attempt at a compensation may have started.
    StepCompensationStarted { step: StepId, attempt: Attempt },
    /// A step is undone; with a reason where a person says that it was done
    /// by hand.
    StepCompensated {
        step: StepId,
        attempt: Attempt,
        reason: Option<String>,
        data: Box<StepEndData>,
    },
    /// An attempt at a compensation failed.
    StepCompensationFailed {
        step: StepId,
        attempt: Attempt,
        class: ErrorClass,
        reason: String,
        data: Box<StepEndData>,
    },
    /// A declared artifact exists.
    ArtifactEmitted {
        step: StepId,
        attempt: Attempt,
        path: String,
        sha256: String,
        bytes: u64,
        place: ArtifactPlace,
        executable: bool,
    },
    /// Something that must not be read as a result was put aside.
    ArtifactQuarantined {
        step: StepId,
        attempt: Attempt,
        path: String,
        sha256: Option<String>,
        bytes: u64,
        reason: String,
    },
    /// A duty was declared.
    ExpectationDeclared { data: Box<DeclaredData> },
    /// A domain answered a duty.
    AckReceived { data: Box<AckData> },
    /// The two sides were compared.
    AuditReconciled { data: Box<ReconciledData> },
    /// Policies were asked.
    PolicyEvaluated {
        step: Option<StepId>,
        reason: Option<String>,
        data: Box<PolicyData>,
    },
    /// A policy forbids what happened, or what was about to.
    PolicyViolated {
        step: Option<StepId>,
        attempt: Attempt,
        reason: Option<String>,
        data: Box<PolicyData>,
    },
    /// An unfinished decision at the end of the log was dropped.
    LogRepaired { data: RepairedData },
    /// The epoch is closed.
    RunSealed { phase: RunPhase, outcome: Outcome },
}

macro_rules! event_types {
    ($($variant:ident = $text:literal,)+) => {
        /// The closed set of event types.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the same names as `Body`, which documents them")]
        pub enum EventType { $($variant,)+ }

        impl EventType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The text of every type.
            pub const WORDS: &'static [&'static str] = &[$($text,)+];

            /// The type as it stands in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl FromStr for EventType {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { what: "event type", word: word.into(), known: Self::WORDS }),
                }
            }
        }

        impl Body {
            /// The event's type.
            #[must_use]
            pub const fn event_type(&self) -> EventType {
                match self { $(Self::$variant { .. } => EventType::$variant,)+ }
            }
        }
    };
}

event_types! {
    RunCreated = "run.created",
    RunStateChanged = "run.state_changed",
    RunHeld = "run.held",
    RunReleased = "run.released",
    RunResumed = "run.resumed",
    RunCancelRequested = "run.cancel_requested",
    RunStopping = "run.stopping",
    RunRecovered = "run.recovered",
    RunCompleted = "run.completed",
    StepStarted = "step.started",
    StepSucceeded = "step.succeeded",
    StepFailed = "step.failed",
    StepRetried = "step.retried",
    StepSkipped = "step.skipped",
    StepFellBack = "step.fell_back",
    StepWaiting = "step.waiting",
    ComponentDeprecated = "component.deprecated",
    GateFailed = "gate.failed",
    GateApproved = "gate.approved",
    GateRejected = "gate.rejected",
    OverrideApproved = "override.approved",
    RunOverrideApplied = "run.override_applied",
    BudgetExceeded = "budget.exceeded",
    RunRollbackStarted = "run.rollback_started",
    RunRolledBack = "run.rolled_back",
    StepCompensationStarted = "step.compensation_started",
    StepCompensated = "step.compensated",
    StepCompensationFailed = "step.compensation_failed",
    ArtifactEmitted = "artifact.emitted",
    ArtifactQuarantined = "artifact.quarantined",
    ExpectationDeclared = "expectation.declared",
    AckReceived = "ack.received",
    AuditReconciled = "audit.reconciled",
    PolicyEvaluated = "policy.evaluated",
    PolicyViolated = "policy.violated",
    LogRepaired = "log.repaired",
    RunSealed = "run.sealed",
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Body {
    /// The step that the event is about.
    #[must_use]
    pub const fn step(&self) -> Option<&StepId> {
        match self {
            Self::StepStarted { step, .. }
            | Self::StepSucceeded { step, .. }
            | Self::StepFailed { step, .. }
            | Self::StepRetried { step, .. }
            | Self::StepSkipped { step, .. }
            | Self::StepFellBack { step, .. }
            | Self::StepWaiting { step }
            | Self::ComponentDeprecated { step, .. }
            | Self::GateFailed { step, .. }
            | Self::GateApproved { step, .. }
            | Self::GateRejected { step, .. }
            | Self::OverrideApproved { step, .. }
            | Self::RunOverrideApplied { step, .. }
            | Self::ArtifactEmitted { step, .. }
            | Self::ArtifactQuarantined { step, .. }
            | Self::StepCompensationStarted { step, .. }
            | Self::StepCompensated { step, .. }
            | Self::StepCompensationFailed { step, .. } => Some(step),
            Self::RunHeld { step, .. }
            | Self::PolicyEvaluated { step, .. }
            | Self::PolicyViolated { step, .. } => step.as_ref(),
            _ => None,
        }
    }

    /// The attempt that the event is about; 0 on events that belong to none.
    #[must_use]
    pub const fn attempt(&self) -> Attempt {
        match self {
            Self::StepStarted { attempt, .. }
            | Self::StepSucceeded { attempt, .. }
            | Self::StepFailed { attempt, .. }
            | Self::StepRetried { attempt, .. }
            | Self::StepFellBack { attempt, .. }
            | Self::GateFailed { attempt, .. }
            | Self::ArtifactEmitted { attempt, .. }
            | Self::ArtifactQuarantined { attempt, .. }
            | Self::PolicyViolated { attempt, .. }
            | Self::StepCompensationStarted { attempt, .. }
            | Self::StepCompensated { attempt, .. }
            | Self::StepCompensationFailed { attempt, .. } => *attempt,
            _ => Attempt::FIRST,
        }
    }
}
