//! `orch`: stages of components, run and reported.

use crate::args::{OrchArgs, OrchCommand, StageArgs, StageMode};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::render;
use crate::signals::Stop;
use crate::terminal::Terminal;
use rok_service::views::{
    ExecutionContext, ExecutionMode, FileScope, FormatLook, RegistryAction, Replay, ReportStatus,
    RunReport, parse_duration,
};
use rok_service::{RunHandle, Service, ServiceError, report_schema};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Runs a stage, or does what goes with stages.
pub(crate) fn orch(
    service: &Service,
    terminal: &mut Terminal,
    args: OrchArgs,
) -> Result<Exit, ServiceError> {
    match args.command {
        None => stage(service, terminal, args.stage),
        Some(OrchCommand::InstallHook) => install_hook(service, terminal),
        Some(OrchCommand::UninstallHook { folder }) => {
            uninstall_hook(service, terminal, folder.as_deref())
        }
        Some(OrchCommand::Schema) => {
            terminal.show_json(&report_schema())?;
            Ok(Exit::Success)
        }
        Some(OrchCommand::Report {
            run,
            format,
            strict,
        }) => {
            let format = chosen_format(format.as_deref(), terminal)?;
            let run = service.find(&run)?;
            let mut report = service.stage_report(run.id())?;
            if strict {
                report.be_strict();
            }
            show(service, terminal, &report, &format)
        }
        Some(OrchCommand::Events { run }) => {
            let run = service.find(&run)?;
            let text = operator_events(service, run.id())?;
            terminal.show(&text)?;
            Ok(Exit::Success)
        }
    }
}

fn stage(
    service: &Service,
    terminal: &mut Terminal,
    args: StageArgs,
) -> Result<Exit, ServiceError> {
    let format = chosen_format(args.format.as_deref(), terminal)?;
    // Before anything runs: a report that nobody can write is of no use.
    service.format(&format)?;
    let context = context(args, format)?;
    let mut progress = Progress::of(terminal);
    let stop = Stop::listen(terminal.live, progress.teller());
    let report = service.orchestrate(&context, stop.signal(), &mut progress);
    progress.finish(terminal);
    let mut report = report?;
    if let (ReportStatus::Cancelled, Some(signal)) = (report.status, stop.received()) {
        report.interrupted_by(u8::try_from(signal).unwrap_or(0));
    }
    if terminal.verbose > 0
        && let Some(run) = &report.run_id
    {
        let told = operator_events(service, run)?;
        terminal.note(&told);
    }
    show(service, terminal, &report, &context.format)
}

/// Writes a report, and exits as it says.
fn show(
    service: &Service,
    terminal: &mut Terminal,
    report: &RunReport,
    format: &str,
) -> Result<Exit, ServiceError> {
    let formatter = service.format(format)?;
    let text = formatter(report, look(terminal)).map_err(|error| ServiceError::Output {
        why: error.to_string(),
    })?;
    terminal.show(&text)?;
    tell_error(terminal, report, format);
    Ok(Exit::of_code(report.exit_code))
}

/// What came of each component of a run that was resumed, for people.
pub(super) fn retell(
    service: &Service,
    terminal: &mut Terminal,
    run: &RunHandle,
) -> Result<(), ServiceError> {
    let labels = run.summary()?.labels;
    if terminal.json || !(labels.contains_key("orchestrator") && labels.contains_key("stage")) {
        return Ok(());
    }
    let report = service.stage_report(run.id())?;
    let text = service.format("human")?(&report, look(terminal));
    let text = text.map_err(|error| ServiceError::Output {
        why: error.to_string(),
    })?;
    terminal.show(&format!("\n{text}"))
}

/// People see the human form, programs get JSON.
fn default_format(terminal: &Terminal) -> &'static str {
    match (terminal.yaml, terminal.json, terminal.out_look.tty) {
        (true, ..) => "yaml",
        (_, true, _) | (_, _, false) => "json",
        _ => "human",
    }
}

/// A report that goes to a program says what went wrong to people, too.
fn tell_error(terminal: &mut Terminal, report: &RunReport, format: &str) {
    let Some(error) = report.error.as_ref().filter(|_| format != "human") else {
        return;
    };
    let mut text = format!("error[{}]: {}\n", error.code, render::clean(&error.message));
    if let Some(help) = &error.help {
        let _ = writeln!(text, "  help: {}", render::clean(help));
    }
    terminal.complain(&text);
}

/// The format that was asked for, else the one for who reads. Two that
/// contradict each other are refused.
pub(super) fn chosen_format(
    asked: Option<&str>,
    terminal: &Terminal,
) -> Result<String, ServiceError> {
    let switch = match (terminal.yaml, terminal.json) {
        (true, _) => Some("yaml"),
        (_, true) => Some("json"),
        _ => None,
    };
    match (asked, switch) {
        (Some(asked), Some(switch)) if asked != switch => Err(ServiceError::BadName {
            what: format!("--{switch} and --format {asked} contradict each other: say one of them"),
        }),
        (Some(asked), _) => Ok(asked.to_owned()),
        (None, _) => Ok(default_format(terminal).to_owned()),
    }
}

pub(super) fn look(terminal: &Terminal) -> FormatLook {
    FormatLook {
        color: terminal.out_look.color,
        ascii: terminal.out_look.ascii || terminal.no_color,
        width: terminal.out_look.width,
    }
}

fn context(args: StageArgs, format: String) -> Result<ExecutionContext, ServiceError> {
    let bad = |what: String| ServiceError::BadName { what };
    let stage = args.stage.unwrap_or_default();
    let mode = match args.mode {
        Some(StageMode::Async) => ExecutionMode::Async,
        Some(StageMode::DryRun) => ExecutionMode::DryRun,
        Some(StageMode::Profile) => ExecutionMode::Profile,
        Some(StageMode::Replay) => ExecutionMode::Replay,
        None if args.replay.is_some() => ExecutionMode::Replay,
        None if stage == "ci" && !args.dry_run => ExecutionMode::Async,
        Some(StageMode::Sync) | None => ExecutionMode::Sync,
    };
    let timeout = args.timeout.as_deref().map(parse_duration).transpose();
    let files = match (args.all_files, args.staged, args.files) {
        (true, ..) => FileScope::All,
        (_, true, _) => FileScope::Staged,
        (_, _, files) if files.is_empty() => FileScope::Default,
        (_, _, files) => FileScope::Listed(files),
    };
    let replays = mode == ExecutionMode::Replay;
    let (chain, from) = match args.from {
        Some(from) if replays => (Vec::new(), Some(from)),
        Some(from) => (std::iter::once(from).chain(args.to).collect(), None),
        None => (Vec::new(), None),
    };
    let budget = args.budget.into_iter().map(|(name, value)| {
        let number = value
            .parse()
            .map_or_else(|_| value.into(), serde_json::Value::Number);
        (name, number)
    });
    Ok(ExecutionContext {
        stage,
        tags: args.tags,
        filters: args.filters,
        names: args.names,
        chain,
        mode,
        dry_run: args.dry_run,
        format,
        timeout: timeout.map_err(|error| bad(format!("--timeout: {error}")))?,
        correlation_id: args.correlation_id,
        budget: budget.collect::<BTreeMap<_, _>>(),
        policies: Vec::new(),
        caller: None,
        reason: args.reason,
        files,
        allow_draft: args.allow_draft,
        inputs: args.inputs,
        secrets_file: args.secrets.map(|file| file.to_string_lossy().into_owned()),
        strict: args.strict,
        replay: args.replay.map(|run| Replay { run, from }),
        action: args.action.as_deref().map(action).transpose()?,
    })
}

/// `inspect=fmt`.
fn action(text: &str) -> Result<RegistryAction, ServiceError> {
    let named = |name: &str| name.to_owned();
    match text.split_once('=').unwrap_or((text, "")) {
        ("list", "") => Ok(RegistryAction::List),
        ("validate", "") => Ok(RegistryAction::Validate),
        ("inspect", name) if !name.is_empty() => Ok(RegistryAction::Inspect(named(name))),
        ("add", file) if !file.is_empty() => Ok(RegistryAction::Add(named(file))),
        ("remove", name) if !name.is_empty() => Ok(RegistryAction::Remove(named(name))),
        _ => Err(ServiceError::BadName {
            what: format!(
                "--action {text}: write list, validate, inspect=NAME, add=FILE or remove=NAME"
            ),
        }),
    }
}

fn operator_events(
    service: &Service,
    run: &rok_service::views::RunId,
) -> Result<String, ServiceError> {
    let mut text = String::new();
    for event in service.operator_events(run)? {
        let line = serde_json::to_string(&event).map_err(|error| ServiceError::Output {
            why: error.to_string(),
        })?;
        text += &line;
        text.push('\n');
    }
    Ok(text)
}

fn install_hook(service: &Service, terminal: &mut Terminal) -> Result<Exit, ServiceError> {
    let installed = service.install_hook()?;
    if terminal.json {
        terminal.show_json(&installed)?;
    } else {
        let file = render::clean(&installed.file.to_string_lossy());
        terminal.show(&format!("{}: {file}\n", installed.change))?;
    }
    Ok(Exit::Success)
}

fn uninstall_hook(
    service: &Service,
    terminal: &mut Terminal,
    folder: Option<&str>,
) -> Result<Exit, ServiceError> {
    let removed = service.uninstall_hook(folder)?;
    if terminal.json {
        terminal.show_json(&removed)?;
        return Ok(Exit::Success);
    }
    let file = render::clean(&removed.file.to_string_lossy());
    terminal.show(&format!("{}: {file}\n", removed.change))?;
    for folder in &removed.left {
        let folder = render::clean(folder);
        terminal.show(&format!(
            "  it still checks by the components of {folder}\n"
        ))?;
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_shown_the_human_form() {
        let terminal = |tty| Terminal::in_memory().0.pretend(tty, false, false);
        assert_eq!(default_format(&terminal(true)), "human");
        assert_eq!(default_format(&terminal(false)), "json");
        let mut asked = terminal(true);
        asked.json = true;
        assert_eq!(default_format(&asked), "json");
        asked.yaml = true;
        assert_eq!(default_format(&asked), "yaml");
    }

    #[test]
    fn two_formats_contradict_each_other() {
        let mut terminal = Terminal::in_memory().0.pretend(true, false, false);
        let chosen = |terminal: &Terminal, asked| chosen_format(asked, terminal).ok();
        assert_eq!(chosen(&terminal, Some("junit")).as_deref(), Some("junit"));
        terminal.json = true;
        assert_eq!(chosen(&terminal, Some("json")).as_deref(), Some("json"));
        assert_eq!(chosen(&terminal, None).as_deref(), Some("json"));
        assert_eq!(chosen(&terminal, Some("human")), None);
        terminal.yaml = true;
        assert_eq!(chosen(&terminal, Some("yaml")).as_deref(), Some("yaml"));
        assert_eq!(chosen(&terminal, Some("json")), None);
    }

    #[test]
    fn actions_of_the_registry() {
        let add = RegistryAction::Add("a=b.yaml".into());
        assert_eq!(action("add=a=b.yaml").ok(), Some(add));
        for wrong in ["add", "list=x", "explode", "inspect="] {
            assert!(action(wrong).is_err(), "{wrong}");
        }
    }
}
