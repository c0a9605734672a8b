//! What a run waits for: a hold of its own or, where all that runs of it are
//! sub-runs that wait, theirs. Its log says nothing of that: it is told by
//! where the sub-runs stand.

use crate::gates;
use crate::home::Home;
use crate::load::Loaded;
use crate::subruns::PARENT_RUN;
use rok_facades::runs::HoldView;
use rok_kernel::{Effect, RunState, StepIx};
use rok_log::{RunEntry, RunFilter, RunRow, StoreError};
use rok_vocabulary::{RunId, RunPhase, StepState};
use std::collections::BTreeSet;

/// What a run waits for, if it does.
pub(crate) fn waits(store: &Home, state: &RunState) -> Option<HoldView> {
    gates::hold(state).or_else(|| of_sub_runs(store, state))
}

/// What the sub-runs wait for that are all that runs of a run. One that cannot
/// be read waits for nobody: whoever goes on with the run finds what is wrong.
fn of_sub_runs(store: &Home, state: &RunState) -> Option<HoldView> {
    if state.phase() != RunPhase::Executing || state.stopping().is_some() {
        return None;
    }
    let mut first = None;
    for ix in running(state)? {
        let child = state.step(ix).run.clone()?;
        let held = rests(store, Loaded::read(store, &child).ok()?.state())?;
        let id = state.step_id(ix);
        first.get_or_insert_with(|| HoldView {
            message: format!("step `{id}` waits for its run {child}: {}", held.message),
            run: held.run.clone().or(Some(child)),
            ..held
        });
    }
    first
}

/// The steps that run; `None` where anything else is under way as well.
fn running(state: &RunState) -> Option<Vec<StepIx>> {
    let retries = state.places().any(|ix| {
        let slot = state.step(ix);
        slot.retry_due.is_some() && slot.state == StepState::Pending
    });
    let started = |effect: &Effect| match effect {
        Effect::StartStep { step, .. } => Some(*step),
        _ => None,
    };
    let effects = state.outstanding();
    if retries {
        return None;
    }
    effects.iter().map(started).collect()
}

/// What a run waits for of which nothing goes on by itself.
fn rests(store: &Home, state: &RunState) -> Option<HoldView> {
    if state.outstanding().is_empty() {
        return gates::hold(state);
    }
    let sub_runs = of_sub_runs(store, state)?;
    // Those of a paused run wait with it.
    Some(gates::hold(state).unwrap_or(sub_runs))
}

/// Which of a list's runs wait for sub-runs of theirs.
pub(crate) struct WaitingParents(BTreeSet<String>);

impl WaitingParents {
    /// Looks for them: only the parents of runs that are held are read.
    pub(crate) fn among(store: &Home, entries: &[RunEntry]) -> Result<Self, StoreError> {
        let mut found = BTreeSet::new();
        let open = entries.iter().filter_map(|entry| match entry {
            RunEntry::Run { run, row } if is_open(row) => Some(run.to_string()),
            _ => None,
        });
        let open: BTreeSet<String> = open.collect();
        if open.is_empty() {
            return Ok(Self(found));
        }
        let held = store.list(&RunFilter {
            phases: vec![RunPhase::Executing],
            held: Some(true),
            ..RunFilter::default()
        })?;
        for entry in held {
            let RunEntry::Run { row, .. } = entry else {
                continue;
            };
            let mut at = row;
            while let Some(parent) = at.labels.get(PARENT_RUN) {
                let Ok(run) = parent.parse::<RunId>() else {
                    break;
                };
                // A label is a hint that anybody may have given.
                let seen = !found.insert(parent.clone());
                match store.get(&run) {
                    Ok(Some(row)) if !seen => at = row,
                    _ => break,
                }
            }
        }
        found.retain(|run| open.contains(run) && is_waiting(store, run));
        Ok(Self(found))
    }

    /// The same for a page of a list: each that may wait is looked at, and
    /// nothing else is.
    pub(crate) fn of_page(store: &Home, entries: &[RunEntry]) -> Result<Self, StoreError> {
        let mut found = BTreeSet::new();
        for entry in entries {
            let RunEntry::Run { run, row } = entry else {
                continue;
            };
            if !is_open(row) || (store.is_shared() && !has_sub_runs(store, run)?) {
                continue;
            }
            if is_waiting(store, run.as_str()) {
                found.insert(run.to_string());
            }
        }
        Ok(Self(found))
    }

    /// Whether it is one of them.
    pub(crate) fn contains(&self, run: &RunId) -> bool {
        self.0.contains(run.as_str())
    }
}

/// What may wait for sub-runs.
fn is_open(row: &RunRow) -> bool {
    row.phase == RunPhase::Executing && row.hold.is_none()
}

/// Whether a run says that it is one of this one's, and goes on.
fn has_sub_runs(store: &Home, run: &RunId) -> Result<bool, StoreError> {
    let sub_runs = RunFilter {
        phases: vec![RunPhase::Executing],
        labels: [(PARENT_RUN.to_owned(), run.to_string())].into(),
        limit: Some(1),
        ..RunFilter::default()
    };
    Ok(!store.list(&sub_runs)?.is_empty())
}

fn is_waiting(store: &Home, run: &str) -> bool {
    let Ok(run) = run.parse::<RunId>() else {
        return false;
    };
    let loaded = Loaded::read(store, &run);
    loaded.is_ok_and(|loaded| of_sub_runs(store, loaded.state()).is_some())
}
