//! Whether the row of a run in a shared store says what the run's log says:
//! lists, counts and rules go by the row, and only the log is true.

use super::file_fault;
use crate::fault;
use crate::home::Home;
use crate::load::Loaded;
use rok_facades::runs::{ErrorKind, RunsError, VerifyReport};
use rok_log::{RunRow, StoreError};
use rok_projections::Replay;
use rok_runner::row_of;
use rok_vocabulary::RunId;
use serde_json::Value;

/// What a fault of it is told of.
pub(super) const ROW: &str = "its row";

/// What a fault of the lists by label is told of.
const LABELS: &str = "its labels";

/// How often a run is looked at again that goes on meanwhile.
const TRIES: usize = 8;

/// What no log says: when a run is to be looked at again.
const NOT_LOGGED: &str = "wake_at";

/// Every field of a row that says something else than the log, in words.
pub(crate) fn differences(held: &RunRow, logged: &RunRow) -> Vec<String> {
    let fields = |row: &RunRow| match serde_json::to_value(row) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (held, logged) = (fields(held), fields(logged));
    let mut names: Vec<&String> = held.keys().chain(logged.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let names = names.into_iter().filter(|name| *name != NOT_LOGGED);
    let differ = names.filter(|name| held.get(*name) != logged.get(*name));
    let told = |value: Option<&Value>| value.map_or("nothing".to_owned(), in_words);
    differ
        .map(|name| {
            let (held, logged) = (told(held.get(name)), told(logged.get(name)));
            format!("says {name} {held}, the log says {logged}")
        })
        .collect()
}

fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What is wrong with the row of a run whose log was folded. Where the log went
/// on meanwhile, the fold goes on, too.
fn wrong(
    store: &Home,
    run: &RunId,
    mut replay: Replay,
    lines: u64,
) -> Result<Vec<String>, StoreError> {
    let mut tries = 0;
    loop {
        let Some(held) = store.get(run)? else {
            return Ok(vec!["is missing".into()]);
        };
        let logged = row_of(replay.state());
        // A log never gets shorter.
        if held.next_seq.0 < lines {
            let says = held.next_seq;
            return Ok(vec![format!(
                "says next_seq {says}, the log has {lines} lines"
            )]);
        }
        tries += 1;
        if held.next_seq <= logged.next_seq || tries == TRIES {
            let mut wrong = differences(&held, &logged);
            let (next, head) = store.ending(run)?;
            let folded = replay.head();
            if let Some(head) = head.filter(|head| next == logged.next_seq && *head != folded) {
                wrong.push(format!("says head {head}, the log says {folded}"));
            }
            return Ok(wrong);
        }
        let more = store.read_from(run, logged.next_seq)?;
        if let Err(error) = replay.lines(&more.bytes) {
            return Ok(vec![format!(
                "says that the log goes on, which cannot be followed: {}",
                fault::chain(&error)
            )]);
        }
    }
}

/// Holds a row against the log that was folded.
pub(super) fn check(
    store: &Home,
    run: &RunId,
    replay: Replay,
    report: &mut VerifyReport,
) -> Result<(), RunsError> {
    if !store.is_shared() {
        return Ok(());
    }
    // What a list by a label hides or shows, nobody sees in the row.
    let listed = store
        .label_faults(run)
        .map_err(|error| fault::store(&error))?;
    let faults = listed.into_iter().map(|what| file_fault(LABELS, what));
    report.faults.extend(faults);
    let wrong = match wrong(store, run, replay, report.lines) {
        Ok(wrong) => wrong,
        Err(StoreError::Corrupt { what, .. }) => vec![format!("cannot be believed: {what}")],
        Err(error) => return Err(fault::store(&error)),
    };
    let faults = wrong.into_iter().map(|what| file_fault(ROW, what));
    report.faults.extend(faults);
    Ok(())
}

/// Refuses a run of a shared store whose row says something else than its log.
pub(crate) fn holds(store: &Home, run: &RunId, loaded: Loaded) -> Result<(), RunsError> {
    if !store.is_shared() {
        return Ok(());
    }
    let lines = loaded.replay.count();
    let wrong = wrong(store, run, loaded.replay, lines).map_err(|error| fault::store(&error))?;
    if wrong.is_empty() {
        return Ok(());
    }
    let message = format!("the row of run {run} {}", wrong.join("; it "));
    Err(RunsError::new(ErrorKind::Protocol, "ROK0105", message)
        .help("the log is what holds; `rok verify` tells more"))
}
