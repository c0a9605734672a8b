//! The sections of a report: what the record says, as tables and facts.

use super::fact;
use crate::pictures::graph::{counts, name_of, state, took};
use rok_facades::runs::{
    AuditView, LogTail, RunSummary, RunTiming, StepSummary, StepTiming, VerifyReport, VerifyVerdict,
};
use rok_pictures::{Body, Cell, Log, State, Table};
use rok_rac::Reconciliation;
use rok_vocabulary::{AckStatus, ExpectationStatus, ReconciliationStatus, StepState, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// So many logs of failed steps are shown at once; the others on demand.
const OPEN_LOGS: usize = 5;

fn table(columns: &[&str], rows: Vec<Vec<Cell>>, empty: &str) -> Body {
    if rows.is_empty() {
        return Body::Empty(empty.to_owned());
    }
    Body::Table(Table {
        columns: columns.iter().map(ToString::to_string).collect(),
        rows,
    })
}

pub(super) fn steps(run: &RunSummary, timing: &RunTiming) -> Body {
    let times: BTreeMap<&str, &StepTiming> = timing
        .steps
        .iter()
        .map(|step| (step.id.as_str(), step))
        .collect();
    let rows = run.steps.iter().zip(1..).map(|(step, number)| {
        let times = times.get(step.id.as_str()).copied();
        step_row(number, step, times, timing)
    });
    let columns = [
        "#",
        "Step",
        "Name",
        "State",
        "Gate",
        "Attempts",
        "Began after",
        "Waited",
        "Took",
        "Notes",
    ];
    table(&columns, rows.collect(), "The plan has no steps.")
}

fn step_row(
    number: i64,
    step: &StepSummary,
    times: Option<&StepTiming>,
    timing: &RunTiming,
) -> Vec<Cell> {
    let gate = match (&step.gate, step.required) {
        (Some(gate), _) => gate.clone(),
        (None, true) => String::new(),
        (None, false) => "optional".to_owned(),
    };
    let attempts = times.map_or(0, |times| times.attempts.len());
    let began = times
        .and_then(|times| times.attempts.first())
        .map(|first| first.from);
    let waited: Duration = times
        .into_iter()
        .flat_map(|times| &times.waits)
        .map(|wait| wait.until.unwrap_or(timing.until).since(wait.from))
        .sum();
    let error = step.error.as_ref();
    let children = step
        .children
        .map(|children| format!("{} children: {}", children.total, counts(children)));
    let fell_back = step.fell_back_to.as_ref();
    let run = step.run.as_ref();
    let notes: Vec<String> = [
        error.map(|error| format!("{} ({})", error.reason, error.class)),
        step.skip_reason.clone(),
        fell_back.map(|to| format!("{to} ran in its place")),
        step.cached_from
            .as_ref()
            .map(|from| format!("taken from {from}")),
        run.map(|run| format!("its work is run {run}")),
        children,
    ]
    .into_iter()
    .flatten()
    .collect();
    let notes = notes.join("; ");
    let span = |duration: Option<Duration>| match duration {
        Some(duration) => Cell::ordered(took(duration), millis(duration)),
        None => Cell::ordered("", -1),
    };
    vec![
        Cell::ordered(number.to_string(), number),
        Cell::code(step.id.clone()),
        Cell::text(name_of(step.name.as_deref(), &step.id)),
        Cell::state(state(step.state)),
        Cell::text(gate),
        Cell::ordered(
            attempts.to_string(),
            i64::try_from(attempts).unwrap_or(i64::MAX),
        ),
        span(began.map(|began| began.since(timing.from))),
        span((!waited.is_zero()).then_some(waited)),
        span(step.wall_ms.map(Duration::from_millis)),
        Cell::text(notes),
    ]
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn logs(run: &RunSummary, tails: &[LogTail]) -> Body {
    if tails.is_empty() {
        return Body::Empty("No step has printed anything.".to_owned());
    }
    let states: BTreeMap<&str, StepState> = run
        .steps
        .iter()
        .map(|step| (step.id.as_str(), step.state))
        .collect();
    let mut open = OPEN_LOGS;
    let logs = tails.iter().map(|tail| {
        let of = states.get(tail.step.as_str()).copied();
        let failed = of == Some(StepState::Failed);
        let shown = failed && open > 0;
        open -= usize::from(shown);
        let attempt = match tail.attempt {
            0 => String::new(),
            attempt => format!(", attempt {}", attempt + 1),
        };
        Log {
            title: format!("{}{attempt}", tail.step),
            state: of.map(state),
            text: tail.text.clone(),
            cut: tail.cut,
            open: shown,
        }
    });
    Body::Logs(logs.collect())
}

pub(super) fn reconciliation(result: &Reconciliation) -> Body {
    let state = match result.status {
        ReconciliationStatus::Complete => State::Succeeded,
        _ if result.failed.is_empty() => State::Partial,
        _ => State::Failed,
    };
    let mut facts = vec![
        fact(
            "Status",
            Cell {
                state: Some(state),
                ..Cell::text(result.status.to_string())
            },
        ),
        fact("Expected", Cell::text(result.expected.to_string())),
        fact("Acknowledged", Cell::text(result.acked.to_string())),
    ];
    let join = |all: Vec<String>| {
        Cell::code(if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(", ")
        })
    };
    let missing = result.missing.iter().map(ToString::to_string).collect();
    facts.push(fact("Missing", join(missing)));
    let drift = result.drift.iter().map(ToString::to_string).collect();
    facts.push(fact("Drift", join(drift)));
    Body::Facts(facts)
}

fn instant(at: Option<Timestamp>) -> Cell {
    match at {
        Some(at) => Cell::ordered(at.to_string(), at.as_millis()),
        None => Cell::ordered("", -1),
    }
}

pub(super) fn expectations(audit: &AuditView) -> Body {
    let rows = audit.expectations.iter().map(|expected| {
        let state = match expected.status {
            ExpectationStatus::Acked => State::Succeeded,
            ExpectationStatus::Pending => State::Pending,
            _ => State::Failed,
        };
        vec![
            Cell::code(expected.id.clone()),
            Cell {
                state: Some(state),
                ..Cell::text(expected.status.to_string())
            },
            instant(Some(expected.created_at)),
            instant(expected.deadline),
            instant(expected.acked_at),
        ]
    });
    let columns = ["Duty", "Status", "Declared", "Due", "Acknowledged"];
    table(&columns, rows.collect(), "Nothing was declared.")
}

pub(super) fn acks(audit: &AuditView) -> Body {
    let rows = audit.acks.iter().map(|ack| {
        let state = if ack.status == AckStatus::Success {
            State::Succeeded
        } else {
            State::Failed
        };
        let what = ack.error.clone().or_else(|| ack.result_id.clone());
        vec![
            Cell::code(ack.duty.clone()),
            Cell {
                state: Some(state),
                ..Cell::text(ack.status.to_string())
            },
            instant(Some(ack.at)),
            Cell::code(what.unwrap_or_default()),
            Cell::code(ack.id.clone()),
        ]
    });
    let columns = ["Duty", "Status", "At", "Result", "Id"];
    table(&columns, rows.collect(), "No domain has answered yet.")
}

pub(super) fn decisions(run: &RunSummary) -> Body {
    let rows = run.approvals.iter().map(|decision| {
        vec![
            instant(Some(decision.at)),
            Cell::text(decision.decision.clone()),
            Cell::code(decision.step.clone()),
            Cell::text(decision.actor.clone()),
            Cell::text(decision.reason.clone().unwrap_or_default()),
        ]
    });
    let columns = ["At", "Decision", "Step", "By", "Reason"];
    table(&columns, rows.collect(), "Nobody has decided anything.")
}

pub(super) fn overrides(run: &RunSummary) -> Body {
    let rows = run.overrides.iter().map(|passed| {
        let used = passed.used_in.map(|epoch| format!("in epoch {epoch}"));
        let review = passed.review.as_ref();
        vec![
            instant(Some(passed.at)),
            Cell::code(passed.step.clone()),
            Cell::text(passed.actor.clone()),
            Cell::text(passed.reason.clone()),
            instant(Some(passed.expires_at)),
            Cell::text(used.unwrap_or_else(|| "not yet".to_owned())),
            Cell::code(
                review
                    .map(|review| format!("{} {}", review.id, review.status))
                    .unwrap_or_default(),
            ),
        ]
    });
    let columns = [
        "At",
        "Hard gate",
        "By",
        "Reason",
        "Expires",
        "Used",
        "Review",
    ];
    table(&columns, rows.collect(), "No failed gate was overridden.")
}

/// What was undone, and what is left; nothing where no rollback was asked for.
pub(super) fn rollback(run: &RunSummary, timing: &RunTiming) -> Option<Body> {
    let rollback = run.rollback.as_ref()?;
    let spans = timing.steps.iter().flat_map(|step| {
        let spans = step.compensations.iter();
        spans.map(|span| (span.from, &step.id, span))
    });
    let mut spans: Vec<_> = spans.collect();
    spans.sort_by_key(|(from, ..)| *from);
    let tried = spans.into_iter().map(|(from, id, span)| {
        let (undone, words) = match span.state {
            StepState::Compensated => (State::Compensated, "undone"),
            StepState::Failed => (State::Failed, "not undone"),
            _ => (State::Running, "under way"),
        };
        let until = span.until.unwrap_or(timing.until);
        vec![
            instant(Some(from)),
            Cell::code(id.clone()),
            Cell {
                state: Some(undone),
                ..Cell::text(words)
            },
            Cell::ordered(took(until.since(from)), millis(until.since(from))),
            Cell::text(span.reason.clone().unwrap_or_default()),
        ]
    });
    let left = |ids: &[String], state: State, words: &str| -> Vec<Vec<Cell>> {
        let row = |id: &String| {
            vec![
                instant(None),
                Cell::code(id.clone()),
                Cell {
                    state: Some(state),
                    ..Cell::text(words)
                },
                Cell::ordered("", -1),
                Cell::text(""),
            ]
        };
        ids.iter().map(row).collect()
    };
    let rows: Vec<Vec<Cell>> = tried
        .chain(left(&rollback.remaining, State::Pending, "left"))
        .chain(left(
            &rollback.nothing_to_undo,
            State::Skipped,
            "nothing to undo",
        ))
        .collect();
    let columns = ["At", "Step", "Compensation", "Took", "Notes"];
    Some(table(&columns, rows, "Nothing had to be undone."))
}

pub(super) fn artifacts(run: &RunSummary) -> Body {
    let rows = run.artifacts.iter().map(|artifact| {
        let bytes = i64::try_from(artifact.bytes).unwrap_or(i64::MAX);
        vec![
            Cell::code(artifact.step.clone()),
            Cell::code(artifact.path.clone()),
            Cell::ordered(artifact.bytes.to_string(), bytes),
            Cell::code(artifact.sha256.clone()),
        ]
    });
    let columns = ["Step", "Path", "Bytes", "sha-256"];
    table(&columns, rows.collect(), "No step has made one.")
}

pub(super) fn incident(run: &RunSummary) -> Body {
    let Some(incident) = &run.incident else {
        return Body::Empty("None is on record yet.".to_owned());
    };
    Body::Facts(vec![
        fact("Id", Cell::code(incident.id.clone())),
        fact("Severity", Cell::text(incident.severity.to_string())),
        fact("Status", Cell::text(incident.status.clone())),
        fact(
            "Category",
            Cell::text(incident.category.clone().unwrap_or_default()),
        ),
    ])
}

pub(super) fn proved(run: &RunSummary, proof: &VerifyReport) -> Body {
    let (state, words) = match proof.verdict {
        VerifyVerdict::Intact => (State::Succeeded, "intact and sealed"),
        VerifyVerdict::Open => (State::Running, "intact, not sealed"),
        VerifyVerdict::Collected => (State::Succeeded, "a stub: its content was collected"),
        VerifyVerdict::Broken => (State::Failed, "broken"),
    };
    let mut facts = vec![
        fact(
            "Record",
            Cell {
                state: Some(state),
                ..Cell::text(words)
            },
        ),
        fact("Events", Cell::text(run.events.to_string())),
        fact("Lines proved", Cell::text(proof.lines.to_string())),
        fact(
            "Artifacts hashed again",
            Cell::text(proof.artifacts.to_string()),
        ),
        fact("Head", Cell::code(proof.head.clone())),
        fact("Check it", Cell::code(format!("rok verify {}", run.run_id))),
    ];
    facts.extend(proof.faults.iter().map(|fault| {
        fact(
            "Fault",
            Cell::text(format!("{}: {}", fault.file, fault.what)),
        )
    }));
    facts.extend(
        proof
            .notes
            .iter()
            .map(|note| fact("Note", Cell::text(note.clone()))),
    );
    Body::Facts(facts)
}
