//! rok within another program.

use crate::compose::{Agents, Host, embedded};
use rok_config::{Inputs, Settings};
use rok_exec_agent::AgentFunction;
use rok_executor::{Call, Executor, Functions, StepFailure};
use rok_facades::runs::{
    CommandAnswer, CommandRequest, DriveOptions, ErrorKind, ResumeOptions, RunSelector, RunSummary,
    RunsError, RunsFacade, StopSignal, Submission, Verb, VerifyOptions, VerifyReport,
};
use rok_vocabulary::{Actor, RunId, StepId};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Runs in a folder, with the embedder's functions as `call` steps.
#[derive(Debug, Clone)]
pub struct Rok {
    runs: RunsFacade,
    actor: Actor,
    cwd: PathBuf,
}

/// What a [`Rok`] is made of.
pub struct RokBuilder {
    dir: PathBuf,
    functions: Functions,
    executors: Vec<Arc<dyn Executor>>,
    policies: Vec<PathBuf>,
    user: String,
    services: Option<PathBuf>,
    agents: Agents,
    agents_file: Option<PathBuf>,
    launcher: Option<PathBuf>,
}

impl Rok {
    /// Begins to set up rok over a folder of run folders.
    pub fn in_folder(dir: impl Into<PathBuf>) -> RokBuilder {
        RokBuilder {
            dir: dir.into(),
            functions: Functions::new(),
            executors: Vec::new(),
            policies: Vec::new(),
            user: "embedder".into(),
            services: None,
            agents: Agents::new(),
            agents_file: None,
            launcher: None,
        }
    }

    /// The door to runs: everything that the terminal can do.
    #[must_use]
    pub const fn runs(&self) -> &RunsFacade {
        &self.runs
    }

    /// Runs a plan (YAML or JSON text) with inputs (a JSON object) until it
    /// ends or waits for a person, and tells what came of it.
    pub fn run(&self, plan: &str, inputs: &Value) -> Result<RunSummary, RunsError> {
        let inputs = match inputs {
            Value::Object(inputs) => inputs.clone(),
            Value::Null => Map::new(),
            _ => {
                return Err(RunsError::new(
                    ErrorKind::Usage,
                    "ROK0109",
                    "inputs must be a JSON object",
                ));
            }
        };
        let run = self.runs.submit(Submission {
            plan: plan.as_bytes().to_vec(),
            source: "plan".into(),
            cwd: self.cwd.clone(),
            inputs,
            input_texts: Vec::new(),
            labels: BTreeMap::new(),
            profile: None,
            max_parallel: None,
            never_retry: false,
            priority: None,
            idempotency_key: None,
            run_id: None,
            submitter: self.actor.clone(),
            reason: None,
            secrets_file: None,
            no_cache: false,
        })?;
        self.runs
            .drive(&run, &DriveOptions::default(), &StopSignal::new(), &mut ())?;
        self.runs.summary(&run)
    }

    /// Goes on with an interrupted, held or failed run.
    pub fn resume(&self, run: &RunId) -> Result<RunSummary, RunsError> {
        let options = ResumeOptions {
            actor: self.actor.clone(),
            reason: None,
            secrets_file: None,
            same_epoch: false,
            drive: DriveOptions::default(),
        };
        self.runs
            .resume(run, &options, &StopSignal::new(), &mut ())?;
        self.runs.summary(run)
    }

    /// Lets a waiting step pass.
    pub fn approve(
        &self,
        run: &RunId,
        step: StepId,
        reason: &str,
    ) -> Result<CommandAnswer, RunsError> {
        let request = CommandRequest {
            verb: Verb::Approve(step),
            actor: self.actor.clone(),
            reason: Some(reason.into()),
        };
        self.runs.command(run, request)
    }

    /// Who submits, approves and resumes.
    pub(crate) const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Where process steps run.
    pub(crate) fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// Finds a run by its folder, its id, or a unique prefix of it.
    pub fn find(&self, text: &str) -> Result<RunId, RunsError> {
        self.runs.find(&RunSelector(text.into()))
    }

    /// Checks chain, seal, artifacts and replay. Writes nothing.
    pub fn verify(&self, run: &RunId) -> Result<VerifyReport, RunsError> {
        self.runs.verify(run, &VerifyOptions::default())
    }
}

impl RokBuilder {
    /// Registers a function for `call` steps.
    #[must_use]
    pub fn function(
        mut self,
        name: &str,
        function: impl Fn(&Call<'_>) -> Result<Value, StepFailure> + Send + Sync + 'static,
    ) -> Self {
        self.functions = self.functions.register(name, function);
        self
    }

    /// Registers these functions for `call` steps, in place of those before.
    #[must_use]
    pub fn functions(mut self, functions: Functions) -> Self {
        self.functions = functions;
        self
    }

    /// Adds an executor: it is asked before those of this project, in the order
    /// in which they were added, whether it does a piece of work (of agents, the
    /// agents alone are). One that accepts processes starts all of them, and
    /// answers for the sandboxes that they ask for.
    #[must_use]
    pub fn executor(mut self, executor: Arc<dyn Executor>) -> Self {
        self.executors.push(executor);
        self
    }

    /// Puts every run under the policies of this file too, as `--policy` does.
    #[must_use]
    pub fn policies(mut self, file: impl Into<PathBuf>) -> Self {
        self.policies.push(file.into());
        self
    }

    /// Names who submits, approves and resumes.
    #[must_use]
    pub fn user(mut self, name: &str) -> Self {
        self.user = name.into();
        self
    }

    /// Calls the services of this map, besides the built-in ones.
    #[must_use]
    pub fn services(mut self, map: impl Into<PathBuf>) -> Self {
        self.services = Some(map.into());
        self
    }

    /// Adds an agent of this process for `agent` steps.
    #[must_use]
    pub fn agent(mut self, agent: AgentFunction) -> Self {
        self.agents = self.agents.and(agent);
        self
    }

    /// Gives `agent` steps to the agents of this file too.
    #[must_use]
    pub fn agents(mut self, file: impl Into<PathBuf>) -> Self {
        self.agents_file = Some(file.into());
        self
    }

    /// Starts steps that ask for a sandbox by this `rok`, of the same version:
    /// it lays the sandbox on itself and becomes the step. Without one, such a
    /// step is refused before its run begins (`sandbox_violation`).
    #[must_use]
    pub fn launcher(mut self, rok: impl Into<PathBuf>) -> Self {
        self.launcher = Some(rok.into());
        self
    }

    /// Composes. Settings are the documented defaults: an embedder's
    /// environment and files are left alone.
    pub fn open(self) -> Result<Rok, RunsError> {
        let dir = std::path::absolute(&self.dir).unwrap_or(self.dir);
        let mut settings = settings(&dir, &self.user)?;
        let absolute = |map: PathBuf| std::path::absolute(&map).unwrap_or(map);
        settings.services = self.services.map(absolute);
        settings.agents = self.agents_file.map(absolute);
        let policies = self.policies.into_iter().map(absolute);
        settings.execution_policies.extend(policies);
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let actor = settings.actor();
        let host = match self.launcher {
            None => Host::Embedded,
            Some(rok) => Host::EmbeddedBeside(same_rok(absolute(rok))?),
        };
        Ok(Rok {
            runs: embedded(
                &settings,
                self.functions,
                &self.agents,
                self.executors,
                host,
            )?,
            actor,
            cwd,
        })
    }
}

impl fmt::Debug for RokBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RokBuilder")
            .field("dir", &self.dir)
            .field("functions", &self.functions)
            .field("executors", &self.executors.len())
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A `rok` of this version: another program would become the step outside of
/// any sandbox.
fn same_rok(path: PathBuf) -> Result<PathBuf, RunsError> {
    const VERSION: &str = concat!("rok ", env!("CARGO_PKG_VERSION"));
    let asked = Command::new(&path).arg("--version").output();
    let said = match &asked {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    if asked.is_ok_and(|output| output.status.success()) && said == VERSION {
        return Ok(path);
    }
    let said: String = said
        .chars()
        .take(80)
        .flat_map(char::escape_default)
        .collect();
    let message = format!(
        "{} is not {VERSION}, which would start steps in sandboxes: `{said}`",
        path.display()
    );
    Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
        .help("name the `rok` of the same version, or none: steps in sandboxes are then refused"))
}

fn settings(dir: &Path, user: &str) -> Result<Settings, RunsError> {
    let inputs =
        Inputs::empty(dir)
            .env("ROK_USER", user)
            .flag("dir", dir.to_string_lossy(), "in_folder");
    let resolved = inputs
        .resolve()
        .map_err(|errors| RunsError::new(ErrorKind::Usage, "ROK0117", errors.to_string()))?;
    Ok(resolved.settings)
}
