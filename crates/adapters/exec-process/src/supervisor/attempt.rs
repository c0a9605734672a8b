//! One attempt in the supervisor's hands.

use super::{FIRST_LOOK, LAST_LOOK, Watched, later, tell};
use crate::contract::Verdict;
use crate::finish::Ended;
use crate::log::{Held, MaskThread};
use crate::places::Places;
use crate::procfs::Mark;
use crate::record::Entry;
use rok_executor::{
    AttemptRecord, ReportSink, StepFailure, StepReport, StepRequest, StepResult, Usage, Work,
};
use rok_vocabulary::Timestamp;
use rustix::process::Pid;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wait4::ResUse;

/// What is read here and now; longer logs and outputs have a thread of their own.
const SHORT: u64 = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The leader runs and nobody has asked it to stop.
    Running,
    /// Within the grace.
    Terminating,
    /// Killed by force; the leader is not reaped.
    Killed,
    /// The leader is reaped; something of it may be left.
    Draining,
    /// Nothing is alive; the masking thread writes the rest of the log.
    ClosingLog,
    /// Its files are looked at.
    Finishing,
}

/// A process that has just been spawned.
pub(super) struct Spawned {
    pub(super) places: Places,
    pub(super) pid: Pid,
    pub(super) watched: Watched,
    pub(super) began: Instant,
    pub(super) started_at: Timestamp,
    pub(super) mask: Option<MaskThread>,
    pub(super) log: Option<Held>,
}

pub(super) struct Attempt {
    pub(super) id: u64,
    pub(super) request: Box<StepRequest>,
    pub(super) sink: Arc<dyn ReportSink>,
    pub(super) places: Places,
    /// Of the leader, and of its group.
    pub(super) pid: Pid,
    pub(super) start: u64,
    pub(super) mark: Mark,
    /// In `procs/`, while anything of it may be alive.
    pub(super) record: Option<Entry>,
    /// `None` once the leader is dead.
    pub(super) pidfd: Option<OwnedFd>,
    pub(super) began: Instant,
    pub(super) started_at: Timestamp,
    pub(super) stage: Stage,
    /// How it was stopped from outside.
    pub(super) stopped: Option<StepFailure>,
    /// What went wrong around it.
    pub(super) fault: Option<StepFailure>,
    /// Something of it does not end.
    pub(super) survived: bool,
    /// Whether it needed force.
    pub(super) forced: bool,
    pub(super) usage: Option<ResUse>,
    pub(super) wall: Duration,
    /// When it needs attention; as it stands in the supervisor's timers.
    pub(super) timer: Option<Instant>,
    /// Until the next look at what cannot be waited for.
    pub(super) look: Duration,
    /// The end of the stage's patience.
    pub(super) until: Option<Instant>,
    pub(super) mask: Option<MaskThread>,
    pub(super) log: Option<Held>,
}

impl Attempt {
    pub(super) fn new(
        id: u64,
        request: Box<StepRequest>,
        sink: Arc<dyn ReportSink>,
        spawned: Spawned,
    ) -> Self {
        let step = &request.attempt.step;
        Self {
            id,
            sink,
            places: spawned.places,
            pid: spawned.pid,
            start: spawned.watched.start,
            mark: Mark {
                run: request.attempt.run.clone(),
                step: step.step.clone(),
                attempt: step.attempt,
            },
            pidfd: Some(spawned.watched.pidfd),
            record: spawned.watched.record,
            began: spawned.began,
            started_at: spawned.started_at,
            stage: Stage::Running,
            stopped: None,
            fault: None,
            survived: false,
            forced: false,
            usage: None,
            wall: Duration::ZERO,
            timer: request.timeout.map(|timeout| later(spawned.began, timeout)),
            look: FIRST_LOOK,
            until: None,
            mask: spawned.mask,
            log: spawned.log,
            request,
        }
    }

    /// Whether it may still bring orphans into the world.
    pub(super) fn lives(&self) -> bool {
        !matches!(self.stage, Stage::ClosingLog | Stage::Finishing)
    }

    pub(super) fn next_look(&mut self) -> Duration {
        let look = self.look;
        self.look = (look * 2).min(LAST_LOOK);
        look
    }

    pub(super) fn is_heavy(&self) -> bool {
        let long = |path: &Path| {
            let meta = std::fs::symlink_metadata(path);
            meta.is_ok_and(|meta| meta.len() > SHORT)
        };
        !self.request.secrets.is_empty()
            || self.places.log.as_deref().is_some_and(long)
            || long(&self.places.output)
    }

    /// What is known now that its processes are gone.
    pub(super) fn ended(&mut self) -> Ended {
        let mut stopped = self.stopped.clone();
        if let (Some(failure), true) = (&mut stopped, self.forced) {
            let grace = self.request.kill_grace;
            failure.reason = format!("{} (by SIGKILL, {grace:?} after SIGTERM)", failure.reason);
        }
        Ended {
            secrets: self.request.secrets.clone(),
            places: std::mem::take(&mut self.places),
            log: self.log.take(),
            status: self
                .usage
                .map_or(ExitStatus::from_raw(0), |usage| usage.status),
            sandbox: match &self.request.work {
                Work::Process(work) => work.sandbox.clone(),
                _ => None,
            },
            stopped,
            fault: self.fault.clone(),
            survived: self.survived,
            started_ms: self.started_at.as_millis(),
        }
    }

    /// Judges and reports, where that takes no time.
    pub(super) fn conclude(mut self) {
        let verdict = self.ended().finish();
        self.report(verdict);
    }

    pub(super) fn report(self, verdict: Verdict) {
        let used = self.usage.map(|usage| usage.rusage);
        let result = StepResult {
            end: verdict.end,
            started_at: Some(self.started_at),
            wall: self.wall,
            usage: Usage {
                cpu: used.map_or(Duration::ZERO, |used| used.utime + used.stime),
                max_rss: used.map_or(0, |used| crate::peak::of_child(used.maxrss)),
                cost_usd: verdict.cost_usd,
                energy_kwh: verdict.energy_kwh,
                tokens: verdict.tokens,
            },
            exit_code: self.usage.and_then(|usage| usage.status.code()),
            record: AttemptRecord {
                log: verdict.log,
                ..AttemptRecord::default()
            },
        };
        let report = StepReport {
            attempt: self.request.attempt,
            result,
        };
        tell(&self.sink, report);
    }
}
