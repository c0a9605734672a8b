//! Keeping at it: one wake-up at the next due time, whatever the number of
//! schedules; and driving the runs, one after another, where nobody else does.

use crate::engine::Schedules;
use crate::ticker::Ticked;
use rok_facades::runs::{DriveOptions, ErrorKind, RunsError, StopSignal};
use rok_facades::schedules::{DrivenRun, ScheduleTrouble, TickObserver, TickReport};
use rok_vocabulary::{RunId, Timestamp};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How often it is looked whether somebody else changed a schedule.
const POLL: Duration = Duration::from_secs(5);

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
        let stopped = told(stop);
        let begin = self.clock.now();
        let mut total = TickReport::default();
        // Runs that wait for somebody, and when to try again.
        let mut left: BTreeMap<RunId, Timestamp> = BTreeMap::new();
        while !stop.is_stopped() {
            // Once: what is due by now, and not what falls due meanwhile.
            let now = until.map_or(begin, |_| self.clock.now());
            if until.is_some_and(|until| now >= until) {
                break;
            }
            left.retain(|_, again| until.is_none() || *again > now);
            let Ticked {
                report, running, ..
            } = self.ticker.tick(now, 1)?;
            tell(&report, observer);
            total.firings.extend(report.firings.iter().cloned());
            for trouble in report.troubles {
                if !total.troubles.contains(&trouble) {
                    total.troubles.push(trouble);
                }
            }
            total.wake_at = report.wake_at;
            let next = running.into_iter().find(|(_, run)| !left.contains_key(run));
            if let Some((schedule, run)) = next {
                let options = DriveOptions::default();
                let end = runs.go_on(&run, actor, &options, stop, &mut ());
                self.ticker.forget(&schedule);
                left.insert(run.clone(), now.after(AGAIN));
                if let Some(end) = end.transpose() {
                    observer.driven(&DrivenRun { schedule, run, end });
                }
                continue;
            }
            let Some(until) = until else {
                break;
            };
            let wake = report.wake_at.unwrap_or(until).min(until);
            let _ = stopped.recv_timeout(wake.since(now).min(POLL));
        }
        Ok(total)
    }
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
