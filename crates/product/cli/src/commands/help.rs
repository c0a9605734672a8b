//! `help`: commands, error codes, exit codes. Reads no settings.

use crate::args::Cli;
use crate::exit::{EXIT_CODES, Exit};
use crate::terminal::Terminal;
use clap::CommandFactory as _;
use rok_service::{ERROR_PAGES, ErrorPage, ServiceError};
use serde::Serialize;
use std::fmt::Write as _;

#[derive(Serialize)]
struct Code<'a> {
    code: &'a str,
    title: &'a str,
}

/// Explains a topic.
pub(crate) fn help(terminal: &mut Terminal, topic: &[String]) -> Result<Exit, ServiceError> {
    let text = match topic.first().map(String::as_str) {
        Some("errors") if terminal.json => {
            let codes: Vec<Code<'_>> = ERROR_PAGES
                .iter()
                .map(|page| Code {
                    code: page.code,
                    title: page.title(),
                })
                .collect();
            terminal.show_json(&codes)?;
            return Ok(Exit::Success);
        }
        Some("errors") => errors(),
        Some("exit-codes") => exit_codes(),
        Some(code) if is_code(code) => match ErrorPage::of(code) {
            Some(page) => page.text.to_owned(),
            None => {
                return Err(ServiceError::UnknownCode {
                    code: code.to_owned(),
                });
            }
        },
        _ => return command(terminal, topic),
    };
    terminal.show(&text)?;
    Ok(Exit::Success)
}

fn is_code(topic: &str) -> bool {
    topic
        .get(..3)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("rok"))
        && topic.len() > 3
        && topic.bytes().skip(3).all(|b| b.is_ascii_digit())
}

fn errors() -> String {
    let mut text = String::new();
    for page in ERROR_PAGES {
        let _ = writeln!(text, "{}  {}", page.code, page.title());
    }
    text
}

fn exit_codes() -> String {
    let mut text = String::new();
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(text, "{code:>4}  {meaning}");
    }
    text
}

/// The long help of the program or of a command.
fn command(terminal: &mut Terminal, topic: &[String]) -> Result<Exit, ServiceError> {
    let mut command = Cli::command();
    command.build();
    let help = find(&mut command, topic)?.render_long_help();
    let text = if terminal.out_look.color {
        help.ansi().to_string()
    } else {
        help.to_string()
    };
    terminal.show(&text)?;
    Ok(Exit::Success)
}

/// The command that these words name.
pub(super) fn find<'c>(
    command: &'c mut clap::Command,
    words: &[String],
) -> Result<&'c mut clap::Command, ServiceError> {
    let mut found = command;
    for word in words {
        found = found
            .find_subcommand_mut(word)
            .ok_or_else(|| ServiceError::BadName {
                what: format!(
                    "`{}` is no command of rok, and no topic of its help",
                    crate::render::clean(word)
                ),
            })?;
    }
    Ok(found)
}
