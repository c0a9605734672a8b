//! The agents of a process: its own, and those of the agents' file.

use super::told;
use rok_client::RemoteAgents;
use rok_config::{Hidden, Settings};
use rok_exec_agent::{AgentBook, AgentDirectory, AgentExecutor, AgentFunction, AgentsFile};
use rok_facades::agents::AgentsFacade;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_log::Cells;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The agents' file that the settings name; without one it is empty.
pub(super) fn file(settings: &Settings) -> Result<AgentsFile, RunsError> {
    let file = settings.agents.as_deref().map(AgentsFile::read);
    let file = file.unwrap_or_else(|| Ok(AgentsFile::default()));
    file.map_err(|error| {
        RunsError::new(ErrorKind::Usage, "ROK0172", told(&error))
            .help("mend the file that the setting `agents` names")
    })
}

/// Made once for the file that the settings name, and where what is known of
/// its agents is kept.
type Made = Option<([Option<PathBuf>; 3], Arc<AgentExecutor>)>;

/// The agents of a process. Whoever drives runs and whoever lists agents share
/// one directory: what it knows of their load and health is the same.
#[derive(Debug, Clone, Default)]
pub struct Agents {
    functions: Vec<AgentFunction>,
    made: Arc<Mutex<Made>>,
}

impl Agents {
    /// No agents but those of the agents' file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an agent of this process.
    #[must_use]
    pub fn and(mut self, function: AgentFunction) -> Self {
        self.functions.push(function);
        self
    }

    pub(super) fn executor(&self, settings: &Settings) -> Result<Arc<AgentExecutor>, RunsError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let of = [
            settings.agents.clone(),
            settings.store.clone(),
            Some(settings.dir.clone()),
        ];
        if let Some((known, executor)) = made.as_ref()
            && *known == of
        {
            return Ok(Arc::clone(executor));
        }
        let file = file(settings)?;
        let directory = AgentDirectory::new(file, self.functions.iter().cloned());
        let cells: Arc<dyn Cells> = match super::pool::made(settings)? {
            Some(store) => Arc::new(store),
            None => Arc::new(super::in_folder(settings)),
        };
        let book = AgentBook::new(cells, super::registry::breaker_rules(settings));
        let directory = directory.denying(settings.egress_deny.clone());
        let directory = directory.keeping(book);
        let executor = Arc::new(AgentExecutor::new(Arc::new(directory)));
        *made = Some((of, Arc::clone(&executor)));
        Ok(executor)
    }

    /// The door to them; or, where the settings name a server, to that
    /// server's.
    pub fn facade(&self, settings: &Settings) -> Result<AgentsFacade, RunsError> {
        if let Some(server) = &settings.server {
            let token = settings.token.as_ref().map(Hidden::expose);
            return Ok(AgentsFacade::new(Arc::new(RemoteAgents::at(
                server,
                token,
                settings.server_timeout,
            )?)));
        }
        Ok(AgentsFacade::new(self.executor(settings)?))
    }
}
