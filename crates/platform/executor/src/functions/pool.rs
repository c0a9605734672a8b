//! The threads of blocking functions, and the deadlines of what they run.
//!
//! One lock guards a small table; a function is never called under it, and a
//! report never sent. An attempt leaves the table when it is reported, so that
//! a function that comes back too late finds itself gone and stays silent.

use super::{Body, perform};
use crate::clock::wall_clock;
use crate::port::{
    AttemptRecord, AttemptRef, CancelReason, ReportSink, StepFailure, StepReport, StepRequest,
    StepResult, Usage,
};
use rok_vocabulary::{ErrorClass, Timestamp};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many abandoned threads are replaced; beyond that, calls wait for threads
/// to come back. Without an end, functions that ignore their deadline would
/// eat the process.
const MAX_ABANDONED: usize = 256;

pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    limit: usize,
    state: Mutex<State>,
    /// There is work, or the pool is closing.
    work: Condvar,
    /// The earliest deadline has changed, or the pool is closing.
    clock: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<u64>,
    live: HashMap<u64, Live>,
    ids: HashMap<AttemptRef, u64>,
    deadlines: BTreeSet<(Instant, u64)>,
    next_id: u64,
    threads: usize,
    idle: usize,
    abandoned: usize,
    has_clock: bool,
    closing: bool,
}

/// An attempt that is not reported yet.
struct Live {
    attempt: AttemptRef,
    sink: Arc<dyn ReportSink>,
    cancelled: Arc<AtomicBool>,
    /// What waits for a thread.
    job: Option<(StepRequest, Arc<Body>)>,
    started: Option<(Timestamp, Instant)>,
    timeout: Option<Duration>,
    kill_grace: Duration,
    stop: Option<CancelReason>,
    deadline: Option<Instant>,
}

type Due = (Arc<dyn ReportSink>, StepReport);

impl Pool {
    pub(super) fn new(limit: usize) -> Self {
        let shared = Shared {
            limit,
            state: Mutex::default(),
            work: Condvar::new(),
            clock: Condvar::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    pub(super) fn submit(&self, request: StepRequest, body: Arc<Body>, sink: Arc<dyn ReportSink>) {
        let mut state = self.shared.lock();
        let id = state.next_id;
        state.next_id += 1;
        let attempt = request.attempt.clone();
        state.ids.insert(attempt.clone(), id);
        let live = Live {
            attempt,
            sink,
            cancelled: Arc::default(),
            started: None,
            timeout: request.timeout,
            kill_grace: request.kill_grace,
            job: Some((request, body)),
            stop: None,
            deadline: None,
        };
        state.live.insert(id, live);
        state.queue.push_back(id);
        if state.idle >= state.queue.len() {
            self.shared.work.notify_one();
        } else if state.threads < self.shared.limit + state.abandoned.min(MAX_ABANDONED) {
            self.shared.start_worker(&mut state);
        }
        // If no thread could be started and none exists, nobody would ever answer.
        let orphaned = (state.threads == 0).then(|| state.take(id)).flatten();
        drop(state);
        if let Some(live) = orphaned {
            let failure = StepFailure::new(ErrorClass::TransientIo, "cannot start a thread");
            live.sink
                .report(StepReport::not_started(live.attempt, failure));
        }
    }

    pub(super) fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        let mut state = self.shared.lock();
        let Some(id) = state.ids.get(attempt).copied() else {
            return;
        };
        let Some(live) = state.live.get_mut(&id) else {
            return;
        };
        if live.started.is_none() {
            let live = state.take(id).expect("it was found under the same lock");
            drop(state);
            return live
                .sink
                .report(StepReport::not_started(live.attempt, reason.failure()));
        }
        // A second cancel changes neither the reason nor the grace.
        if live.stop.is_none() {
            live.stop = Some(reason);
            live.cancelled.store(true, Ordering::Relaxed);
            let at = later(live.kill_grace);
            self.shared.set_deadline(&mut state, id, at);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closing = true;
        let queued = std::mem::take(&mut state.queue);
        let lost: Vec<Live> = queued.into_iter().filter_map(|id| state.take(id)).collect();
        for live in state.live.values() {
            live.cancelled.store(true, Ordering::Relaxed);
        }
        drop(state);
        self.shared.work.notify_all();
        self.shared.clock.notify_all();
        for live in lost {
            let failure = StepFailure::new(ErrorClass::WorkerLost, "the executor was closed");
            live.sink
                .report(StepReport::not_started(live.attempt, failure));
        }
    }
}

impl State {
    /// Takes an attempt out of every table.
    fn take(&mut self, id: u64) -> Option<Live> {
        let live = self.live.remove(&id)?;
        if self.ids.get(&live.attempt) == Some(&id) {
            self.ids.remove(&live.attempt);
        }
        if let Some(at) = live.deadline {
            self.deadlines.remove(&(at, id));
        }
        Some(live)
    }

    /// The next attempt in line that has not been cancelled meanwhile.
    fn next(&mut self) -> Option<(u64, StepRequest, Arc<Body>, Arc<AtomicBool>)> {
        while let Some(id) = self.queue.pop_front() {
            if let Some(live) = self.live.get_mut(&id)
                && let Some((request, body)) = live.job.take()
            {
                live.started = Some((wall_clock(), Instant::now()));
                return Some((id, request, body, live.cancelled.clone()));
            }
        }
        None
    }
}

impl Shared {
    /// No code that can panic runs under the lock, so poison means nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_worker(self: &Arc<Self>, state: &mut State) {
        let shared = self.clone();
        let thread = std::thread::Builder::new().name("rok-call".into());
        // Without a new thread the work waits for one that exists.
        if thread.spawn(move || shared.worker()).is_ok() {
            state.threads += 1;
        }
    }

    fn set_deadline(self: &Arc<Self>, state: &mut State, id: u64, at: Instant) {
        let Some(live) = state.live.get_mut(&id) else {
            return;
        };
        let at = live.deadline.map_or(at, |before| before.min(at));
        if let Some(before) = live.deadline.replace(at) {
            state.deadlines.remove(&(before, id));
        }
        let first = state.deadlines.first().is_none_or(|(first, _)| at < *first);
        state.deadlines.insert((at, id));
        if !state.has_clock {
            let shared = self.clone();
            let thread = std::thread::Builder::new().name("rok-call-clock".into());
            state.has_clock = thread.spawn(move || shared.keep_time()).is_ok();
        } else if first {
            self.clock.notify_one();
        }
    }

    fn worker(self: Arc<Self>) {
        let mut state = self.lock();
        loop {
            if let Some((id, request, body, cancelled)) = state.next() {
                if let Some(timeout) = request.timeout {
                    self.set_deadline(&mut state, id, later(timeout));
                }
                drop(state);
                let report = perform(&request, &*body, &cancelled);
                state = self.lock();
                let Some(live) = state.take(id) else {
                    state.abandoned -= 1;
                    // Its place was given away: one thread too many goes home.
                    if state.threads > self.limit + state.abandoned.min(MAX_ABANDONED) {
                        break;
                    }
                    continue;
                };
                drop(state);
                live.finish(report);
                state = self.lock();
            } else if state.closing {
                break;
            } else {
                state.idle += 1;
                state = self
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
        state.threads -= 1;
    }

    /// Reports what is past its deadline and gives its thread up.
    fn keep_time(self: Arc<Self>) {
        let mut state = self.lock();
        loop {
            let due = self.due(&mut state);
            if !due.is_empty() {
                drop(state);
                for (sink, report) in due {
                    sink.report(report);
                }
                state = self.lock();
                continue;
            }
            if state.closing && state.live.is_empty() {
                break;
            }
            let next = state.deadlines.first().map(|(at, _)| *at);
            state = match next {
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    self.clock
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None if state.closing => break,
                None => self
                    .clock
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.has_clock = false;
    }

    fn due(self: &Arc<Self>, state: &mut State) -> Vec<Due> {
        let now = Instant::now();
        let mut due = Vec::new();
        while let Some(&(at, id)) = state.deadlines.first() {
            if at > now {
                break;
            }
            let Some(live) = state.take(id) else {
                state.deadlines.remove(&(at, id));
                continue;
            };
            live.cancelled.store(true, Ordering::Relaxed);
            state.abandoned += 1;
            if !state.queue.is_empty()
                && state.threads < self.limit + state.abandoned.min(MAX_ABANDONED)
            {
                self.start_worker(state);
            }
            due.push(live.give_up(now));
        }
        due
    }
}

impl Live {
    /// The function came back in time; once stopped, it counts as stopped.
    fn finish(self, mut report: StepReport) {
        if let Some(reason) = self.stop {
            report.result.end = Err(reason.failure());
        }
        self.sink.report(report);
    }

    fn give_up(self, now: Instant) -> Due {
        let failure = match (self.stop, self.timeout) {
            (Some(reason), _) => reason.failure(),
            (None, timeout) => StepFailure::new(
                ErrorClass::Timeout,
                format!("did not return within {:?}", timeout.unwrap_or_default()),
            ),
        };
        let began = self.started.map_or(now, |(_, at)| at);
        let result = StepResult {
            end: Err(failure),
            started_at: self.started.map(|(at, _)| at),
            wall: now.saturating_duration_since(began),
            usage: Usage::default(),
            exit_code: None,
            record: AttemptRecord::default(),
        };
        (
            self.sink,
            StepReport {
                attempt: self.attempt,
                result,
            },
        )
    }
}

/// That long from now, or so far away that it never comes.
fn later(by: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(100 * 366 * 86_400);
    let now = Instant::now();
    now.checked_add(by).unwrap_or(now + NEVER)
}
