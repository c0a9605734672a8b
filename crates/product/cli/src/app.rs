//! From arguments to an exit code.

use crate::args::{Cli, Command, Global};
use crate::commands;
use crate::exit::Exit;
use crate::failure;
use crate::render::shell_word;
use crate::terminal::Terminal;
use clap::Parser as _;
use clap::error::ErrorKind;
use rok_service::{Service, ServiceError, Startup, Wiring};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command line of this process.
#[must_use]
pub fn run(wiring: Wiring) -> ExitCode {
    let mut terminal = Terminal::of_process();
    ExitCode::from(run_on(std::env::args_os(), wiring, &mut terminal))
}

/// Runs a command line on a terminal, and gives its exit code.
pub fn run_on<I, T>(arguments: I, wiring: Wiring, terminal: &mut Terminal) -> u8
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(terminal, &error).code(),
    };
    terminal.quiet = cli.global.quiet;
    terminal.verbose = cli.global.verbose;
    terminal.json = cli.global.json || cli.global.yaml;
    terminal.yaml = cli.global.yaml;
    terminal.program = program(&cli.global);
    if cli.global.no_color {
        terminal.without_color();
    }
    let result = dispatch(cli, wiring, terminal);
    let result = result.and_then(|exit| terminal.flush().map(|()| exit));
    match result {
        Ok(exit) => exit.code(),
        Err(error) => failure::tell(terminal, &error).code(),
    }
}

fn dispatch(cli: Cli, wiring: Wiring, terminal: &mut Terminal) -> Result<Exit, ServiceError> {
    // These read no settings: they work where those are wrong.
    match &cli.command {
        Command::Help(args) => return commands::help(terminal, &args.topic),
        Command::Completions(args) => return commands::completions(terminal, args),
        Command::Man(args) => return commands::man(terminal, args),
        _ => {}
    }
    let service = Service::open(wiring, &startup(&cli.global))?;
    terminal.store = service.store_named();
    match cli.command {
        Command::Run(args) => commands::run(&service, terminal, args),
        Command::Batch(command) => commands::batch(&service, terminal, &command),
        Command::Resume(args) => commands::resume(&service, terminal, args),
        Command::Rollback(args) => commands::rollback(&service, terminal, args),
        Command::Replay(args) => commands::replay(&service, terminal, args),
        Command::Cancel(args) => commands::cancel(&service, terminal, args),
        Command::Approve(args) => commands::approve(&service, terminal, args),
        Command::Reject(args) => commands::reject(&service, terminal, args),
        Command::Override(args) => commands::override_gate(&service, terminal, args),
        Command::Pause(args) => commands::pause(&service, terminal, args),
        Command::Unpause(args) => commands::unpause(&service, terminal, args),
        Command::Status(args) => commands::status(&service, terminal, &args),
        Command::Events(args) => commands::events(&service, terminal, args),
        Command::Logs(args) => commands::logs(&service, terminal, args),
        Command::Profile(args) => commands::profile(&service, terminal, &args.run),
        Command::Summary(args) => commands::summary(&service, terminal, &args),
        Command::Ls(args) => commands::list(&service, terminal, args),
        Command::Metrics(args) => commands::metrics(&service, terminal, args),
        Command::Explain(args) => commands::explain(&service, terminal, &args),
        Command::Diff(args) => commands::diff(&service, terminal, &args),
        Command::Graph(args) => commands::graph(&service, terminal, &args),
        Command::Timeline(args) => commands::timeline(&service, terminal, &args),
        Command::Report(args) => commands::report(&service, terminal, &args),
        Command::Verify(args) => commands::verify(&service, terminal, &args),
        Command::Attest(args) => commands::attest(&service, terminal, &args),
        Command::Checkpoint(args) => commands::checkpoint(&service, terminal, &args),
        Command::Cosign(args) => commands::cosign(&service, terminal, args),
        Command::Export(args) => commands::export(&service, terminal, &args),
        Command::Import(args) => commands::import(&service, terminal, &args),
        Command::Key(command) => commands::key(&service, terminal, &command),
        Command::Hold(args) => commands::hold(&service, terminal, &args),
        Command::Gc(args) => commands::gc(&service, terminal, args),
        Command::Incidents(args) => commands::incidents(&service, terminal, args),
        Command::Lessons(args) => commands::lessons(&service, terminal, args),
        Command::Schedule(command) => commands::schedule(&service, terminal, command),
        Command::Agents(command) => commands::agents(&service, terminal, &command),
        Command::Conformance(args) => commands::conformance(&service, terminal, &args),
        Command::Orch(args) => commands::orch(&service, terminal, *args),
        Command::Policy(command) => commands::policy(&service, terminal, command),
        Command::Registry(command) => commands::registry(&service, terminal, command),
        Command::Plan(command) => commands::plan(&service, terminal, command),
        Command::Serve(args) => commands::serve(service, terminal, args),
        Command::Token(command) => commands::token(&service, terminal, command),
        Command::Sandbox(command) => commands::sandbox(terminal, &command),
        Command::Config(command) => commands::config(&service, terminal, &command),
        Command::Doctor(args) => commands::doctor(&service, terminal, &args),
        Command::Help(_) | Command::Completions(_) | Command::Man(_) => {
            unreachable!("answered before the settings are read")
        }
    }
}

/// Settings by flags. The CLI knows their keys, and nothing else of them.
fn startup(global: &Global) -> Startup {
    let mut startup = Startup {
        config: global.config.clone(),
        ..Startup::default()
    };
    let named = [
        ("profile", "--profile", &global.profile),
        ("dir", "--dir", &global.dir),
        ("durability", "--durability", &global.durability),
        ("store", "--store", &global.store),
        ("server", "--server", &global.server),
    ];
    for (key, flag, value) in named {
        if let Some(value) = value {
            startup.flag(key, value, flag);
        }
    }
    for path in &global.policies {
        startup.flag("policies", path, "--policies");
    }
    for path in &global.policy {
        startup.flag("execution_policies", path, "--policy");
    }
    for (key, value) in &global.set {
        startup.flag(key, value, &format!("--set {key}"));
    }
    startup
}

/// How a next command must begin to find the same runs under the same rules.
fn program(global: &Global) -> String {
    let mut words = vec!["rok".to_owned()];
    let mut flag = |flag: &str, value: &str| {
        words.push(flag.to_owned());
        words.push(shell_word(value));
    };
    if let Some(config) = &global.config {
        flag("--config", &config.to_string_lossy());
    }
    if let Some(store) = &global.store {
        flag("--store", store);
    }
    if let Some(server) = &global.server {
        flag("--server", server);
    }
    if let Some(dir) = &global.dir {
        flag("--dir", dir);
    }
    for path in &global.policies {
        flag("--policies", path);
    }
    for path in &global.policy {
        flag("--policy", path);
    }
    for (key, value) in &global.set {
        flag("--set", &format!("{key}={value}"));
    }
    words.join(" ")
}

/// What clap has to say: help and version are results, the rest are refusals.
fn usage(terminal: &mut Terminal, error: &clap::Error) -> Exit {
    let rendered = error.render();
    let colored = |color| {
        if color {
            rendered.ansi().to_string()
        } else {
            rendered.to_string()
        }
    };
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let text = colored(terminal.out_look.color);
        let shown = terminal.show(&text).and_then(|()| terminal.flush());
        return match shown {
            Ok(()) => Exit::Success,
            Err(error) => failure::tell(terminal, &error),
        };
    }
    let text = colored(terminal.err_look.color);
    terminal.complain(&text.replacen("error:", "error[ROK0004]:", 1));
    Exit::Usage
}
