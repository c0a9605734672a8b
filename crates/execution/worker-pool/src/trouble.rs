//! How often a shard failed lately: one that fails over and over rests longer
//! each time, is told ever more rarely, and counts as failing.

use std::time::Duration;

/// How long a shard rests after a failure, at first and at most.
const REST: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// A shard that failed is well again after so long without another failure:
/// longer than it rests, since a turn between two failures says nothing.
const CALM: Duration = Duration::from_secs(15);

/// So many failures in a row are no chance: one store that stumbled once fails
/// a shard once.
const OVER_AND_OVER: u32 = 3;

/// The failures of one shard that came without a calm between them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trouble {
    times: u32,
    last: Duration,
}

impl Trouble {
    /// Counts a failure; how many there are now.
    pub(crate) fn count(&mut self, now: Duration) -> u32 {
        if !self.is_recent(now) {
            self.times = 0;
        }
        self.times = self.times.saturating_add(1);
        self.last = now;
        self.times
    }

    /// Whether the shard fails over and over.
    pub(crate) fn goes_on(&self, now: Duration) -> bool {
        self.times >= OVER_AND_OVER && self.is_recent(now)
    }

    /// How long it rests after its last failure.
    pub(crate) fn rest(&self) -> Duration {
        let doubled = 1_u32.checked_shl(self.times.saturating_sub(1));
        let rest = doubled.and_then(|doubled| REST.0.checked_mul(doubled));
        rest.unwrap_or(REST.1).min(REST.1)
    }

    /// Whether it rests as long as any does.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.rest() == REST.1
    }

    fn is_recent(&self, now: Duration) -> bool {
        now.saturating_sub(self.last) < CALM
    }
}
