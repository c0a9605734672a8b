//! `config`: settings, and where they came from.

use crate::args::ConfigCommand;
use crate::exit::Exit;
use crate::render;
use crate::terminal::Terminal;
use rok_service::{Service, ServiceError};

/// Shows settings.
pub(crate) fn config(
    service: &Service,
    terminal: &mut Terminal,
    command: &ConfigCommand,
) -> Result<Exit, ServiceError> {
    let ConfigCommand::Show = command;
    let entries = &service.config().entries;
    if terminal.json {
        terminal.show_json(entries)?;
    } else {
        let text = render::settings(entries, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(Exit::Success)
}
