//! Schedules that the server keeps: one thread looks, whatever their number;
//! their runs are driven like those that were submitted.

use crate::app::App;
use crate::driver::How;
use rok_service::views::{RunId, StopSignal, TickObserver, TickReport};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Begins to keep the schedules, until `stop` is given.
pub(crate) fn keep(app: &Arc<App>, stop: &StopSignal) -> std::io::Result<()> {
    if !app.service.has_schedules() {
        return Ok(());
    }
    let (app, stop) = (Arc::clone(app), stop.clone());
    let thread = std::thread::Builder::new().name("schedules".to_owned());
    let kept = thread.spawn(move || {
        let mut keeper = Keeper {
            app: Arc::clone(&app),
            known: BTreeSet::new(),
        };
        let book = app.service.schedules();
        if let Err(error) = book.and_then(|book| book.serve(&stop, &mut keeper)) {
            let log = &app.options.log;
            log.tell(&format!(
                "schedules are not kept: {error} [{}]",
                error.code()
            ));
        }
    });
    kept.map(drop)
}

/// Drives the runs of schedules.
struct Keeper {
    app: Arc<App>,
    /// Runs that went on at the last look: each is taken up once.
    known: BTreeSet<RunId>,
}

impl TickObserver for Keeper {
    fn ticked(&mut self, report: &TickReport) {
        let log = &self.app.options.log;
        for trouble in &report.troubles {
            log.tell(&format!(
                "schedule {}: {}",
                trouble.schedule, trouble.message
            ));
        }
        for firing in report
            .firings
            .iter()
            .filter(|firing| firing.what == "refused")
        {
            let why = firing.why.as_deref().unwrap_or_default();
            log.tell(&format!(
                "schedule {}: a run is refused: {why}",
                firing.schedule
            ));
        }
    }

    fn going_on(&mut self, runs: &[(String, RunId)]) {
        let now: BTreeSet<RunId> = runs.iter().map(|(_, run)| run.clone()).collect();
        for run in now.difference(&self.known) {
            let found = self.app.service.find(run.as_str());
            // Nobody waits to hear that it began.
            let driven = found.and_then(|run| self.app.drivers.drive(run, How::GoOn));
            if let Err(error) = driven {
                self.app.options.log.tell(&format!("run {run}: {error}"));
            }
        }
        self.known = now;
    }
}
