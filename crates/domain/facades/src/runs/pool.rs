//! What drives the runs of a database, as a server sees it.

use super::error::RunsError;
use rok_vocabulary::{ErrorClass, Outcome, PlanId, RunId, StepState};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Hears of a run whose log grew.
type GrownRun = dyn Fn(Option<&RunId>) + Send + Sync;

/// What a pool is started with.
#[derive(Clone)]
pub struct PoolAsk {
    /// How long runs may go on once it is told to stop.
    pub grace: Duration,
    /// Hears of runs whose log grew; `None`: any of them may have. Called on
    /// threads of others, as the next one is; must not block.
    pub grown: Arc<GrownRun>,
    /// Hears of runs that are closed or wait under a hold, once that is durable.
    pub rests: Arc<dyn Fn(&RunId) + Send + Sync>,
    /// Hears of runs that were closed here.
    pub ended: Arc<dyn Fn(&EndedRun) + Send + Sync>,
    /// Hears of runs that could not be driven, as their record does not hold.
    pub broken: Arc<dyn Fn(&RunId) + Send + Sync>,
    /// Hears what happens to the pool, a line at a time.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for PoolAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolAsk")
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// A run that was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedRun {
    /// Its plan.
    pub plan: PlanId,
    /// How it ended.
    pub outcome: Outcome,
    /// How long its last epoch took.
    pub duration: Duration,
    /// The state of each step.
    pub steps: Vec<StepState>,
    /// Attempts after a failure, by the class of the step's last one.
    pub retries: Vec<(ErrorClass, u32)>,
}

/// How much waits in the database, for whichever server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueFigures {
    /// Runs that wait to be claimed.
    pub due: u64,
    /// Runs that wait for a time.
    pub later: u64,
    /// Runs that wait for others with their concurrency key.
    pub behind: u64,
    /// Runs that a server has.
    pub claimed: u64,
}

/// What a pool has done since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolFigures {
    /// Runs in memory now.
    pub in_flight: usize,
    /// Claims that were made.
    pub claimed: u64,
    /// Runs that were closed.
    pub ended: u64,
    /// Runs that left the memory because they wait.
    pub parked: u64,
    /// Runs that another owner took over.
    pub lost: u64,
    /// Runs that could not be driven.
    pub broken: u64,
    /// Shards that began anew after a failure.
    pub restarts: u64,
    /// Commits.
    pub commits: u64,
    /// Events that became durable.
    pub events: u64,
    /// Leases that were renewed.
    pub renewals: u64,
    /// Shards that fail over and over now: what they claim is not carried out.
    pub failing: usize,
}

/// A pool that drives runs.
pub trait RunsPool: Send + Sync {
    /// Claims nothing more, lets runs go on for the grace period, and leaves
    /// the rest resumable. Returns once it drives nothing any more.
    fn stop(&self);

    /// Leaves all that was written where a copy of the database's file has it.
    /// To be called last; as far as others read it just now, it is for them to
    /// do.
    fn close(&self) -> Result<(), RunsError>;

    /// What it has done.
    fn figures(&self) -> PoolFigures;

    /// How much waits; read from the database.
    fn queue(&self) -> Result<QueueFigures, RunsError>;
}
