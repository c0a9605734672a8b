//! What can be asked of runs.

use super::error::{ErrorKind, RunsError};
use super::proof::Attested;
use super::views::{EventLine, HoldView, RunSummary};
use rok_vocabulary::{Actor, ErrorClass, Outcome, Profile, RunId, RunPhase, StepId};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How a person names a run: a run folder, a run id, or a unique prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSelector(pub String);

/// A plan to be run.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The plan's text, YAML or JSON.
    pub plan: Vec<u8>,
    /// The plan's name for messages: its path as given, or `builtin:ID`.
    pub source: String,
    /// The folder that steps run in by default, absolute.
    pub cwd: PathBuf,
    /// Inputs as JSON values (from a file).
    pub inputs: Map<String, Value>,
    /// Inputs as text, `k=v`, read by their declared type; these win.
    pub input_texts: Vec<(String, String)>,
    /// Labels of this run; these win over the plan's.
    pub labels: BTreeMap<String, String>,
    /// A stricter profile than configured.
    pub profile: Option<Profile>,
    /// A smaller number of steps at once than the plan's; 1 is `--mode sync`.
    pub max_parallel: Option<u32>,
    /// A failed attempt is final, whatever the plan says.
    pub never_retry: bool,
    /// The run's id; `None`: a new one that sorts by time.
    pub run_id: Option<RunId>,
    /// Who submits.
    pub submitter: Actor,
    /// Why.
    pub reason: Option<String>,
    /// A file with secret values, besides the environment.
    pub secrets_file: Option<PathBuf>,
    /// Take no result from an earlier run.
    pub no_cache: bool,
    /// Its rank among the runs that wait; `None`: the plan's.
    pub priority: Option<i8>,
    /// The same key with the same request is the same run, however often it
    /// comes.
    pub idempotency_key: Option<String>,
}

/// A run that is to be replayed.
#[derive(Debug, Clone)]
pub struct ReplayRequest {
    /// The step from which on it is executed anew; `None`: all of it.
    pub from: Option<StepId>,
    /// The replay's id; `None`: a new one.
    pub run_id: Option<RunId>,
    /// Who asks.
    pub submitter: Actor,
    /// Why.
    pub reason: Option<String>,
    /// A file with secret values, besides the environment.
    pub secrets_file: Option<PathBuf>,
}

/// How a run is driven.
#[derive(Debug, Clone, Default)]
pub struct DriveOptions {
    /// Stay when only holds remain, until they are released.
    pub wait_on_hold: bool,
}

/// How a run is resumed.
#[derive(Debug, Clone)]
pub struct ResumeOptions {
    /// Who resumes.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// A file with secret values, besides the environment.
    pub secrets_file: Option<PathBuf>,
    /// Begin no next epoch: a run that has ended is left alone.
    pub same_epoch: bool,
    /// How to drive it on.
    pub drive: DriveOptions,
}

/// How a run is rolled back.
#[derive(Debug, Clone)]
pub struct RollbackOptions {
    /// Who asks.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// Steps that were undone by hand: their compensations do not run.
    pub done: Vec<StepId>,
    /// Steps that are not idempotent and whose interrupted compensations may
    /// run again.
    pub again: Vec<StepId>,
    /// A file with secret values, besides the environment.
    pub secrets_file: Option<PathBuf>,
    /// How to drive it on.
    pub drive: DriveOptions,
}

/// How driving a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriveEnd {
    /// The run is closed.
    Ended {
        /// COMPLETED or FAILED.
        phase: RunPhase,
        /// How execution ended.
        outcome: Outcome,
        /// Whether a policy, or the reconciliation, failed the run: exit 5 or 4.
        refused_by: Option<ErrorKind>,
        /// What became of attesting it; `None`: no key is configured. A
        /// failure changes nothing of how the run ended.
        attested: Option<Box<Result<Attested, RunsError>>>,
    },
    /// Only holds remain.
    Held(HoldView),
    /// It was told to stop; the run can be resumed.
    Interrupted,
}

impl DriveEnd {
    /// How a run ended whose record says so, for whoever did not drive it.
    #[must_use]
    pub fn of_ended(summary: &RunSummary) -> Self {
        let outcome = summary.outcome.unwrap_or(Outcome::Failed);
        let refused_by = match (summary.phase, outcome) {
            (RunPhase::Completed, _) => None,
            (_, Outcome::Denied) => Some(ErrorKind::Denied),
            (_, outcome) if outcome.may_complete() && summary.reconciliation.is_clean() => {
                Some(ErrorKind::Denied)
            }
            (_, outcome) if outcome.may_complete() => Some(ErrorKind::Protocol),
            _ if was_kept_in(summary) => Some(ErrorKind::Denied),
            _ => None,
        };
        Self::Ended {
            phase: summary.phase,
            outcome,
            refused_by,
            attested: None,
        }
    }
}

/// What failed it is a sandbox, or an injected policy.
fn was_kept_in(summary: &RunSummary) -> bool {
    let error = summary.error.as_ref();
    let mut violations = summary.violations.iter();
    error.is_some_and(|error| error.class == ErrorClass::SandboxViolation)
        || violations.any(|one| {
            let on_the_way = ["step", "use"].contains(&one.stage.as_str());
            one.blocking && on_the_way && one.epoch == summary.epoch
        })
}

/// What a person wants of a run that someone may be driving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
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
    /// Let the next epoch pass a hard gate that failed.
    Override(StepId),
}

/// A command.
#[derive(Debug, Clone)]
pub struct CommandRequest {
    /// What.
    pub verb: Verb,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandAnswer {
    /// It is in the log.
    Done {
        /// Whether a live owner took it, and so goes on by itself.
        by_owner: bool,
    },
    /// A live owner has it, and had not answered in time; it is not lost.
    Delivered,
    /// It waits in the run's inbox, durable: nobody drives the run now, and
    /// whoever takes it up obeys.
    Waits,
}

/// Watches a run that is being driven. Called on the driving thread, after the
/// events are durable; must not block for long.
pub trait Observer: Send {
    /// Events became durable, in order.
    fn events(&mut self, events: &[EventLine]);

    /// What a run of services tells of events that became durable.
    fn told(&mut self, _lines: &[String]) {}

    /// The run waits for something that is no event of its own.
    fn waits(&mut self, _why: &str) {}
}

impl Observer for () {
    fn events(&mut self, _: &[EventLine]) {}
}
