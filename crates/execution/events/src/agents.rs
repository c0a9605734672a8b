//! What the log says of agents: who did a step, and who was asked before.

use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::{AgentId, AgentPlace, FallbackTrigger, StepId, TrustLevel};
use serde::{Deserialize, Serialize};

/// The agent of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentData {
    /// Who had the step last; absent where nobody took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AgentId>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<AgentPlace>,
    /// How far it is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<TrustLevel>,
    /// Its region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Who was asked before, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<TriedData>,
    /// Soft policies that it cannot honour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why this machine did it, where no agent was asked; why nobody had it; or
    /// why it is not known that its work ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An agent that was asked and did not do the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedData {
    /// Who.
    pub agent: AgentId,
    /// Where it is.
    pub place: AgentPlace,
    /// How far it is trusted.
    pub trust: TrustLevel,
    /// Why the step was taken away from it; absent: it did not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<FallbackTrigger>,
    /// Why, in words.
    pub reason: String,
}

/// `step.fell_back`: to another step, or to another agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FellBackData {
    /// The step failed for good, and another one runs instead.
    Step {
        /// The step that runs instead.
        to: StepId,
    },
    /// The step was taken away from an agent.
    Agent {
        /// From whom.
        from_agent: AgentId,
        /// Who was asked next; absent: nobody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to_agent: Option<AgentId>,
        /// Where the one was that it was taken from.
        place: AgentPlace,
        /// How far that one is trusted.
        trust: TrustLevel,
        /// Why.
        trigger: FallbackTrigger,
    },
}
