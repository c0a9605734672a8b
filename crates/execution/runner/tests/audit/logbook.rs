//! What must hold of every log of an ended run, whatever happened to it.

use rok_chain::{LogState, verify_log};
use rok_events::{Body, Event, ReconciliationStage, StateChange, decode};
use rok_kernel::{RunState, StepSlot};
use rok_log::{EventReader, MemoryStore};
use rok_phases::PhaseInput;
use rok_projections::Replay;
use rok_rac::Duty;
use rok_vocabulary::{AckStatus, RunId, RunPhase, StepId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Reads a log back.
pub(crate) fn read(store: &MemoryStore, run: &RunId) -> Vec<(Event, bool)> {
    let log = store.read(run).unwrap();
    let decoded = log.lines().map(|line| decode(line, run).unwrap());
    decoded.map(|d| (d.event, d.more)).collect()
}

/// Holds a log against the rules.
pub(crate) fn check(store: &MemoryStore, run: &RunId, live: &RunState) {
    let raw = store.read_raw(run).unwrap();
    let report = verify_log(run, &raw, store.seal(run).unwrap().as_ref());
    assert_eq!(report.fault, None);
    assert_eq!(report.state, LogState::Sealed);

    let mut replay = Replay::new(Arc::clone(live.plan()), run.clone());
    replay.lines(&store.read(run).unwrap().bytes).unwrap();
    let folded = replay.state();
    assert_eq!(folded.phase(), live.phase(), "replay is live");
    assert_eq!(folded.steps(), live.steps(), "replay is live");
    assert_eq!(folded.ledger(), live.ledger(), "replay is live");
    assert_eq!(folded.outcome(), live.outcome(), "replay is live");
    assert!(folded.outstanding().is_empty(), "something is asked for");
    assert!(
        live.steps().iter().all(StepSlot::is_finished) || never_executed(live),
        "a step has no end: {:?}",
        live.steps()
    );

    let events = read(store, run);
    let last = events.last().unwrap().0.epoch;
    for epoch in 0..=last.0 {
        let of_epoch: Vec<&(Event, bool)> =
            events.iter().filter(|(e, _)| e.epoch.0 == epoch).collect();
        check_epoch(&of_epoch, live);
    }
    check_attempts(&events);
}

fn never_executed(state: &RunState) -> bool {
    let history = &state.phase_context().history;
    history
        .iter()
        .all(|change| change.to != RunPhase::Executing)
}

fn changes<'e>(epoch: &'e [&(Event, bool)]) -> impl Iterator<Item = (usize, &'e StateChange)> {
    let changes = epoch.iter().enumerate();
    changes.filter_map(|(at, (event, _))| match &event.body {
        Body::RunStateChanged(change) => Some((at, &**change)),
        _ => None,
    })
}

fn check_epoch(epoch: &[&(Event, bool)], live: &RunState) {
    let terminal: Vec<(usize, &StateChange)> = changes(epoch)
        .filter(|(_, change)| change.to.is_terminal())
        .collect();
    assert_eq!(terminal.len(), 1, "one terminal state an epoch");
    let reconciles = live.settings().contract.reconciles();
    check_closing(epoch, terminal[0].0, reconciles);
    check_path(epoch);
    check_expectations(epoch);
    check_order(epoch);
}

/// The end is ONE decision: finalize ack, final reconciliation, transition,
/// result, seal.
fn check_closing(epoch: &[&(Event, bool)], at: usize, reconciles: bool) {
    let body = |at: usize| &epoch[at].0.body;
    let more = |at: usize| epoch[at].1;
    assert!(matches!(body(at - 1), Body::AuditReconciled { data }
        if data.stage == ReconciliationStage::Final));
    assert!(matches!(body(at + 1), Body::RunCompleted { .. }));
    assert!(matches!(body(at + 2), Body::RunSealed { .. }));
    assert!(more(at - 1) && more(at) && more(at + 1) && !more(at + 2));
    if reconciles {
        assert!(more(at - 2), "the ack is in the same decision");
        assert!(matches!(body(at - 2), Body::AckReceived { data }
            if data.duty == Duty::FINALIZE_RUN));
    }
    // Only late acks, repairs and overrides follow, each segment with its own seal.
    for segment in epoch[at + 3..].split_inclusive(|(_, more)| !more) {
        let bodies: Vec<&Body> = segment.iter().map(|(event, _)| &event.body).collect();
        assert!(
            match bodies[..] {
                [Body::AckReceived { data }, Body::RunSealed { .. }] => data.late,
                [Body::LogRepaired { .. }, Body::RunSealed { .. }] => true,
                [
                    Body::OverrideApproved { step: approved, .. },
                    Body::RunOverrideApplied { step, .. },
                    Body::RunSealed { .. },
                ] => approved == step,
                _ => false,
            },
            "{bodies:?}"
        );
    }
}

/// The check is never skipped, the critical way aside.
fn check_path(epoch: &[&(Event, bool)]) {
    let path: Vec<(RunPhase, PhaseInput)> = changes(epoch)
        .filter_map(|(_, change)| Some((change.to, change.data.input?)))
        .collect();
    let entered = |phase| path.iter().any(|(to, _)| *to == phase);
    let critical = path
        .iter()
        .any(|(_, input)| *input == PhaseInput::CriticalError);
    if entered(RunPhase::Executing) && !critical {
        assert!(entered(RunPhase::GovernanceCheck), "the check was skipped");
    }
    if entered(RunPhase::Completed) {
        assert!(entered(RunPhase::Finalizing), "nothing was committed");
    }
}

/// Every transition says which duties it declared and which are open.
fn check_expectations(epoch: &[&(Event, bool)]) {
    let mut open: Vec<Duty> = Vec::new();
    let mut fresh: Vec<Duty> = Vec::new();
    let mut answered: BTreeMap<Duty, u32> = BTreeMap::new();
    for (event, _) in epoch {
        match &event.body {
            Body::ExpectationDeclared { data } => {
                open.push(data.id.clone());
                fresh.push(data.id.clone());
            }
            Body::AckReceived { data } if !data.late => match data.status {
                AckStatus::RolledBack => {
                    let times = answered.entry(data.duty.clone()).or_default();
                    *times = times.saturating_sub(1);
                }
                AckStatus::Success | AckStatus::Failed => {
                    *answered.entry(data.duty.clone()).or_default() += 1;
                }
            },
            Body::AuditReconciled { data } => {
                // What is missing is not open any more.
                open.retain(|duty| !data.result.missing.contains(duty));
            }
            Body::RunStateChanged(change) => {
                let said = &change.data.expectations;
                let is_open = |duty: &&Duty| answered.get(*duty).is_none_or(|n| *n == 0);
                let pending: BTreeSet<&Duty> = open.iter().filter(is_open).collect();
                assert_eq!(said.pending.iter().collect::<BTreeSet<_>>(), pending);
                if change.to == RunPhase::Created {
                    assert_eq!(said.declared, fresh, "T0 is CREATED");
                } else {
                    assert!(said.declared.is_empty());
                }
            }
            _ => {}
        }
    }
}

/// Policies, then incident, then trace.
fn check_order(epoch: &[&(Event, bool)]) {
    let first = |duty: &Duty| {
        epoch.iter().position(|(event, _)| {
            matches!(&event.body, Body::AckReceived { data }
                if data.duty == *duty && data.record.is_some())
        })
    };
    let order = [
        first(&Duty::EVALUATE_POLICY),
        first(&Duty::CREATE_INCIDENT),
        first(&Duty::COMPLETE_TRACE),
    ];
    let came: Vec<usize> = order.into_iter().flatten().collect();
    assert!(came.is_sorted(), "the domains were asked out of order");
}

/// A step that succeeded is never started again.
fn check_attempts(events: &[(Event, bool)]) {
    let mut succeeded: BTreeSet<StepId> = BTreeSet::new();
    for (event, _) in events {
        match &event.body {
            Body::StepStarted { step, .. } => {
                assert!(!succeeded.contains(step), "step {step} ran twice");
            }
            Body::StepSucceeded { step, .. } => {
                assert!(
                    succeeded.insert(step.clone()),
                    "step {step} succeeded twice"
                );
            }
            _ => {}
        }
    }
}

/// The transitions of a run: `from`, what happened, `to`.
pub(crate) fn rows(events: &[Event]) -> Vec<(RunPhase, PhaseInput, RunPhase)> {
    let rows = events.iter().filter_map(|event| match &event.body {
        Body::RunStateChanged(change) => Some((change.from?, change.data.input?, change.to)),
        _ => None,
    });
    rows.collect()
}

/// Folds a log into a state.
pub(crate) fn fold(
    store: &MemoryStore,
    run: &RunId,
    plan: Arc<rok_kernel::CompiledPlan>,
) -> RunState {
    let mut replay = Replay::new(plan, run.clone());
    replay.lines(&store.read(run).unwrap().bytes).unwrap();
    replay.into_state()
}
