//! Use cases of one run.

use crate::checkpoints::read_checkpoint;
use crate::diff::{self, Compared, RunDiff};
use crate::error::ServiceError;
use crate::keys::{private_key, public_key};
use rok_attest::{Checkpoint, Head};
use rok_facades::RunIdentity;
use rok_facades::runs::{
    AttestOptions, Attested, AuditView, CommandAnswer, CommandRequest, DriveEnd, DriveOptions,
    ErrorKind, EventLine, EventQuery, Explanation, ExportOptions, Exported, Fetched,
    GivenCheckpoint, HeldView, HoldRequest, LogQuery, LogTail, Observer, Resumable, ResumeOptions,
    RollbackOptions, RunSummary, RunTiming, RunsError, RunsFacade, ServiceRunView, SignedFile,
    StepSummary, StopSignal, TailQuery, Verb, VerifyOptions, VerifyReport,
};
use rok_vocabulary::{Actor, RunId, StepId};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is to be verified beside the log itself.
#[derive(Debug, Clone, Default)]
pub struct VerifyRequest {
    /// The file of the public key that must have signed the checkpoint, where
    /// one is named, and the attestations.
    pub key: Option<PathBuf>,
    /// Whether attestations must be there also where a checkpoint is named.
    pub attested: bool,
    /// The file of a checkpoint that the log must still continue.
    pub checkpoint: Option<PathBuf>,
    /// Files of public keys that must have cosigned it.
    pub cosigners: Vec<PathBuf>,
}

impl VerifyRequest {
    /// Whether anything but the log itself is to be proved.
    pub(crate) fn names_a_proof(&self) -> bool {
        self.key.is_some()
            || self.attested
            || self.checkpoint.is_some()
            || !self.cosigners.is_empty()
    }

    /// Reads the files that it names.
    pub(crate) fn read(&self, cwd: &Path) -> Result<VerifyOptions, ServiceError> {
        let read = |file: &PathBuf| public_key(cwd, file);
        let checkpoint = self.checkpoint.as_deref().map(|file| {
            Ok::<_, ServiceError>(GivenCheckpoint {
                file: file.display().to_string(),
                checkpoint: read_checkpoint(cwd, file)?,
            })
        });
        Ok(VerifyOptions {
            key: self.key.as_ref().map(read).transpose()?,
            attested: self.attested,
            checkpoint: checkpoint.transpose()?,
            cosigners: self.cosigners.iter().map(read).collect::<Result<_, _>>()?,
        })
    }
}

/// A run that was submitted or found, and who asks.
#[derive(Debug, Clone)]
pub struct RunHandle {
    runs: RunsFacade,
    id: RunId,
    name: String,
    actor: Actor,
    cwd: PathBuf,
    elsewhere: bool,
}

/// How a run is to be rolled back.
#[derive(Debug, Clone, Default)]
pub struct RollbackRequest {
    /// Why.
    pub reason: Option<String>,
    /// Steps that were undone by hand.
    pub done: Vec<String>,
    /// Steps whose interrupted compensations may run again.
    pub again: Vec<String>,
    /// A file with secret values, besides the environment.
    pub secrets_file: Option<PathBuf>,
}

impl RunHandle {
    pub(crate) fn new(runs: RunsFacade, id: RunId, actor: Actor, cwd: PathBuf) -> Self {
        Self {
            name: id.to_string(),
            runs,
            id,
            actor,
            cwd,
            elsewhere: false,
        }
    }

    /// The same run, which a server drives whoever watches it.
    pub(crate) fn elsewhere(mut self, elsewhere: bool) -> Self {
        self.elsewhere = elsewhere;
        self
    }

    /// Whether a server drives it: whoever watches may leave, and it goes on.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// The same run, for somebody else.
    pub(crate) fn asked_by(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// What never changes of it.
    pub fn identity(&self) -> Result<RunIdentity, ServiceError> {
        Ok(self.runs.identity(&self.id)?)
    }

    /// What a step made, by its path.
    pub fn artifact(&self, path: &str, step: Option<&str>) -> Result<Fetched, ServiceError> {
        Ok(self.runs.artifact(&self.id, path, step)?)
    }

    /// The signed statements beside its log.
    pub fn envelopes(&self) -> Result<Vec<SignedFile>, ServiceError> {
        Ok(self.runs.envelopes(&self.id)?)
    }

    /// The run of services that it is; `None` where its plan calls none.
    pub fn service_run(&self) -> Result<Option<ServiceRunView>, ServiceError> {
        Ok(self.runs.service_run(&self.id)?)
    }

    /// When what happened.
    pub fn timing(&self) -> Result<RunTiming, ServiceError> {
        Ok(self.runs.timing(&self.id)?)
    }

    /// The ends of its steps' outputs.
    pub fn log_tails(&self, query: &TailQuery) -> Result<Vec<LogTail>, ServiceError> {
        Ok(self.runs.log_tails(&self.id, query)?)
    }

    /// The canonical bytes of its plan: JSON.
    pub fn plan_json(&self) -> Result<Vec<u8>, ServiceError> {
        Ok(self.runs.plan(&self.id)?)
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(crate) fn runs(&self) -> &RunsFacade {
        &self.runs
    }

    /// The run.
    #[must_use]
    pub fn id(&self) -> &RunId {
        &self.id
    }

    pub(crate) fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// What finds the run again in the same settings: its id, or the path by
    /// which it was found.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Drives the run that was submitted.
    pub fn drive(
        &self,
        options: &DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, ServiceError> {
        Ok(self.runs.drive(&self.id, options, stop, observer)?)
    }

    /// Drives the run, whether it was submitted here or was left by somebody
    /// who is gone; `None` where somebody drives it, or it has ended.
    pub fn go_on(
        &self,
        options: &DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<Option<DriveEnd>, ServiceError> {
        let (run, actor) = (&self.id, &self.actor);
        Ok(self.runs.go_on(run, actor, options, stop, observer)?)
    }

    /// The same, with a file of secret values.
    pub fn go_on_with(
        &self,
        secrets_file: Option<&Path>,
        options: &DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<Option<DriveEnd>, ServiceError> {
        let secrets = secrets_file.map(|file| self.cwd.join(file));
        let (run, actor, secrets) = (&self.id, &self.actor, secrets.as_deref());
        let driven = self
            .runs
            .go_on_with(run, actor, secrets, options, stop, observer);
        Ok(driven?)
    }

    /// Takes the run over, or begins its next epoch, and drives it.
    pub fn resume(
        &self,
        reason: Option<String>,
        secrets_file: Option<&Path>,
        drive: DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, ServiceError> {
        let options = ResumeOptions {
            actor: self.actor.clone(),
            reason,
            secrets_file: secrets_file.map(|file| self.cwd.join(file)),
            same_epoch: false,
            drive,
        };
        Ok(self.runs.resume(&self.id, &options, stop, observer)?)
    }

    /// Undoes what succeeded in the run, as its next epoch, and drives it.
    pub fn rollback(
        &self,
        request: RollbackRequest,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, ServiceError> {
        let ids = |names: Vec<String>| {
            let ids = names.iter().map(|name| step_id(name));
            ids.collect::<Result<Vec<_>, _>>()
        };
        let options = RollbackOptions {
            actor: self.actor.clone(),
            reason: request.reason,
            done: ids(request.done)?,
            again: ids(request.again)?,
            secrets_file: request.secrets_file.map(|file| self.cwd.join(file)),
            drive: DriveOptions::default(),
        };
        Ok(self.runs.rollback(&self.id, &options, stop, observer)?)
    }

    /// Notes that this server answers for it until it ends.
    pub fn accept(&self) -> Result<(), ServiceError> {
        Ok(self.runs.accept(&self.id)?)
    }

    /// Takes the note back.
    pub fn acquit(&self) -> Result<(), ServiceError> {
        Ok(self.runs.acquit(&self.id)?)
    }

    /// Whether and from where it can be resumed; changes nothing.
    pub fn resumable(&self) -> Result<Resumable, ServiceError> {
        Ok(self.runs.resumable(&self.id)?)
    }

    /// Lets a waiting step pass.
    pub fn approve(
        &self,
        step: &str,
        reason: Option<String>,
    ) -> Result<CommandAnswer, ServiceError> {
        self.command(Verb::Approve(step_id(step)?), reason)
    }

    /// Stops a waiting step.
    pub fn reject(
        &self,
        step: &str,
        reason: Option<String>,
    ) -> Result<CommandAnswer, ServiceError> {
        self.command(Verb::Reject(step_id(step)?), reason)
    }

    /// Lets the next epoch pass a hard gate that failed.
    pub fn override_gate(
        &self,
        step: &str,
        reason: Option<String>,
    ) -> Result<CommandAnswer, ServiceError> {
        self.command(Verb::Override(step_id(step)?), reason)
    }

    /// Lets nothing new start until the run is unpaused.
    pub fn pause(&self, reason: Option<String>) -> Result<CommandAnswer, ServiceError> {
        self.command(Verb::Pause, reason)
    }

    /// Lets a paused run go on.
    pub fn unpause(&self, reason: Option<String>) -> Result<CommandAnswer, ServiceError> {
        self.command(Verb::Unpause, reason)
    }

    /// Ends the run.
    pub fn cancel(&self, reason: Option<String>) -> Result<CommandAnswer, ServiceError> {
        self.command(Verb::Cancel, reason)
    }

    /// Holds the run, so that it is never collected, or releases it.
    pub fn hold(&self, reason: &str, release: bool) -> Result<HeldView, ServiceError> {
        let request = HoldRequest {
            release,
            actor: self.actor.clone(),
            reason: reason.to_owned(),
        };
        Ok(self.runs.hold(&self.id, &request)?)
    }

    fn command(&self, verb: Verb, reason: Option<String>) -> Result<CommandAnswer, ServiceError> {
        let request = CommandRequest {
            verb,
            actor: self.actor.clone(),
            reason,
        };
        Ok(self.runs.command(&self.id, request)?)
    }

    /// What the run is, has done and owes.
    pub fn summary(&self) -> Result<RunSummary, ServiceError> {
        Ok(self.runs.summary(&self.id)?)
    }

    /// Whether the run is closed or waits for somebody. Far less is read for it
    /// than for a summary.
    pub fn rests(&self) -> Result<bool, ServiceError> {
        Ok(self.runs.rests(&self.id)?)
    }

    /// What differs between this run and another one.
    pub fn diff(&self, other: &Self) -> Result<RunDiff, ServiceError> {
        diff::diff(&self.compared()?, &other.compared()?)
    }

    fn compared(&self) -> Result<Compared, ServiceError> {
        Ok(Compared {
            summary: self.runs.summary(&self.id)?,
            plan: self.runs.plan(&self.id)?,
        })
    }

    /// A step, and behind it the children of its fan-out, if it has any.
    pub fn step(&self, step: &str) -> Result<Vec<StepSummary>, ServiceError> {
        Ok(self.runs.step(&self.id, step)?)
    }

    /// Expectations, acks and reconciliations.
    pub fn audit(&self) -> Result<AuditView, ServiceError> {
        Ok(self.runs.audit(&self.id)?)
    }

    /// Why the run or a step is as it is.
    pub fn explain(&self, step: Option<&str>) -> Result<Explanation, ServiceError> {
        Ok(self.runs.explain(&self.id, step)?)
    }

    /// Events that match, in order.
    pub fn events(&self, query: &EventQuery) -> Result<Vec<EventLine>, ServiceError> {
        Ok(self.runs.events(&self.id, query)?)
    }

    /// Follows matching events.
    pub fn follow(
        &self,
        query: &EventQuery,
        stop: &StopSignal,
        each: &mut dyn FnMut(&EventLine) -> bool,
    ) -> Result<(), ServiceError> {
        Ok(self.runs.follow(&self.id, query, stop, each)?)
    }

    /// Copies a step's output.
    pub fn logs(
        &self,
        query: &LogQuery,
        stop: &StopSignal,
        out: &mut dyn Write,
    ) -> Result<(), ServiceError> {
        Ok(self.runs.logs(&self.id, query, stop, out)?)
    }

    /// Why a step's output is not what was recorded, before it is copied.
    #[must_use]
    pub fn log_fault(&self, query: &LogQuery) -> Option<ServiceError> {
        self.runs.log_fault(&self.id, query).map(Into::into)
    }

    /// Checks the record. Writes nothing.
    pub fn verify(&self, request: &VerifyRequest) -> Result<VerifyReport, ServiceError> {
        let options = request.read(&self.cwd)?;
        Ok(self.runs.verify(&self.id, &options)?)
    }

    /// Packs the run into a new file, with the public key in a file where one
    /// is named.
    pub fn export(&self, out: &Path, key: Option<&Path>) -> Result<Exported, ServiceError> {
        let options = ExportOptions {
            out: self.cwd.join(out),
            key: key.map(|file| public_key(&self.cwd, file)).transpose()?,
        };
        Ok(self.runs.export(&self.id, &options)?)
    }

    /// Signs how long the log is now and what its hash is.
    pub(crate) fn checkpoint(&self, key: Option<&Path>) -> Result<Checkpoint, ServiceError> {
        let key = key.map(|file| private_key(&self.cwd, file)).transpose()?;
        let options = AttestOptions {
            key: key.map(Arc::new),
        };
        Ok(self.runs.checkpoint(&self.id, &options)?)
    }

    /// The head that the log had after so many lines.
    pub(crate) fn head_at(&self, lines: u64) -> Result<Option<Head>, ServiceError> {
        Ok(self.runs.head_at(&self.id, lines)?)
    }

    /// Signs what the log says by the key in a file, or by the configured one.
    pub fn attest(&self, key: Option<&Path>) -> Result<Attested, ServiceError> {
        let key = key.map(|file| private_key(&self.cwd, file)).transpose()?;
        let options = AttestOptions {
            key: key.map(Arc::new),
        };
        Ok(self.runs.attest(&self.id, &options)?)
    }
}

/// A text that is no step id is no step of any run.
fn step_id(step: &str) -> Result<StepId, ServiceError> {
    step.parse().map_err(|error: rok_vocabulary::IdError| {
        RunsError::new(ErrorKind::NotFound, "ROK0111", error.to_string()).into()
    })
}
