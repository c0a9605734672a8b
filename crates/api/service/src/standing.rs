//! Where a run stands: the head of its summary.

use rok_facades::runs::{ErrorView, HoldView, QueuedView, RunSummary, StepTotals};
use rok_vocabulary::{Epoch, Outcome, PlanId, RunId, RunPhase, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunStanding {
    /// The run.
    pub run_id: RunId,
    /// Its plan.
    pub plan: PlanId,
    /// Seed 004's word: created, `preflight_validated`, executing, blocked,
    /// succeeded, failed, `rolled_back`.
    pub status: String,
    /// The phase.
    pub phase: RunPhase,
    /// How execution ended, once it has.
    pub outcome: Option<Outcome>,
    /// The current epoch, 0-based.
    pub epoch: Epoch,
    /// Why the run failed, if it has.
    pub error: Option<ErrorView>,
    /// What it waits for, if it does.
    pub hold: Option<HoldView>,
    /// How it waits to be taken up, where it is in a database, goes on by
    /// itself, and nobody drives it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<QueuedView>,
    /// How many steps are in which state.
    pub totals: StepTotals,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its current epoch ended.
    pub completed_at: Option<Timestamp>,
    /// From the epoch's start to its end, or to its last event.
    pub duration_ms: u64,
    /// Whether the epoch is sealed.
    pub sealed: bool,
}

impl From<&RunSummary> for RunStanding {
    fn from(run: &RunSummary) -> Self {
        Self {
            run_id: run.run_id.clone(),
            plan: run.plan.clone(),
            status: run.status.clone(),
            phase: run.phase,
            outcome: run.outcome,
            epoch: run.epoch,
            error: run.error.clone(),
            hold: run.hold.clone(),
            queued: run.queued.clone(),
            totals: run.totals,
            created_at: run.created_at,
            completed_at: run.completed_at,
            duration_ms: run.duration_ms,
            sealed: run.sealed,
        }
    }
}
