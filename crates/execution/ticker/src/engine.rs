//! The engine behind the facade of schedules: a ticker and a clock, and runs
//! where it is to drive them.

use crate::submit::Submit;
use crate::ticker::Ticker;
use rok_facades::runs::{ErrorKind, RunsError, RunsFacade, StopSignal};
use rok_facades::schedules::{
    AddedSchedule, DueView, FiringView, RemovedSchedule, ScheduleFile, ScheduleView,
    SchedulesEngine, TickObserver, TickReport,
};
use rok_log::Cells;
use rok_runner::Clock;
use rok_schedule::Asked;
use rok_vocabulary::{Actor, Timestamp};
use std::sync::Arc;

/// The schedules of a store.
pub struct Schedules {
    pub(crate) ticker: Ticker,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) runs: Option<(RunsFacade, Actor)>,
    /// Where they were kept before.
    before: Option<Box<dyn Cells>>,
}

impl Schedules {
    /// Schedules in cells, by a clock, whose runs somebody keeps and drives.
    #[must_use]
    pub fn new(cells: Box<dyn Cells>, submit: Box<dyn Submit>, clock: Arc<dyn Clock>) -> Self {
        Self {
            ticker: Ticker::new(cells, submit),
            clock,
            runs: None,
            before: None,
        }
    }

    /// Drives runs through this facade, where it is asked to work; resumes them
    /// in the name of this actor.
    #[must_use]
    pub fn driving(mut self, runs: RunsFacade, actor: Actor) -> Self {
        self.runs = Some((runs, actor));
        self
    }
}

impl Schedules {
    /// Schedules that were kept in other cells before, and are moved where
    /// somebody asks for it.
    #[must_use]
    pub fn kept_before_in(mut self, cells: Box<dyn Cells>) -> Self {
        self.before = Some(cells);
        self
    }
}

impl SchedulesEngine for Schedules {
    fn add(&self, file: &ScheduleFile, actor: &Actor) -> Result<AddedSchedule, RunsError> {
        self.ticker.add(file, actor, self.clock.now())
    }

    fn take_over(&self) -> Result<Vec<String>, RunsError> {
        let Some(before) = &self.before else {
            let message = "these schedules are kept where they always were";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("schedules are moved from a folder into a database: name it by --store"));
        };
        self.ticker.take_over(&**before)
    }

    fn list(&self) -> Result<Vec<ScheduleView>, RunsError> {
        self.ticker.list(self.clock.now())
    }

    fn show(&self, schedule: &str) -> Result<ScheduleView, RunsError> {
        self.ticker.show(schedule, self.clock.now())
    }

    fn next(&self, schedule: Option<&str>, count: usize) -> Result<Vec<DueView>, RunsError> {
        self.ticker.next(schedule, count, self.clock.now())
    }

    fn pause(
        &self,
        schedule: &str,
        actor: &Actor,
        reason: Option<String>,
    ) -> Result<ScheduleView, RunsError> {
        let now = self.clock.now();
        self.ticker.pause(schedule, actor, reason.as_deref(), now)
    }

    fn unpause(&self, schedule: &str) -> Result<ScheduleView, RunsError> {
        self.ticker.unpause(schedule, self.clock.now())
    }

    fn trigger(
        &self,
        schedule: &str,
        items: &[String],
        actor: &Actor,
        reason: Option<String>,
    ) -> Result<Vec<FiringView>, RunsError> {
        let by = actor.clone();
        let asked = Asked { by, reason };
        self.ticker
            .trigger(schedule, items, &asked, self.clock.now())
    }

    fn backfill(
        &self,
        schedule: &str,
        range: (Timestamp, Timestamp),
        actor: &Actor,
        reason: Option<String>,
    ) -> Result<Vec<FiringView>, RunsError> {
        let by = actor.clone();
        let asked = Asked { by, reason };
        self.ticker
            .backfill(schedule, range, &asked, self.clock.now())
    }

    fn remove(&self, schedule: &str) -> Result<RemovedSchedule, RunsError> {
        self.ticker.remove(schedule)
    }

    fn tick(&self) -> Result<TickReport, RunsError> {
        let ticked = self.ticker.tick(self.clock.now(), usize::MAX)?;
        Ok(ticked.report)
    }

    fn serve(&self, stop: &StopSignal, observer: &mut dyn TickObserver) -> Result<(), RunsError> {
        self.serve_until(stop, observer);
        Ok(())
    }

    fn work(
        &self,
        until: Option<Timestamp>,
        stop: &StopSignal,
        observer: &mut dyn TickObserver,
    ) -> Result<TickReport, RunsError> {
        self.work_until(until, stop, observer)
    }
}

impl std::fmt::Debug for Schedules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schedules").finish_non_exhaustive()
    }
}
