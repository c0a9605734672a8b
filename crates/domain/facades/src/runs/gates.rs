//! What the layers above see of gates that people decide on, and of overrides.

use super::views::IncidentView;
use rok_vocabulary::{Epoch, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A step that waits for people's decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateView {
    /// The step.
    pub step: String,
    /// Who may approve, in words.
    pub who: String,
    /// How many different persons must.
    pub needed: u32,
    /// How many are still missing.
    pub missing: u32,
    /// Who approved so far.
    pub given: Vec<GivenApproval>,
    /// Since when it waits.
    pub since: Option<Timestamp>,
    /// When it fails without a decision.
    pub expires_at: Option<Timestamp>,
    /// What there is to say of it, for people; empty where anybody may approve
    /// at any time.
    pub message: String,
}

impl GateView {
    /// Whether nobody can decide on it any more.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// One person's word for a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GivenApproval {
    /// Who.
    pub actor: String,
    /// As which of the plan's approvers; absent where anybody may.
    #[serde(rename = "as")]
    pub entry: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A failed hard gate that a person lets the run pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OverrideView {
    /// The gate.
    pub step: String,
    /// Who answers for it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// No epoch begins with it after that.
    pub expires_at: Timestamp,
    /// The id of the event that approved it.
    pub approval: String,
    /// The first epoch that used it; absent while none has.
    pub used_in: Option<Epoch>,
    /// The incident in which it is reviewed.
    pub review: Option<IncidentView>,
}
