//! The engine that is held against the cases, and what they may ask of it.

use crate::cases::decided;
use crate::laws;
use rok_agents::Happened;
use rok_facades::runs::{
    CommandRequest, DriveEnd, DriveOptions, EventLine, EventQuery, ListQuery, RunSummary,
    RunsError, RunsFacade, StopSignal, Submission, Verb,
};
use rok_vocabulary::{Actor, Federation, Outcome, RunId};
use serde_json::Map;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// The label that each run of a suite carries.
const LABEL: &str = "conformance";

/// Nothing that a case waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a case is not passed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What is not as it must be.
    #[error("{0}")]
    Broken(String),
    /// It could not be looked at with this engine, and why.
    #[error("it could not be shown: {0}")]
    Unshown(String),
}

impl From<RunsError> for Fault {
    fn from(error: RunsError) -> Self {
        Self::Broken(format!("[{}] {}", error.code, error.message))
    }
}

/// A fault with this text.
pub(crate) fn fault<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Broken(what.into()))
}

/// Says why something could not be looked at.
pub(crate) fn unshown<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Unshown(why.into()))
}

/// Holds an answer against what it must be.
pub(crate) fn is<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), Fault> {
    if found == expected {
        return Ok(());
    }
    fault(format!("{what}: {found:?}, not {expected:?}"))
}

/// Who is asked for a step, in order, where the suite's agents `l` (of this
/// process), `r` and `s` (remote) are negotiated with under a policy, for a step
/// that is idempotent or not, and this happens with one after the other. Last
/// comes who has it then, or the class that nobody has it with.
pub type Decides = fn(Federation, bool, &[Happened]) -> Result<String, Fault>;

/// An engine, and a folder that its steps may work in.
#[derive(Debug)]
pub struct Engine {
    runs: RunsFacade,
    folder: PathBuf,
    submitter: Actor,
    agents: bool,
    decides: Option<Decides>,
}

/// A run that has ended, and kept the laws of every run.
pub(crate) struct Ended {
    pub(crate) run: RunId,
    pub(crate) summary: RunSummary,
    pub(crate) events: Vec<EventLine>,
}

impl Engine {
    /// An engine behind the door of runs. Steps run in the folder, where the
    /// engine is on this machine.
    #[must_use]
    pub fn new(runs: RunsFacade, folder: PathBuf) -> Self {
        Self {
            runs,
            folder,
            submitter: Actor::User("conformance".into()),
            agents: false,
            decides: Some(decided),
        }
    }

    /// The same, which decides so on agents: for one that does not use this
    /// build's `rok-agents`.
    #[must_use]
    pub const fn deciding(mut self, decides: Decides) -> Self {
        self.decides = Some(decides);
        self
    }

    /// The same, in another process: nobody can look at what it decides.
    #[must_use]
    pub const fn elsewhere(mut self) -> Self {
        self.decides = None;
        self
    }

    /// The same, which was given the agents' file of a [`House`](crate::House).
    #[must_use]
    pub const fn with_agents(mut self) -> Self {
        self.agents = true;
        self
    }

    /// How it decides on agents.
    pub(crate) fn decides(&self) -> Result<Decides, Fault> {
        match self.decides {
            Some(decides) => Ok(decides),
            None => unshown(
                "what it decides on agents is seen in this process alone, and it may be of another build",
            ),
        }
    }

    pub(crate) const fn has_agents(&self) -> bool {
        self.agents
    }

    /// The same, with somebody else who submits and decides.
    #[must_use]
    pub fn by(mut self, submitter: Actor) -> Self {
        self.submitter = submitter;
        self
    }

    pub(crate) const fn runs(&self) -> &RunsFacade {
        &self.runs
    }

    /// Creates a run of `plan: conformance` and these lines.
    pub(crate) fn submit(&self, lines: &str) -> Result<RunId, RunsError> {
        self.runs.submit(Submission {
            plan: format!("plan: conformance\n{lines}").into_bytes(),
            source: "conformance.yaml".to_owned(),
            cwd: self.folder.clone(),
            inputs: Map::new(),
            input_texts: Vec::new(),
            labels: BTreeMap::from([(LABEL.to_owned(), "true".to_owned())]),
            profile: None,
            max_parallel: None,
            never_retry: false,
            run_id: None,
            submitter: self.submitter.clone(),
            reason: None,
            secrets_file: None,
            no_cache: true,
            priority: None,
            idempotency_key: None,
        })
    }

    pub(crate) fn drive(&self, run: &RunId) -> Result<DriveEnd, RunsError> {
        let stop = StopSignal::new();
        self.runs
            .drive(run, &DriveOptions::default(), &stop, &mut ())
    }

    /// Runs a plan to its end, and holds the run against the laws of all runs.
    pub(crate) fn run(&self, lines: &str) -> Result<Ended, Fault> {
        let run = self.submit(lines)?;
        self.drive(&run)?;
        self.ended(run)
    }

    /// A run that has ended.
    pub(crate) fn ended(&self, run: RunId) -> Result<Ended, Fault> {
        // Whoever drives it may be about to end it.
        self.comes_to(&run, "run.sealed")?;
        let ended = Ended {
            summary: self.runs.summary(&run)?,
            events: self.runs.events(&run, &EventQuery::default())?,
            run,
        };
        laws::every_run(self, &ended)?;
        Ok(ended)
    }

    /// How many runs of suites there are.
    pub(crate) fn count(&self) -> Result<usize, Fault> {
        let query = ListQuery {
            labels: BTreeMap::from([(LABEL.to_owned(), "true".to_owned())]),
            ..ListQuery::default()
        };
        Ok(self.runs.list(&query)?.len())
    }

    /// Waits until an event of that type is in the log, or far too long.
    pub(crate) fn comes_to(&self, run: &RunId, event_type: &str) -> Result<(), RunsError> {
        let query = EventQuery::default();
        let stop = StopSignal::new();
        let mut each = |line: &EventLine| line.event_type != event_type;
        std::thread::scope(|scope| {
            // Dropped once the event has come.
            let (waits, over) = std::sync::mpsc::channel::<()>();
            scope.spawn({
                let stop = stop.clone();
                move || {
                    if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                        stop.stop();
                    }
                }
            });
            let followed = self.runs.follow(run, &query, &stop, &mut each);
            drop(waits);
            followed
        })
    }

    pub(crate) fn command(&self, run: &RunId, verb: Verb) -> Result<(), RunsError> {
        let request = CommandRequest {
            verb,
            actor: self.submitter.clone(),
            reason: Some("a case of the conformance suite".to_owned()),
        };
        self.runs.command(run, request).map(drop)
    }
}

impl Ended {
    /// How many events of that type there are.
    pub(crate) fn count(&self, event_type: &str) -> usize {
        let of_type = |event: &&EventLine| event.event_type == event_type;
        self.events.iter().filter(of_type).count()
    }

    /// The run ended so.
    pub(crate) fn has_status(&self, status: &str) -> Result<(), Fault> {
        is("status", &self.summary.status.as_str(), &status)
    }

    /// Its execution ended so.
    pub(crate) fn has_outcome(&self, outcome: Outcome) -> Result<(), Fault> {
        is("outcome", &self.summary.outcome, &Some(outcome))
    }

    /// So many events of that type are in the log.
    pub(crate) fn has(&self, event_type: &str, count: usize) -> Result<(), Fault> {
        is(event_type, &self.count(event_type), &count)
    }

    /// The class of a step's failure.
    pub(crate) fn failed_as(&self, step: &str, class: &str) -> Result<(), Fault> {
        let Some(found) = self
            .summary
            .steps
            .iter()
            .find(|found| found.id.as_str() == step)
        else {
            return fault(format!("step {step} is not in the summary"));
        };
        let told = found.error.as_ref().map(|error| error.class.as_str());
        is(
            &format!("the error class of step {step}"),
            &told,
            &Some(class),
        )
    }
}
