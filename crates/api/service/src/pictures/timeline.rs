//! From a run's timing to the timeline that is drawn.

use super::graph::{name_of, standing, state, took};
use rok_facades::runs::{
    AttemptSpan, PauseSpan, RollbackSpan, RunSummary, RunTiming, StepSummary, StepTiming,
    WaitReason, WaitSpan,
};
use rok_pictures::{Band, BandKind, Gate, Moment, Row, Span, SpanKind, State, Timeline};
use rok_vocabulary::{StepState, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

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
    let rows = with_children(rows, run, timing);
    let ms = Timestamp::as_millis;
    Timeline {
        title: format!("Run {}", run.run_id),
        subtitle: standing(run, Some(timing.until.since(timing.from))),
        from: ms(timing.from),
        until: ms(timing.until),
        rows,
        bands: bands(timing),
        moments: moments(timing),
    }
}

fn bands(timing: &RunTiming) -> Vec<Band> {
    let pauses = timing.pauses.iter().map(|pause| band(pause, timing.until));
    let rollbacks = timing.rollbacks.iter().map(|rollback| {
        let until = rollback.until.unwrap_or(timing.until);
        Band {
            kind: BandKind::Rollback,
            from: rollback.from.as_millis(),
            until: until.as_millis(),
            words: format!(
                "{}, {}",
                undoing(rollback),
                took(until.since(rollback.from))
            ),
        }
    });
    let mut bands: Vec<Band> = pauses.chain(rollbacks).collect();
    bands.sort_by_key(|band| (band.from, band.until));
    bands
}

fn undoing(rollback: &RollbackSpan) -> &'static str {
    match (rollback.complete, rollback.until) {
        (true, _) => "rollback",
        (false, Some(_)) => "rollback, incomplete",
        (false, None) => "rollback, under way",
    }
}

/// Every epoch but the first, and where within one it was rolled back.
fn moments(timing: &RunTiming) -> Vec<Moment> {
    let rollbacks = || timing.rollbacks.iter();
    let epochs = timing.epochs.iter().skip(1).map(|epoch| {
        let undone = rollbacks().find(|rollback| rollback.from == epoch.from);
        let what = undone.map_or("resumed", undoing);
        Moment {
            at: epoch.from.as_millis(),
            words: format!("epoch {}: {what}", epoch.epoch),
        }
    });
    let begun = |at: Timestamp| timing.epochs.iter().any(|epoch| epoch.from == at);
    let within = rollbacks().filter(|rollback| !begun(rollback.from));
    let within = within.map(|rollback| Moment {
        at: rollback.from.as_millis(),
        words: undoing(rollback).to_owned(),
    });
    let mut moments: Vec<Moment> = epochs.chain(within).collect();
    moments.sort_by_key(|moment| moment.at);
    moments
}

/// Under each step that is fanned out its children: all, or where they are
/// many those that failed, and of the rest those that took longest.
fn with_children(mut rows: Vec<Row>, run: &RunSummary, timing: &RunTiming) -> Vec<Row> {
    let known: BTreeSet<&str> = run.steps.iter().map(|step| step.id.as_str()).collect();
    let mut children: BTreeMap<&str, Vec<&StepTiming>> = BTreeMap::new();
    for step in timing
        .steps
        .iter()
        .filter(|step| !known.contains(step.id.as_str()))
    {
        let parent = step.id.split('[').next().unwrap_or_default();
        children.entry(parent).or_default().push(step);
    }
    for row in &mut rows {
        if let Some(children) = children.get(row.id.as_str()) {
            row.spans.extend(undone_together(children, timing.until));
        }
    }
    let mut all = Vec::with_capacity(rows.len());
    for mut row in rows {
        let mut found = children.remove(row.id.as_str()).unwrap_or_default();
        let count = found.len();
        if count > CHILDREN {
            found.sort_by_key(|child| (!failed(child), Reverse(longest(child, timing.until))));
            found.truncate(CHILDREN);
            row.details
                .push(format!("{CHILDREN} of {count} children are shown"));
        }
        found.sort_by_key(|child| {
            (
                child.attempts.first().map(|attempt| attempt.from),
                index(&child.id),
            )
        });
        all.push(row);
        all.extend(
            found
                .into_iter()
                .map(|child| child_row(child, timing.until)),
        );
    }
    all
}

/// What was undone of a fan-out, from the first of its children to the last:
/// not all of them are shown.
fn undone_together(children: &[&StepTiming], end: Timestamp) -> Option<Span> {
    let all = || children.iter().flat_map(|child| &child.compensations);
    let from = all().map(|span| span.from).min()?;
    let until = all().map(|span| span.until.unwrap_or(end)).max()?;
    let count = |state: StepState| {
        let last = children
            .iter()
            .filter_map(|child| child.compensations.last());
        last.filter(|span| span.state == state).count()
    };
    let kind = match (count(StepState::Failed), count(StepState::Running)) {
        (0, 0) => State::Compensated,
        (0, _) => State::Running,
        _ => State::Failed,
    };
    let done = count(StepState::Compensated);
    let all = children.len();
    Some(Span {
        from: from.as_millis(),
        until: until.as_millis(),
        kind: SpanKind::Compensation(kind),
        words: format!(
            "{done} of {all} children undone in {}",
            took(until.since(from))
        ),
    })
}

/// So many children of a step are shown.
const CHILDREN: usize = 40;

fn failed(step: &StepTiming) -> bool {
    let last = step.attempts.last();
    last.is_some_and(|attempt| attempt.state == StepState::Failed)
}

fn longest(step: &StepTiming, end: Timestamp) -> Duration {
    let took = step
        .attempts
        .iter()
        .map(|attempt| attempt.until.unwrap_or(end).since(attempt.from));
    took.max().unwrap_or_default()
}

/// The number in `id[number]`.
fn index(id: &str) -> Option<u64> {
    id.split(['[', ']']).nth(1)?.parse().ok()
}

fn child_row(child: &StepTiming, end: Timestamp) -> Row {
    let last = child.attempts.last();
    Row {
        id: child.id.clone(),
        state: child_state(child),
        name: String::new(),
        gate: None,
        critical: false,
        took: last
            .filter(|attempt| attempt.until.is_some())
            .map(|attempt| took(attempt.until.unwrap_or(end).since(attempt.from)))
            .unwrap_or_default(),
        details: Vec::new(),
        spans: spans(child, end),
    }
}

fn child_state(child: &StepTiming) -> State {
    let undone = child.compensations.last();
    match undone.map(|span| span.state) {
        Some(StepState::Compensated) => State::Compensated,
        _ => child
            .attempts
            .last()
            .map_or(State::Pending, |attempt| state(attempt.state)),
    }
}

fn spans(times: &StepTiming, end: Timestamp) -> Vec<Span> {
    let waits = times.waits.iter().map(|wait| waited(wait, end));
    let attempts = times.attempts.iter().map(|attempt| attempted(attempt, end));
    let undone = times.compensations.iter().map(|span| undone(span, end));
    let mut spans: Vec<Span> = waits.chain(attempts).chain(undone).collect();
    spans.sort_by_key(|span| (span.from, span.until));
    spans
}

fn row(step: &StepSummary, times: Option<&StepTiming>, critical: bool, end: Timestamp) -> Row {
    let spans = times.map(|times| spans(times, end)).unwrap_or_default();
    let error = step.error.as_ref();
    let details = error
        .map(|error| format!("{} ({})", error.reason, error.class))
        .into_iter()
        .chain(step.skip_reason.clone());
    Row {
        id: step.id.clone(),
        name: name_of(step.name.as_deref(), &step.id),
        state: state(step.state),
        gate: step.gate.as_deref().and_then(|gate| match gate {
            "hard" => Some(Gate::Hard),
            "manual" => Some(Gate::Manual),
            _ => None,
        }),
        critical,
        took: step
            .wall_ms
            .map(|wall| took(Duration::from_millis(wall)))
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

fn undone(span: &AttemptSpan, end: Timestamp) -> Span {
    let until = span.until.unwrap_or(end);
    let how = match span.state {
        StepState::Compensated => "undone after",
        StepState::Failed => "compensation failed after",
        _ => "compensation under way for",
    };
    Span {
        from: span.from.as_millis(),
        until: until.as_millis(),
        kind: SpanKind::Compensation(state(span.state)),
        words: match &span.reason {
            // By hand: it took no time that is known.
            Some(reason) if span.state == StepState::Compensated => reason.clone(),
            reason => {
                let took = took(until.since(span.from));
                let reason = reason.as_ref().map(|reason| format!(": {reason}"));
                format!("{how} {took}{}", reason.unwrap_or_default())
            }
        },
    }
}

fn band(pause: &PauseSpan, end: Timestamp) -> Band {
    let until = pause.until.unwrap_or(end);
    let why = match pause.why.as_str() {
        "closed" => "closed between two epochs".to_owned(),
        "no_owner" => "no process drove the run".to_owned(),
        hold => format!("the run stood still: {}", hold.replace('_', " ")),
    };
    let kind = match pause.why.as_str() {
        "closed" => BandKind::Closed,
        _ => BandKind::Still,
    };
    Band {
        kind,
        from: pause.from.as_millis(),
        until: until.as_millis(),
        words: format!("{why}, {}", took(until.since(pause.from))),
    }
}
