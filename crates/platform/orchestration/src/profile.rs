//! What components took and used.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What the components of a run took and used, in the mode `profile`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProfileReport {
    /// From the run's creation to its end.
    pub wall_ms: u64,
    /// CPU time of all components.
    pub cpu_ms: u64,
    /// The largest process of all of them; 0 where it is not known.
    pub max_rss_kib: u64,
    /// The median latency of the components.
    pub p50_ms: u64,
    /// Nine of ten took no longer.
    pub p90_ms: u64,
    /// Ninety-nine of a hundred took no longer.
    pub p99_ms: u64,
    /// The components, in the order in which they began.
    pub components: Vec<ProfiledComponent>,
    /// Those whose ends made the run end when it did.
    pub critical_path: Vec<String>,
}

/// What a component took and used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProfiledComponent {
    /// The component.
    pub component: String,
    /// When it began, from the run's creation.
    pub from_ms: u64,
    /// How long it took.
    pub wall_ms: u64,
    /// User and system CPU time.
    pub cpu_ms: u64,
    /// Its largest process; 0 where it is not known.
    pub max_rss_kib: u64,
    /// How long it could have run and had no place.
    pub queue_ms: u64,
    /// Its part of the critical path, 0 to 1.
    pub critical_share: f64,
}

impl ProfileReport {
    /// Percentiles by nearest rank: each is a time that there was. `walls` need
    /// not be sorted.
    #[must_use]
    pub fn percentiles(mut self, mut walls: Vec<u64>) -> Self {
        walls.sort_unstable();
        let rank = |percent: usize| {
            let at = (walls.len() * percent).div_ceil(100).max(1) - 1;
            walls.get(at).copied().unwrap_or(0)
        };
        (self.p50_ms, self.p90_ms, self.p99_ms) = (rank(50), rank(90), rank(99));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_there_was() {
        let report = ProfileReport::default().percentiles((1..=100).rev().collect());
        assert_eq!((report.p50_ms, report.p90_ms, report.p99_ms), (50, 90, 99));
        let report = ProfileReport::default().percentiles(Vec::new());
        assert_eq!((report.p50_ms, report.p99_ms), (0, 0));
        let report = ProfileReport::default().percentiles([7].into());
        assert_eq!((report.p50_ms, report.p99_ms), (7, 7));
    }
}
