//! `plan` steps of runs that a pool drives: their runs are left to the pool as
//! any other, and one thread waits for the ends of all of them.

use crate::engine::Runs;
use crate::fault;
use crate::subruns::drive::{
    Standing, asker, came_to, failed, missing_secrets, order, standing, usage_of,
};
use crate::subruns::{Lineage, cancelled_by, why_paused};
use rok_executor::{
    AttemptRecord, AttemptRef, CancelReason, Executor, ExecutorError, PlanWork, PreflightFault,
    Remains, ReportSink, StepFailure, StepReport, StepRequest, StepResult, StepSuccess, Usage,
    Work, Workspace,
};
use rok_facades::runs::{ErrorKind, RunsError};
use rok_log::{Command, CommandKind, RunRow};
use rok_runner::{Clock as _, SystemClock};
use rok_vocabulary::{Actor, ErrorClass, HoldReason, RunId, RunPhase, Timestamp};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// How often it is looked all the same: an end in another process is told to
/// nobody here.
const NET: Duration = Duration::from_secs(1);

/// Where the sub-runs of a pool's runs are waited for.
#[derive(Default)]
pub(super) struct Nursery(OnceLock<Option<Sender<Word>>>);

/// What the thread hears.
enum Word {
    Begin(Box<Job>),
    Cancel(AttemptRef, CancelReason),
    Ended(RunId),
}

/// One attempt, and the run that does its work.
struct Job {
    request: StepRequest,
    work: PlanWork,
    of: Arc<Lineage>,
    sink: Arc<dyn ReportSink>,
    began: Timestamp,
    clock: Instant,
    /// The run is created, or was found.
    begun: bool,
    ended_by: Option<StepFailure>,
}

/// The executor of one run's `plan` steps.
pub(super) struct SubRunsOf {
    runs: Arc<Runs>,
    of: Arc<Lineage>,
    words: Option<Sender<Word>>,
}

impl Nursery {
    /// The executor of a run's `plan` steps.
    pub(super) fn executor(&self, runs: &Arc<Runs>, of: Lineage) -> SubRunsOf {
        let words = self.0.get_or_init(|| {
            let (sender, words) = channel();
            let nurse = Nurse {
                runs: Arc::clone(runs),
                jobs: HashMap::new(),
            };
            let thread = Builder::new().name("rok-sub-runs".into());
            let thread = thread.spawn(move || nurse.work(&words));
            thread.is_ok().then_some(sender)
        });
        SubRunsOf {
            runs: Arc::clone(runs),
            of: Arc::new(of),
            words: words.clone(),
        }
    }

    /// A run is closed; it may be somebody's.
    pub(super) fn ended(&self, run: &RunId) {
        if let Some(Some(words)) = self.0.get() {
            // A thread that is gone has told its panic.
            let _ = words.send(Word::Ended(run.clone()));
        }
    }
}

impl SubRunsOf {
    fn say(&self, word: Word) -> bool {
        self.words
            .as_ref()
            .is_some_and(|words| words.send(word).is_ok())
    }
}

impl Executor for SubRunsOf {
    fn accepts(&self, work: &Work) -> bool {
        matches!(work, Work::Plan(_))
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        match &request.work {
            Work::Plan(work) => missing_secrets(&self.runs, &self.of, &request.attempt, &work.plan),
            _ => Vec::new(),
        }
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let Work::Plan(work) = &request.work else {
            return;
        };
        let attempt = request.attempt.clone();
        let job = Job {
            work: work.clone(),
            of: Arc::clone(&self.of),
            sink: Arc::clone(&sink),
            began: SystemClock.now(),
            clock: Instant::now(),
            begun: false,
            ended_by: None,
            request,
        };
        if !self.say(Word::Begin(Box::new(job))) {
            let failure =
                StepFailure::new(ErrorClass::TransientIo, "sub-runs cannot be waited for");
            sink.report(report(
                attempt,
                Err(failure),
                Usage::default(),
                None,
                Duration::ZERO,
            ));
        }
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        self.say(Word::Cancel(attempt.clone(), reason));
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        // A sub-run has an owner of its own, who takes it over.
        Ok(Remains::default())
    }
}

fn report(
    attempt: AttemptRef,
    end: Result<StepSuccess, StepFailure>,
    usage: Usage,
    started_at: Option<Timestamp>,
    wall: Duration,
) -> StepReport {
    let result = StepResult {
        end,
        started_at,
        wall,
        usage,
        exit_code: None,
        record: AttemptRecord::default(),
    };
    StepReport { attempt, result }
}

/// The thread that waits.
struct Nurse {
    runs: Arc<Runs>,
    jobs: HashMap<RunId, Job>,
}

impl Nurse {
    fn work(mut self, words: &Receiver<Word>) {
        loop {
            let word = if self.jobs.is_empty() {
                words.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                words.recv_timeout(self.rest())
            };
            match word {
                Ok(Word::Begin(job)) => {
                    let child = job.work.run.clone();
                    self.jobs.insert(child.clone(), *job);
                    self.look(&child);
                }
                Ok(Word::Cancel(attempt, reason)) => self.cancel(&attempt, reason),
                Ok(Word::Ended(child)) => self.look(&child),
                Err(RecvTimeoutError::Timeout) => self.look_at_all(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Until the next deadline, or the next look.
    fn rest(&self) -> Duration {
        let open = self.jobs.values().filter(|job| job.ended_by.is_none());
        let deadlines = open.filter_map(|job| {
            let timeout = job.request.timeout?;
            Some(timeout.saturating_sub(job.clock.elapsed()))
        });
        deadlines.min().map_or(NET, |first| first.min(NET))
    }

    fn look_at_all(&mut self) {
        let children: Vec<RunId> = self.jobs.keys().cloned().collect();
        for child in children {
            self.look(&child);
        }
    }

    /// Begins what is not begun, ends what took too long, reports what ended.
    fn look(&mut self, child: &RunId) {
        let Some(job) = self.jobs.get_mut(child) else {
            return;
        };
        if !job.begun && job.ended_by.is_none() {
            match begin(&self.runs, job) {
                Ok(begun) => job.begun = begun,
                // Its owner has it just now: another time.
                Err(error) if error.kind == ErrorKind::Busy => {}
                Err(error) => return self.report(child, Err(failed(&error))),
            }
        }
        if let Some(timeout) = job.request.timeout
            && job.clock.elapsed() >= timeout
        {
            let reason = format!("it took longer than {timeout:?}");
            end(
                &self.runs,
                job,
                StepFailure::new(ErrorClass::Timeout, reason),
            );
        }
        match (job.begun, &job.ended_by) {
            (true, _) => {
                if let Some(end) = ended(&self.runs, job) {
                    self.report(child, end);
                } else if job.ended_by.is_none() {
                    // What cannot be said now is said with the next look.
                    let _ = follow(&self.runs, job);
                }
            }
            (false, Some(failure)) => {
                let failure = failure.clone();
                self.report(child, Err(failure));
            }
            (false, None) => {}
        }
    }

    fn cancel(&mut self, attempt: &AttemptRef, reason: CancelReason) {
        let mut jobs = self.jobs.iter_mut();
        let Some((child, job)) = jobs.find(|(_, job)| job.request.attempt == *attempt) else {
            return;
        };
        let child = child.clone();
        if reason == CancelReason::Interrupted {
            // The owner stops; the run goes on, and is found by the next one.
            return self.report(&child, Err(reason.failure()));
        }
        end(&self.runs, job, reason.failure());
        self.look(&child);
    }

    fn report(&mut self, child: &RunId, end: Result<StepSuccess, StepFailure>) {
        let Some(job) = self.jobs.remove(child) else {
            return;
        };
        let usage = usage_of(&self.runs, child);
        let (attempt, wall) = (job.request.attempt, job.clock.elapsed());
        job.sink
            .report(report(attempt, end, usage, Some(job.began), wall));
    }
}

/// Creates the run of an attempt, or has it go on where it is there.
fn begin(runs: &Runs, job: &Job) -> Result<bool, RunsError> {
    let child = &job.work.run;
    let exists = runs.home().exists(child);
    if !exists.map_err(|error| fault::store(&error))? {
        let (submission, within) = order(runs, &job.of, &job.request, &job.work)?;
        runs.enqueue(submission, Some(within))?;
        return Ok(true);
    }
    let loaded = runs.load(child)?;
    match standing(loaded.state(), &job.of, &asker(&job.request)) {
        Standing::GoesOn(options, command) if loaded.state().is_sealed() => {
            let shard = runs.resumed(child, &options, Some(command))?;
            Runs::leave_to_pool(shard, child)?;
        }
        // What is open is the pool's.
        Standing::GoesOn(..) | Standing::Ended => {}
    }
    Ok(true)
}

/// Ends the run of an attempt, in order: it is cancelled.
fn end(runs: &Runs, job: &mut Job, failure: StepFailure) {
    if job.ended_by.is_some() {
        return;
    }
    if job.begun {
        let (id, reason) = cancelled_by(&job.request.attempt, &failure);
        let command = Command {
            id,
            kind: CommandKind::Cancel,
            step: None,
            reason: Some(reason),
            actor: Actor::Runner,
            roles: Vec::new(),
            at: SystemClock.now(),
        };
        if runs.home().put(&job.work.run, &command).is_err() {
            // Asked again with the next look.
            return;
        }
    }
    job.ended_by = Some(failure);
}

/// Pauses the run of an attempt with the run whose step it is, and lets it go on
/// with it. A pause that a person asked for stays: it is theirs to end.
fn follow(runs: &Runs, job: &Job) -> Result<(), RunsError> {
    let (parent, child) = (&job.request.attempt.run, &job.work.run);
    let home = runs.home();
    let row = |run| home.get(run).map_err(|error| fault::store(&error));
    let (Some(above), Some(below)) = (row(parent)?, row(child)?) else {
        return Ok(());
    };
    let is_paused = |row: &RunRow| row.hold == Some(HoldReason::Pause);
    let goes_on = below.phase == RunPhase::Executing;
    let (kind, word, reason) = match (is_paused(&above), is_paused(&below)) {
        (true, false) if goes_on => {
            let loaded = runs.load(parent)?;
            let Some(why) = why_paused(loaded.state()) else {
                return Ok(());
            };
            (CommandKind::Pause, "pause", why)
        }
        (false, true) => {
            let loaded = runs.load(child)?;
            let hold = loaded.state().hold();
            if hold.is_none_or(|hold| hold.by != Actor::Runner) {
                return Ok(());
            }
            let reason = format!("run {parent} goes on");
            (CommandKind::Unpause, "unpause", reason)
        }
        _ => return Ok(()),
    };
    // Said once of each place in the log: the same id again is the same.
    let id = format!("parent-{word}-{}", below.next_seq.0);
    let command = Command {
        id: id.parse().expect("words and numbers are a command id"),
        kind,
        step: None,
        reason: Some(reason),
        actor: Actor::Runner,
        roles: Vec::new(),
        at: SystemClock.now(),
    };
    home.put(child, &command)
        .map_err(|error| fault::store(&error))
}

/// What the run of an attempt came to, once it has ended.
fn ended(runs: &Runs, job: &Job) -> Option<Result<StepSuccess, StepFailure>> {
    let row = runs.home().get(&job.work.run).ok()??;
    if !row.phase.is_terminal() {
        return None;
    }
    let loaded = match runs.load(&job.work.run) {
        Ok(loaded) => loaded,
        Err(error) => return Some(Err(failed(&error))),
    };
    Some(match (came_to(loaded.state()), &job.ended_by) {
        (Err(_), Some(ended)) => Err(ended.clone()),
        (end, _) => end,
    })
}
