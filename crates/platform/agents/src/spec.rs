//! What an agent is.

use alloc::collections::BTreeSet;
use alloc::string::String;
use rok_vocabulary::{AgentId, Capability, TrustLevel};
use serde::{Deserialize, Serialize};

/// What an agent is. What is believed of a remote one is what is configured
/// here, not what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSpec {
    /// Its id.
    pub agent_id: AgentId,
    /// What it can do.
    pub capabilities: BTreeSet<Capability>,
    /// How far it is trusted.
    pub trust_level: TrustLevel,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How many steps it does at once.
    pub slots: u32,
}
