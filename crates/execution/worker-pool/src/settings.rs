//! How a pool works.

use rok_log::Owner;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a pool works.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// Who claims: unlike any other pool on the store.
    pub owner: Owner,
    /// How many shards turn, each on a thread of its own.
    pub shards: usize,
    /// How many runs are in memory at once, over all shards. Others wait in
    /// the store.
    pub in_flight: usize,
    /// How long a claim keeps others away. It is renewed three times as often.
    pub lease: Duration,
    /// How long running steps may take to end once the pool drains.
    pub grace: Duration,
    /// So long a wait counts as much as one more of priority.
    pub aging: Duration,
    /// A run that waits longer than this leaves the memory.
    pub park_after: Duration,
    /// How often the store is looked at all the same: what another process did
    /// rings no bell here.
    pub glance: Duration,
    /// How many runs may begin in a time.
    pub rates: Rates,
}

impl PoolSettings {
    /// The documented defaults: two shards a core, one of which decides while the
    /// other waits for the disk.
    #[must_use]
    pub fn new(owner: Owner) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            owner,
            shards: 2 * cores,
            in_flight: 256,
            lease: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            aging: Duration::from_secs(60),
            park_after: Duration::from_secs(1),
            glance: Duration::from_millis(500),
            rates: Rates::default(),
        }
    }
}

/// How many runs may begin in a time: by plan, by concurrency key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rates {
    /// By plan.
    pub plans: BTreeMap<String, Rate>,
    /// By concurrency key.
    pub keys: BTreeMap<String, Rate>,
}

/// A token bucket: so many at once, and then one in so long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// How many may begin at once.
    pub burst: u32,
    /// In which time one more may.
    pub every: Duration,
}
