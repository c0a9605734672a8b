//! Use cases for those who ask from elsewhere: each names who asks, and nothing
//! that they give is a path.

use crate::error::ServiceError;
use crate::plan_file::PlanText;
use crate::plans::{PlanHead, PlanView};
use crate::runs::RunHandle;
use crate::service::Service;
use rok_facades::AccessFacade;
use rok_facades::runs::{DryRun, ErrorKind, RunSelector, RunsError, Submission};
use rok_vocabulary::{Actor, PlanId, Profile, RunId};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A plan that somebody asks for from elsewhere.
#[derive(Debug, Clone)]
pub enum AskedPlan {
    /// One that is known here: built in, or a file in the server's folder.
    Known(PlanId),
    /// One of their own: its text.
    Own(Vec<u8>),
}

/// A run that somebody asks for from elsewhere.
#[derive(Debug, Clone)]
pub struct AskedRun {
    /// The plan, as [`Service::asked_plan`] found it.
    pub plan: PlanText,
    /// Inputs.
    pub inputs: Map<String, Value>,
    /// Inputs as text, read by their declared types; these win.
    pub input_texts: Vec<(String, String)>,
    /// Labels of this run.
    pub labels: BTreeMap<String, String>,
    /// A stricter profile than configured.
    pub profile: Option<Profile>,
    /// Fewer steps at once than the plan allows.
    pub max_parallel: Option<u32>,
    /// A failed attempt is final, whatever the plan says.
    pub never_retry: bool,
    /// Take no result from an earlier run.
    pub no_cache: bool,
    /// Its rank among the runs that wait; `None`: the plan's.
    pub priority: Option<i8>,
    /// The same key with the same request is the same run, however often it
    /// comes. For runs in a database.
    pub idempotency_key: Option<String>,
    /// The run's id; else a new one.
    pub run_id: Option<RunId>,
    /// Why.
    pub reason: Option<String>,
    /// Who asks.
    pub submitter: Actor,
}

impl From<AskedRun> for Submission {
    fn from(asked: AskedRun) -> Self {
        Self {
            plan: asked.plan.bytes,
            source: asked.plan.source,
            cwd: asked.plan.folder,
            inputs: asked.inputs,
            input_texts: asked.input_texts,
            labels: asked.labels,
            profile: asked.profile,
            max_parallel: asked.max_parallel,
            never_retry: asked.never_retry,
            priority: asked.priority,
            idempotency_key: asked.idempotency_key,
            run_id: asked.run_id,
            submitter: asked.submitter,
            reason: asked.reason,
            secrets_file: None,
            no_cache: asked.no_cache,
        }
    }
}

impl Service {
    /// The door to this server.
    pub fn access(&self) -> Result<AccessFacade, ServiceError> {
        let compose = self.wiring().access.as_ref();
        let compose = compose.ok_or_else(|| ServiceError::NotSupported {
            what: "a server in this program".to_owned(),
            instead: "hand policies of access to `Wiring::access`",
        })?;
        Ok(compose(&self.config().settings)?)
    }

    /// The text of a plan that somebody asks for, and its id.
    pub fn asked_plan(&self, asked: AskedPlan) -> Result<(PlanText, PlanId), ServiceError> {
        let text = match asked {
            AskedPlan::Own(bytes) => PlanText::new(bytes, "plan".to_owned(), self.cwd().to_owned()),
            AskedPlan::Known(id) => return Ok((self.plan_of(&id)?, id)),
        };
        let head = PlanHead::of(&text.parse()?);
        let id = head.id.clone();
        Ok((text.with_head(head), id))
    }

    /// The text of the first plan of this id, in the order of the list.
    fn plan_of(&self, id: &PlanId) -> Result<PlanText, ServiceError> {
        let of_it = |text: PlanText| {
            let head = self.heads().of(&text).filter(|head| head.id == *id)?;
            Some(text.with_head(head))
        };
        let builtin = rok_plan::builtin(id.as_str()).map(|_| format!("builtin:{id}"));
        let mut sources = builtin.into_iter().chain(self.plan_files());
        let found = sources.find_map(|source| of_it(self.plan_text(&source).ok()?));
        found.ok_or_else(|| ServiceError::NoPlan {
            name: id.to_string(),
            nearest: None,
        })
    }

    /// A plan that is known here, by its id.
    pub fn known_plan(&self, id: PlanId) -> Result<PlanView, ServiceError> {
        let (text, _) = self.asked_plan(AskedPlan::Known(id))?;
        Ok(PlanView::of(&text.parse()?, &text.source))
    }

    /// The same, as its canonical bytes: what a run's digest is of.
    pub fn known_definition(&self, id: PlanId) -> Result<Vec<u8>, ServiceError> {
        let (text, _) = self.asked_plan(AskedPlan::Known(id))?;
        Ok(text.parse()?.to_canonical_json())
    }

    /// Creates a run for somebody, durably; nothing of it has started.
    pub fn submit_asked(&self, asked: AskedRun) -> Result<RunHandle, ServiceError> {
        let (runs, actor) = (self.runs()?, asked.submitter.clone());
        let run = runs.submit(asked.into())?;
        Ok(self.handle(runs, run).asked_by(actor))
    }

    /// What a run for somebody would come to: nothing is executed, nothing
    /// written.
    pub fn dry_run_asked(&self, asked: AskedRun) -> Result<DryRun, ServiceError> {
        Ok(self.runs()?.dry_run(asked.into())?)
    }

    /// The run of exactly this id, for somebody.
    pub fn run_for(&self, run: &RunId, actor: &Actor) -> Result<RunHandle, ServiceError> {
        let runs = self.runs()?;
        match runs.find(&RunSelector(run.to_string())) {
            Ok(found) if found == *run => {}
            Ok(_) => return Err(unknown(run)),
            Err(error) if error.kind == ErrorKind::Usage => return Err(unknown(run)),
            Err(error) => return Err(error.into()),
        }
        Ok(self.handle(runs, run.clone()).asked_by(actor.clone()))
    }

    /// The runs that a server answers for, this one or one before it.
    pub fn accepted(&self) -> Result<Vec<RunId>, ServiceError> {
        Ok(self.runs()?.accepted()?)
    }

    /// Takes the note of a run back that is not there any more.
    pub fn acquit(&self, run: &RunId) -> Result<(), ServiceError> {
        Ok(self.runs()?.acquit(run)?)
    }

    /// Whether a run's log could be appended now.
    pub fn ready(&self) -> Result<(), ServiceError> {
        Ok(self.runs()?.ready()?)
    }
}

/// Says nothing of where runs are.
fn unknown(run: &RunId) -> ServiceError {
    let message = format!("there is no run `{run}`");
    RunsError::new(ErrorKind::Usage, "ROK0101", message).into()
}
