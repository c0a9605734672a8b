//! The engine trait of runs and the facade over it.

use super::batch::{BatchResult, BatchSubmission};
use super::dry_run::DryRun;
use super::error::{ErrorKind, RunsError};
use super::fetch::{Fetched, SignedFile};
use super::proof::{
    AttestOptions, Attested, ExportOptions, Exported, ImportOptions, Imported, VerifyOptions,
    VerifyReport,
};
use super::replay::RedecidedView;
use super::requests::{
    CommandAnswer, CommandRequest, DriveEnd, DriveOptions, Observer, ReplayRequest, ResumeOptions,
    RollbackOptions, RunSelector, Submission,
};
use super::retention::{CollectReport, CollectRequest, HeldView, HoldRequest};
use super::service_run::{DegradedWorker, ServiceRunView};
use super::stop::StopSignal;
use super::timing::{LogTail, RunTiming, TailQuery};
use super::views::{
    AuditView, EventLine, EventQuery, Explanation, ListQuery, LogQuery, PageQuery, Resumable,
    RunListing, RunPage, RunSummary, StepSummary,
};
use crate::access::RunIdentity;
use rok_attest::{Checkpoint, Head};
use rok_vocabulary::{Actor, BatchId, PlanId, RunId};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// What the domain of runs can do. Synchronous.
pub trait RunsEngine: Send + Sync {
    /// Creates a run, durably; nothing of it has started.
    fn submit(&self, submission: Submission) -> Result<RunId, RunsError>;

    /// What a submission would come to: the same checks, nothing executed,
    /// nothing written.
    fn dry_run(&self, submission: Submission) -> Result<DryRun, RunsError>;

    /// The canonical bytes of a plan that is known where the runs are, by its
    /// id; `None` where there is no such plan, or no such place.
    fn known_plan(&self, plan: &PlanId) -> Result<Option<Vec<u8>>, RunsError> {
        let _ = plan;
        Ok(None)
    }

    /// The plans that are known where the runs are, as that place lists them;
    /// `None` where there is no such place.
    fn known_plans(&self) -> Result<Option<Vec<Value>>, RunsError> {
        Ok(None)
    }

    /// Finds every plan that a plan's steps name, seen from a folder, and
    /// checks it; all that is wrong is told at once.
    fn check_plans(&self, plan: &[u8], source: &str, folder: &Path) -> Result<(), RunsError>;

    /// Decides the run's log again and holds each decision against the record;
    /// executes and writes nothing.
    fn redecide(&self, run: &RunId) -> Result<RedecidedView, RunsError>;

    /// Creates a replay of a run, durably: a new run of its plan, in which each
    /// step that does not come after the chosen one takes its recorded result.
    /// It is driven like one that was submitted.
    fn replay(&self, run: &RunId, request: ReplayRequest) -> Result<RunId, RunsError>;

    /// Drives a run that this process submitted until it ends, only holds
    /// remain, or `stop` is given.
    fn drive(
        &self,
        run: &RunId,
        options: &DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError>;

    /// Takes over an interrupted run, or begins the next epoch of a failed
    /// one, and drives it.
    fn resume(
        &self,
        run: &RunId,
        options: &ResumeOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError>;

    /// Undoes what succeeded in a FAILED run, as its next epoch, or goes on
    /// with an interrupted rollback, and drives it.
    fn rollback(
        &self,
        run: &RunId,
        options: &RollbackOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError>;

    /// Whether and from where a run can be resumed; changes nothing.
    fn resumable(&self, run: &RunId) -> Result<Resumable, RunsError>;

    /// Brings a command to a run, whether someone drives it or nobody does.
    fn command(&self, run: &RunId, request: CommandRequest) -> Result<CommandAnswer, RunsError>;

    /// Finds the run that a person names.
    fn find(&self, selector: &RunSelector) -> Result<RunId, RunsError>;

    /// What never changes of a run, one that was collected included.
    fn identity(&self, run: &RunId) -> Result<RunIdentity, RunsError> {
        let message = format!("nothing says whose run {run} is: these runs are not asked for it");
        Err(RunsError::new(ErrorKind::Usage, "ROK0117", message))
    }

    /// The canonical bytes of the plan that the run executes: JSON.
    fn plan(&self, run: &RunId) -> Result<Vec<u8>, RunsError>;

    /// What the run is, has done and owes.
    fn summary(&self, run: &RunId) -> Result<RunSummary, RunsError>;

    /// Whether the run is closed or waits for somebody. That runs of its own
    /// wait may be told by [`RunsEngine::summary`] alone.
    fn rests(&self, run: &RunId) -> Result<bool, RunsError> {
        let summary = self.summary(run)?;
        Ok(summary.sealed || summary.hold.is_some())
    }

    /// A step, and behind it the children of its fan-out, if it has any.
    fn step(&self, run: &RunId, step: &str) -> Result<Vec<StepSummary>, RunsError>;

    /// What a step made, by its path; of several steps that made it, the last
    /// one's where none is named. Its content is what the log says, or there is
    /// none.
    fn artifact(&self, run: &RunId, path: &str, step: Option<&str>) -> Result<Fetched, RunsError>;

    /// The signed statements that lie beside the log, each by its file's name.
    fn envelopes(&self, run: &RunId) -> Result<Vec<SignedFile>, RunsError>;

    /// Whether a run's log could be appended now: tried, not assumed.
    fn ready(&self) -> Result<(), RunsError>;

    /// Expectations, acks and reconciliations.
    fn audit(&self, run: &RunId) -> Result<AuditView, RunsError>;

    /// Why a run or a step is as it is, and what can be done.
    fn explain(&self, run: &RunId, step: Option<&str>) -> Result<Explanation, RunsError>;

    /// Events that match, in order.
    fn events(&self, run: &RunId, query: &EventQuery) -> Result<Vec<EventLine>, RunsError>;

    /// Follows matching events across epochs until the run is closed and can
    /// not go on, `stop` is given, or `each` says to stop by `false`.
    fn follow(
        &self,
        run: &RunId,
        query: &EventQuery,
        stop: &StopSignal,
        each: &mut dyn FnMut(&EventLine) -> bool,
    ) -> Result<(), RunsError>;

    /// Copies a step's output to `out`; follows it while the step runs where
    /// the query says so. What was copied and is not what was recorded is an
    /// error at the end.
    fn logs(
        &self,
        run: &RunId,
        query: &LogQuery,
        stop: &StopSignal,
        out: &mut dyn Write,
    ) -> Result<(), RunsError>;

    /// Why the output that a query names is not what was recorded of it; `None`
    /// where it is, where there is none, and while its attempt goes on.
    fn log_fault(&self, run: &RunId, query: &LogQuery) -> Option<RunsError> {
        let _ = (run, query);
        None
    }

    /// The run of services that it is; `None` where its plan calls none.
    fn service_run(&self, run: &RunId) -> Result<Option<ServiceRunView>, RunsError> {
        let _ = run;
        Ok(None)
    }

    /// The workers that are degraded, by site and service; none where nobody
    /// counts.
    fn degraded_workers(&self) -> Result<Vec<DegradedWorker>, RunsError> {
        Ok(Vec::new())
    }

    /// When what happened: attempts, waits, pauses, the critical path.
    fn timing(&self, run: &RunId) -> Result<RunTiming, RunsError>;

    /// The ends of the steps' outputs, in declaration order: of each the last
    /// attempt that has one.
    fn log_tails(&self, run: &RunId, query: &TailQuery) -> Result<Vec<LogTail>, RunsError>;

    /// The runs that match, newest last; a broken run folder is listed too.
    fn list(&self, query: &ListQuery) -> Result<Vec<RunListing>, RunsError>;

    /// A page of the runs that match, the newest first. An engine that has no
    /// pages gives all of them at once.
    fn page(&self, query: &PageQuery) -> Result<RunPage, RunsError> {
        let mut runs = self.list(&query.filter)?;
        runs.reverse();
        let prefix = query.prefix.as_deref().unwrap_or_default();
        runs.retain(|run| run.run_id.starts_with(prefix));
        Ok(RunPage {
            runs,
            next_cursor: None,
        })
    }

    /// Judges every item of a batch; nothing is written.
    fn check_batch(&self, batch: &BatchSubmission) -> Result<(), RunsError> {
        let _ = batch;
        Err(no_batches())
    }

    /// Creates the run of an item, durably, or finds the one that it made
    /// before.
    fn submit_item(&self, batch: &BatchSubmission, index: usize) -> Result<RunId, RunsError> {
        let _ = (batch, index);
        Err(no_batches())
    }

    /// Judges every item, then creates the run of each, or finds it.
    fn submit_batch(&self, batch: &BatchSubmission) -> Result<Vec<RunId>, RunsError> {
        self.check_batch(batch)?;
        let items = 0..batch.items.len();
        items.map(|index| self.submit_item(batch, index)).collect()
    }

    /// A batch, as its runs tell it.
    fn batch(&self, batch: &BatchId) -> Result<BatchResult, RunsError> {
        let _ = batch;
        Err(no_batches())
    }

    /// Notes, durably, that a server answers for a run: the next one finds it,
    /// however this one ends. Nothing is noted where a store hands out by itself
    /// what an owner has left.
    fn accept(&self, run: &RunId) -> Result<(), RunsError> {
        let _ = run;
        Ok(())
    }

    /// Takes the note back: the run has ended.
    fn acquit(&self, run: &RunId) -> Result<(), RunsError> {
        let _ = run;
        Ok(())
    }

    /// The runs that are noted.
    fn accepted(&self) -> Result<Vec<RunId>, RunsError> {
        Ok(Vec::new())
    }

    /// Holds a run, so that it is never collected, or releases it.
    fn hold(&self, run: &RunId, request: &HoldRequest) -> Result<HeldView, RunsError>;

    /// Collects runs, and the contents that nobody names any more.
    fn collect(&self, request: &CollectRequest) -> Result<CollectReport, RunsError>;

    /// Checks chain, seal, artifacts, that a replay gives the claimed state,
    /// and that the attestations say the same. Writes nothing.
    fn verify(&self, run: &RunId, options: &VerifyOptions) -> Result<VerifyReport, RunsError>;

    /// Signs what a sealed and intact run's log says, and lays the two
    /// envelopes beside it.
    fn attest(&self, run: &RunId, options: &AttestOptions) -> Result<Attested, RunsError>;

    /// Signs how long the log is now and what its hash is, sealed or not.
    fn checkpoint(&self, run: &RunId, options: &AttestOptions) -> Result<Checkpoint, RunsError>;

    /// The head that an intact log had after so many lines; `None`: it has
    /// fewer.
    fn head_at(&self, run: &RunId, lines: u64) -> Result<Option<Head>, RunsError>;

    /// Packs all that verifies a sealed and intact run into one file.
    fn export(&self, run: &RunId, options: &ExportOptions) -> Result<Exported, RunsError>;

    /// Takes in a run from a bundle, once it verifies; an existing run is never
    /// touched.
    fn import(&self, options: &ImportOptions) -> Result<Imported, RunsError>;

    /// Checks a bundle as [`RunsEngine::verify`] checks a run.
    fn verify_bundle(
        &self,
        bundle: &ImportOptions,
        options: &VerifyOptions,
    ) -> Result<VerifyReport, RunsError>;
}

fn no_batches() -> RunsError {
    let message = "these runs have no batches";
    RunsError::new(ErrorKind::Usage, "ROK0117", message)
}

/// The only door to runs.
#[derive(Clone)]
pub struct RunsFacade {
    engine: Arc<dyn RunsEngine>,
}

impl RunsFacade {
    /// A facade over an engine.
    pub fn new(engine: Arc<dyn RunsEngine>) -> Self {
        Self { engine }
    }

    /// Drives a run that was submitted here, or that was left by somebody who
    /// is gone; `None` where somebody drives it, or it has ended. Begins no
    /// next epoch.
    pub fn go_on(
        &self,
        run: &RunId,
        actor: &Actor,
        drive: &DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<Option<DriveEnd>, RunsError> {
        self.go_on_with(run, actor, None, drive, stop, observer)
    }

    /// The same, with a file of secret values.
    pub fn go_on_with(
        &self,
        run: &RunId,
        actor: &Actor,
        secrets_file: Option<&Path>,
        drive: &DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<Option<DriveEnd>, RunsError> {
        match self.drive(run, drive, stop, observer) {
            // Somebody saw it before it was driven, and has it.
            Err(error) if error.kind == ErrorKind::Busy => return Ok(None),
            // It was not submitted here.
            Err(error) if error.kind == ErrorKind::State && error.code == "ROK0103" => {}
            driven => return driven.map(Some),
        }
        match self.summary(run) {
            Ok(summary) if summary.driven_by.is_some() => return Ok(None),
            // It has ended long since.
            Err(error) if error.code == "ROK0160" => return Ok(None),
            summary => drop(summary?),
        }
        let options = ResumeOptions {
            actor: actor.clone(),
            reason: None,
            secrets_file: secrets_file.map(ToOwned::to_owned),
            // It may end just now.
            same_epoch: true,
            drive: drive.clone(),
        };
        match self.resume(run, &options, stop, observer) {
            Err(error) if error.kind == ErrorKind::Busy || error.code == "ROK0104" => Ok(None),
            driven => driven.map(Some),
        }
    }
}

impl std::ops::Deref for RunsFacade {
    type Target = dyn RunsEngine;

    fn deref(&self) -> &Self::Target {
        &*self.engine
    }
}

impl std::fmt::Debug for RunsFacade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunsFacade").finish_non_exhaustive()
    }
}
