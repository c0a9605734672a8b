//! What drives the runs of a database, as a server sees it.

use rok_vocabulary::RunId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a pool is started with.
#[derive(Clone)]
pub struct PoolAsk {
    /// How long runs may go on once it is told to stop.
    pub grace: Duration,
    /// Hears of runs whose log grew. Called on threads of others; must not
    /// block.
    pub grown: Arc<dyn Fn(&RunId) + Send + Sync>,
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
    /// Commits.
    pub commits: u64,
    /// Events that became durable.
    pub events: u64,
    /// Leases that were renewed.
    pub renewals: u64,
}

/// A pool that drives runs.
pub trait RunsPool: Send + Sync {
    /// Claims nothing more, lets runs go on for the grace period, and leaves
    /// the rest resumable. Returns once it drives nothing any more.
    fn stop(&self);

    /// What it has done.
    fn figures(&self) -> PoolFigures;
}
