//! What the ticker needs of whoever keeps runs.

use rok_schedule::{Firing, Item, Schedule};
use rok_vocabulary::{RunId, ScheduleId};
use std::path::Path;

/// A run that is to be there.
#[derive(Debug)]
pub struct Order<'a> {
    /// The schedule.
    pub schedule: &'a Schedule,
    /// The folder that its plan is seen from.
    pub folder: &'a Path,
    /// What the run is for.
    pub firing: &'a Firing,
    /// The run's id, and with it its idempotency key: derived from schedule,
    /// due time and item.
    pub run: RunId,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Missing,
    /// It has not ended: it may wait for a person, or for somebody to drive it.
    GoesOn,
    /// It has ended.
    Ended,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitError {
    /// It never will be, as it is: the plan is wrong, a policy says no.
    Refused(String),
    /// It may be, later: the store fails. Whether it was done is not known.
    Later(String),
}

/// Keeps runs. Synchronous; every call may come again.
pub trait Submit: Send + Sync {
    /// Creates a run, durably, unless there is one of its id: that is as good.
    fn submit(&self, order: &Order<'_>) -> Result<(), SubmitError>;

    /// How a run stands.
    fn standing(&self, run: &RunId) -> Result<Standing, SubmitError>;

    /// Cancels a run, unless it has ended or there is none.
    fn cancel(&self, run: &RunId, schedule: &ScheduleId) -> Result<(), SubmitError>;

    /// The items in a file. What is wrong with it comes back in words.
    fn items(&self, path: &Path) -> Result<Vec<Item>, String>;
}
