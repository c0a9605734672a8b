//! `run` and `resume`: drive a run, show it live, say how it ended.

use crate::args::{Mode, ResumeArgs, RunArgs};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::render::{self, Caller};
use crate::signals::Stop;
use crate::terminal::Terminal;
use rok_service::views::{DriveEnd, DriveOptions, Resumable, RunPhase};
use rok_service::{RunHandle, RunRequest, Service, ServiceError};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Submits a plan and drives it.
pub(crate) fn run(
    service: &Service,
    terminal: &mut Terminal,
    args: RunArgs,
) -> Result<Exit, ServiceError> {
    let one_at_a_time = supported(&args)?;
    once("--input", &args.inputs)?;
    once("--label", &args.labels)?;
    let dry = args.mode == Mode::DryRun;
    let profiled = args.mode == Mode::Profile;
    let options = DriveOptions {
        wait_on_hold: args.wait,
    };
    let request = RunRequest {
        plan: args.plan,
        inputs_file: args.inputs_file,
        inputs: args.inputs,
        labels: args.labels.into_iter().collect(),
        one_at_a_time,
        never_retry: profiled,
        run_id: args.run_id,
        reason: args.reason,
        secrets_file: args.secrets,
        no_cache: args.no_cache,
        priority: args.priority,
    };
    if let Some(file) = args.batch {
        if dry || profiled {
            return Err(ServiceError::NotSupported {
                what: "--batch in this mode".to_owned(),
                instead: "try one item by `rok run PLAN --input … --mode dry-run`",
            });
        }
        let asked = super::batch::Asked {
            request,
            file,
            batch: args.batch_id,
            max_runs: args.max_runs,
            options,
        };
        return super::batch::run(service, terminal, asked);
    }
    if dry {
        return dry_run(service, terminal, request);
    }
    service.drives_here("run")?;
    let mut progress = Progress::of(terminal);
    // Before the run exists, so that a signal never ends the process between.
    let stop = Stop::listen_to(terminal.live, service.is_elsewhere(), progress.teller());
    let run = service.submit(request)?;
    terminal.note(&format!("run {}\n", run.id()));
    let end = run.drive(&options, stop.signal(), &mut progress);
    progress.finish(terminal);
    if !profiled {
        return tell(terminal, &run, &end?, args.strict, &stop);
    }
    let end = end?;
    let profile = run.profile()?;
    if terminal.json {
        terminal.show_json(&profile)?;
        return Ok(Exit::of_end(&end, args.strict, stop.received()));
    }
    let exit = tell(terminal, &run, &end, args.strict, &stop)?;
    let text = render::profile(&profile, terminal.out_look);
    terminal.show(&format!("\n{text}"))?;
    Ok(exit)
}

/// Tells what would happen. A run that would be refused exits as it would.
fn dry_run(
    service: &Service,
    terminal: &mut Terminal,
    request: RunRequest,
) -> Result<Exit, ServiceError> {
    let dry = service.dry_run(request)?;
    if terminal.json {
        terminal.show_json(&dry)?;
    } else {
        let text = render::dry_run(&dry, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(match &dry.refused {
        Some(refusal) if refusal.denied => Exit::Denied,
        Some(_) => Exit::Failed,
        None if !dry.findings.is_empty() => Exit::Failed,
        None => Exit::Success,
    })
}

/// Resumes a run, or only tells whether it can be.
pub(crate) fn resume(
    service: &Service,
    terminal: &mut Terminal,
    args: ResumeArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    if args.check {
        return check(terminal, &run);
    }
    service.drives_here("resume")?;
    let options = DriveOptions {
        wait_on_hold: args.wait,
    };
    let mut progress = Progress::of(terminal);
    let stop = Stop::listen_to(terminal.live, run.is_elsewhere(), progress.teller());
    terminal.note(&format!("run {}\n", run.id()));
    let secrets = args.secrets.as_deref();
    let end = run.resume(args.reason, secrets, options, stop.signal(), &mut progress);
    progress.finish(terminal);
    let exit = tell(terminal, &run, &end?, args.strict, &stop)?;
    super::orch::retell(service, terminal, &run)?;
    Ok(exit)
}

/// Refuses what later versions bring; gives whether steps go one by one.
fn supported(args: &RunArgs) -> Result<bool, ServiceError> {
    let refuse = |what: &str, instead| {
        Err(ServiceError::NotSupported {
            what: what.to_owned(),
            instead,
        })
    };
    match args.mode {
        _ if args.detach => refuse("--detach", "run it in the background of your shell"),
        Mode::Sync | Mode::Profile => Ok(true),
        Mode::Async | Mode::DryRun => Ok(false),
    }
}

/// Of two values for one name, none is dropped unsaid.
fn once(option: &str, pairs: &[(String, String)]) -> Result<(), ServiceError> {
    let mut seen = BTreeSet::new();
    match pairs.iter().find(|(name, _)| !seen.insert(name)) {
        None => Ok(()),
        Some((name, _)) => Err(ServiceError::BadName {
            what: format!("{option} {name} is given twice: give each name one value"),
        }),
    }
}

/// The summary, and what a person needs to go on.
pub(super) fn tell(
    terminal: &mut Terminal,
    run: &RunHandle,
    end: &DriveEnd,
    strict: bool,
    stop: &Stop,
) -> Result<Exit, ServiceError> {
    let summary = run.summary()?;
    if terminal.json {
        terminal.show_json(&summary)?;
    } else {
        // Apart from the progress above it, where both go to one terminal.
        let apart = if terminal.out_look.tty && !terminal.quiet {
            "\n"
        } else {
            ""
        };
        let text = render::summary(&summary, terminal.out_look);
        terminal.show(&format!("{apart}{text}"))?;
    }
    terminal.flush()?;
    let caller = Caller::at(terminal, run.name());
    match end {
        DriveEnd::Held(hold) => {
            let text = render::hold(&caller, hold, terminal.err_look);
            terminal.note(&format!("\n{text}"));
        }
        DriveEnd::Interrupted if run.is_elsewhere() => {
            let text = render::left(&caller, terminal.err_look);
            terminal.note(&format!("\n{text}"));
        }
        DriveEnd::Interrupted => {
            let text = render::interrupted(&caller, terminal.err_look);
            terminal.note(&format!("\n{text}"));
        }
        DriveEnd::Ended { phase, .. } if *phase != RunPhase::Completed => {
            terminal.note(&format!("\nwhy: {}\n", caller.command("explain")));
        }
        DriveEnd::Ended { .. } => {}
    }
    super::told(terminal, end);
    Ok(Exit::of_end(end, strict, stop.received()))
}

fn check(terminal: &mut Terminal, run: &RunHandle) -> Result<Exit, ServiceError> {
    let found = run.resumable()?;
    if terminal.json {
        terminal.show_json(&found)?;
    } else {
        let caller = Caller::at(terminal, run.name());
        let text = resumable(run, &found, &caller);
        terminal.show(&text)?;
    }
    Ok(if found.resumable {
        Exit::Success
    } else {
        Exit::Failed
    })
}

fn resumable(run: &RunHandle, found: &Resumable, caller: &Caller) -> String {
    let verdict = match (found.resumable, found.how.as_str()) {
        (false, _) => "not resumable",
        (true, "next_epoch") => "resumable, as the next epoch",
        (true, _) => "resumable, in the same epoch",
    };
    let mut text = format!(
        "{}: {verdict}\n  {}\n",
        run.id(),
        render::clean(&found.reason)
    );
    if !found.steps.is_empty() {
        let _ = writeln!(text, "  would run: {}", found.steps.join(", "));
    }
    if found.resumable {
        let _ = writeln!(text, "  {}", caller.command("resume"));
    }
    text
}
