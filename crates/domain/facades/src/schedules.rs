//! The door to schedules: what the layers above may ask of them, and the views
//! that they get. Views are plain data; their JSON is the documented JSON.

use crate::runs::{DriveEnd, RunsError, StopSignal};
use rok_vocabulary::{Actor, RunId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// A schedule's file.
#[derive(Debug, Clone)]
pub struct ScheduleFile {
    /// Its text.
    pub text: Vec<u8>,
    /// Its name for messages: its path as given.
    pub name: String,
    /// Its path, absolute: the plan and the items are seen from its folder.
    pub path: PathBuf,
}

/// A schedule and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleView {
    /// Its id.
    pub schedule: String,
    /// What it is for.
    pub description: Option<String>,
    /// The plan, as the schedule names it.
    pub plan: String,
    /// When it is due, on the clock of its zone.
    pub cron: String,
    /// The same in words.
    pub when: String,
    /// The zone.
    pub timezone: String,
    /// skip, queue or `cancel_previous`.
    pub overlap: String,
    /// none, latest or all.
    pub catch_up: String,
    /// How many items it runs for, or the file with them; absent: one run.
    pub for_each: Option<String>,
    /// Its file.
    pub file: String,
    /// Who added it as it is.
    pub added_by: String,
    /// When that was.
    pub added_at: Option<Timestamp>,
    /// What keeps it from being decided, if anything does.
    pub trouble: Option<String>,
    /// Its pause, if it is paused.
    pub paused: Option<SchedulePauseView>,
    /// When it is due next; empty where it is paused or over.
    pub next: Vec<DueView>,
    /// The runs that go on.
    pub running: Vec<ScheduledRunView>,
    /// How many firings wait for their turn.
    pub waiting: usize,
    /// What was decided of late, newest first.
    pub recent: Vec<FiringView>,
}

/// A schedule's pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SchedulePauseView {
    /// Since when.
    pub since: Timestamp,
    /// Who paused it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// A due time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DueView {
    /// The schedule.
    pub schedule: String,
    /// The instant.
    pub due: Timestamp,
    /// The same on the clock of the schedule's zone.
    pub local: String,
    /// When it starts: later by the jitter.
    pub starts: Timestamp,
}

/// A run that goes on for a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduledRunView {
    /// The run.
    pub run_id: RunId,
    /// The due time that it is for.
    pub due: Timestamp,
    /// It is still to be created.
    pub ordered: bool,
    /// It is to be cancelled.
    pub cancelling: bool,
}

/// What became of firings that were decided together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FiringView {
    /// The schedule.
    pub schedule: String,
    /// When that was decided.
    pub at: Timestamp,
    /// When they were due; of several due times the last.
    pub due: Timestamp,
    /// The first of several due times.
    pub since: Option<Timestamp>,
    /// due, `catch_up`, backfill or trigger.
    pub cause: String,
    /// started, waits, skipped, refused or cancelled.
    pub what: String,
    /// Why, in words, where they did not start.
    pub why: Option<String>,
    /// How many firings.
    pub count: usize,
    /// There are more than were counted.
    pub more: bool,
    /// The first few items.
    pub items: Vec<String>,
    /// The first few runs.
    pub runs: Vec<RunId>,
}

/// What came of adding a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddedSchedule {
    /// added, replaced or unchanged.
    pub change: String,
    /// The schedule.
    #[serde(flatten)]
    pub schedule: ScheduleView,
}

/// A schedule that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemovedSchedule {
    /// Its id.
    pub schedule: String,
    /// Firings that waited and will not be.
    pub dropped: usize,
    /// Runs that go on: they are not touched.
    pub running: Vec<ScheduledRunView>,
}

/// What a look at all schedules came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TickReport {
    /// What was decided, in order.
    pub firings: Vec<FiringView>,
    /// What went wrong, a line for each schedule: it is tried again.
    pub troubles: Vec<ScheduleTrouble>,
    /// When there is something to look at next.
    pub wake_at: Option<Timestamp>,
}

/// Something that keeps a schedule from going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleTrouble {
    /// The schedule.
    pub schedule: String,
    /// What.
    pub message: String,
}

/// How a schedule's run that was driven ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrivenRun {
    /// The schedule.
    pub schedule: String,
    /// The run.
    pub run: RunId,
    /// How driving it ended, or why it could not be driven.
    pub end: Result<DriveEnd, RunsError>,
}

/// Told what a ticker does, while it does it.
pub trait TickObserver {
    /// A look that came to something.
    fn ticked(&mut self, _report: &TickReport) {}

    /// The runs that go on after a look, as far as is known, each with its
    /// schedule: for a server without a pool, which drives them.
    fn going_on(&mut self, _runs: &[(String, RunId)]) {}

    /// A run was driven.
    fn driven(&mut self, _run: &DrivenRun) {}
}

impl TickObserver for () {}

/// What the domain of schedules can do. Synchronous.
pub trait SchedulesEngine: Send + Sync {
    /// Adds a schedule, or replaces the one with its id: what was decided stays
    /// decided.
    fn add(&self, file: &ScheduleFile, actor: &Actor) -> Result<AddedSchedule, RunsError>;

    /// Moves in the schedules that lie where these were kept before, as they
    /// stand: what was decided stays decided. Gives their ids.
    fn take_over(&self) -> Result<Vec<String>, RunsError>;

    /// Every schedule, by id. One that cannot be read is there with its
    /// trouble.
    fn list(&self) -> Result<Vec<ScheduleView>, RunsError>;

    /// One schedule.
    fn show(&self, schedule: &str) -> Result<ScheduleView, RunsError>;

    /// The next due times of a schedule, or of all together, in order.
    fn next(&self, schedule: Option<&str>, count: usize) -> Result<Vec<DueView>, RunsError>;

    /// Lets a schedule fire nothing until it is unpaused.
    fn pause(
        &self,
        schedule: &str,
        actor: &Actor,
        reason: Option<String>,
    ) -> Result<ScheduleView, RunsError>;

    /// Lets a paused schedule go on; what fell due meanwhile is skipped.
    fn unpause(&self, schedule: &str) -> Result<ScheduleView, RunsError>;

    /// Fires a schedule now, for all of its items or these. Gives what was
    /// decided; the next tick carries it out.
    fn trigger(
        &self,
        schedule: &str,
        items: &[String],
        actor: &Actor,
        reason: Option<String>,
    ) -> Result<Vec<FiringView>, RunsError>;

    /// Fires for each due time of a range that is over, one after another.
    fn backfill(
        &self,
        schedule: &str,
        range: (Timestamp, Timestamp),
        actor: &Actor,
        reason: Option<String>,
    ) -> Result<Vec<FiringView>, RunsError>;

    /// Removes a schedule. Its runs are not touched.
    fn remove(&self, schedule: &str) -> Result<RemovedSchedule, RunsError>;

    /// Looks at all schedules once: decides what is due, and has its runs
    /// created. Somebody else drives them.
    fn tick(&self) -> Result<TickReport, RunsError>;

    /// Ticks whenever there is something to look at, until `stop` is given.
    /// Somebody else drives the runs.
    fn serve(&self, stop: &StopSignal, observer: &mut dyn TickObserver) -> Result<(), RunsError>;

    /// Ticks, and drives the runs to their ends here: until nothing is left to
    /// do, or else until an instant. Gives how each run that was driven ended.
    fn work(
        &self,
        until: Option<Timestamp>,
        stop: &StopSignal,
        observer: &mut dyn TickObserver,
    ) -> Result<TickReport, RunsError>;
}

/// The only door to schedules.
#[derive(Clone)]
pub struct SchedulesFacade {
    engine: Arc<dyn SchedulesEngine>,
}

impl SchedulesFacade {
    /// A facade over an engine.
    pub fn new(engine: Arc<dyn SchedulesEngine>) -> Self {
        Self { engine }
    }
}

impl std::ops::Deref for SchedulesFacade {
    type Target = dyn SchedulesEngine;

    fn deref(&self) -> &Self::Target {
        &*self.engine
    }
}

impl std::fmt::Debug for SchedulesFacade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SchedulesFacade").finish_non_exhaustive()
    }
}
