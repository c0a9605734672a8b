//! The door to agents: which there are, and how each stands.

use crate::runs::{ErrorKind, RunsError};
use rok_vocabulary::{AgentId, AgentPlace, Capability, Timestamp, TrustLevel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// An agent and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentView {
    /// Its id.
    pub agent_id: AgentId,
    /// local or remote.
    pub place: AgentPlace,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// How far it is trusted.
    pub trust_level: TrustLevel,
    /// Its region.
    pub region: Option<String>,
    /// How many steps it does at once.
    pub slots: u32,
    /// How many it is doing, as far as is known.
    pub load: u32,
    /// up, down or quarantined.
    pub state: String,
    /// Why it is not up.
    pub reason: Option<String>,
    /// Since when it is not up, where that is kept.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// When it last answered as itself, to the minute, where that is kept.
    #[serde(default)]
    pub last_seen_at: Option<Timestamp>,
    /// Its circuit breaker: closed, open or `half_open`.
    #[serde(default)]
    pub breaker: Option<String>,
    /// How often in a row it failed to come to an end.
    #[serde(default)]
    pub failures: u32,
    /// Where it answers; absent of one in this process.
    pub address: Option<String>,
}

/// Every agent, by id; those of the process itself first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentList {
    /// The agents.
    pub agents: Vec<AgentView>,
}

/// What knows the agents.
pub trait AgentsEngine: Send + Sync {
    /// Every agent, asked how it stands; or why nobody can be asked.
    fn list(&self) -> Result<Vec<AgentView>, RunsError>;

    /// Forgets what speaks against an agent: it is asked again.
    fn reset(&self, _: &AgentId) -> Result<(), RunsError> {
        let message = "what is known of a server's agents is reset where the server runs";
        Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
            .help("run `rok agents reset` there, with the server's settings and without --server"))
    }
}

/// The door to agents.
#[derive(Clone)]
pub struct AgentsFacade(Arc<dyn AgentsEngine>);

impl AgentsFacade {
    /// A door to this engine.
    #[must_use]
    pub fn new(engine: Arc<dyn AgentsEngine>) -> Self {
        Self(engine)
    }

    /// Every agent, asked how it stands.
    pub fn list(&self) -> Result<Vec<AgentView>, RunsError> {
        self.0.list()
    }

    /// Forgets what speaks against an agent: it is asked again.
    pub fn reset(&self, agent: &AgentId) -> Result<(), RunsError> {
        self.0.reset(agent)
    }
}

impl fmt::Debug for AgentsFacade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentsFacade").finish_non_exhaustive()
    }
}
