//! `registry`: the components that orchestrators run.

use crate::args::{RegistryCommand, SelectArgs};
use crate::exit::Exit;
use crate::render;
use crate::terminal::Terminal;
use rok_service::views::{ComponentView, ErrorKind};
use rok_service::{ComponentAsk, ComponentBook, Service, ServiceError};
use std::path::PathBuf;

/// One of the commands on the registry.
pub(crate) fn registry(
    service: &Service,
    terminal: &mut Terminal,
    command: RegistryCommand,
) -> Result<Exit, ServiceError> {
    match command {
        RegistryCommand::Schema => {
            terminal.show_json(&service.component_schema())?;
            return Ok(Exit::Success);
        }
        RegistryCommand::Validate { files } if !files.is_empty() => {
            return check(service, terminal, &files);
        }
        _ => {}
    }
    let book = service.components()?;
    match command {
        RegistryCommand::List(select) => list(&book, terminal, &ask(select, None)),
        RegistryCommand::Search { text, select } => list(&book, terminal, &ask(select, Some(text))),
        RegistryCommand::Inspect { component } => {
            let view = book.inspect(&component)?;
            let text = render::component(&view, terminal.out_look);
            terminal.tell(&view, &text)
        }
        RegistryCommand::Add { file, replace } => {
            let added = book.add(&file, replace)?;
            let text = render::component_added(&added, terminal.out_look);
            terminal.tell(&added, &text)
        }
        RegistryCommand::Remove { component } => {
            let removed = book.remove(&component)?;
            let text = render::component_removed(&removed);
            terminal.tell(&removed, &text)
        }
        RegistryCommand::Validate { .. } => validate(&book, terminal),
        RegistryCommand::Lock => {
            let report = book.lock()?;
            let text = render::locked(&report);
            terminal.tell(&report, &text)
        }
        RegistryCommand::Reset { component } => {
            let view = book.reset(&component)?;
            let text = format!("closed the breaker of {}\n", render::clean(&component));
            terminal.tell(&view, &text)
        }
        RegistryCommand::Schema => unreachable!("answered before the registry is composed"),
    }
}

fn ask(select: SelectArgs, text: Option<String>) -> ComponentAsk {
    ComponentAsk {
        filters: select.filters,
        tags: select.tags,
        names: select.names,
        text,
    }
}

fn list(
    book: &ComponentBook,
    terminal: &mut Terminal,
    ask: &ComponentAsk,
) -> Result<Exit, ServiceError> {
    let views: Vec<ComponentView> = book.list(ask)?;
    if views.is_empty() && !terminal.json {
        terminal.note("no components\n");
        return Ok(Exit::Success);
    }
    let text = render::components(&views, terminal.out_look);
    terminal.tell(&views, &text)
}

/// What is wrong is the result here, and the exit code says so.
fn validate(book: &ComponentBook, terminal: &mut Terminal) -> Result<Exit, ServiceError> {
    let report = book.validate()?;
    let text = render::registry_report(&report, terminal.out_look);
    terminal.tell(&report, &text)?;
    Ok(if report.troubles.is_empty() {
        Exit::Success
    } else {
        Exit::of_kind(ErrorKind::NotFound)
    })
}

fn check(
    service: &Service,
    terminal: &mut Terminal,
    files: &[PathBuf],
) -> Result<Exit, ServiceError> {
    let faulty = service.check_manifests(files)?;
    if !faulty.is_empty() {
        return Err(ServiceError::Manifests(faulty));
    }
    let names: Vec<String> = files
        .iter()
        .map(|file| file.to_string_lossy().into_owned())
        .collect();
    let lines: Vec<String> = names
        .iter()
        .map(|name| format!("{}: valid\n", render::clean(name)))
        .collect();
    terminal.tell(&names, &lines.concat())
}
