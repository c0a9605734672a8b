//! `approve`, `reject`, `cancel`: decisions that reach a run, whoever drives it.

use crate::args::{CancelArgs, DecideArgs};
use crate::exit::Exit;
use crate::render::Caller;
use crate::terminal::Terminal;
use rok_service::views::{CommandAnswer, RunId};
use rok_service::{RunHandle, Service, ServiceError};
use serde::Serialize;

/// What became of a decision.
#[derive(Serialize)]
struct Decided<'a> {
    run_id: &'a RunId,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    decision: &'a str,
    /// `recorded`: in the log; `delivered`: its owner has it and had not
    /// answered in time.
    answer: &'a str,
    /// Whether somebody drives the run, so that it goes on by itself.
    driven: bool,
}

/// Lets a waiting step pass.
pub(crate) fn approve(
    service: &Service,
    terminal: &mut Terminal,
    args: DecideArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let answer = run.approve(&args.step, Some(args.reason))?;
    tell(terminal, &run, Some(&args.step), "approved", &answer)
}

/// Stops a waiting step.
pub(crate) fn reject(
    service: &Service,
    terminal: &mut Terminal,
    args: DecideArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let answer = run.reject(&args.step, Some(args.reason))?;
    tell(terminal, &run, Some(&args.step), "rejected", &answer)
}

/// Ends a run.
pub(crate) fn cancel(
    service: &Service,
    terminal: &mut Terminal,
    args: CancelArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let answer = run.cancel(args.reason)?;
    tell(terminal, &run, None, "cancelled", &answer)
}

fn tell(
    terminal: &mut Terminal,
    run: &RunHandle,
    step: Option<&str>,
    decision: &str,
    answer: &CommandAnswer,
) -> Result<Exit, ServiceError> {
    let (word, driven) = match answer {
        CommandAnswer::Done { by_owner } => ("recorded", *by_owner),
        CommandAnswer::Delivered => ("delivered", true),
    };
    if terminal.json {
        terminal.show_json(&Decided {
            run_id: run.id(),
            step,
            decision,
            answer: word,
            driven,
        })?;
        return Ok(Exit::Success);
    }
    let what = match step {
        Some(step) => format!("{step} of {}", run.id()),
        None => run.id().to_string(),
    };
    let more = match answer {
        CommandAnswer::Done { .. } => "",
        CommandAnswer::Delivered => " (delivered; the process that drives it has not answered yet)",
    };
    terminal.show(&format!("{decision} {what}{more}\n"))?;
    terminal.flush()?;
    let open = !run.summary()?.sealed;
    if !driven && step.is_some() && open {
        let caller = Caller::new(&terminal.program, run.name());
        terminal.note(&format!("then:\n  {}\n", caller.command("resume")));
    }
    Ok(Exit::Success)
}
