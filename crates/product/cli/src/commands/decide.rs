//! `approve`, `reject`, `override`, `pause`, `unpause`, `cancel`: decisions that reach a run, whoever drives it.

use crate::args::{CancelArgs, DecideArgs, OverrideArgs, PauseArgs};
use crate::exit::Exit;
use crate::render::{self, Caller};
use crate::terminal::Terminal;
use rok_service::views::{CommandAnswer, HoldReason, RunId, RunSummary};
use rok_service::{RunHandle, Service, ServiceError};
use serde::Serialize;

/// What became of a decision.
#[derive(Serialize)]
struct Decided<'a> {
    run_id: &'a RunId,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    decision: &'a str,
    /// `recorded`: in the log; `delivered`: it lies in the run's inbox and was
    /// not answered in time.
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

/// Lets the next epoch pass a hard gate that failed.
pub(crate) fn override_gate(
    service: &Service,
    terminal: &mut Terminal,
    args: OverrideArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let answer = run.override_gate(&args.step, Some(args.reason))?;
    tell(terminal, &run, Some(&args.step), "overrode", &answer)
}

/// Lets nothing new start.
pub(crate) fn pause(
    service: &Service,
    terminal: &mut Terminal,
    args: PauseArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let answer = run.pause(args.reason)?;
    tell(terminal, &run, None, "paused", &answer)
}

/// Lets a paused run go on.
pub(crate) fn unpause(
    service: &Service,
    terminal: &mut Terminal,
    args: PauseArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let answer = run.unpause(args.reason)?;
    tell(terminal, &run, None, "unpaused", &answer)
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
        CommandAnswer::Waits => ("delivered", false),
    };
    // What is only in the inbox may still be refused: it is not said to be done.
    let is_done = matches!(answer, CommandAnswer::Done { .. });
    if terminal.json {
        terminal.show_json(&Decided {
            run_id: run.id(),
            step,
            decision,
            answer: word,
            driven,
        })?;
        return Ok(if is_done { Exit::Success } else { Exit::Failed });
    }
    let what = match step {
        Some(step) => format!("{step} of {}", run.id()),
        None => run.id().to_string(),
    };
    let line = match answer {
        CommandAnswer::Done { .. } => format!("{decision} {what}\n"),
        CommandAnswer::Delivered => format!(
            "not yet {decision}: {what}: the command is delivered, and the process that drives the run has not answered yet\n"
        ),
        CommandAnswer::Waits => format!(
            "not yet {decision}: {what}: nobody drives the run, and the command waits in its inbox\n"
        ),
    };
    terminal.show(&line)?;
    terminal.flush()?;
    if !is_done {
        if *answer == CommandAnswer::Waits {
            let takes_up = Caller::at(terminal, run.name()).takes_up();
            terminal.note(&format!(
                "it is judged by whoever takes the run up:\n  {takes_up}\n"
            ));
        }
        return Ok(Exit::Failed);
    }
    let summary = run.summary()?;
    let caller = Caller::at(terminal, run.name());
    let gate = summary
        .steps
        .iter()
        .find(|of| Some(of.id.as_str()) == step)
        .and_then(|of| of.decision.as_ref())
        .filter(|gate| gate.missing > 0);
    if let Some(gate) = gate.filter(|_| decision == "approved") {
        let text = format!("still waits: {}\n", render::clean(&gate.message));
        terminal.note(&text);
    } else if let (true, Some(HoldReason::Pause)) = (
        !summary.sealed && decision != "paused",
        summary.hold.as_ref().map(|hold| hold.reason),
    ) {
        terminal.note(&format!("then:\n  {}\n", caller.command("unpause")));
    } else if !driven && goes_on(decision, &summary) {
        terminal.note(&format!("then:\n  {}\n", caller.command("resume")));
    }
    Ok(Exit::Success)
}

/// Whether the run goes on, or its next epoch begins, by `resume`.
fn goes_on(decision: &str, summary: &RunSummary) -> bool {
    match decision {
        "approved" | "rejected" | "unpaused" => !summary.sealed,
        "overrode" => true,
        _ => false,
    }
}
