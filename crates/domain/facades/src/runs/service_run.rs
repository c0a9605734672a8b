//! What is told of a run of services.

use rok_vocabulary::{RunId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One service of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServiceResult {
    /// Its slug.
    pub service: String,
    /// `pending`, `running`, `completed`, `failed`, `timeout` or `skipped`.
    pub status: String,
    /// How long the call took.
    pub duration_ms: Option<u64>,
    /// Why it did not complete.
    pub error: Option<String>,
}

/// A worker that failed a site three times in a row or more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DegradedWorker {
    /// The site.
    pub website_id: String,
    /// The worker, by its service's slug.
    pub service: String,
    /// How often in a row.
    pub failures: u32,
    /// When the first of them was told.
    pub since: String,
    /// The run that told the last.
    pub run_id: String,
    /// What it said.
    pub error: Option<String>,
}

/// A run of services: the seed's `RunSummary`, and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRunView {
    /// The run.
    pub run_id: RunId,
    /// The site's id.
    pub website_id: String,
    /// Its domain.
    pub domain: String,
    /// The plan.
    pub plan_id: String,
    /// `started`, `running`, `completed`, `failed` or `timeout`.
    pub status: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// From one to the other.
    pub duration_ms: u64,
    /// The services, in the plan's order.
    pub services: Vec<ServiceResult>,
    /// The row of the diagnosis.
    pub diagnosis_event_id: Option<String>,
    /// The diagnosis.
    pub diagnosis: Option<Value>,
    /// Why there is none.
    pub synthesis_error: Option<String>,
    /// Why the run did not complete.
    pub error: Option<String>,
    /// Its rows of `kbase_events`, oldest first.
    pub kbase: Vec<Value>,
}

impl ServiceRunView {
    /// How many services stand so.
    #[must_use]
    pub fn count(&self, status: &str) -> usize {
        let fits = |result: &&ServiceResult| result.status == status;
        self.services.iter().filter(fits).count()
    }
}
