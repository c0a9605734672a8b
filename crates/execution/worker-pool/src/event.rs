//! What a pool tells of itself: lines for a log, never a part of a run's.

use crate::stats::PoolStats;
use rok_log::Owner;
use rok_vocabulary::RunId;
use std::fmt;
use std::sync::Arc;

/// Something that happened to a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolEvent {
    /// It claims runs from now on.
    Started {
        /// Who claims.
        owner: Owner,
        /// How many shards turn.
        shards: usize,
        /// How many runs are in memory at most.
        in_flight: usize,
    },
    /// An owner is gone, and what it had is due.
    TookOver {
        /// Who had it.
        owner: Owner,
        /// How many runs.
        runs: usize,
    },
    /// It claims nothing more, and lets go of what it has.
    Draining {
        /// Who claimed.
        owner: Owner,
    },
    /// It drives nothing any more.
    Stopped {
        /// Who claimed.
        owner: Owner,
        /// What it has done.
        stats: PoolStats,
    },
    /// A run cannot be driven here; it is left alone for a while.
    RunBroken {
        /// The run.
        run: RunId,
        /// Why.
        why: String,
    },
    /// A run has another owner now.
    RunLost {
        /// The run.
        run: RunId,
    },
    /// A shard was held up until its leases ran out: what it had started was
    /// stopped, because others may drive its runs.
    LeaseOver {
        /// Which.
        shard: usize,
        /// How many attempts were stopped.
        stopped: usize,
    },
    /// What a run of services tells of itself.
    Told {
        /// The line.
        line: String,
    },
    /// A shard dropped all of its runs, and begins anew.
    ShardFailed {
        /// Which.
        shard: usize,
        /// How many times in a row; it is told at the first, second, fourth …
        times: u32,
        /// Why.
        why: String,
    },
}

/// Hears of a pool. Called on the threads of its shards; must not block.
pub type PoolLog = Arc<dyn Fn(&PoolEvent) + Send + Sync>;

impl PoolEvent {
    /// The event's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "worker.pool.started",
            Self::TookOver { .. } => "worker.pool.took_over",
            Self::Draining { .. } => "worker.pool.draining",
            Self::Stopped { .. } => "worker.pool.stopped",
            Self::RunBroken { .. } => "worker.pool.run_broken",
            Self::RunLost { .. } => "worker.pool.run_lost",
            Self::LeaseOver { .. } => "worker.pool.lease_over",
            Self::Told { .. } => "service_run.told",
            Self::ShardFailed { .. } => "worker.pool.shard_failed",
        }
    }
}

impl fmt::Display for PoolEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Told { line } = self {
            // The line is seed 002's, whole.
            return f.write_str(line);
        }
        f.write_str(self.name())?;
        match self {
            Self::Told { .. } => Ok(()),
            Self::Started {
                owner,
                shards,
                in_flight,
            } => write!(f, " owner={owner} shards={shards} in_flight={in_flight}"),
            Self::TookOver { owner, runs } => write!(f, " of={owner} runs={runs}"),
            Self::Draining { owner } => write!(f, " owner={owner}"),
            Self::Stopped { owner, stats } => write!(
                f,
                " owner={owner} claimed={} ended={} parked={} lost={} broken={}",
                stats.claimed, stats.ended, stats.parked, stats.lost, stats.broken
            ),
            Self::RunBroken { run, why } => write!(f, " run={run}: {why}"),
            Self::RunLost { run } => write!(f, " run={run}"),
            Self::LeaseOver { shard, stopped } => write!(f, " shard={shard} stopped={stopped}"),
            Self::ShardFailed { shard, times, why } => {
                write!(f, " shard={shard} times={times}: {why}")
            }
        }
    }
}
