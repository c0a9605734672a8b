//! `agents`: who steps may be given to, and who again.

use crate::args::AgentsCommand;
use crate::exit::Exit;
use crate::render;
use crate::terminal::Terminal;
use rok_service::{Service, ServiceError};

/// Lists agents, or resets one.
pub(crate) fn agents(
    service: &Service,
    terminal: &mut Terminal,
    command: &AgentsCommand,
) -> Result<Exit, ServiceError> {
    match command {
        AgentsCommand::List => {
            let list = service.agents()?;
            if terminal.json {
                terminal.show_json(&list)?;
            } else if list.agents.is_empty() {
                terminal.note("no agents: name some in the file of the setting `agents`\n");
            } else {
                let text = render::agents(&list.agents, terminal.out_look);
                terminal.show(&text)?;
            }
        }
        AgentsCommand::Reset { agent } => {
            service.reset_agent(agent)?;
            if terminal.json {
                terminal.show_json(&serde_json::json!({ "agent_id": agent }))?;
            } else {
                let agent = render::clean(agent);
                terminal.show(&format!("agent {agent} is asked again\n"))?;
            }
        }
    }
    Ok(Exit::Success)
}
