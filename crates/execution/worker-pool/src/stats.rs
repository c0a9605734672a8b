//! What a pool has done, in numbers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What a pool has done since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolStats {
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
    /// Turns that committed something.
    pub turns: u64,
    /// Decisions and notes that became durable.
    pub events: u64,
    /// Shards that were begun anew after a failure of the store or a panic.
    pub restarts: u64,
    /// Leases that were renewed.
    pub renewals: u64,
    /// Shards that fail over and over now: what they claim is not carried out.
    pub failing: usize,
}

/// The same, as the shards count.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) in_flight: AtomicUsize,
    pub(crate) claimed: AtomicU64,
    pub(crate) ended: AtomicU64,
    pub(crate) parked: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) broken: AtomicU64,
    pub(crate) turns: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) renewals: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, by: usize) {
        counter.fetch_add(by as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> PoolStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PoolStats {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            claimed: of(&self.claimed),
            ended: of(&self.ended),
            parked: of(&self.parked),
            lost: of(&self.lost),
            broken: of(&self.broken),
            turns: of(&self.turns),
            events: of(&self.events),
            restarts: of(&self.restarts),
            renewals: of(&self.renewals),
            failing: 0,
        }
    }
}
