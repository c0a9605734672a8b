//! The port of failing workers: a projection of the runs of services, for
//! stores that keep one.

use crate::StoreError;
use std::fmt::Debug;

/// How often in a row a worker failed a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerFailures {
    /// The site.
    pub website_id: String,
    /// The worker, by its service's slug.
    pub service: String,
    /// How often in a row.
    pub failures: u32,
    /// When the first of them was told, as the row of the run says it.
    pub since: String,
    /// The run that told the last.
    pub run_id: String,
    /// What it said.
    pub error: Option<String>,
}

/// Which workers fail which sites. One that reports is forgotten.
pub trait WorkerBook: Debug + Send + Sync {
    /// Those that failed a site in its last runs.
    fn failures_of(&self, website_id: &str) -> Result<Vec<WorkerFailures>, StoreError>;

    /// Those that failed a site at least so often in a row: so many of them, by
    /// site and service.
    fn failing(&self, least: u32, limit: usize) -> Result<Vec<WorkerFailures>, StoreError>;
}
