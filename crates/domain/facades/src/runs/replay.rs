//! What came of deciding a run's log again.

use rok_vocabulary::{RunId, Seq};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of deciding a run's log again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RedecidedView {
    /// The run.
    pub run_id: RunId,
    /// Events in its log.
    pub events: u64,
    /// Decisions that came out alike.
    pub alike: u64,
    /// Decisions that were taken as they stand: what people, owners and the
    /// machine did.
    pub given: u64,
    /// Decisions that came out otherwise.
    pub divergences: Vec<DivergenceView>,
}

/// A decision that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DivergenceView {
    /// The first event of the recorded decision.
    pub seq: Seq,
    /// What was recorded, an event each.
    pub recorded: Vec<String>,
    /// What the kernel decides now.
    pub decided: Vec<String>,
}
