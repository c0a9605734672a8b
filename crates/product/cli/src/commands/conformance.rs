//! `conformance`: an engine held against what every engine must do.

use super::orch::{chosen_format, look};
use crate::args::ConformanceArgs;
use crate::exit::Exit;
use crate::terminal::Terminal;
use rok_service::{CONFORMANCE_POLICIES, Service, ServiceError, conformance_cases};
use std::fs;

/// Checks cases, and shows the report.
pub(crate) fn conformance(
    service: &Service,
    terminal: &mut Terminal,
    args: &ConformanceArgs,
) -> Result<Exit, ServiceError> {
    if args.show_policies {
        terminal.show(CONFORMANCE_POLICIES)?;
        return Ok(Exit::Success);
    }
    let cases = conformance_cases(&args.cases)?;
    if args.list {
        let names: Vec<String> = cases.iter().map(|case| case.full_name()).collect();
        if terminal.json {
            terminal.show_json(&names)?;
        } else {
            terminal.show(&format!("{}\n", names.join("\n")))?;
        }
        return Ok(Exit::Success);
    }
    let format = chosen_format(args.format.as_deref(), terminal)?;
    // Before anything runs: a report that nobody can write is of no use.
    let formatter = service.format(&format)?;
    let junit = service.format("junit")?;
    let (count, mut done) = (cases.len(), 0);
    let report = service.conformance(&cases, |result| {
        done += 1;
        terminal.note(&format!(
            "{done}/{count} {} {}\n",
            result.word(),
            result.component
        ));
    })?;
    let unwritten = |why: String| ServiceError::Output { why };
    if let Some(file) = &args.junit {
        let text = junit(&report, look(terminal)).map_err(|error| unwritten(error.to_string()))?;
        fs::write(file, text).map_err(|error| unwritten(format!("{}: {error}", file.display())))?;
    }
    let text = formatter(&report, look(terminal)).map_err(|error| unwritten(error.to_string()))?;
    terminal.show(&text)?;
    Ok(Exit::of_code(report.exit_code))
}
