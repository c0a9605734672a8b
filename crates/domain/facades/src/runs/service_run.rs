//! What is told of a run of services.

use rok_vocabulary::{RunId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
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
