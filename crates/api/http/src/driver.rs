//! Drives runs that were submitted here, each on a thread of its own, as many
//! at once as the limits allow; the others wait in line.

use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::options::Log;
use rok_service::views::{
    DriveEnd, DriveOptions, ErrorKind, EventLine, Observer, RunId, RunsError, StopSignal,
    not_attested_in_words,
};
use rok_service::{RollbackRequest, RunHandle, ServiceError};
use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A driving thread folds logs and calls engines: far less than the default.
const STACK_BYTES: usize = 1024 * 1024;

/// How long a store that could not be written is left alone.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How soon a run is looked at again that somebody else has, and how often:
/// whoever sends a command has it for a moment, and whoever drives it for long.
const HELD_AGAIN_AFTER: Duration = Duration::from_millis(100);
const HELD_LOOKS: usize = 100;

/// How a run is driven.
pub(crate) enum How {
    /// It was submitted just now.
    Submitted,
    /// It goes on, unless somebody drives it or it has ended.
    GoOn,
    /// It goes on, or begins its next epoch.
    Resume(Option<String>),
    /// What succeeded is undone.
    Rollback(RollbackRequest),
}

/// Is told once whether a run goes on.
pub(crate) type Begun = Receiver<Result<(), ServiceError>>;

struct Job {
    run: RunHandle,
    how: How,
    /// Its rank in the line.
    rank: i8,
    /// Told once it is known whether the run goes on.
    begun: Sender<Result<(), ServiceError>>,
    ended: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    live: HashMap<RunId, watch::Receiver<bool>>,
    waiting: VecDeque<Job>,
    driving: usize,
    closed: bool,
}

/// The drivers.
pub(crate) struct Drivers {
    state: Mutex<State>,
    idle: Condvar,
    stop: StopSignal,
    at_once: usize,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    log: Log,
    /// Whether a pool drives the runs; what is done here is to tell them to go
    /// on.
    pooled: bool,
}

impl Drivers {
    pub(crate) fn new(
        at_once: usize,
        pooled: bool,
        hub: Arc<Hub>,
        metrics: Arc<Metrics>,
        log: Log,
    ) -> Self {
        Self {
            pooled,
            state: Mutex::default(),
            idle: Condvar::new(),
            stop: StopSignal::new(),
            at_once,
            hub,
            metrics,
            log,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives a run, and answers for it from now on: it is noted first, so that
    /// the next server goes on with it where this one does not. What comes back
    /// is told once whether it goes on; `None`: it is driven here already, or
    /// the server is going down.
    pub(crate) fn drive(
        self: &Arc<Self>,
        run: RunHandle,
        how: How,
    ) -> Result<Option<Begun>, ServiceError> {
        self.drive_at(0, run, how)
    }

    /// The same for a run of this rank: it waits behind those of its own.
    pub(crate) fn drive_at(
        self: &Arc<Self>,
        rank: i8,
        run: RunHandle,
        how: How,
    ) -> Result<Option<Begun>, ServiceError> {
        // A pool has it already, and costs no thread while it waits.
        if self.pooled && matches!(how, How::Submitted | How::GoOn) {
            return Ok(None);
        }
        run.accept()?;
        let (begun, told) = channel();
        let (ended, end) = watch::channel(false);
        let mut state = self.state();
        if state.closed || state.live.contains_key(run.id()) {
            return Ok(None);
        }
        state.live.insert(run.id().clone(), end);
        let before = { state.waiting.iter() }.take_while(|job| job.rank >= rank);
        let at = before.count();
        let job = Job {
            run,
            how,
            rank,
            begun,
            ended,
        };
        state.waiting.insert(at, job);
        self.start_next(&mut state);
        Ok(Some(told))
    }

    /// Takes a run out of the line; false where it does not stand in it.
    pub(crate) fn withdraw(&self, run: &RunId) -> bool {
        let mut state = self.state();
        let at = state.waiting.iter().position(|job| job.run.id() == run);
        let Some(job) = at.and_then(|at| state.waiting.remove(at)) else {
            return false;
        };
        state.live.remove(run);
        drop(state);
        self.acquit(&job.run);
        true
    }

    /// A run that has ended is not answered for any more.
    fn acquit(&self, run: &RunHandle) {
        match run.summary() {
            Ok(summary) if !summary.sealed => {}
            Ok(_) => self.tell_of(run, run.acquit()),
            // It was collected.
            Err(error) if error.code() == "ROK0160" => self.tell_of(run, run.acquit()),
            Err(error) => self.tell_of(run, Err(error)),
        }
    }

    /// The run's outcome is what it was; nobody but the log hears of it.
    fn not_attested(&self, run: &RunId, error: &RunsError) {
        self.metrics.failed(run.as_str(), error.code);
        self.log.tell(&not_attested_in_words(run, &error.message));
    }

    /// What stays noted is looked at again by the next server.
    fn tell_of(&self, run: &RunHandle, acquitted: Result<(), ServiceError>) {
        if let Err(error) = acquitted {
            let told = format!("run {} stays noted: {error}", run.id());
            self.log.tell(&told);
        }
    }

    /// Whether a pool drives the runs.
    pub(crate) const fn are_pooled(&self) -> bool {
        self.pooled
    }

    /// Whether a run is driven here, or waits for it.
    pub(crate) fn has(&self, run: &RunId) -> bool {
        self.state().live.contains_key(run)
    }

    /// Waits until a run is not driven here any more. Its log is sealed a
    /// moment before.
    pub(crate) async fn let_go(&self, run: &RunId) {
        let end = self.state().live.get(run).cloned();
        if let Some(mut end) = end {
            // A driver that is gone without a word has let go too.
            let _ = end.wait_for(|ended| *ended).await;
        }
    }

    /// Runs that are driven, and those that wait for it.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.driving, state.waiting.len())
    }

    fn start_next(self: &Arc<Self>, state: &mut State) {
        while state.driving < self.at_once {
            let Some(job) = state.waiting.pop_front() else {
                return;
            };
            let these = Arc::clone(self);
            let name = job.run.id().to_string();
            let thread = std::thread::Builder::new()
                .name(name.clone())
                .stack_size(STACK_BYTES);
            match thread.spawn(move || these.perform(job)) {
                Ok(_) => state.driving += 1,
                Err(error) => {
                    // It stays as it is, durable: a later start takes it up.
                    self.log.tell(&format!("run {name} is not driven: {error}"));
                    if let Ok(run) = name.parse::<RunId>() {
                        state.live.remove(&run);
                    }
                    return;
                }
            }
        }
    }

    fn perform(self: Arc<Self>, job: Job) {
        let Job {
            run,
            how,
            begun,
            ended,
            ..
        } = job;
        // A pool goes on without whoever told it to.
        let stop = if self.pooled {
            StopSignal::new()
        } else {
            self.stop.clone()
        };
        let mut watching = Watching {
            leave: self.pooled.then(|| stop.clone()),
            run: run.id().clone(),
            hub: Arc::clone(&self.hub),
            begun: Some(begun),
            log: self.log.clone(),
        };
        let driven = self.until_stored(&run, how, &stop, &mut watching);
        match &driven {
            _ if self.pooled => {}
            Some(Ok(Ok(Some(DriveEnd::Ended { .. })))) => self.tell_of(&run, run.acquit()),
            _ => self.acquit(&run),
        }
        match driven {
            // It was told already.
            None => {}
            Some(Ok(Ok(end))) => {
                // A pool tells of those that it closed.
                if let (Some(DriveEnd::Ended { attested, .. }), false) = (end, self.pooled) {
                    self.metrics.run_ended(&run);
                    if let Some(Err(error)) = attested.as_deref() {
                        self.not_attested(run.id(), error);
                    }
                }
                watching.tell(Ok(()));
            }
            Some(Ok(Err(error))) => {
                self.metrics.failed(run.id().as_str(), error.code());
                self.log
                    .tell(&format!("run {}: {error} [{}]", run.id(), error.code()));
                watching.tell(Err(error));
            }
            Some(Err(_)) => {
                let message = format!("driving run {} failed", run.id());
                self.log.tell(&message);
                watching.tell(Err(panicked(message)));
            }
        }
        let mut state = self.state();
        state.driving -= 1;
        state.live.remove(run.id());
        self.start_next(&mut state);
        drop(state);
        self.idle.notify_all();
        ended.send_replace(true);
        self.hub.went_on(run.id());
    }

    /// Drives a run, again and again where it is the store that fails: a disk
    /// that is full has room some time. One that somebody else has is looked at
    /// for a while. `None`: the server goes down meanwhile, and the next one
    /// goes on.
    fn until_stored(
        &self,
        run: &RunHandle,
        how: How,
        stop: &StopSignal,
        watching: &mut Watching,
    ) -> Option<Driven> {
        let mut driven = attempt(run, how, stop, watching);
        let mut last = String::new();
        let mut looks = 0;
        loop {
            let (told, after) = match driven {
                Ok(Err(error)) if !self.pooled && error.kind() == ErrorKind::Storage => {
                    let told = format!("run {}: {error} [{}]", run.id(), error.code());
                    watching.tell(Err(error));
                    (format!("{told}; it is tried again"), TRY_AGAIN_AFTER)
                }
                Ok(Ok(None)) if !self.pooled && looks < HELD_LOOKS && is_open(run) => {
                    looks += 1;
                    let told = format!("run {}: somebody else has it for now", run.id());
                    (told, HELD_AGAIN_AFTER)
                }
                other => return Some(other),
            };
            if told != last {
                self.log.tell(&told);
                last = told;
            }
            if !self.may_try_again(after) {
                return None;
            }
            driven = attempt(run, How::GoOn, stop, watching);
        }
    }

    /// Waits a while, for what was in the way may be gone then. False: the
    /// server goes down, and the next one tries.
    fn may_try_again(&self, after: Duration) -> bool {
        let until = Instant::now() + after;
        let mut state = self.state();
        while !state.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.idle.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Lets runs go on for so long, then stops them: they can be resumed. Those
    /// that wait in line are left as they are.
    pub(crate) fn shut_down(&self, grace: Duration) {
        let until = Instant::now() + grace;
        let mut state = self.state();
        state.closed = true;
        self.idle.notify_all();
        for job in std::mem::take(&mut state.waiting) {
            state.live.remove(job.run.id());
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.driving == 0 || left.is_zero() {
                break;
            }
            let waited = self.idle.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        self.stop.stop();
        let mut state = self.state();
        while state.driving > 0 {
            let waited = self.idle.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

type Driven = std::thread::Result<Result<Option<DriveEnd>, ServiceError>>;

/// Whether there is anything left to drive.
fn is_open(run: &RunHandle) -> bool {
    run.summary().is_ok_and(|summary| !summary.sealed)
}

/// Drives a run until it ends, is stopped, or cannot be driven.
fn attempt(run: &RunHandle, how: How, stop: &StopSignal, watching: &mut Watching) -> Driven {
    // A run that waits for a person is driven on: its gate may expire.
    let options = DriveOptions { wait_on_hold: true };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match how {
        How::Submitted => run.drive(&options, stop, watching).map(Some),
        How::GoOn => run.go_on(&options, stop, watching),
        How::Resume(reason) => run.resume(reason, None, options, stop, watching).map(Some),
        How::Rollback(request) => run.rollback(request, stop, watching).map(Some),
    }))
}

fn panicked(message: String) -> ServiceError {
    RunsError::new(ErrorKind::Storage, "ROK0114", message).into()
}

/// Tells the hub that a run went on, and once whoever asked that it began.
struct Watching {
    run: RunId,
    hub: Arc<Hub>,
    begun: Option<Sender<Result<(), ServiceError>>>,
    /// Given once it began, where somebody else drives it.
    leave: Option<StopSignal>,
    log: Log,
}

impl Watching {
    fn tell(&mut self, what: Result<(), ServiceError>) {
        if let Some(begun) = self.begun.take() {
            // Whoever asked may have gone.
            let _ = begun.send(what);
        }
    }
}

impl Observer for Watching {
    fn events(&mut self, _: &[EventLine]) {
        self.tell(Ok(()));
        if let Some(leave) = &self.leave {
            leave.stop();
        }
        self.hub.went_on(&self.run);
    }

    fn told(&mut self, lines: &[String]) {
        for line in lines {
            self.log.tell(line);
        }
    }
}
