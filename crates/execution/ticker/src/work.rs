//! Keeping at it: one wake-up at the next due time, whatever the number of
//! schedules; and driving the runs, a few at once, where nobody else does.

use crate::engine::Schedules;
use crate::ticker::Ticked;
use rok_facades::runs::{DriveEnd, DriveOptions, ErrorKind, RunsError, RunsFacade, StopSignal};
use rok_facades::schedules::{DrivenRun, ScheduleTrouble, TickObserver, TickReport};
use rok_vocabulary::{Actor, RunId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How often it is looked whether somebody else changed a schedule.
const POLL: Duration = Duration::from_secs(5);

/// Runs that are driven at once: each may have as many processes as there are
/// processors.
const AT_ONCE: usize = 4;

/// After this a run that waits for somebody is tried again.
const AGAIN: Duration = Duration::from_secs(30);

impl Schedules {
    /// Ticks until it is told to stop. A store that fails is tried again.
    pub(crate) fn serve_until(&self, stop: &StopSignal, observer: &mut dyn TickObserver) {
        let stopped = told(stop);
        while !stop.is_stopped() {
            let now = self.clock.now();
            let report = match self.ticker.tick(now, usize::MAX) {
                Ok(ticked) => {
                    observer.going_on(&ticked.running);
                    ticked.report
                }
                Err(error) => TickReport {
                    troubles: vec![ScheduleTrouble {
                        schedule: String::new(),
                        message: error.message,
                    }],
                    ..TickReport::default()
                },
            };
            tell(&report, observer);
            let wait = report.wake_at.map_or(POLL, |at| at.since(now).min(POLL));
            let _ = stopped.recv_timeout(wait);
        }
    }

    /// Ticks and drives until nothing is left to do, or until an instant.
    pub(crate) fn work_until(
        &self,
        until: Option<Timestamp>,
        stop: &StopSignal,
        observer: &mut dyn TickObserver,
    ) -> Result<TickReport, RunsError> {
        let Some((runs, actor)) = &self.runs else {
            let message = "these schedules' runs are driven by a server";
            return Err(RunsError::new(ErrorKind::State, "ROK0117", message));
        };
        let (tell_over, events) = channel();
        let told = tell_over.clone();
        stop.on_stop(move || {
            let _ = told.send(None);
        });
        let begin = self.clock.now();
        let mut total = TickReport::default();
        let mut team = Team::default();
        std::thread::scope(|scope| {
            loop {
                // Once: what is due by now, and not what falls due meanwhile.
                let now = until.map_or(begin, |_| self.clock.now());
                let closing = stop.is_stopped() || until.is_some_and(|until| now >= until);
                let room = AT_ONCE.saturating_sub(team.driving.len());
                let mut wake_at = None;
                if !closing {
                    let Ticked {
                        report, running, ..
                    } = self.ticker.tick(now, room)?;
                    tell(&report, observer);
                    wake_at = report.wake_at;
                    add(&mut total, report);
                    if until.is_some() {
                        team.left.retain(|_, again| *again > now);
                    }
                    for (schedule, run) in team.next(running, now) {
                        let tell_over = tell_over.clone();
                        scope.spawn(move || {
                            let end = drive(runs, &run, actor, stop);
                            let _ = tell_over.send(Some(Over { schedule, run, end }));
                        });
                    }
                }
                let idle = team.driving.is_empty();
                if idle && (closing || until.is_none()) {
                    return Ok(());
                }
                // Where there is no room, only an end makes some.
                let full = team.driving.len() >= AT_ONCE;
                let wake = [wake_at.filter(|_| !full), until];
                let wake = wake.into_iter().flatten().min();
                let wait = wake.filter(|_| until.is_some() && !closing);
                let wait = wait.map_or(POLL, |at| at.since(now).min(POLL));
                if let Ok(Some(over)) = events.recv_timeout(wait) {
                    self.ticker.forget(&over.schedule);
                    team.driving.remove(&over.run);
                    let Over { schedule, run, end } = over;
                    if let Some(end) = end.transpose() {
                        observer.driven(&DrivenRun { schedule, run, end });
                    }
                }
            }
        })?;
        Ok(total)
    }
}

/// A run that was driven as far as it goes.
struct Over {
    schedule: String,
    run: RunId,
    end: Result<Option<DriveEnd>, RunsError>,
}

/// The runs that are driven here.
#[derive(Default)]
struct Team {
    driving: BTreeSet<RunId>,
    /// Runs that were driven as far as they go, and when to try again.
    left: BTreeMap<RunId, Timestamp>,
}

impl Team {
    /// Takes up as many runs as there is room for.
    fn next(&mut self, running: Vec<(String, RunId)>, now: Timestamp) -> Vec<(String, RunId)> {
        let mut taken = Vec::new();
        for (schedule, run) in running {
            if self.driving.len() < AT_ONCE && !self.left.contains_key(&run) {
                self.left.insert(run.clone(), now.after(AGAIN));
                if self.driving.insert(run.clone()) {
                    taken.push((schedule, run));
                }
            }
        }
        taken
    }
}

/// Drives a run. A panic is an error of that run, and of no other.
fn drive(
    runs: &RunsFacade,
    run: &RunId,
    actor: &Actor,
    stop: &StopSignal,
) -> Result<Option<DriveEnd>, RunsError> {
    let options = DriveOptions::default();
    let driven = AssertUnwindSafe(|| runs.go_on(run, actor, &options, stop, &mut ()));
    catch_unwind(driven).unwrap_or_else(|_| {
        let message = format!("driving run {run} failed");
        Err(RunsError::new(ErrorKind::Storage, "ROK0114", message)
            .help("this is a fault of rok; the run can be resumed"))
    })
}

fn add(total: &mut TickReport, report: TickReport) {
    total.firings.extend(report.firings);
    for trouble in report.troubles {
        if !total.troubles.contains(&trouble) {
            total.troubles.push(trouble);
        }
    }
    total.wake_at = report.wake_at;
}

/// Hears of a stop.
fn told(stop: &StopSignal) -> Receiver<()> {
    let (tell, stopped) = channel();
    stop.on_stop(move || {
        let _ = tell.send(());
    });
    stopped
}

fn tell(report: &TickReport, observer: &mut dyn TickObserver) {
    if !report.firings.is_empty() || !report.troubles.is_empty() {
        observer.ticked(report);
    }
}
