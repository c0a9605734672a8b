//! Batches: one plan over a list of inputs. Every item is judged before the
//! first run exists. A batch is nothing but its runs: each is named after the
//! batch and its place in it, and says so in its labels, so that the same batch
//! again finds what was made.

use crate::engine::Runs;
use crate::fault;
use crate::listing::{entry_of, listed};
use crate::pooled::{Keyed, item_request};
use crate::submit::{inputs_of, load_secrets, parsed, refuse_leaks};
use crate::waits::WaitingParents;
use rok_facades::runs::{
    BATCH_ITEMS_LABEL, BATCH_LABEL, BatchItem, BatchResult, BatchStatus, BatchSubmission,
    ErrorKind, MAX_BATCH_ITEMS, RunsError, item_run,
};
use rok_log::{RunEntry, RunRow, StoreError};
use rok_plan::OnLimit;
use rok_vocabulary::{BatchId, RunId, RunPhase};

/// So many faulty items are told; there may be more.
const TOLD: usize = 20;

/// Of so many failed runs it is told why: each log is read for it.
const EXPLAINED: usize = 100;

impl Runs {
    /// Judges every item; nothing is written.
    pub(crate) fn check_batch_of(&self, batch: &BatchSubmission) -> Result<(), RunsError> {
        let n = batch.items.len();
        if n == 0 {
            let message = "the list of items is empty: there is nothing to run";
            return Err(refused(message.into()).help("give a batch at least one item"));
        }
        if n > MAX_BATCH_ITEMS {
            let message = format!("a batch has 1 to {MAX_BATCH_ITEMS} items, and this one has {n}");
            return Err(refused(message).help("give it in several batches"));
        }
        let plan = parsed(&batch.common.plan, &batch.common.source)?;
        let limit = plan.concurrency.as_ref().map(|limit| limit.on_limit);
        if limit.is_some_and(|on_limit| on_limit != OnLimit::Queue) {
            let message = "the plan's `concurrency` refuses or ends runs that are too many, and a batch has many";
            return Err(refused(message.into()).help("take `on_limit: queue`"));
        }
        let secrets = load_secrets(&plan, batch.common.secrets_file.as_deref());
        let canonical = plan.to_canonical_json();
        let mut faults = Vec::new();
        for index in 0..n {
            let item = batch.item(index);
            let judged = inputs_of(&plan, &item).and_then(|inputs| {
                if let Ok(secrets) = &secrets {
                    refuse_leaks(secrets, &canonical, &inputs, &item)?;
                }
                self.made_before(&batch.run(index), &item_request(batch, index))
            });
            if let Err(error) = judged {
                let why = error.message.replace('\n', "; ");
                faults.push(format!("item {}: {why}", index + 1));
            }
        }
        if faults.is_empty() {
            // What is wrong with all of them is wrong with the first.
            return self.prepare(batch.item(0)).map(drop);
        }
        let more = faults.len().saturating_sub(TOLD);
        faults.truncate(TOLD);
        if more > 0 {
            faults.push(format!("and {more} more"));
        }
        Err(refused(faults.join("\n")).help("mend these items; no run was made of any"))
    }

    /// Makes the run of an item, or finds the one that it made before.
    pub(crate) fn submit_item_of(
        &self,
        batch: &BatchSubmission,
        index: usize,
    ) -> Result<RunId, RunsError> {
        let (run, request) = (batch.run(index), item_request(batch, index));
        let mut submission = batch.item(index);
        let keyed = |this: &Self| match this.made_before(&run, &request)? {
            Some(made) => Ok(Keyed::Made(made)),
            None => Ok(Keyed::New(Some(request.clone()))),
        };
        submission.run_id = Some(run.clone());
        if self.is_pooled() {
            return self.enqueue_keyed(submission, None, keyed(self)?);
        }
        self.submit_alone(submission, |this, _| keyed(this))
    }

    /// A batch, as its runs tell it.
    pub(crate) fn batch_of(&self, batch: &BatchId) -> Result<BatchResult, RunsError> {
        let unknown = || {
            RunsError::new(
                ErrorKind::Usage,
                "ROK0101",
                format!("there is no batch `{batch}`"),
            )
            .help("`rok ls --label rok.batch=ID` lists the runs of one")
        };
        let first = self.row(&item_run(batch, 0))?.ok_or_else(unknown)?;
        let of = first.labels.get(BATCH_LABEL);
        let items = first.labels.get(BATCH_ITEMS_LABEL);
        let items = items.and_then(|items| items.parse::<usize>().ok());
        let (Some(items), true) = (items, of.is_some_and(|of| of == batch.as_str())) else {
            return Err(unknown());
        };
        let mut results = Vec::with_capacity(items.min(MAX_BATCH_ITEMS));
        let mut failed = 0;
        for index in 0..items.min(MAX_BATCH_ITEMS) {
            let mut item = self.item_of(batch, index)?;
            if item.phase == Some(RunPhase::Failed) && failed < EXPLAINED {
                failed += 1;
                // One that was collected tells no more why.
                let loaded = self.load(&item.run_id).ok();
                item.error = loaded.and_then(|run| crate::summary::summary(&run).error);
            }
            results.push(item);
        }
        let status = BatchStatus::of(&results);
        let ended = results.iter().filter_map(|item| item.completed_at).max();
        Ok(BatchResult {
            batch_id: batch.clone(),
            plan: first.plan,
            status,
            started_at: first.created_at,
            completed_at: ended.filter(|_| results.iter().all(BatchItem::has_ended)),
            results,
        })
    }

    fn item_of(&self, batch: &BatchId, index: usize) -> Result<BatchItem, RunsError> {
        let run = item_run(batch, index);
        let mut item = BatchItem {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            run_id: run.clone(),
            status: "not_submitted".into(),
            phase: None,
            outcome: None,
            created_at: None,
            completed_at: None,
            held: false,
            interrupted: false,
            queued: false,
            error: None,
        };
        let Some(row) = self.row(&run)? else {
            return Ok(item);
        };
        let (home, failed) = (self.home(), |error: StoreError| fault::store(&error));
        let entry = [entry_of(&home, run.clone(), row).map_err(failed)?];
        let waiting = WaitingParents::of_page(&home, &entry).map_err(failed)?;
        let [entry] = entry;
        item.held = match &entry {
            RunEntry::Run { run, row } => row.hold.is_some() || waiting.contains(run),
            _ => false,
        };
        let listing = listed(&home, entry, &waiting);
        item.status = listing.status;
        (item.phase, item.outcome) = (listing.phase, listing.outcome);
        item.created_at = listing.created_at;
        item.interrupted = listing.interrupted;
        if !item.has_ended() && !item.held && home.driver(&run).map_err(failed)?.is_none() {
            item.queued = home.queued(&run).map_err(failed)?.is_some();
        }
        item.completed_at = listing.updated_at.filter(|_| item.has_ended());
        Ok(item)
    }

    fn row(&self, run: &RunId) -> Result<Option<RunRow>, RunsError> {
        let home = self.home();
        let failed = |error: StoreError| fault::store(&error);
        if !home.exists(run).map_err(failed)? {
            return Ok(None);
        }
        home.get(run).map_err(failed)
    }
}

fn refused(message: String) -> RunsError {
    RunsError::new(ErrorKind::Usage, "ROK0123", message)
}
