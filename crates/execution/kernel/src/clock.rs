//! The run's active clock: it stands still under a hold and between owners.

use core::time::Duration;
use rok_vocabulary::Timestamp;

/// Converts between wall time and active time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ActiveClock {
    stood_still_ms: i64,
    held_since: Option<Timestamp>,
}

impl ActiveClock {
    /// The active time at a wall instant.
    pub(crate) fn active(&self, wall: Timestamp) -> Timestamp {
        let wall = self.held_since.map_or(wall, |held| held.min(wall));
        Timestamp::from_millis(wall.as_millis() - self.stood_still_ms)
    }

    /// The wall instant of an active deadline; `None` while the clock stands.
    pub(crate) fn wall(&self, active: Timestamp) -> Option<Timestamp> {
        match self.held_since {
            Some(_) => None,
            None => Some(Timestamp::from_millis(
                active.as_millis() + self.stood_still_ms,
            )),
        }
    }

    pub(crate) fn hold(&mut self, at: Timestamp) {
        self.held_since.get_or_insert(at);
    }

    pub(crate) fn release(&mut self, at: Timestamp) {
        if let Some(since) = self.held_since.take() {
            self.stood_still_ms += at.as_millis() - since.as_millis();
        }
    }

    /// The run had no owner for a while. Under a hold that time is counted by
    /// the hold already.
    pub(crate) fn was_down(&mut self, down: Duration) {
        if self.held_since.is_none() {
            self.stood_still_ms += i64::try_from(down.as_millis()).unwrap_or(i64::MAX);
        }
    }
}
