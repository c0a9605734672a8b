//! The plan as a value: what the file says, decoded, defaults filled in.

use crate::approvers::{Approvers, Overrides};
use crate::budget::Budget;
use crate::expect::Expect;
use crate::http::HttpRequest;
use crate::sandbox::Sandbox;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use rok_expr::{Condition, Items, ShellLine, Template};
use rok_vocabulary::{
    Capability, ErrorClass, Federation, InputName, PlanId, PlanMode, Profile, StepId, TrustLevel,
};
use serde_json::Value;

/// A valid plan. Only [`parse`](crate::parse) and
/// [`PlanBuilder`](crate::PlanBuilder) make one, so every value of this type
/// has passed validation.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The plan's id.
    pub id: PlanId,
    /// The author's version number.
    pub version: u64,
    /// Shown to people.
    pub name: Option<String>,
    /// Shown to people.
    pub description: Option<String>,
    /// Labels of every run of the plan.
    pub labels: BTreeMap<String, String>,
    /// The least strict profile that the plan accepts.
    pub profile: Option<Profile>,
    /// How steps follow each other besides their edges.
    pub order: Order,
    /// When a run of the plan has succeeded.
    pub success: SuccessRule,
    /// Active time that a run may take.
    pub max_duration: Option<Duration>,
    /// What a run does whose execution did not succeed.
    pub on_failure: OnFailure,
    /// Steps at once within a run; `None`: CPUs for processes, 64 for the rest.
    pub max_parallel: Option<u32>,
    /// Where steps are done that do not say it themselves.
    pub default_mode: PlanMode,
    /// Rank among the runs that wait, -100 to 100.
    pub priority: i8,
    /// How many runs with the same key go on at once.
    pub concurrency: Option<Concurrency>,
    /// Declared inputs.
    pub inputs: BTreeMap<InputName, InputSpec>,
    /// Environment of every process step, in file order.
    pub env: Vec<(String, Template)>,
    /// Names of the secrets that steps may use.
    pub secrets: Vec<InputName>,
    /// How often a failed hard gate may be overridden; `None`: never.
    pub overrides: Option<Overrides>,
    /// What a run may use up; `None`: nothing is limited.
    pub budget: Option<Budget>,
    /// Obligations on top of the standard ones.
    pub expect: Vec<Expect>,
    /// Policy files on top of the configured ones, as written: absolute, or
    /// relative to the plan file's folder.
    pub policies: Vec<String>,
    /// Who is told how a run ended.
    pub notify: Vec<Recipient>,
    /// The steps, in declaration order. Never empty.
    pub steps: Vec<Step>,
}

/// Who is told how a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recipient {
    /// An `http` or `https` address that is posted to.
    Webhook(String),
    /// An address that is written to.
    Email(String),
}

/// How many runs with the same key go on at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Concurrency {
    /// Runs with the same key count together.
    pub key: Template,
    /// How many go on at once.
    pub limit: u32,
    /// What the next one does.
    pub on_limit: OnLimit,
}

/// What a run does while as many as may go on are going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLimit {
    /// It waits for a place.
    #[default]
    Queue,
    /// It is not created.
    Reject,
    /// It has the oldest cancelled, and waits for its place.
    CancelOldest,
}

/// How steps follow each other besides their edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By their edges alone.
    #[default]
    Dag,
    /// An `after` edge between neighbours: a linear pipeline.
    Sequential,
}

/// When a run has succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SuccessRule {
    /// Every required step succeeded.
    #[default]
    Required,
    /// Any step succeeded.
    Any,
}

/// What a run does whose execution failed, timed out or was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// It ends.
    #[default]
    Stop,
    /// It undoes what succeeded, in reverse order, and then ends.
    Rollback,
}

/// A declared input.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSpec {
    /// Its type.
    pub kind: ValueKind,
    /// The value when none is given; without one the input is required.
    pub default: Option<Value>,
    /// Shown to people.
    pub description: Option<String>,
    /// Further JSON Schema bounds.
    pub bounds: Bounds,
}

/// Bounds on a value, from the JSON Schema subset that plans may use.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bounds {
    /// `enum`.
    pub one_of: Option<Vec<Value>>,
    /// `minimum`.
    pub minimum: Option<f64>,
    /// `maximum`.
    pub maximum: Option<f64>,
    /// `minLength`, in characters.
    pub min_length: Option<u64>,
    /// `maxLength`, in characters.
    pub max_length: Option<u64>,
}

/// JSON types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// true or false.
    Boolean,
    /// A list.
    Array,
    /// An object.
    Object,
}

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its id, unique in the plan.
    pub id: StepId,
    /// Shown to people.
    pub name: Option<String>,
    /// Shown to people.
    pub description: Option<String>,
    /// What it does.
    pub action: Action,
    /// Where it is done, by what it says or else its plan.
    pub mode: PlanMode,
    /// What follows from that.
    pub place: StepPlace,
    /// Runs only if these succeeded. Indices into [`Plan::steps`], in file order.
    pub needs: Vec<usize>,
    /// Runs once these are finished, however they finished; includes the
    /// neighbour's edge of `order: sequential`.
    pub after: Vec<usize>,
    /// The step that runs instead when this one finally fails, by index.
    pub fallback: Option<usize>,
    /// Runs only if this holds; otherwise it is skipped, which is no failure.
    pub condition: Option<Condition>,
    /// Why it is skipped where that does not hold.
    pub skip_reason: Option<String>,
    /// The list that it is fanned out over: one child for each item.
    pub for_each: Option<Items>,
    /// Children at once; `None`: as many as the run has places for.
    pub max_parallel: Option<u32>,
    /// What it guards.
    pub gate: Option<Gate>,
    /// Who may let a manual gate pass, and how many must.
    pub approvers: Approvers,
    /// How long a manual gate waits, in wall time, before it fails.
    pub expires: Option<Duration>,
    /// Whether its failure fails the run.
    pub required: bool,
    /// How long an attempt may take.
    pub timeout: Option<Duration>,
    /// From SIGTERM to SIGKILL.
    pub kill_grace: Duration,
    /// When and how often it is tried again.
    pub retry: Retry,
    /// Whether it may be repeated at all.
    pub idempotent: bool,
    /// What it runs is deprecated, and what to use instead.
    pub deprecated: Option<String>,
    /// Its environment on top of the plan's, in file order.
    pub env: Vec<(String, Template)>,
    /// Its working directory; default: the plan file's folder.
    pub cwd: Option<Template>,
    /// What it hands on.
    pub outputs: BTreeMap<String, OutputSpec>,
    /// Files that it makes.
    pub artifacts: Vec<ArtifactDecl>,
    /// What undoes it, when the run is rolled back.
    pub compensate: Option<Compensate>,
    /// Files that it reads: paths or patterns.
    pub reads: Vec<Template>,
    /// Whether its result may be taken from an earlier run of the same inputs.
    pub cache: bool,
    /// What its processes, and those of its compensation, may reach and use;
    /// `None`: whatever this user may.
    pub sandbox: Option<Sandbox>,
}

/// Where a step is done.
#[derive(Debug, Clone, PartialEq)]
pub enum StepPlace {
    /// As its action says: here, or by an agent whose work it is.
    Own,
    /// Here, though it might be done elsewhere: it has something that cannot be
    /// given away, which this names.
    Bound(&'static str),
    /// Its process is given to an agent.
    Away(Box<Away>),
}

/// A process that is given to an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Away {
    /// Which agents are asked. It works on the process, and so has no `with`.
    pub ask: AgentAction,
    /// Whether it is done here where no agent does it.
    pub or_here: bool,
}

/// What undoes a step that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Compensate {
    /// What it does; in the step's environment and working directory.
    pub action: Action,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A process from an argument vector; never seen by a shell.
    Argv(Vec<Template>),
    /// A shell line.
    Shell {
        /// The shell that reads it.
        shell: Shell,
        /// The line, rewritten so that values travel only in the environment.
        line: ShellLine,
    },
    /// A function that the embedder registered by this name.
    Call(String),
    /// An HTTP request.
    Http(Box<HttpRequest>),
    /// A service of the service map, called for the site that the run is for.
    Service {
        /// Its slug.
        service: String,
        /// The run's `website_id`.
        site: Template,
        /// The run's `domain`.
        domain: Template,
    },
    /// Work of an agent that can do it.
    Agent(Box<AgentAction>),
    /// A run of another plan.
    Plan {
        /// The plan's id.
        id: PlanId,
        /// Its inputs, in file order.
        with: Vec<(InputName, Template)>,
    },
}

/// What an agent is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentAction {
    /// What is to be done.
    pub capability: Capability,
    /// What else the agent must be able to do.
    pub capabilities: BTreeSet<Capability>,
    /// Where it should be.
    pub region: Option<String>,
    /// How far it must be trusted.
    pub min_trust: TrustLevel,
    /// Which agents are preferred, and who takes over; `None`: as configured.
    pub federation: Option<Federation>,
    /// How long a remote agent may take before the step is taken away from it.
    pub max_latency: Option<Duration>,
    /// What it works on, in file order.
    pub with: Vec<(InputName, Template)>,
}

/// The shell that reads a shell line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shell {
    /// `/bin/sh -e -c`
    #[default]
    Sh,
    /// `bash -eo pipefail -c`
    Bash,
}

/// What a step guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Its failure stops everything that has not started.
    Hard,
    /// A person decides before it runs.
    Manual,
}

/// When and how often a step is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Attempts after the first.
    pub max: u32,
    /// The error classes that are tried again.
    pub classes: Vec<ErrorClass>,
    /// Delay before the first retry; doubles each time.
    pub base: Duration,
    /// The longest delay.
    pub max_delay: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max: 0,
            classes: alloc::vec![ErrorClass::TransientIo],
            base: Duration::from_secs(2),
            max_delay: Duration::from_secs(60),
        }
    }
}

/// A declared output.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSpec {
    /// Its type.
    pub kind: ValueKind,
    /// Shown to people.
    pub description: Option<String>,
    /// Further JSON Schema bounds.
    pub bounds: Bounds,
}

/// A declared artifact.
#[derive(Debug, Clone, PartialEq)]
pub struct ArtifactDecl {
    /// Its path or pattern, absolute, or relative to the step's working directory
    /// or, where the step made nothing there, to the run's `ROK_ARTIFACTS`.
    pub path: Template,
    /// Whether the step fails when it is absent.
    pub required: bool,
}
