//! The port: requests, reports and the trait. Data only, no clock, no I/O.

use rok_agents::{Need, Table, Taker, Terms, Tried};
use rok_artifacts::{Declared, Emitted, Quarantined};
use rok_expr::SecretText;
use rok_plan::{ResolvedRequest, Sandbox};
use rok_secrets::Secrets;
use rok_vocabulary::{
    Capability, Epoch, ErrorClass, Federation, IdempotencyKey, PlanId, RunId, StepRef, Timestamp,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a process inherits of the environment; all else it must be given.
pub const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// The variable of a process that holds what the step before handed on, in a
/// pipeline of components; absent where that is too large for a variable.
pub const PIPED: &str = "PIPE_INPUT";

/// The variable that names the file with all of it.
pub const PIPED_FILE: &str = "PIPE_INPUT_FILE";

/// One attempt of one step of one run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptRef {
    /// The run.
    pub run: RunId,
    /// The step and its attempt.
    pub step: StepRef,
}

impl AttemptRef {
    /// What its files are called: `STEP.ATTEMPT`, after the first epoch
    /// `STEP.ATTEMPT.eN`; of a compensation `STEP.compensate.ATTEMPT` in every
    /// epoch. Ids of steps have no dot.
    #[must_use]
    pub fn file_name(&self) -> String {
        let step = &self.step;
        match step.epoch {
            _ if step.compensates => format!("{}.compensate.{}", step.step, step.attempt),
            Epoch(0) => format!("{}.{}", step.step, step.attempt),
            epoch => format!("{}.{}.e{epoch}", step.step, step.attempt),
        }
    }
}

/// Where a run's executors may write. All paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// `logs/STEP.ATTEMPT.log` is written here (epochs after the first:
    /// `logs/STEP.ATTEMPT.eN.log`).
    pub logs: PathBuf,
    /// `ROK_ARTIFACTS`: what steps emit.
    pub artifacts: PathBuf,
    /// `procs/STEP.ATTEMPT`: pid, start time and boot id of live processes.
    pub procs: PathBuf,
    /// Private files of a running attempt (inputs, outputs, errors); outside
    /// the run folder, because a step may write a secret there.
    pub scratch: PathBuf,
}

/// What is to be done: everything resolved but the secrets, which stand as
/// names until the executor fills them in.
#[derive(Debug, Clone)]
pub struct StepRequest {
    /// Which attempt this is.
    pub attempt: AttemptRef,
    /// The same for every attempt of the step; passed on to the work.
    pub key: IdempotencyKey,
    /// The work itself.
    pub work: Work,
    /// The run's inputs as one JSON object.
    pub inputs: Arc<Value>,
    /// The secrets that the plan names.
    pub secrets: Secrets,
    /// How long the work may take, counted from its true start.
    pub timeout: Option<Duration>,
    /// From SIGTERM to SIGKILL.
    pub kill_grace: Duration,
    /// W3C trace context of the attempt's span.
    pub traceparent: Option<String>,
    /// Declared artifacts. In a run with a folder they are found and stored by
    /// whoever stages the attempt, whatever executor performs it.
    pub artifacts: Vec<Declared>,
    /// Where the run's executors may write; `None` for a run without a folder.
    pub workspace: Option<Arc<Workspace>>,
}

/// The executor's part of a step.
#[derive(Debug, Clone)]
pub enum Work {
    /// A process.
    Process(ProcessWork),
    /// A function that the embedder registered.
    Call(CallWork),
    /// An HTTP request.
    Http(Box<ResolvedRequest>),
    /// A service of the service map.
    Service(ServiceWork),
    /// Work of an agent that can do it.
    Agent(Box<AgentWork>),
    /// A run of another plan.
    Plan(PlanWork),
}

impl Work {
    /// The plan key that asks for this kind of work.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Process(_) => "run",
            Self::Call(_) => "call",
            Self::Http(_) => "http",
            Self::Service(_) => "service",
            Self::Agent(work) if work.process.is_some() => "run",
            Self::Agent(_) => "agent",
            Self::Plan(_) => "plan",
        }
    }

    /// The process that it is, wherever it is started.
    #[must_use]
    pub fn process(&self) -> Option<&ProcessWork> {
        match self {
            Self::Process(work) => Some(work),
            Self::Agent(work) => work.process.as_ref().map(|given| &given.work),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn process_mut(&mut self) -> Option<&mut ProcessWork> {
        match self {
            Self::Process(work) => Some(work),
            Self::Agent(work) => work.process.as_mut().map(|given| &mut given.work),
            _ => None,
        }
    }
}

/// A service to be called for a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceWork {
    /// Its slug in the service map.
    pub service: String,
    /// The site's id.
    pub site: String,
    /// The site's domain.
    pub domain: String,
}

/// Work of an agent that can do it.
#[derive(Debug, Clone)]
pub struct AgentWork {
    /// What is to be done.
    pub capability: Capability,
    /// What is asked of the agent; its federation policy is what holds where
    /// `federation` says nothing.
    pub need: Need,
    /// The step's own federation policy.
    pub federation: Option<Federation>,
    /// What it works on.
    pub with: Map<String, Value>,
    /// What it accepts with the step.
    pub terms: Terms,
    /// Whether it may be done more than once.
    pub idempotent: bool,
    /// How long a remote agent may take.
    pub max_latency: Option<Duration>,
    /// The process that it is given, where it is one of a `run` step.
    pub process: Option<GivenProcess>,
}

/// A process that is given to an agent.
#[derive(Debug, Clone)]
pub struct GivenProcess {
    /// The same as it would be started here.
    pub work: ProcessWork,
    /// Whether it is started here where no agent does it.
    pub or_here: bool,
}

/// Which agent did a step, and which were asked before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentRecord {
    /// Who had it last; `None`: nobody took it.
    pub by: Option<Taker>,
    /// Who was asked before, in order.
    pub tried: Vec<Tried>,
    /// Soft policies that it cannot honour.
    pub notes: Vec<String>,
    /// Why this machine did it, where no agent was asked; why nobody had it; or
    /// why it is not known that its work ended.
    pub reason: Option<String>,
}

/// Work elsewhere whose end nobody waits for any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// The attempt that it was for.
    pub step: StepRef,
    /// Who was given it.
    pub by: Taker,
    /// Why it is not known that it ended; `None`: it was told, and heard it.
    pub unheard: Option<String>,
}

/// A run of another plan.
#[derive(Debug, Clone)]
pub struct PlanWork {
    /// The run that does the work: the same in every attempt and epoch.
    pub run: RunId,
    /// Its plan.
    pub plan: PlanId,
    /// Its inputs that are values.
    pub values: Map<String, Value>,
    /// Its inputs that are text, read by the type that the plan declares.
    pub texts: BTreeMap<String, String>,
}

/// A process to be started.
#[derive(Debug, Clone)]
pub struct ProcessWork {
    /// What to run.
    pub program: Program,
    /// Variables that the plan sets, in order; a later one wins. The executor
    /// adds the inherited few (`PATH`, `HOME`, `LANG`, `TZ`, `TMPDIR`) and the
    /// `ROK_…` ones.
    pub env: Vec<(String, SecretText)>,
    /// The working directory, absolute.
    pub cwd: PathBuf,
    /// What it may reach and use; `None`: whatever this user may.
    pub sandbox: Option<Box<Sandbox>>,
}

/// What a process runs.
#[derive(Debug, Clone)]
pub enum Program {
    /// An argument vector; never seen by a shell. Not empty.
    Argv(Vec<String>),
    /// A shell line, already rewritten so that values travel only in `env`.
    Shell {
        /// `sh` runs `/bin/sh -e -c`, `bash` runs `bash -eo pipefail -c`.
        bash: bool,
        /// The line.
        script: String,
        /// The values that the line refers to as `${ROK_E0}`, `${ROK_E1}`, …
        values: Vec<(String, SecretText)>,
    },
}

/// A registered function to be called.
#[derive(Debug, Clone)]
pub struct CallWork {
    /// The name it was registered by.
    pub function: String,
    /// Outputs of the steps that this one needs, by step id.
    pub needs: Arc<Value>,
    /// The item of a fan-out's child, and its place; `None` for other steps.
    pub item: Option<(Value, u32)>,
}

/// What an attempt used, as far as the executor can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// User and system CPU time.
    pub cpu: Duration,
    /// Peak resident memory of the largest process, in bytes; 0 where it is not
    /// known.
    pub max_rss: u64,
    /// Cost in US dollars that the work reported.
    pub cost_usd: f64,
    /// Energy in kilowatt hours that the work reported.
    pub energy_kwh: f64,
    /// Tokens that the work reported.
    pub tokens: u64,
}

/// An attempt is over.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// Which attempt.
    pub attempt: AttemptRef,
    /// How it ended.
    pub result: StepResult,
}

impl StepReport {
    /// The report of an attempt whose work never began: nothing ran, nothing
    /// was used.
    #[must_use]
    pub fn not_started(attempt: AttemptRef, failure: StepFailure) -> Self {
        let result = StepResult {
            end: Err(failure),
            started_at: None,
            wall: Duration::ZERO,
            usage: Usage::default(),
            exit_code: None,
            record: AttemptRecord::default(),
        };
        Self { attempt, result }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct StepResult {
    /// Its success or failure.
    pub end: Result<StepSuccess, StepFailure>,
    /// When the work truly began; `None` when it never did.
    pub started_at: Option<Timestamp>,
    /// How long the work took.
    pub wall: Duration,
    /// What it used.
    pub usage: Usage,
    /// Exit code, where there was a process that exited.
    pub exit_code: Option<i32>,
    /// What is known of it beyond its end.
    pub record: AttemptRecord,
}

/// What is known of an attempt beyond its end; each part where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Its log, complete.
    pub log: Option<LogRecord>,
    /// What it left, or found, that must not be read as a result, and why.
    pub quarantined: Vec<(Quarantined, String)>,
    /// Artifacts of other steps that were put back for it from the store.
    pub restored: Vec<String>,
    /// The digest of all that it came of, files included, where that is known.
    pub inputs_sha256: Option<String>,
    /// Its result was taken from an earlier run: that run, its step, and the
    /// event that tells of it.
    pub cached: Option<(String, String, u64)>,
    /// Why nothing could be taken from where something should be.
    pub cache_note: Option<String>,
    /// Which agent did it, where one was asked.
    pub agent: Option<Box<AgentRecord>>,
}

/// A complete log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its sha-256, hex; absent where it is empty.
    pub sha256: Option<String>,
}

/// A success.
#[derive(Debug, Clone, Default)]
pub struct StepSuccess {
    /// What the step hands on: a JSON object, or null when it wrote none.
    pub outputs: Value,
    /// Declared artifacts that it made; their contents are stored. Executors
    /// leave this to whoever stages the attempt.
    pub artifacts: Vec<Emitted>,
}

/// A failure. The reason holds no secret: the executor masks it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {reason}")]
pub struct StepFailure {
    /// Decides about retries.
    pub class: ErrorClass,
    /// For people.
    pub reason: String,
    /// How long the other side asks to be left alone, where it does.
    pub retry_after: Option<Duration>,
}

impl StepFailure {
    /// A failure of a class with a reason for people.
    pub fn new(class: ErrorClass, reason: impl Into<String>) -> Self {
        Self {
            class,
            reason: reason.into(),
            retry_after: None,
        }
    }

    /// The same, to be tried again no sooner than this.
    #[must_use]
    pub fn retry_after(mut self, delay: Option<Duration>) -> Self {
        self.retry_after = delay;
        self
    }
}

/// Why an attempt is stopped from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// Someone cancelled the run, or a hard gate failed: ends as `cancelled`.
    Cancelled,
    /// The run's time is up: ends as `timeout`.
    RunTimeout,
    /// The owner stops and leaves the run resumable: ends as `worker_lost`.
    Interrupted,
}

impl CancelReason {
    /// How an attempt ends that is stopped for this reason.
    #[must_use]
    pub fn failure(self) -> StepFailure {
        match self {
            Self::Cancelled => StepFailure::new(ErrorClass::Cancelled, "cancelled"),
            Self::RunTimeout => StepFailure::new(ErrorClass::Timeout, "the run's time is up"),
            Self::Interrupted => {
                StepFailure::new(ErrorClass::WorkerLost, "interrupted: its worker stops")
            }
        }
    }
}

/// Receives reports, from any thread. Must not block.
pub trait ReportSink: Send + Sync {
    /// Takes one report.
    fn report(&self, report: StepReport);
}

impl<F: Fn(StepReport) + Send + Sync> ReportSink for F {
    fn report(&self, report: StepReport) {
        self(report);
    }
}

/// Something that would make a step fail for sure, found before the run starts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step `{step}`: {reason}")]
pub struct PreflightFault {
    /// The step that would fail.
    pub step: String,
    /// Its error class: `config_error` as a rule.
    pub class: ErrorClass,
    /// What is wrong and how to mend it.
    pub reason: String,
}

/// What was found and ended of an earlier owner's work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains {
    /// Processes that were still alive and have been ended.
    pub killed: Vec<i32>,
}

/// The executor itself cannot do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// An operation of the operating system failed.
    #[error("cannot {what}")]
    Io {
        /// What was tried, with the path where there is one.
        what: String,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A process of an earlier attempt survives every signal.
    #[error("process {pid} of an earlier attempt of step `{step}` does not end")]
    Unkillable {
        /// The process.
        pid: i32,
        /// The step that it belongs to.
        step: String,
    },
}

/// Performs steps. One executor serves many runs at once.
pub trait Executor: Send + Sync {
    /// Whether this executor performs that kind of work.
    fn accepts(&self, work: &Work) -> bool;

    /// Looks for what would make the step fail for sure; starts nothing.
    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault>;

    /// Starts the work and returns at once; reports exactly once, when the
    /// work and all that it left behind is over. Work beyond the executor's
    /// own limit of things in flight waits inside it, in order.
    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>);

    /// Stops an attempt: politely, then by force after its `kill_grace`. Its
    /// report comes as usual. Unknown or finished attempts are ignored.
    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason);

    /// Who would do the work, and who not and why, where several might; by what
    /// is known without asking anybody.
    fn candidates(&self, _: &Work) -> Option<Table> {
        None
    }

    /// Ends whatever an earlier, dead owner left of a run's attempts. Returns
    /// only when nothing of it is alive.
    fn stop_remains(&self, run: &RunId, workspace: &Workspace) -> Result<Remains, ExecutorError>;

    /// Tells whoever does work elsewhere for attempts of a run that no attempt
    /// to come will ask for it again. None of them may be under way.
    fn withdraw(&self, _: &RunId) -> Result<Vec<Withdrawn>, ExecutorError> {
        Ok(Vec::new())
    }
}
