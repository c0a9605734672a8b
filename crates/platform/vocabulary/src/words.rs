//! The closed enums. One macro gives each its text form, parser and serde
//! form, so that the spelling in logs, JSON and errors cannot differ.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A word that is not in the closed set it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{word}`, expected one of {known:?}")]
pub struct UnknownWord {
    /// What kind of word was expected, for example `run phase`.
    pub what: &'static str,
    /// The text that was met.
    pub word: String,
    /// Every word that would have been accepted.
    pub known: &'static [&'static str],
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $( $(#[$vdoc:meta])* $variant:ident = $text:literal, )+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $( $(#[$vdoc])* $variant, )+ }

        impl $name {
            /// Every word of the set, in declaration order.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];
            /// The text of every word, in declaration order.
            pub const WORDS: &'static [&'static str] = &[$( $text, )+];

            /// The word as it stands in logs, JSON and on the terminal.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $( $text => Ok(Self::$variant), )+
                    _ => Err(UnknownWord { what: $what, word: word.to_owned(), known: Self::WORDS }),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Word;
                impl serde::de::Visitor<'_> for Word {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "a {}", $what)
                    }
                    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<$name, E> {
                        word.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Word)
            }
        }
    };
}

words! {
    /// The phases of a run: the one canonical state machine (seed 000).
    RunPhase, "run phase", {
        /// The run exists; preflight and authorization are under way.
        Created = "CREATED",
        /// Authorization was granted; the run waits for a worker's claim.
        Authorized = "AUTHORIZED",
        /// Steps are executed.
        Executing = "EXECUTING",
        /// Declared duties are reconciled with acknowledgements. Mandatory.
        GovernanceCheck = "GOVERNANCE_CHECK",
        /// Reconciled; the result is being committed and published.
        Finalizing = "FINALIZING",
        /// Terminal: all duties acknowledged, execution succeeded or partial.
        Completed = "COMPLETED",
        /// Terminal: anything else.
        Failed = "FAILED",
    }
}

impl RunPhase {
    /// Whether the phase has no exit within its epoch.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

words! {
    /// The states of a step.
    StepState, "step state", {
        /// Not started yet.
        Pending = "pending",
        /// A manual gate that waits for a decision.
        Waiting = "waiting",
        /// An attempt is under way.
        Running = "running",
        /// The last attempt succeeded.
        Succeeded = "succeeded",
        /// The last attempt failed.
        Failed = "failed",
        /// Will not run in this epoch; the event says why.
        Skipped = "skipped",
        /// Succeeded and was undone by its compensation (only by rollback).
        Compensated = "compensated",
    }
}

words! {
    /// How execution ended; set once, at its end or at denial.
    Outcome, "outcome", {
        /// No step failed or was skipped because of a failure.
        Succeeded = "succeeded",
        /// The run's success rule holds, and something failed.
        Partial = "partial",
        /// The run's success rule does not hold.
        Failed = "failed",
        /// The run's `max_duration` passed.
        TimedOut = "timed_out",
        /// Someone cancelled the run.
        Cancelled = "cancelled",
        /// The run was not authorized.
        Denied = "denied",
    }
}

impl Outcome {
    /// Whether a run with this outcome may end COMPLETED.
    #[must_use]
    pub const fn may_complete(self) -> bool {
        matches!(self, Self::Succeeded | Self::Partial)
    }
}

words! {
    /// What a run may use up.
    BudgetDimension, "budget dimension", {
        /// Cost in US dollars, as steps report it.
        CostUsd = "cost_usd",
        /// Energy in kilowatt hours, as steps report it.
        EnergyKwh = "energy_kwh",
        /// Attempts at steps.
        Steps = "steps",
        /// Tokens of language models, as steps report them.
        Tokens = "tokens",
        /// Time of the attempts, summed, in milliseconds.
        Time = "time",
    }
}

words! {
    /// What the violation of a policy does.
    EnforcementLevel, "enforcement level", {
        /// It is recorded.
        Soft = "soft",
        /// It blocks.
        Strict = "strict",
    }
}

words! {
    /// What a policy protects.
    PolicyType, "type of policy", {
        /// The way work is done.
        Governance = "governance",
        /// The system.
        Security = "security",
        /// Rules from outside.
        Compliance = "compliance",
        /// People.
        Privacy = "privacy",
    }
}

words! {
    /// What a policy covers.
    PolicyScope, "scope of a policy", {
        /// One step of a plan.
        Step = "step",
        /// One plan.
        Plan = "plan",
        /// What one submitter does.
        Session = "session",
        /// Everything.
        Org = "org",
    }
}

words! {
    /// How far an agent is trusted, least first.
    TrustLevel, "trust level", {
        /// Nothing of what it says can be proved.
        Unverified = "UNVERIFIED",
        /// Its results are signed by a key that is known here.
        Signed = "SIGNED",
        /// It also proves that it has that key before it is told anything.
        Verified = "VERIFIED",
    }
}

words! {
    /// Where an agent is.
    AgentPlace, "agent place", {
        /// Within this process.
        Local = "local",
        /// Somewhere else, over the network.
        Remote = "remote",
    }
}

words! {
    /// Which agents a step prefers, and what follows when a remote one cannot be
    /// relied on.
    Federation, "federation policy", {
        /// Local agents first; remote ones where no local one takes the step.
        LocalPrefer = "local_prefer",
        /// Remote agents first; local ones take over.
        RemotePrefer = "remote_prefer",
        /// Remote agents first; nobody takes over: the step is refused.
        Quarantine = "quarantine",
    }
}

words! {
    /// Where the steps of a plan are done.
    PlanMode, "mode of a plan", {
        /// Here.
        Local = "local",
        /// By agents, and by nobody else.
        Distributed = "distributed",
        /// By agents, and here where none does it.
        Hybrid = "hybrid",
    }
}

words! {
    /// Why a step was taken away from an agent.
    FallbackTrigger, "fallback trigger", {
        /// It took too long.
        Latency = "latency",
        /// What it answered is not signed by its key, or is of other work.
        SignatureMismatch = "signature_mismatch",
        /// Too few remote agents can be reached.
        LostQuorum = "lost_quorum",
        /// It was silent in the middle of the work.
        AgentLost = "agent_lost",
        /// It could not be reached, before any work.
        Unreachable = "unreachable",
    }
}

words! {
    /// Recorded after FAILED; changes no phase.
    Disposition, "disposition", {
        /// Nothing was recorded.
        None = "none",
        /// All compensations were done.
        RolledBack = "rolled_back",
        /// A later epoch of the same run took over.
        SupersededByResume = "superseded_by_resume",
    }
}

words! {
    /// Why a step or a run failed; decides about retries.
    ErrorClass, "error class", {
        /// A fault of transport or resources that may pass.
        TransientIo = "transient_io",
        /// The work was stopped at its deadline.
        Timeout = "timeout",
        /// A declared input is absent.
        ContractInputMissing = "contract_input_missing",
        /// The work says that its input or result is not valid.
        ValidationFailed = "validation_failed",
        /// A hard gate said no.
        HardGateFailed = "hard_gate_failed",
        /// The plan or the environment is set up wrongly.
        ConfigError = "config_error",
        /// A budget of the plan is used up.
        BudgetExceeded = "budget_exceeded",
        /// A policy forbids it.
        PolicyViolation = "policy_violation",
        /// The sandbox that the work is to run in cannot be had, or stopped it.
        SandboxViolation = "sandbox_violation",
        /// Someone cancelled it.
        Cancelled = "cancelled",
        /// The worker that ran it is gone.
        WorkerLost = "worker_lost",
        /// A fault of rok itself: a panic, or a lost invariant.
        Internal = "internal",
        /// None of the others.
        Unknown = "unknown",
    }
}

words! {
    /// Which processes of a run have a sandbox.
    #[derive(Default)]
    SandboxMode, "sandbox mode", {
        /// None, whatever the plan asks for; the run says so.
        Off = "off",
        /// Those of steps that ask for one.
        #[default]
        Asked = "asked",
        /// All: where a step asks for none, its processes have the strictest.
        Required = "required",
    }
}

words! {
    /// How strictly the audit contract is enforced.
    Profile, "profile", {
        /// Records what is wrong and goes on.
        ObserveOnly = "OBSERVE_ONLY",
        /// Missing and failed acks fail the run; drift is recorded.
        Standard = "STANDARD",
        /// Anything that is not clean fails the run. The default.
        Strict = "STRICT",
    }
}

words! {
    /// Whether an expectation has been met.
    ExpectationStatus, "expectation status", {
        /// Not answered yet.
        Pending = "PENDING",
        /// Acknowledged with SUCCESS.
        Acked = "ACKED",
        /// Acknowledged with FAILED.
        Failed = "FAILED",
        /// Unanswered at its deadline.
        Missing = "MISSING",
    }
}

words! {
    /// What a domain says of a duty.
    AckStatus, "ack status", {
        /// Done; a `result_id` proves it.
        Success = "SUCCESS",
        /// Not done; an error says why.
        Failed = "FAILED",
        /// Done, then undone: cancels the SUCCESS of its key.
        RolledBack = "ROLLED_BACK",
    }
}

words! {
    /// Why a domain could not do its duty.
    AckErrorKind, "ack error kind", {
        /// The domain cannot be reached.
        Unavailable = "unavailable",
        /// The domain refuses.
        Refused = "refused",
        /// The request made no sense to the domain.
        Invalid = "invalid",
    }
}

words! {
    /// The verdict of a reconciliation.
    ReconciliationStatus, "reconciliation status", {
        /// Nothing missing, nothing unexpected, nothing failed.
        Complete = "COMPLETE",
        /// Something is missing, unexpected or failed.
        Incomplete = "INCOMPLETE",
        /// `finalize_run` is unacknowledged past its deadline.
        Stale = "STALE",
        /// The audit contract is switched off for this run.
        Disabled = "DISABLED",
    }
}

words! {
    /// How bad an incident is. A successful run has one too, of `none`.
    Severity, "severity", {
        /// Nothing happened that needs a person.
        None = "none",
        /// Worth knowing.
        Low = "low",
        /// Needs a look.
        Medium = "medium",
        /// Needs a person soon.
        High = "high",
        /// Needs a person now.
        Critical = "critical",
    }
}

words! {
    /// Why a run is held.
    HoldReason, "hold reason", {
        /// A manual gate waits for a decision.
        ManualGate = "manual_gate",
        /// Someone paused the run.
        Pause = "pause",
        /// A budget is used up.
        Budget = "budget",
        /// An attempt that must not be repeated blindly was interrupted.
        InterruptedStep = "interrupted_step",
    }
}

words! {
    /// What a component is.
    ComponentType, "component type", {
        /// Does something.
        Tool = "tool",
        /// Says whether something is as it must be.
        Validator = "validator",
        /// Tries something out.
        Test = "test",
    }
}

words! {
    /// Where a component stands in its life.
    ComponentStatus, "component status", {
        /// It is being written; runs only where drafts are allowed.
        Draft = "draft",
        /// It runs.
        Active = "active",
        /// It is on its way out; runs only where it is asked for.
        Deprecated = "deprecated",
        /// It is kept for the record, and never runs.
        Archived = "archived",
    }
}

words! {
    /// How much a component has proved itself.
    Channel, "channel", {
        /// New, and watched.
        Canary = "canary",
        /// Proved.
        Stable = "stable",
        /// An attempt.
        Experimental = "experimental",
        /// On its way out.
        Deprecated = "deprecated",
    }
}

/// The domain that owes a duty: one of the standard four, or one that a plan
/// names in `expect`. `[a-z][a-z0-9_-]{0,63}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    /// Incident records.
    Incidents,
    /// Policy evaluation and lessons.
    Policies,
    /// Traces.
    Logs,
    /// The kernel itself.
    Orchestrator,
    /// A domain that a plan named.
    Named(String),
}

impl Domain {
    /// The domain's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Incidents => "incidents",
            Self::Policies => "policies",
            Self::Logs => "logs",
            Self::Orchestrator => "orchestrator",
            Self::Named(name) => name,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Domain {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Ok(match text {
            "incidents" => Self::Incidents,
            "policies" => Self::Policies,
            "logs" => Self::Logs,
            "orchestrator" => Self::Orchestrator,
            other => {
                let valid = other.len() <= 64
                    && other.starts_with(|c: char| c.is_ascii_lowercase())
                    && other.bytes().all(|b| {
                        b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b)
                    });
                if !valid {
                    return Err(UnknownWord {
                        what: "domain",
                        word: other.to_owned(),
                        known: &[
                            "incidents",
                            "policies",
                            "logs",
                            "orchestrator",
                            "[a-z][a-z0-9_-]{0,63}",
                        ],
                    });
                }
                Self::Named(other.to_owned())
            }
        })
    }
}

impl Serialize for Domain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Domain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
