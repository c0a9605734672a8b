//! `hold` and `gc`: what is kept, and what is collected.

use crate::args::{GcArgs, HoldArgs};
use crate::exit::Exit;
use crate::render;
use crate::terminal::Terminal;
use rok_service::{CollectAsk, Service, ServiceError};

/// Holds a run, or releases it.
pub(crate) fn hold(
    service: &Service,
    terminal: &mut Terminal,
    args: &HoldArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let held = run.hold(&args.reason, args.release)?;
    if terminal.json {
        terminal.show_json(&held)?;
    } else {
        let text = render::held(run.id().as_str(), &held);
        terminal.show(&text)?;
    }
    Ok(Exit::Success)
}

/// Collects what the rules name.
pub(crate) fn gc(
    service: &Service,
    terminal: &mut Terminal,
    args: GcArgs,
) -> Result<Exit, ServiceError> {
    service.refuse_absent_folder()?;
    let ask = CollectAsk {
        older_than: args.older_than,
        keep: args.keep,
        max_size: args.max_size,
        dry_run: args.dry_run,
        actor: None,
    };
    let report = service.collect(&ask)?;
    if terminal.json {
        terminal.show_json(&report)?;
    } else {
        let text = render::collected(&report, terminal.out_look);
        terminal.show(&text)?;
    }
    if !report.failed.is_empty() {
        return Ok(Exit::Failed);
    }
    Ok(Exit::Success)
}
