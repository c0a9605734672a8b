//! Places under a concurrency key, where the store hands out runs: a run that
//! has to wait waits there. What is left is to refuse one, or to end another.

use crate::engine::Runs;
use crate::fault;
use crate::home::Home;
use crate::places::unfit;
use crate::slots::AtStart;
use crate::submit::{NewRun, Prepared};
use rok_facades::runs::{CommandRequest, ErrorKind, RunsError, Verb};
use rok_log::{RunEntry, RunFilter};
use rok_plan::OnLimit;
use rok_vocabulary::{Actor, Epoch, RunId, RunPhase};
use std::sync::{MutexGuard, PoisonError};

/// The phases of a run that is not closed.
const OPEN: [RunPhase; 5] = [
    RunPhase::Created,
    RunPhase::Authorized,
    RunPhase::Executing,
    RunPhase::GovernanceCheck,
    RunPhase::Finalizing,
];

/// What a new run means to those with the same key.
pub(super) struct Asked<'a> {
    key: String,
    limit: u32,
    /// The oldest are ended for it.
    cancels: Option<Actor>,
    /// Until it is created, nobody else is let in who would be refused.
    _alone: Option<MutexGuard<'a, ()>>,
}

impl Runs {
    /// Refuses a run whose plan says that it is not to wait, where it would.
    pub(super) fn ask_for_place(
        &self,
        prepared: &Prepared,
        within: &NewRun,
    ) -> Result<Option<Asked<'_>>, RunsError> {
        let plan = prepared.plan.plan();
        let Some(concurrency) = &plan.concurrency else {
            return Ok(None);
        };
        let known = AtStart {
            run: &prepared.run,
            plan,
            inputs: &prepared.spec.inputs,
            labels: &prepared.spec.labels,
            epoch: Epoch::FIRST,
        };
        let key = concurrency
            .key
            .text(&known)
            .map_err(|error| unfit(&error))?;
        let key = key.as_plain().unwrap_or_default().to_owned();
        let limit = concurrency.limit;
        let rejects = concurrency.on_limit == OnLimit::Reject;
        let alone = rejects.then(|| self.alone.lock().unwrap_or_else(PoisonError::into_inner));
        let before = self.open_under(&key)?;
        let full = before.len() >= limit as usize;
        if let Some(parent) = within.parent.as_ref().filter(|_| full) {
            self.refuse_to_wait_for_own(&key, limit, &before, &parent.run)?;
        }
        if rejects && full {
            let names: Vec<&str> = before.iter().map(RunId::as_str).collect();
            let message = format!(
                "no place is free for concurrency key `{key}`: {} has it",
                names.join(", ")
            );
            return Err(RunsError::new(ErrorKind::State, "ROK0120", message)
                .help("wait for that run, or cancel it; `on_limit: queue` makes runs wait"));
        }
        let cancels = concurrency.on_limit == OnLimit::CancelOldest;
        Ok(Some(Asked {
            key,
            limit,
            cancels: cancels.then(|| prepared.spec.submitter.clone()),
            _alone: alone,
        }))
    }

    /// A run within another must not wait for that one to end.
    fn refuse_to_wait_for_own(
        &self,
        key: &str,
        limit: u32,
        before: &[RunId],
        parent: &RunId,
    ) -> Result<(), RunsError> {
        let mut ancestors = vec![parent.clone()];
        if let Ok(loaded) = self.load(parent) {
            ancestors.extend(self.ancestors(loaded.state()));
        }
        let own = before.iter().filter(|run| ancestors.contains(run));
        let places: Vec<&RunId> = own.collect();
        if places.len() < limit as usize {
            return Ok(());
        }
        let message = format!(
            "it would wait for run {}, which waits for it (concurrency key `{key}`)",
            places[0]
        );
        Err(RunsError::new(ErrorKind::Usage, "ROK0120", message))
    }

    /// Ends the oldest, where the plan says so.
    pub(super) fn make_place(&self, asked: Option<Asked<'_>>, run: &RunId) {
        let Some(asked) = asked else { return };
        let Some(actor) = asked.cancels else { return };
        let Ok(mut open) = self.open_under(&asked.key) else {
            return;
        };
        open.retain(|other| other != run);
        let over = (open.len() + 1).saturating_sub(asked.limit as usize);
        for oldest in open.into_iter().take(over) {
            let request = CommandRequest {
                verb: Verb::Cancel,
                actor: actor.clone(),
                reason: Some(format!(
                    "run {run} takes its place (concurrency key `{}`)",
                    asked.key
                )),
            };
            // One that cannot be cancelled keeps its place, and the run waits.
            drop(self.put_command(&oldest, request));
        }
    }

    /// The runs with a key that are not closed, the oldest first.
    fn open_under(&self, key: &str) -> Result<Vec<RunId>, RunsError> {
        let open = open_under(&self.home(), key)?;
        Ok(open.into_iter().map(|(_, run)| run).collect())
    }
}

/// The runs of a store with a key that are not closed, the oldest first, and
/// where each is.
pub(crate) fn open_under(store: &Home, key: &str) -> Result<Vec<(RunPhase, RunId)>, RunsError> {
    let filter = RunFilter {
        phases: OPEN.to_vec(),
        concurrency: Some(key.to_owned()),
        ..RunFilter::default()
    };
    let entries = store.list(&filter).map_err(|error| fault::store(&error))?;
    let mut open: Vec<_> = entries
        .into_iter()
        .filter_map(|entry| match entry {
            RunEntry::Run { run, row } => Some((row.created_at, run, row.phase)),
            RunEntry::Collected { .. } | RunEntry::Broken { .. } => None,
        })
        .collect();
    open.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    Ok(open
        .into_iter()
        .map(|(_, run, phase)| (phase, run))
        .collect())
}
