//! The time of day, as reports of attempts carry it.

use rok_vocabulary::Timestamp;
use std::time::SystemTime;

/// The machine's time of day, in milliseconds since 1970 (UTC). It may jump:
/// how long something took is measured by [`std::time::Instant`] instead.
#[must_use]
pub fn wall_clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
