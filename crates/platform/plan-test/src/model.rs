//! A test as a value.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use rok_vocabulary::{
    Actor, ErrorClass, ExpectationStatus, HoldReason, Outcome, Profile, ReconciliationStatus,
    RunPhase, Severity, StepId, StepState, format_duration,
};
use serde_json::{Map, Value};

/// A test of a plan, defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanTest {
    /// Its name.
    pub name: String,
    /// The line that it begins on, from 1.
    pub line: usize,
    /// The run's inputs, checked and with the plan's defaults.
    pub inputs: Map<String, Value>,
    /// Labels of the run besides the plan's.
    pub labels: BTreeMap<String, String>,
    /// Who submits.
    pub submitter: Actor,
    /// The submitter's roles.
    pub roles: Vec<String>,
    /// The profile; the plan may be stricter.
    pub profile: Profile,
    /// CPUs of the virtual machine.
    pub cpus: u32,
    /// Stubs by step, or by child of a step.
    pub steps: BTreeMap<String, Stub>,
    /// What people do.
    pub commands: Vec<CommandLine>,
    /// What must be true in the end.
    pub expect: Expect,
}

impl PlanTest {
    /// The stub of a step or a child: a child without one of its own has its
    /// step's.
    #[must_use]
    pub fn stub(&self, step: &str) -> Option<&Stub> {
        let whole = || Some(step.split_once('[')?.0);
        self.steps.get(step).or_else(|| self.steps.get(whole()?))
    }
}

/// What stands in for a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stub {
    /// What it hands on; `None` where the test does not say.
    pub outputs: Option<Map<String, Value>>,
    /// How long an attempt takes.
    pub delay: Option<Duration>,
    /// How it fails.
    pub fails: Option<Fails>,
    /// Content of artifacts by path; `None`: not made.
    pub artifacts: BTreeMap<String, Option<String>>,
    /// CPU time.
    pub cpu: Option<Duration>,
    /// Peak memory, KiB.
    pub max_rss_kib: Option<u64>,
    /// Cost.
    pub cost_usd: Option<f64>,
    /// Tokens.
    pub tokens: Option<u64>,
    /// Energy, kWh.
    pub energy_kwh: Option<f64>,
    /// The exit code.
    pub exit_code: Option<i32>,
    /// How its compensation goes.
    pub compensate: Option<UndoStub>,
}

/// What stands in for a compensation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UndoStub {
    /// How long an attempt at it takes.
    pub delay: Option<Duration>,
    /// How it fails.
    pub fails: Option<Fails>,
}

/// How a stub fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fails {
    /// The class.
    pub class: ErrorClass,
    /// The reason.
    pub reason: String,
    /// How many attempts; `None`: all.
    pub times: Option<u32>,
}

/// Something that a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// When, from the run's creation; `None`: as soon as the run only waits.
    pub at: Option<Duration>,
    /// What.
    pub verb: Verb,
    /// Who.
    pub by: Actor,
    /// Who that is; `None`: the submitter's roles for the submitter, else none.
    pub roles: Option<Vec<String>>,
    /// Why.
    pub reason: String,
    /// How it must be answered.
    pub answer: Answer,
}

/// What a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Lets a waiting step pass.
    Approve(StepId),
    /// Stops a waiting step.
    Reject(StepId),
    /// Lets the next epoch pass a failed hard gate.
    Override(StepId),
    /// Ends the run.
    Cancel,
    /// Starts nothing new.
    Pause,
    /// Goes on.
    Unpause,
    /// Begins the next epoch.
    Resume,
    /// Undoes what succeeded.
    Rollback,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approve(step) => write!(f, "approve {step}"),
            Self::Reject(step) => write!(f, "reject {step}"),
            Self::Override(step) => write!(f, "override {step}"),
            Self::Cancel => f.write_str("cancel"),
            Self::Pause => f.write_str("pause"),
            Self::Unpause => f.write_str("unpause"),
            Self::Resume => f.write_str("resume"),
            Self::Rollback => f.write_str("rollback"),
        }
    }
}

/// How a command is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is in the log.
    Accepted,
    /// It makes no sense to the run.
    Refused,
    /// A policy denies it.
    Denied,
}

impl Answer {
    /// Every answer.
    pub const ALL: &'static [Self] = &[Self::Accepted, Self::Refused, Self::Denied];

    /// The answer's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Denied => "denied",
        }
    }
}

/// What must be true in the end. What is `None` or empty is not asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expect {
    /// How execution ended.
    pub outcome: Option<Outcome>,
    /// Where the run stands.
    pub phase: Option<RunPhase>,
    /// The class of the run's error.
    pub error: Option<ErrorClass>,
    /// What the run waits for.
    pub held: Option<Held>,
    /// Groups of steps, each begun after the one before it has ended.
    pub order: Vec<Vec<String>>,
    /// What became of steps.
    pub steps: Vec<(String, ExpectedStep)>,
    /// Attempts beyond the first.
    pub retries: Option<u32>,
    /// Exactly the hard gates that failed.
    pub gate_failures: Option<Vec<String>>,
    /// The last reconciliation.
    pub reconciliation: Option<ReconciliationStatus>,
    /// Duties and their status.
    pub expectations: Vec<(String, ExpectationStatus)>,
    /// The incident record.
    pub incident: Option<IncidentExpect>,
    /// Virtual time.
    pub duration: Option<Span>,
    /// Events in this order, others between them.
    pub events: Vec<EventPattern>,
    /// Events that do not happen.
    pub never: Vec<EventPattern>,
    /// Exactly the policies that were violated.
    pub violated: Option<Vec<String>>,
    /// Artifacts that were made, among others.
    pub artifacts: Vec<String>,
}

/// What became of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExpectedStep {
    /// Its state.
    pub state: Option<StepState>,
    /// How often it was tried.
    pub attempts: Option<u32>,
    /// The class of its last failure.
    pub class: Option<ErrorClass>,
    /// Part of why it failed or was skipped.
    pub reason: Option<String>,
    /// What it handed on, among others.
    pub outputs: Option<Map<String, Value>>,
    /// When its first attempt began.
    pub started: Option<Span>,
    /// When it reached its last state.
    pub ended: Option<Span>,
}

/// What a run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    Not,
    /// This.
    By {
        /// Why.
        reason: Option<HoldReason>,
        /// Exactly the steps that wait.
        steps: Option<Vec<String>>,
    },
}

/// The incident record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentExpect {
    /// How severe.
    pub severity: Option<Severity>,
    /// `OPEN`, `CLOSED`, …
    pub status: Option<String>,
    /// The category.
    pub category: Option<String>,
}

/// An event, by its type and perhaps its step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPattern {
    /// The type.
    pub event_type: String,
    /// The step.
    pub step: Option<String>,
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.event_type)?;
        match &self.step {
            Some(step) => write!(f, " {step}"),
            None => Ok(()),
        }
    }
}

/// A span of time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// At least.
    pub min: Duration,
    /// At most.
    pub max: Duration,
}

impl Span {
    /// Exactly this long.
    #[must_use]
    pub const fn exactly(duration: Duration) -> Self {
        Self {
            min: duration,
            max: duration,
        }
    }

    /// Whether a duration lies in it.
    #[must_use]
    pub fn holds(self, duration: Duration) -> bool {
        self.min <= duration && duration <= self.max
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, max) if min == max => f.write_str(&format_duration(min)),
            (min, Duration::MAX) => write!(f, "at least {}", format_duration(min)),
            (Duration::ZERO, max) => write!(f, "at most {}", format_duration(max)),
            (min, max) => write!(f, "{} to {}", format_duration(min), format_duration(max)),
        }
    }
}
