//! `completions` and `man`: the command line told to shells and to `man`. They
//! read no settings.

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::exit::Exit;
use crate::terminal::Terminal;
use clap::CommandFactory as _;
use rok_service::ServiceError;
use std::path::Path;

/// The script that completes rok's commands and flags in a shell.
pub(crate) fn completions(
    terminal: &mut Terminal,
    args: &CompletionsArgs,
) -> Result<Exit, ServiceError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rok", &mut script);
    show(terminal, &script)
}

/// The page of a command, or a file for each.
pub(crate) fn man(terminal: &mut Terminal, args: &ManArgs) -> Result<Exit, ServiceError> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    if let Some(folder) = &args.out {
        return write_all(terminal, command, folder);
    }
    let found = super::help::find(&mut command, &args.command)?;
    let mut page = Vec::new();
    clap_mangen::Man::new(found.clone())
        .render(&mut page)
        .map_err(|error| output(&error))?;
    show(terminal, &page)
}

fn write_all(
    terminal: &mut Terminal,
    command: clap::Command,
    folder: &Path,
) -> Result<Exit, ServiceError> {
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .map_err(|error| ServiceError::Output {
            why: format!("{}: {error}", folder.display()),
        });
    written?;
    if !terminal.quiet {
        terminal.complain(&format!("wrote the manual pages to {}\n", folder.display()));
    }
    Ok(Exit::Success)
}

fn show(terminal: &mut Terminal, bytes: &[u8]) -> Result<Exit, ServiceError> {
    terminal.show(&String::from_utf8_lossy(bytes))?;
    Ok(Exit::Success)
}

fn output(error: &std::io::Error) -> ServiceError {
    ServiceError::Output {
        why: error.to_string(),
    }
}
