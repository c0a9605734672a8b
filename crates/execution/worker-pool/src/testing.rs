//! A pool that is turned by hand: for tests on a virtual clock.

use crate::common::Common;
use crate::stats::PoolStats;
use crate::worker::Worker;
use rok_log::Subscription;
use rok_runner::RunnerError;
use std::sync::Arc;
use std::time::Duration;

/// A pool without threads. Dropping it is what a kill is to a process: nothing
/// is let go of, and what was not durable is gone.
pub struct HandPool {
    workers: Vec<Worker>,
    common: Arc<Common>,
    _subscription: Subscription,
}

impl HandPool {
    pub(crate) fn new(common: Arc<Common>, subscription: Subscription) -> Self {
        // The last begins first: threads begin in any order, and this is the
        // one in which nothing must depend on it.
        let mut workers: Vec<_> = (0..common.settings.shards.max(1))
            .rev()
            .map(|number| Worker::new(number, Arc::clone(&common)))
            .collect();
        workers.reverse();
        Self {
            workers,
            common,
            _subscription: subscription,
        }
    }

    /// Turns a shard once, as its thread would. False: it has drained.
    pub fn turn(&mut self, shard: usize) -> Result<bool, RunnerError> {
        let worker = &mut self.workers[shard];
        let turned = worker.turn();
        if let Err(error) = &turned {
            worker.restart(&error.to_string());
        }
        turned
    }

    /// Turns all shards until none has anything to do before a message or a
    /// time; returns how many turns that were.
    pub fn settle(&mut self) -> usize {
        let mut turns = 0;
        loop {
            for shard in 0..self.workers.len() {
                // After a failure the shard has begun anew.
                let _ = self.turn(shard);
                turns += 1;
            }
            let heard = self
                .workers
                .iter_mut()
                .filter_map(|worker| worker.hear().then_some(()));
            if heard.count() == 0 && !self.workers.iter().any(Worker::is_busy) {
                return turns;
            }
        }
    }

    /// Looks at the leases, as the pool's watch does.
    pub fn watch(&self) -> Duration {
        self.common.watch()
    }

    /// Begins to drain.
    pub fn drain(&self) {
        self.common.drain();
    }

    /// What it has done.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.common.stats()
    }
}

impl std::fmt::Debug for HandPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandPool")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
