//! The agents of a server.

use crate::connection::Connection;
use rok_service::views::{AgentList, AgentView, AgentsEngine, RunsError};
use std::time::Duration;

/// The agents of a server.
pub struct RemoteAgents {
    connection: Connection,
}

impl RemoteAgents {
    /// Those of the server at this address, which has so long to answer at
    /// all. Nothing is asked yet.
    pub fn at(server: &str, token: Option<&str>, patience: Duration) -> Result<Self, RunsError> {
        let connection = Connection::to(server, token, patience)?;
        Ok(Self { connection })
    }
}

impl AgentsEngine for RemoteAgents {
    fn list(&self) -> Result<Vec<AgentView>, RunsError> {
        let list: AgentList = self.connection.get(&["api", "v1", "agents"], &[])?;
        Ok(list.agents)
    }
}
