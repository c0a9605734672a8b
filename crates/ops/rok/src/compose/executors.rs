//! Executors one by one, as runs have them: to be held against their contract.

use super::{Agents, Host, egress, executor, workers};
use rok_config::Settings;
use rok_exec_agent::{AgentDirectory, AgentExecutor, AgentsFile, RemoteAgent};
use rok_exec_http::HttpExecutor;
use rok_executor::{Executor, Functions};
use rok_facades::agents::AgentsEngine as _;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_orchestrators::with_checks;
use rok_service::{ExecutorKind, Executors, OneAgent};
use std::sync::Arc;

/// The executors of a process.
#[derive(Debug)]
pub struct OneByOne {
    agents: Agents,
    host: Host,
}

impl OneByOne {
    /// Those that a process of this kind has, with these agents of its own.
    #[must_use]
    pub const fn new(agents: Agents, host: Host) -> Self {
        Self { agents, host }
    }
}

impl Executors for OneByOne {
    fn of_kind(
        &self,
        settings: &Settings,
        kind: ExecutorKind,
        functions: Functions,
    ) -> Result<Arc<dyn Executor>, RunsError> {
        Ok(match kind {
            ExecutorKind::Run => {
                let cpus = super::setup(settings, None).cpus;
                Arc::new(executor(cpus, &self.host)?)
            }
            ExecutorKind::Call => Arc::new(with_checks(functions)),
            ExecutorKind::Http => Arc::new(HttpExecutor::new(egress(settings)?)),
            ExecutorKind::Service => Arc::new(workers(settings)?),
            ExecutorKind::Agent => self.agents.executor(settings)?,
        })
    }

    fn of_agent(&self, settings: &Settings, who: &str) -> Result<OneAgent, RunsError> {
        let file = super::agents::file(settings)?;
        let agent = found(&file, who)?.clone();
        let capabilities = agent.spec.capabilities.clone();
        let alone = AgentsFile {
            agents: vec![agent],
            quorum: 0,
            ..file
        };
        let deny = settings.egress_deny.clone();
        let make = move || {
            let directory = AgentDirectory::new(alone.clone(), []).denying(deny.clone());
            Arc::new(AgentExecutor::new(Arc::new(directory)))
        };
        is_up(&make())?;
        Ok(OneAgent {
            capabilities,
            make: Box::new(move || make()),
        })
    }
}

/// The agent of this id or address.
fn found<'f>(file: &'f AgentsFile, who: &str) -> Result<&'f RemoteAgent, RunsError> {
    let address = |text: &str| text.trim_end_matches('/').to_owned();
    let is = |agent: &&RemoteAgent| {
        agent.spec.agent_id.as_str() == who || address(agent.url.as_str()) == address(who)
    };
    file.agents.iter().find(is).ok_or_else(|| {
        let message = format!("the agents' file has no agent `{who}`");
        RunsError::new(ErrorKind::NotFound, "ROK0173", message).help(
            "`rok agents list` lists them; what the setting `agents` names says where an agent is, \
             what it can do and by which key and token",
        )
    })
}

/// Told once, in place of once for each rule.
fn is_up(executor: &AgentExecutor) -> Result<(), RunsError> {
    for agent in executor.list()? {
        if agent.state == "down" {
            let why = agent.reason.unwrap_or_default();
            let message = format!("agent `{}` cannot be asked: {why}", agent.agent_id);
            return Err(RunsError::new(ErrorKind::Storage, "ROK0241", message)
                .help("start it, or mend its `url` in the agents' file; then `rok agents list`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::found;
    use rok_exec_agent::AgentsFile;
    use rstest::rstest;

    const FILE: &str = "[agents.words]\nurl = 'http://127.0.0.1:7001/w'\ncapabilities = ['sum']\n";

    #[rstest]
    #[case("words", true)]
    #[case("http://127.0.0.1:7001/w", true)]
    #[case("http://127.0.0.1:7001/w/", true)]
    #[case("http://127.0.0.1:7001", false)]
    #[case("Words", false)]
    #[case("", false)]
    fn an_agent_is_found_by_id_or_address(#[case] who: &str, #[case] is: bool) {
        let file = AgentsFile::parse(FILE, "agents.toml").expect("it is one");
        assert_eq!(found(&file, who).is_ok(), is);
    }
}
