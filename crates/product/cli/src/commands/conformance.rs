//! `conformance`: an engine, an executor or an agent held against what every one
//! of them must do.

use super::orch::{chosen_format, look};
use crate::args::ConformanceArgs;
use crate::exit::Exit;
use crate::terminal::Terminal;
use rok_service::{
    AgentAsk, CONFORMANCE_POLICIES, ConformanceSuite, ExecutorAsk, Service, ServiceError,
};
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
    let suite = suite(args)?.strict(args.strict);
    let cases = suite.cases();
    if args.list {
        if terminal.json {
            let names: Vec<&String> = cases.iter().map(|(name, _)| name).collect();
            terminal.show_json(&names)?;
        } else {
            terminal.show(&listed(&cases))?;
        }
        return Ok(Exit::Success);
    }
    let format = chosen_format(args.format.as_deref(), terminal)?;
    // Before anything runs: a report that nobody can write is of no use.
    let formatter = service.format(&format)?;
    let junit = service.format("junit")?;
    let (count, mut done) = (cases.len(), 0);
    let report = service.conformance(&suite, |result| {
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

/// What is held against what.
fn suite(args: &ConformanceArgs) -> Result<ConformanceSuite, ServiceError> {
    let ask = match (&args.executor, &args.agent) {
        (Some(kind), _) => ExecutorAsk::of(kind)?,
        (None, Some(who)) => ExecutorAsk::Agent(AgentAsk {
            who: who.clone(),
            capability: args.capability.clone(),
            works: args.works.clone(),
        }),
        (None, None) => return ConformanceSuite::of_engine(&args.cases),
    };
    ConformanceSuite::of_executor(ask, &args.cases)
}

/// A line for each case.
fn listed(cases: &[(String, Option<&str>)]) -> String {
    let wide = cases.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = cases.iter().map(|(name, about)| match about {
        Some(about) => format!("{name:wide$}  {about}\n"),
        None => format!("{name}\n"),
    });
    lines.collect()
}
