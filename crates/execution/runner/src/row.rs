//! A run's row, and when it is due: projections of its state.

use crate::error::RunnerError;
use crate::run_runner::kbase;
use rok_events::Encoder;
use rok_kernel::{CompiledPlan, RunScope, RunSpec, RunState, create_rok};
use rok_log::{Commit, Concurrency, Document, DocumentKind, Labels, RunRow};
use rok_projections::ServiceRun;
use rok_vocabulary::{Disposition, RunId, RunPhase, Timestamp};
use std::sync::Arc;

/// What a run's row says that never changes.
#[derive(Debug, Default)]
pub(crate) struct Fixed {
    known: bool,
    labels: Labels,
    concurrency: Option<Concurrency>,
    priority: i8,
}

impl Fixed {
    /// Looks it up, once the run is created.
    fn learn(&mut self, state: &RunState) {
        let Some(created) = state.created().filter(|_| !self.known) else {
            return;
        };
        self.known = true;
        self.priority = created.priority;
        if let Some(labels) = state.labels().filter(|labels| !labels.is_empty()) {
            self.labels = labels.clone().into();
        }
        let asked = state.plan().plan().concurrency.as_ref();
        self.concurrency = asked.and_then(|asked| {
            // A key without a value was refused before the run was created.
            let key = asked.key.text(&RunScope::new(state)).ok()?;
            Some(Concurrency {
                key: key.as_plain().unwrap_or_default().to_owned(),
                limit: asked.limit,
            })
        });
    }

    /// The row of a run in this state.
    pub(crate) fn row(&mut self, state: &RunState, wake_at: Option<Timestamp>) -> RunRow {
        self.learn(state);
        RunRow {
            phase: state.phase(),
            outcome: state.outcome(),
            hold: state.hold().map(|hold| hold.reason),
            disposition: Some(state.disposition()).filter(|said| *said != Disposition::None),
            undoing: state.rollback().is_some() && state.disposition() == Disposition::None,
            epoch: state.epoch(),
            labels: self.labels.clone(),
            updated_at: state.last_at(),
            wake_at,
            priority: self.priority,
            concurrency: self.concurrency.clone(),
            ..RunRow::new(state.plan().plan().id.clone(), state.created_at())
        }
    }
}

/// The row that a log says of its run: all but when it is to be looked at again,
/// which is nobody's but the driver's.
pub fn row_of(state: &RunState) -> RunRow {
    RunRow {
        next_seq: state.next_seq(),
        ..Fixed::default().row(state, None)
    }
}

/// When a run that nobody drives is to be claimed; `None`: when somebody asks
/// for it.
pub(crate) fn due(
    state: &RunState,
    wake_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    if state.is_sealed() {
        return None;
    }
    if state.outstanding().is_empty() && state.phase() == RunPhase::Executing {
        // It waits: for a person, or for a time.
        return match state.hold() {
            Some(_) => wake_at,
            None => Some(wake_at.unwrap_or(now)),
        };
    }
    Some(now)
}

/// The commit that creates a run and leaves it to whoever claims it; what it
/// has outstanding is theirs to perform. `plan_bytes` are the plan's canonical
/// bytes, `documents` those of the plans that its steps name.
pub fn newborn(
    run: RunId,
    plan: Arc<CompiledPlan>,
    plan_bytes: Arc<[u8]>,
    spec: RunSpec,
    documents: Vec<Document>,
    now: Timestamp,
) -> Result<Commit, RunnerError> {
    let mut encoder = Encoder::new(&run);
    let (kernel, decision) = create_rok(run.clone(), plan, spec, now)?;
    let mut lines = Vec::with_capacity(4096);
    encoder.encode(&decision.events, &mut lines);
    let row = Fixed::default().row(kernel.state(), None);
    let services = ServiceRun::of(kernel.state().plan().plan(), &run);
    let events = decision.events.len() as u32;
    let first = rok_vocabulary::Seq::FIRST;
    let mut commit = Commit::new(run, first, lines, events, encoder.head(), row);
    commit
        .documents
        .push(Document::new(DocumentKind::Plan, plan_bytes));
    commit.documents.extend(documents);
    if let Some(mut services) = services {
        decision
            .events
            .iter()
            .for_each(|event| services.note(event));
        commit.records = services.rows.iter().map(kbase).collect();
    }
    Ok(commit)
}
