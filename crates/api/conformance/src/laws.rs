//! What holds for every run that has ended, whatever it was about.

use crate::engine::{Ended, Engine, Fault, fault, is};
use rok_facades::runs::{VerifyOptions, VerifyVerdict};
use rok_orchestration::{OperatorEvent, OperatorEventKind};
use rok_vocabulary::{Outcome, StepState};
use serde_json::Value;

pub(crate) fn every_run(engine: &Engine, ended: &Ended) -> Result<(), Fault> {
    is_closed(ended)?;
    has_a_whole_story(ended)?;
    tells_operators(ended)?;
    is_reconciled(engine, ended)?;
    let report = engine
        .runs()
        .verify(&ended.run, &VerifyOptions::default())?;
    is(
        "what `verify` says",
        &report.verdict,
        &VerifyVerdict::Intact,
    )
}

/// It is in a terminal phase, sealed, and no success hides a failure.
fn is_closed(ended: &Ended) -> Result<(), Fault> {
    let summary = &ended.summary;
    if !summary.phase.is_terminal() || !summary.sealed {
        return fault(format!("the run is left in {}", summary.phase));
    }
    let failed = summary
        .steps
        .iter()
        .any(|step| step.state == StepState::Failed);
    if failed && summary.outcome == Some(Outcome::Succeeded) {
        return fault("a run with a failed step is told as succeeded");
    }
    Ok(())
}

/// Its log begins with its creation, ends with its seal, and misses no line.
fn has_a_whole_story(ended: &Ended) -> Result<(), Fault> {
    let kind = |event: Option<&rok_facades::runs::EventLine>| {
        event
            .map_or("nothing", |event| event.event_type.as_str())
            .to_owned()
    };
    is(
        "the first event",
        &kind(ended.events.first()),
        &"run.created".to_owned(),
    )?;
    is(
        "the last event",
        &kind(ended.events.last()),
        &"run.sealed".to_owned(),
    )?;
    for (seq, event) in (0..).zip(&ended.events) {
        is("the place of an event", &event.seq.0, &seq)?;
    }
    let begun = ended.count("step.started");
    let over =
        ended.count("step.succeeded") + ended.count("step.failed") + ended.count("step.retried");
    if begun > over {
        return fault(format!("{begun} attempts began and {over} ended"));
    }
    Ok(())
}

/// Operators hear of its start and of its end, each once.
fn tells_operators(ended: &Ended) -> Result<(), Fault> {
    let mut told = Vec::new();
    for event in &ended.events {
        let Ok(line) = serde_json::from_str::<Value>(&event.line) else {
            return fault(format!("event {} is no JSON", event.seq));
        };
        told.extend(OperatorEvent::of_line(&line));
    }
    let count = |kind| told.iter().filter(|event| event.event == kind).count();
    let ends = count(OperatorEventKind::ExecutionEnd);
    is("execution_end", &ends, &1)?;
    let starts = count(OperatorEventKind::ExecutionStart);
    // One that may not start has an end, and no start.
    let began = ended.summary.outcome != Some(Outcome::Denied);
    is("execution_start", &starts, &usize::from(began))
}

/// Every duty that was declared is acknowledged.
fn is_reconciled(engine: &Engine, ended: &Ended) -> Result<(), Fault> {
    let audit = engine.runs().audit(&ended.run)?;
    let found = &audit.reconciliation;
    if audit.expectations.is_empty() {
        return fault("no duty was declared");
    }
    if found.is_clean() {
        return Ok(());
    }
    fault(format!("the run is not reconciled: {found:?}"))
}
