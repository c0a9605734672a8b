//! Starting, executing and resuming one run in its folder.

use super::functions::{Context, StepFunctions};
use super::state::PipelineState;
use super::steps::{StepDefinition, plan};
use crate::embed::Rok;
use rok_executor::Functions;
use rok_facades::runs::{
    DriveOptions, ErrorKind, ResumeOptions, RunSelector, RunSummary, RunsError, StopSignal,
    Submission,
};
use rok_vocabulary::{Attempt, RunId};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The plan of a pipeline whose steps nobody defined.
const DEFAULT_PLAN: &str = "deliverable";

/// Executes one run in its folder with a function for each step.
#[derive(Debug)]
pub struct PipelineExecutor {
    folder: Folder,
    rok: Rok,
    steps: Option<Vec<StepDefinition>>,
    inputs: Map<String, Value>,
}

impl PipelineExecutor {
    /// An executor of the run in this folder (`runs/run_abc`), which need not
    /// be there yet. Its steps are those of the built-in plan `deliverable`.
    pub fn new(
        run_dir: impl AsRef<Path>,
        step_functions: StepFunctions,
    ) -> Result<Self, RunsError> {
        let folder = Folder::of(run_dir.as_ref())?;
        let rok = folder.open(step_functions.registered(&folder.path))?;
        Ok(Self {
            folder,
            rok,
            steps: None,
            inputs: Map::new(),
        })
    }

    /// Defines the steps of a new run, in order. A run that is there keeps its
    /// own: it resumes as itself.
    #[must_use]
    pub fn with_steps(mut self, steps: impl IntoIterator<Item = StepDefinition>) -> Self {
        self.steps = Some(steps.into_iter().collect());
        self
    }

    /// Gives a new run inputs, which its functions see as [`Context::inputs`].
    #[must_use]
    pub fn with_inputs(mut self, inputs: Map<String, Value>) -> Self {
        self.inputs = inputs;
        self
    }

    /// The same engine, for what a pipeline has no name for: approving,
    /// cancelling, verifying.
    #[must_use]
    pub const fn rok(&self) -> &Rok {
        &self.rok
    }

    /// Creates the run, durably; nothing of it has started. The run's id is
    /// its folder's name.
    pub fn start(&self, run_id: &str, reason: &str) -> Result<Context, RunsError> {
        let run: RunId = run_id
            .parse()
            .map_err(|error: rok_vocabulary::IdError| usage(error.to_string()))?;
        if run.as_str() != self.folder.name {
            return Err(usage(format!(
                "run `{run}` cannot live in the folder `{}`: a run's folder bears its id",
                self.folder.path.display()
            )));
        }
        let (plan, source) = self.plan_text()?;
        let run = self.rok.runs().submit(Submission {
            plan,
            source,
            cwd: self.rok.cwd().to_path_buf(),
            inputs: self.inputs.clone(),
            input_texts: Vec::new(),
            labels: BTreeMap::new(),
            profile: None,
            max_parallel: None,
            never_retry: false,
            priority: None,
            idempotency_key: None,
            run_id: Some(run),
            submitter: self.rok.actor().clone(),
            reason: Some(reason.into()),
            secrets_file: None,
            no_cache: false,
        })?;
        context(&self.rok, &run, &self.folder.path)
    }

    fn plan_text(&self) -> Result<(Vec<u8>, String), RunsError> {
        match &self.steps {
            Some(steps) => {
                let plan = plan(steps.iter().cloned(), &self.inputs)?;
                Ok((plan.to_canonical_json(), "pipeline".into()))
            }
            None => {
                let text = rok_plan::builtin(DEFAULT_PLAN).expect("the plan is built in");
                Ok((text.into(), format!("builtin:{DEFAULT_PLAN}")))
            }
        }
    }

    /// Executes the run that was started, until it ends or waits for a person,
    /// and tells where it then stands.
    pub fn execute(&self, ctx: &Context) -> Result<PipelineState, RunsError> {
        let (options, stop) = (DriveOptions::default(), StopSignal::new());
        self.rok
            .runs()
            .drive(&ctx.run_id, &options, &stop, &mut ())?;
        state_of(&self.rok.runs().summary(&ctx.run_id)?)
    }

    /// Goes on with a run that [`resume_run`] found: the same epoch where it
    /// was interrupted, the next one where it failed.
    pub fn resume(&self, ctx: &Context) -> Result<PipelineState, RunsError> {
        let options = ResumeOptions {
            actor: self.rok.actor().clone(),
            reason: None,
            secrets_file: None,
            same_epoch: false,
            drive: DriveOptions::default(),
        };
        self.rok
            .runs()
            .resume(&ctx.run_id, &options, &StopSignal::new(), &mut ())?;
        state_of(&self.rok.runs().summary(&ctx.run_id)?)
    }
}

/// Reads a run's state from its log, and refuses a run that cannot be resumed:
/// one that succeeded or was rolled back, and one that a hard gate ended.
pub fn resume_run(run_dir: impl AsRef<Path>) -> Result<Context, RunsError> {
    let folder = Folder::of(run_dir.as_ref())?;
    let (rok, run) = folder.find()?;
    let resumable = rok.runs().resumable(&run)?;
    if !resumable.resumable {
        let message = format!("run `{run}` cannot be resumed: {}", resumable.reason);
        return Err(RunsError::new(ErrorKind::State, "ROK0104", message));
    }
    context(&rok, &run, &folder.path)
}

fn context(rok: &Rok, run: &RunId, path: &Path) -> Result<Context, RunsError> {
    let summary = rok.runs().summary(run)?;
    Ok(Context {
        run_id: run.clone(),
        run_dir: path.to_path_buf(),
        state: state_of(&summary)?,
        attempt: Attempt::FIRST,
        inputs: Arc::new(summary.inputs),
    })
}

fn state_of(summary: &RunSummary) -> Result<PipelineState, RunsError> {
    summary.status.parse()
}

fn usage(message: String) -> RunsError {
    RunsError::new(ErrorKind::Usage, "ROK0109", message)
}

/// A run's folder: the folder of run folders, and a name in it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    name: String,
}

impl Folder {
    pub(super) fn of(run_dir: &Path) -> Result<Self, RunsError> {
        let path = std::path::absolute(run_dir)
            .map_err(|error| usage(format!("{}: {error}", run_dir.display())))?;
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.map(ToOwned::to_owned).ok_or_else(|| {
            usage(format!(
                "`{}` is no run folder: its name would be the run's id",
                run_dir.display()
            ))
        })?;
        Ok(Self { path, name })
    }

    fn open(&self, functions: Functions) -> Result<Rok, RunsError> {
        let parent = self.path.parent().unwrap_or_else(|| Path::new("/"));
        Rok::in_folder(parent).functions(functions).open()
    }

    fn find(&self) -> Result<(Rok, RunId), RunsError> {
        let rok = self.open(Functions::new())?;
        let path = self.path.to_string_lossy().into_owned();
        let run = rok.runs().find(&RunSelector(path))?;
        Ok((rok, run))
    }

    pub(super) fn summary(&self) -> Result<RunSummary, RunsError> {
        let (rok, run) = self.find()?;
        rok.runs().summary(&run)
    }
}
