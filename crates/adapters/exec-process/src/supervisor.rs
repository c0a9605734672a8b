//! The supervisor thread: the only one that spawns, signals and reaps.
//!
//! ```text
//! waiting ──spawn──▶ running ──TERM──▶ terminating ──KILL──▶ killed
//!                       └──────leader dead──┴──────┬───────────┘
//!                                                draining ──▶ closing log ──▶ finishing ──▶ reported
//! ```
//! A dead leader is reaped last: until then its id, and its group's, cannot be
//! given to another process, so every signal goes where it is meant to.

mod attempt;
mod shared;

use crate::command::Programs;
use crate::finish::Ended;
use crate::log::{self, Held, MaskThread};
use crate::neighbours::{self, Neighbour};
use crate::orphans::{Origin, Orphans};
use crate::places::{Folders, Places, io_failure};
use crate::procfs;
use crate::record::{Entry, Records};
use attempt::{Attempt, Spawned, Stage};
use rok_executor::{
    AttemptRef, CancelReason, ReportSink, StepFailure, StepReport, StepRequest, Work, wall_clock,
};
use rok_secrets::Masker;
use rok_vocabulary::ErrorClass;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, test_kill_process_group,
};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

pub(crate) use shared::{Command, Shared};

/// How long what was killed may take to go before it is reported as unkillable.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Between looks at what cannot be waited for: the rest of a process group.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(50);

/// A hundred years.
const NEVER: Duration = Duration::from_secs(100 * 366 * 86_400);

/// The longest sleep: the kernel takes no more than 24 days, and an idle look at
/// the clock once an hour costs nothing.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// The epoll key of the command queue; attempts count from 1.
const COMMANDS: u64 = 0;

/// What the builder decided.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) max_in_flight: usize,
    pub(crate) orphans: Option<Orphans>,
    pub(crate) records: Records,
    /// What starts a step in a sandbox.
    pub(crate) launcher: Option<PathBuf>,
}

/// A process that is watched and on record.
struct Watched {
    pidfd: OwnedFd,
    start: u64,
    record: Option<Entry>,
}

/// Where a process writes, and what is known of it here.
struct Streams {
    out: Stdio,
    err: Stdio,
    mask: Option<MaskThread>,
    log: Option<Held>,
}

struct Waiting {
    request: Box<StepRequest>,
    sink: Arc<dyn ReportSink>,
}

pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    neighbour: Neighbour,
    settings: Settings,
    epoll: OwnedFd,
    null: File,
    programs: Programs,
    folders: Folders,
    waiting: VecDeque<Waiting>,
    attempts: HashMap<u64, Attempt>,
    /// The next moment at which an attempt needs attention; one each.
    timers: BTreeSet<(Instant, u64)>,
    /// Slots in use: attempts whose processes live or whose files are looked at.
    in_flight: usize,
    /// Over, and not judged yet: the next are spawned first.
    over: Vec<Attempt>,
    last_id: u64,
    closing: bool,
}

impl Supervisor {
    pub(crate) fn new(shared: Arc<Shared>, settings: Settings) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        // Edge-triggered, so that the wake-ups need not be read.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(
            &epoll,
            shared.wake_fd(),
            epoll::EventData::new_u64(COMMANDS),
            flags,
        )?;
        Ok(Self {
            shared,
            neighbour: Neighbour::new(),
            programs: Programs::new(settings.launcher.clone()),
            settings,
            epoll,
            null: File::options().read(true).write(true).open("/dev/null")?,
            folders: Folders::default(),
            waiting: VecDeque::new(),
            attempts: HashMap::new(),
            timers: BTreeSet::new(),
            in_flight: 0,
            over: Vec::new(),
            last_id: COMMANDS,
            closing: false,
        })
    }

    pub(crate) fn run(mut self) {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(64);
        loop {
            for command in self.shared.take() {
                self.obey(command);
            }
            self.fill();
            self.settings.records.settle(Instant::now());
            for attempt in std::mem::take(&mut self.over) {
                attempt.conclude();
            }
            if self.closing && self.attempts.is_empty() && self.waiting.is_empty() {
                return;
            }
            events.clear();
            let timeout = self.timeout();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                // Our own descriptor with our own buffer: nothing else can fail.
                Err(error) => unreachable!("epoll: {error}"),
            }
            // Ends before deadlines: what has ended in time is in time.
            for event in &events {
                let id = event.data.u64();
                if id != COMMANDS {
                    self.leader_ended(id);
                }
            }
            self.ring();
        }
    }

    fn timeout(&self) -> Option<Timespec> {
        let attempts = self.timers.first().map(|(at, _)| *at);
        let spares = self.settings.records.next_settling();
        let at = attempts.into_iter().chain(spares).min()?;
        let left = at.saturating_duration_since(Instant::now());
        // Rounded up by the kernel's timer slack, never down.
        Some(Timespec::try_from(left.min(LONGEST_SLEEP)).expect("an hour fits"))
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start(request, sink) if self.closing => {
                let failure = CancelReason::Interrupted.failure();
                tell(&sink, StepReport::not_started(request.attempt, failure));
            }
            Command::Start(request, sink) => self.waiting.push_back(Waiting { request, sink }),
            Command::Cancel(attempt, reason) => self.cancel(&attempt, reason),
            Command::LogClosed(id, result) => self.log_closed(id, result),
            Command::Finished(id, verdict) => {
                if let Some(attempt) = self.attempts.remove(&id) {
                    self.in_flight -= 1;
                    self.fill();
                    self.settings.records.settle(Instant::now());
                    attempt.report(*verdict);
                }
            }
            Command::Close => self.close(),
        }
    }

    fn cancel(&mut self, attempt: &AttemptRef, reason: CancelReason) {
        if let Some(at) = self
            .waiting
            .iter()
            .position(|w| w.request.attempt == *attempt)
        {
            let waiting = self.waiting.remove(at).expect("its place was just found");
            let report = StepReport::not_started(waiting.request.attempt, reason.failure());
            return tell(&waiting.sink, report);
        }
        let found = self
            .attempts
            .iter()
            .find(|(_, a)| a.request.attempt == *attempt);
        // What is being stopped already, or has ended by itself, is left alone:
        // a second cancel neither changes the reason nor lengthens the grace.
        if let Some((&id, _)) = found.filter(|(_, a)| a.stage == Stage::Running) {
            self.terminate(id, reason.failure());
        }
    }

    fn close(&mut self) {
        self.closing = true;
        for waiting in std::mem::take(&mut self.waiting) {
            let failure = CancelReason::Interrupted.failure();
            tell(
                &waiting.sink,
                StepReport::not_started(waiting.request.attempt, failure),
            );
        }
        let ids: Vec<u64> = self.attempts.keys().copied().collect();
        for id in ids {
            if let Some(attempt) = self.attempts.get_mut(&id)
                && matches!(attempt.stage, Stage::Running | Stage::Terminating)
            {
                attempt
                    .stopped
                    .get_or_insert_with(|| CancelReason::Interrupted.failure());
                self.kill(id);
            }
        }
    }

    /// Spawns while there is room.
    fn fill(&mut self) {
        while self.in_flight < self.settings.max_in_flight {
            let Some(Waiting { request, sink }) = self.waiting.pop_front() else {
                return;
            };
            self.last_id += 1;
            let id = self.last_id;
            match self.spawn(id, &request) {
                Ok(spawned) => {
                    let attempt = Attempt::new(id, request, sink, spawned);
                    self.timers.extend(attempt.timer.map(|at| (at, id)));
                    if self.settings.orphans.is_some() {
                        self.neighbour.begins(id, &attempt.mark, attempt.start);
                    }
                    self.attempts.insert(id, attempt);
                    self.in_flight += 1;
                }
                Err(failure) => {
                    // The next attempt is the first again.
                    self.folders.forget(&request);
                    let masker = Masker::new(&request.secrets);
                    let reason = masker.mask_str(&failure.reason).into_owned();
                    let failure = StepFailure::new(failure.class, reason);
                    tell(&sink, StepReport::not_started(request.attempt, failure));
                }
            }
        }
    }

    /// Starts the process and records it.
    fn spawn(&mut self, id: u64, request: &StepRequest) -> Result<Spawned, StepFailure> {
        let Work::Process(work) = &request.work else {
            let reason = format!(
                "a `{}` step was given to the executor of processes",
                request.work.kind()
            );
            return Err(StepFailure::new(ErrorClass::Internal, reason));
        };
        let places = self.folders.places(request)?;
        let mut prepared = self.programs.prepare(request, work, &places)?;
        let Streams {
            out,
            err,
            mask,
            log,
        } = self.streams(id, request, &places)?;
        let null = self
            .null
            .try_clone()
            .map_err(|e| io_failure("cannot open /dev/null", &e))?;
        prepared.command.stdin(null).stdout(out).stderr(err);
        let started_at = wall_clock();
        let began = Instant::now();
        let spawned = prepared.command.spawn();
        let child = spawned.map_err(|error| {
            places.clear();
            self.programs.explain(&prepared, &error)
        })?;
        // Closes our ends of the log or pipe, so that the pipe can end.
        drop(prepared);
        let pid = Pid::from_child(&child);
        let watched = self.watch(id, pid, &places);
        let watched = watched.map_err(|error| {
            // It must not run unwatched.
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = wait4::Wait4::wait4(child);
            places.clear();
            io_failure("cannot watch the process", &error)
        })?;
        neighbours::add_leader(pid.as_raw_nonzero().get());
        Ok(Spawned {
            places,
            pid,
            watched,
            began,
            started_at,
            mask,
            log,
        })
    }

    /// Watches the process and writes its record.
    fn watch(&mut self, id: u64, pid: Pid, places: &Places) -> io::Result<Watched> {
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        let data = epoll::EventData::new_u64(id);
        epoll::add(&self.epoll, &pidfd, data, epoll::EventFlags::IN)?;
        let raw = pid.as_raw_nonzero().get();
        let start = procfs::process(raw).map_or(0, |process| process.start);
        let records = &mut self.settings.records;
        let record = places
            .record
            .as_deref()
            .map(|path| records.write(path, raw, start));
        Ok(Watched {
            pidfd,
            start,
            record: record.transpose()?,
        })
    }

    /// Where the process writes: its log itself, or a pipe to a masking thread.
    fn streams(
        &mut self,
        id: u64,
        request: &StepRequest,
        places: &Places,
    ) -> Result<Streams, StepFailure> {
        let file = match &places.log {
            None => None,
            Some(path) => Some(log::open(path).map_err(|error| {
                self.folders.forget(request);
                io_failure(&format!("cannot open log {}", path.display()), &error)
            })?),
        };
        let twice = |fd: OwnedFd| -> io::Result<_> { Ok((fd.try_clone()?.into(), fd.into())) };
        let fault = |error| io_failure("cannot open the step's output", &error);
        let written = Arc::new(AtomicU64::new(0));
        let alone = (!request.secrets.is_empty()).then(|| written.clone());
        let held = file.as_ref().map(|file| Held::new(file, alone));
        let log = held.transpose().map_err(fault)?;
        if request.secrets.is_empty() {
            let file = file
                .map_or_else(|| self.null.try_clone(), Ok)
                .map_err(fault)?;
            let (out, err) = twice(file.into()).map_err(fault)?;
            let mask = None;
            return Ok(Streams {
                out,
                err,
                mask,
                log,
            });
        }
        let shared = self.shared.clone();
        let done = move |result| shared.send(Command::LogClosed(id, result));
        let (mask, pipe) = MaskThread::start(&Masker::new(&request.secrets), file, written, done)
            .map_err(fault)?;
        let (out, err) = twice(pipe).map_err(fault)?;
        let mask = Some(mask);
        Ok(Streams {
            out,
            err,
            mask,
            log,
        })
    }

    fn set_timer(&mut self, id: u64, at: Option<Instant>) {
        let Some(attempt) = self.attempts.get_mut(&id) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut attempt.timer, at) {
            self.timers.remove(&(before, id));
        }
        if let Some(at) = at {
            self.timers.insert((at, id));
        }
    }

    fn ring(&mut self) {
        let now = Instant::now();
        while let Some(&(at, id)) = self.timers.first() {
            if at > now {
                return;
            }
            self.timers.remove(&(at, id));
            let Some(attempt) = self.attempts.get_mut(&id) else {
                continue;
            };
            attempt.timer = None;
            match attempt.stage {
                Stage::Running => {
                    let timeout = attempt.request.timeout.unwrap_or_default();
                    let reason = format!("stopped at its deadline, after {timeout:?}");
                    self.terminate(id, StepFailure::new(ErrorClass::Timeout, reason));
                }
                Stage::Terminating if attempt.pidfd.is_none() => self.look_at_group(id),
                Stage::Terminating => self.kill(id),
                Stage::Killed | Stage::Draining => self.drain(id),
                Stage::ClosingLog | Stage::Finishing => {}
            }
        }
    }

    /// Asks politely; the grace begins.
    fn terminate(&mut self, id: u64, stopped: StepFailure) {
        let Some(attempt) = self.attempts.get_mut(&id) else {
            return;
        };
        attempt.stopped = Some(stopped);
        attempt.stage = Stage::Terminating;
        // A stopped process sees TERM only once it goes on.
        let _ = kill_process_group(attempt.pid, Signal::TERM);
        let _ = kill_process_group(attempt.pid, Signal::CONT);
        let until = later(Instant::now(), attempt.request.kill_grace);
        attempt.until = Some(until);
        self.set_timer(id, Some(until));
    }

    /// Ends the whole group by force. The leader is not reaped yet.
    fn kill(&mut self, id: u64) {
        let Some(attempt) = self.attempts.get_mut(&id) else {
            return;
        };
        attempt.forced = true;
        attempt.stage = Stage::Killed;
        let _ = kill_process_group(attempt.pid, Signal::KILL);
        let until = Instant::now() + KILL_PATIENCE;
        attempt.until = Some(until);
        if attempt.pidfd.is_none() {
            return self.reap(id);
        }
        self.set_timer(id, Some(until));
    }

    /// The leader is dead: a zombie that still holds its id.
    fn leader_ended(&mut self, id: u64) {
        let Some(attempt) = self.attempts.get_mut(&id) else {
            return;
        };
        if attempt.pidfd.take().is_none() {
            return;
        }
        attempt.wall = attempt.began.elapsed();
        if attempt.stage == Stage::Terminating {
            // The rest of the group has its grace too.
            self.look_at_group(id);
        } else {
            let _ = kill_process_group(attempt.pid, Signal::KILL);
            self.reap(id);
        }
    }

    /// In the grace, the leader dead and not reaped: is anyone else there?
    fn look_at_group(&mut self, id: u64) {
        let Some(attempt) = self.attempts.get_mut(&id) else {
            return;
        };
        let now = Instant::now();
        let until = attempt.until.unwrap_or(now);
        if !procfs::group_lives(attempt.pid.as_raw_nonzero().get()) {
            return self.reap(id);
        }
        if now >= until {
            return self.kill(id);
        }
        let at = (now + attempt.next_look()).min(until);
        self.set_timer(id, Some(at));
    }

    /// Takes the leader's exit status; its whole group has been killed or is gone.
    fn reap(&mut self, id: u64) {
        let Some(attempt) = self.attempts.get_mut(&id) else {
            return;
        };
        // Non-blocking: the leader is known to be dead.
        let pid = attempt.pid.as_raw_nonzero().get();
        attempt.usage = wait4::try_wait4_pid(pid.cast_unsigned()).ok().flatten();
        if attempt.usage.is_none() {
            let reason = "its exit status was taken by somebody else in this process";
            attempt.fault = Some(StepFailure::new(ErrorClass::Internal, reason));
        }
        neighbours::remove_leader(attempt.pid.as_raw_nonzero().get());
        attempt.stage = Stage::Draining;
        attempt.look = FIRST_LOOK;
        attempt.until = Some(Instant::now() + KILL_PATIENCE);
        self.drain(id);
    }

    /// Is anything left? If so, look again soon, with an end.
    fn drain(&mut self, id: u64) {
        let left = self.left(id);
        let Some(attempt) = self.attempts.get_mut(&id) else {
            return;
        };
        let now = Instant::now();
        if !left.is_empty() && attempt.until.is_some_and(|until| now < until) {
            let at = now + attempt.next_look();
            return self.set_timer(id, Some(at));
        }
        if let Some(pid) = left.first() {
            // Its record stays: whoever takes the run over must know.
            attempt.record = None;
            let reason = format!("process {pid}, left by the step, does not end, even killed");
            attempt.fault = Some(StepFailure::new(ErrorClass::Unknown, reason));
            attempt.survived = true;
        }
        attempt.stage = Stage::ClosingLog;
        if let Some(mask) = &attempt.mask {
            mask.stop();
            return self.set_timer(id, None);
        }
        self.processes_over(id);
    }

    /// What is still alive of an attempt whose leader was killed or reaped.
    fn left(&mut self, id: u64) -> Vec<i32> {
        let Some(attempt) = self.attempts.get(&id) else {
            return Vec::new();
        };
        let pid = attempt.pid.as_raw_nonzero().get();
        if attempt.pidfd.is_some() {
            return vec![pid];
        }
        let mut left = Vec::new();
        if let Some(orphans) = &mut self.settings.orphans {
            let others = self.attempts.values().filter(|other| other.id != id);
            let others = others.filter(|other| other.lives());
            let others = others.map(|other| Origin {
                mark: &other.mark,
                start: other.start,
            });
            let elsewhere = self.neighbour.others();
            let others = others.chain(neighbours::origins(&elsewhere));
            left = orphans.sweep(&attempt.mark, &others, neighbours::is_leader);
        }
        // Zombies count here; the table, which costs more, says whether it is
        // only these, which somebody else has to reap.
        if test_kill_process_group(attempt.pid).is_ok() && procfs::group_lives(pid) {
            left.push(pid);
        }
        left
    }

    fn log_closed(&mut self, id: u64, result: io::Result<()>) {
        let Some(attempt) = self.attempts.get_mut(&id) else {
            return;
        };
        if let Err(error) = result {
            let failure = io_failure("the step's log cannot be written", &error);
            attempt.fault.get_or_insert(failure);
        }
        attempt.mask = None;
        // A process may close its output long before it ends.
        if attempt.stage == Stage::ClosingLog {
            self.processes_over(id);
        }
    }

    /// Nothing of it is alive, and its log is complete.
    fn processes_over(&mut self, id: u64) {
        self.set_timer(id, None);
        self.neighbour.is_over(id);
        let Some(mut attempt) = self.attempts.remove(&id) else {
            return;
        };
        if let Some(record) = attempt.record.take() {
            self.settings.records.release(record);
        }
        if attempt.is_heavy() {
            attempt.stage = Stage::Finishing;
            let ended = attempt.ended();
            let shared = self.shared.clone();
            self.attempts.insert(id, attempt);
            return finish_aside(id, ended, &shared);
        }
        self.in_flight -= 1;
        self.over.push(attempt);
    }
}

/// `from + by`, or so far away that it never comes.
fn later(from: Instant, by: Duration) -> Instant {
    from.checked_add(by).unwrap_or(from + NEVER)
}

/// A sink is not ours: its panic must not take the supervisor down.
fn tell(sink: &Arc<dyn ReportSink>, report: StepReport) {
    // The panic hook has shown it; there is nobody else to tell.
    let _ = catch_unwind(AssertUnwindSafe(|| sink.report(report)));
}

/// Judges on a thread of its own; here, if there can be none.
fn finish_aside(id: u64, ended: Ended, shared: &Arc<Shared>) {
    let slot = Arc::new(std::sync::Mutex::new(Some(ended)));
    let work = {
        let (slot, shared) = (slot.clone(), shared.clone());
        move || {
            let ended = slot.lock().ok().and_then(|mut slot| slot.take());
            if let Some(ended) = ended {
                shared.send(Command::Finished(id, Box::new(ended.finish())));
            }
        }
    };
    if std::thread::Builder::new()
        .name("rok-finish".into())
        .spawn(work)
        .is_err()
        && let Some(ended) = slot.lock().ok().and_then(|mut slot| slot.take())
    {
        shared.send(Command::Finished(id, Box::new(ended.finish())));
    }
}
