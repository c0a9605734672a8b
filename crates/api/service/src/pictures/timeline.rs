//! From a run's timing to the timeline that is drawn.

use super::graph::{standing, state, took};
use rok_facades::runs::{
    AttemptSpan, PauseSpan, RunSummary, RunTiming, StepSummary, StepTiming, WaitReason, WaitSpan,
};
use rok_pictures::{Band, Gate, Row, Span, SpanKind, State, Timeline};
use rok_vocabulary::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The steps by when they began; those that never did come last.
pub(super) fn of_run(run: &RunSummary, timing: &RunTiming) -> Timeline {
    let critical: BTreeSet<&str> = timing.critical_path.iter().map(String::as_str).collect();
    let times: BTreeMap<&str, &StepTiming> = timing
        .steps
        .iter()
        .map(|step| (step.id.as_str(), step))
        .collect();
    let mut rows: Vec<Row> = run
        .steps
        .iter()
        .map(|step| {
            let times = times.get(step.id.as_str()).copied();
            row(
                step,
                times,
                critical.contains(step.id.as_str()),
                timing.until,
            )
        })
        .collect();
    rows.sort_by_key(|row| {
        let first = row.spans.iter().map(|span| span.from).min();
        (first.is_none(), first)
    });
    let ms = Timestamp::as_millis;
    Timeline {
        title: format!("Run {}", run.run_id),
        subtitle: standing(run),
        from: ms(timing.from),
        until: ms(timing.until),
        rows,
        bands: timing
            .pauses
            .iter()
            .map(|pause| band(pause, timing.until))
            .collect(),
    }
}

fn row(step: &StepSummary, times: Option<&StepTiming>, critical: bool, end: Timestamp) -> Row {
    let waits = times.into_iter().flat_map(|times| &times.waits);
    let attempts = times.into_iter().flat_map(|times| &times.attempts);
    let mut spans: Vec<Span> = waits
        .map(|wait| waited(wait, end))
        .chain(attempts.map(|attempt| attempted(attempt, end)))
        .collect();
    spans.sort_by_key(|span| (span.from, span.until));
    let error = step.error.as_ref();
    let details = error
        .map(|error| format!("{} ({})", error.reason, error.class))
        .into_iter()
        .chain(step.skip_reason.clone());
    Row {
        id: step.id.clone(),
        state: state(step.state),
        gate: step.gate.as_deref().and_then(|gate| match gate {
            "hard" => Some(Gate::Hard),
            "manual" => Some(Gate::Manual),
            _ => None,
        }),
        critical,
        took: step
            .wall_ms
            .map(|wall| took(std::time::Duration::from_millis(wall)))
            .unwrap_or_default(),
        details: details.collect(),
        spans,
    }
}

fn waited(wait: &WaitSpan, end: Timestamp) -> Span {
    let (kind, words) = match wait.why {
        WaitReason::Queue => (SpanKind::Queued, "queued"),
        WaitReason::Decision => (SpanKind::Decision, "waited for a decision"),
        WaitReason::Retry => (SpanKind::Delay, "waited before the next attempt"),
    };
    let until = wait.until.unwrap_or(end);
    Span {
        from: wait.from.as_millis(),
        until: until.as_millis(),
        kind,
        words: format!("{words}: {}", took(until.since(wait.from))),
    }
}

fn attempted(attempt: &AttemptSpan, end: Timestamp) -> Span {
    let until = attempt.until.unwrap_or(end);
    let state: State = state(attempt.state);
    let reason = attempt.reason.as_ref().map(|reason| format!(": {reason}"));
    Span {
        from: attempt.from.as_millis(),
        until: until.as_millis(),
        kind: SpanKind::Attempt(state),
        words: format!(
            "attempt {} {} after {}{}",
            attempt.attempt + 1,
            state.word(),
            took(until.since(attempt.from)),
            reason.unwrap_or_default()
        ),
    }
}

fn band(pause: &PauseSpan, end: Timestamp) -> Band {
    let until = pause.until.unwrap_or(end);
    let why = match pause.why.as_str() {
        "no_owner" => "no process drove the run".to_owned(),
        hold => format!("the run stood still: {}", hold.replace('_', " ")),
    };
    Band {
        from: pause.from.as_millis(),
        until: until.as_millis(),
        words: format!("{why}, {}", took(until.since(pause.from))),
    }
}
