//! The service: settings resolved, runs composed when they are first asked
//! for, runs submitted, found and listed.

use crate::error::ServiceError;
use crate::metrics::{self, RunFigures};
use crate::plan_file;
use crate::plans::Heads;
use crate::runs::RunHandle;
use crate::tokens::{TokenBook, TokenView};
use crate::wiring::{Startup, Wiring};
use rok_config::{Inputs, Resolved, Settings, Source};
use rok_facades::agents::{AgentList, AgentsFacade};
use rok_facades::desk::DeskFacade;
use rok_facades::orchestrators::OrchestratorsFacade;
use rok_facades::plan_tests::PlanTestsFacade;
use rok_facades::registry::RegistryFacade;
use rok_facades::runs::{
    DegradedWorker, DryRun, ErrorKind, ListQuery, PageQuery, PoolAsk, RunListing, RunPage,
    RunSelector, RunsError, RunsFacade, RunsPool, Submission,
};
use rok_facades::schedules::SchedulesFacade;
use rok_vocabulary::{IdError, RunId};
use serde_json::Map;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A run that a person wants.
#[derive(Debug, Clone, Default)]
pub struct RunRequest {
    /// A plan file, or the id of a built-in plan.
    pub plan: String,
    /// A YAML, JSON or TOML file with inputs.
    pub inputs_file: Option<PathBuf>,
    /// Inputs as text; these win.
    pub inputs: Vec<(String, String)>,
    /// Labels of this run.
    pub labels: BTreeMap<String, String>,
    /// One step at a time, whatever the plan allows.
    pub one_at_a_time: bool,
    /// A failed attempt is final, whatever the plan says.
    pub never_retry: bool,
    /// The run's id; else a new one.
    pub run_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// A file with secret values.
    pub secrets_file: Option<PathBuf>,
    /// Take no result from an earlier run.
    pub no_cache: bool,
    /// Its rank among the runs that wait; `None`: the plan's.
    pub priority: Option<i8>,
}

/// What names a database where no flag does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreNamed {
    /// A variable of the environment.
    Variable(&'static str),
    /// A settings file.
    File,
}

/// The use cases.
pub struct Service {
    wiring: Wiring,
    config: Resolved,
    cwd: PathBuf,
    runs: OnceLock<RunsFacade>,
    schedules: OnceLock<SchedulesFacade>,
    desk: OnceLock<DeskFacade>,
    orchestrators: OnceLock<OrchestratorsFacade>,
    registry: OnceLock<RegistryFacade>,
    heads: Heads,
}

impl Service {
    /// Resolves the settings; touches nothing else.
    pub fn open(mut wiring: Wiring, startup: &Startup) -> Result<Self, ServiceError> {
        let inputs = match wiring.inputs.take() {
            Some(inputs) => inputs,
            None => Inputs::of_process().map_err(|error| ServiceError::NoFolder {
                why: error.to_string(),
            })?,
        };
        let inputs = startup.apply(inputs);
        Ok(Self {
            config: inputs.resolve()?,
            cwd: inputs.cwd().to_owned(),
            wiring,
            runs: OnceLock::new(),
            schedules: OnceLock::new(),
            desk: OnceLock::new(),
            orchestrators: OnceLock::new(),
            registry: OnceLock::new(),
            heads: Heads::default(),
        })
    }

    /// The settings and where each came from.
    #[must_use]
    pub fn config(&self) -> &Resolved {
        &self.config
    }

    pub(crate) fn wiring(&self) -> &Wiring {
        &self.wiring
    }

    /// The tokens of a server with these settings: in its database, or, where
    /// runs are in folders, in their file.
    pub fn tokens(&self) -> Result<TokenBook, ServiceError> {
        let settings = &self.config.settings;
        if settings.server.is_some() {
            let message = "tokens are made where a server keeps them, and by nobody over HTTP";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("leave --server and ROK_SERVER out, and name the server's --store or --dir")
                .into());
        }
        let compose = self.wiring.beside.as_ref();
        let beside = compose.map_or(Ok(None), |compose| compose(settings))?;
        let book = match beside {
            Some(beside) => TokenBook::in_database(beside.cells),
            None => TokenBook::at(settings.tokens_file()),
        };
        Ok(book.with_own_rules(!settings.access_policies.is_empty()))
    }

    /// Moves the tokens of a file into the database of a server. Gives those
    /// that were not there.
    pub fn import_tokens(&self, file: Option<&Path>) -> Result<Vec<TokenView>, ServiceError> {
        let settings = &self.config.settings;
        if settings.store.is_none() {
            let message = "tokens are taken over into a database, and these are in a file";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("name the database by --store sqlite:PATH")
                .into());
        }
        let own = || settings.tokens_file();
        let file = file.map_or_else(own, |file| self.cwd.join(file));
        if !file.exists() {
            return Err(ServiceError::BadName {
                what: format!("there is no file of tokens {}", file.display()),
            });
        }
        Ok(self.tokens()?.import(&TokenBook::at(file))?)
    }

    /// What names the database of the runs, where that is no flag.
    #[must_use]
    pub fn store_named(&self) -> Option<StoreNamed> {
        self.config.settings.store.as_ref()?;
        match self.config.entry("store")?.source {
            Source::Env(name) => Some(StoreNamed::Variable(name)),
            Source::File { .. } => Some(StoreNamed::File),
            Source::Flag(_) | Source::Default => None,
        }
    }

    /// Refuses to look for runs in a folder that somebody named and that is not
    /// there: a name that is misspelt would read as none.
    pub fn refuse_absent_folder(&self) -> Result<(), ServiceError> {
        let Settings {
            dir, store, server, ..
        } = &self.config.settings;
        let source = self.config.entry("dir").map(|entry| &entry.source);
        // What a settings file names is made by the first run.
        let Some(named @ (Source::Flag(_) | Source::Env(_))) = source else {
            return Ok(());
        };
        if store.is_some() || server.is_some() || dir.exists() {
            return Ok(());
        }
        let message = format!("there is no folder of runs {} ({named})", dir.display());
        Err(RunsError::new(ErrorKind::Usage, "ROK0101", message)
            .help("name the folder that the runs are in; the first run makes one")
            .into())
    }

    /// Refuses to serve a database beside which schedules or tokens lie that
    /// nobody would look at.
    pub fn refuse_left_behind(&self) -> Result<(), ServiceError> {
        let settings = &self.config.settings;
        let compose = self.wiring.beside.as_ref();
        let Some(beside) = compose.map_or(Ok(None), |compose| compose(settings))? else {
            return Ok(());
        };
        let left = |what: String, help: String| {
            Err(RunsError::new(ErrorKind::State, "ROK0184", what)
                .help(help)
                .into())
        };
        if let Some(first) = beside.schedules_in_folder.first() {
            let (count, dir) = (beside.schedules_in_folder.len(), settings.dir.display());
            return left(
                format!(
                    "{count} schedules lie in {dir}, {first} for one, and a database keeps its own"
                ),
                format!(
                    "`rok schedule import` with the same --store moves them; or remove them by `rok schedule remove ID --dir {dir}`, or name another --dir"
                ),
            );
        }
        let file = settings.tokens_file();
        let here = TokenBook::in_database(beside.cells);
        let missing = here.not_here(&TokenBook::at(&file))?;
        if missing.is_empty() {
            return Ok(());
        }
        let (count, file) = (missing.len(), file.display());
        left(
            format!("{count} tokens lie in {file}, and a database keeps its own"),
            format!(
                "`rok token import` with the same --store takes them over; or revoke them, or remove {file}"
            ),
        )
    }

    /// The folder that relative paths start from.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.cwd
    }

    pub(crate) fn cwd(&self) -> &Path {
        &self.cwd
    }

    pub(crate) fn heads(&self) -> &Heads {
        &self.heads
    }

    /// Creates a run, durably; nothing of it has started.
    pub fn submit(&self, request: RunRequest) -> Result<RunHandle, ServiceError> {
        let runs = self.runs()?;
        let run = runs.submit(self.submission(request)?)?;
        Ok(self.handle(runs, run))
    }

    /// What a run would come to: nothing is executed, nothing written.
    pub fn dry_run(&self, request: RunRequest) -> Result<DryRun, ServiceError> {
        let submission = self.submission(request)?;
        Ok(self.runs()?.dry_run(submission)?)
    }

    pub(crate) fn submission(&self, request: RunRequest) -> Result<Submission, ServiceError> {
        let reserved = request
            .labels
            .keys()
            .find(|name| name.starts_with("rok.batch"));
        if let Some(name) = reserved {
            return Err(ServiceError::BadName {
                what: format!("the label `{name}` is given to the runs of a batch, by nobody else"),
            });
        }
        let text = self.plan_text(&request.plan)?;
        // The engine reads it again; here every fault is told with its place.
        let plan = text.parse()?;
        let inputs = match &request.inputs_file {
            Some(file) => plan_file::inputs(file, &self.cwd, &plan)?,
            None => Map::new(),
        };
        let run_id = match &request.run_id {
            Some(id) => Some(id.parse::<RunId>().map_err(|error| ServiceError::BadName {
                what: error.to_string(),
            })?),
            None => None,
        };
        Ok(Submission {
            plan: text.bytes,
            source: text.source,
            cwd: text.folder,
            inputs,
            input_texts: request.inputs,
            labels: request.labels,
            profile: None,
            max_parallel: request.one_at_a_time.then_some(1),
            never_retry: request.never_retry,
            priority: request.priority,
            idempotency_key: None,
            run_id,
            submitter: self.config.settings.actor(),
            reason: request.reason,
            secrets_file: request.secrets_file.map(|file| self.cwd.join(file)),
            no_cache: request.no_cache,
        })
    }

    /// Finds the run that a person names: its folder, id, or a unique prefix.
    pub fn find(&self, name: &str) -> Result<RunHandle, ServiceError> {
        let Some((dir, folder)) = self.folder_of(name) else {
            let runs = self.runs()?;
            let run = runs.find(&RunSelector(name.to_owned()))?;
            return Ok(self.handle(runs, run));
        };
        let settings = Settings {
            dir,
            // A folder that is named holds all of its run.
            store: None,
            ..self.config.settings.clone()
        };
        let runs = (self.wiring.compose)(&settings)?;
        let run = runs.find(&RunSelector(folder))?;
        Ok(self.handle(runs, run).named(name))
    }

    /// The runs that match, newest last.
    pub fn list(&self, query: &ListQuery) -> Result<Vec<RunListing>, ServiceError> {
        let mut runs = self.runs()?.list(query)?;
        // Ids that a person chose do not sort by time. Broken ones come last.
        runs.sort_by_key(|run| (run.created_at.is_none(), run.created_at));
        Ok(runs)
    }

    /// A page of the runs that match, the newest first.
    pub fn page(&self, query: &PageQuery) -> Result<RunPage, ServiceError> {
        Ok(self.runs()?.page(query)?)
    }

    /// What the runs that match did, in the Prometheus text format. Of a run that
    /// is broken it is counted that it is, and which it is comes with them.
    pub fn metrics(&self, query: &ListQuery) -> Result<RunFigures, ServiceError> {
        metrics::metrics(&self.runs()?, &self.list(query)?)
    }

    /// The workers that failed a site three times in a row or more.
    pub fn degraded_workers(&self) -> Result<Vec<DegradedWorker>, ServiceError> {
        Ok(self.runs()?.degraded_workers()?)
    }

    /// A path to a run folder names the folder of run folders too, so that it
    /// is found wherever it lies.
    fn folder_of(&self, name: &str) -> Option<(PathBuf, String)> {
        if !name.contains('/') && name != "." && name != ".." {
            return None;
        }
        let folder = self.cwd.join(name).canonicalize().ok()?;
        let run = folder.file_name()?.to_str()?.to_owned();
        folder
            .is_dir()
            .then_some((folder.parent()?.to_owned(), run))
    }

    /// The engine that tests plans.
    pub(crate) fn plan_tests(&self) -> Result<&PlanTestsFacade, ServiceError> {
        let engine = self.wiring.plan_tests.as_ref();
        engine.ok_or_else(|| ServiceError::NotSupported {
            what: "`plan test` in this program".to_owned(),
            instead: "hand an engine to `Wiring::plan_tests`",
        })
    }

    /// The agents that steps may be given to, asked how each stands.
    pub fn agents(&self) -> Result<AgentList, ServiceError> {
        let agents = self.agents_facade()?.list()?;
        Ok(AgentList { agents })
    }

    /// Forgets what speaks against an agent, by its id: it is asked again.
    pub fn reset_agent(&self, agent: &str) -> Result<(), ServiceError> {
        let agent = agent.parse().map_err(|error: IdError| {
            RunsError::new(ErrorKind::NotFound, "ROK0173", error.to_string())
                .help("`rok agents list` lists them")
        })?;
        Ok(self.agents_facade()?.reset(&agent)?)
    }

    fn agents_facade(&self) -> Result<AgentsFacade, ServiceError> {
        let Some(compose) = &self.wiring.agents else {
            return Err(ServiceError::NotSupported {
                what: "agents in this program".to_owned(),
                instead: "hand a door to `Wiring::agents`",
            });
        };
        Ok(compose(&self.config.settings)?)
    }

    pub(crate) fn schedules_facade(&self) -> Result<SchedulesFacade, ServiceError> {
        if let Some(schedules) = self.schedules.get() {
            return Ok(schedules.clone());
        }
        let Some(compose) = &self.wiring.schedules else {
            return Err(ServiceError::NotSupported {
                what: "schedules in this program".to_owned(),
                instead: "hand an engine to `Wiring::schedules`",
            });
        };
        let schedules = compose(&self.config.settings, self.runs()?)?;
        Ok(self.schedules.get_or_init(|| schedules).clone())
    }

    pub(crate) fn desk_facade(&self) -> Result<DeskFacade, ServiceError> {
        if let Some(desk) = self.desk.get() {
            return Ok(desk.clone());
        }
        let compose = self.wiring.desk.as_ref();
        let compose = compose.ok_or_else(|| ServiceError::NotSupported {
            what: "incidents and lessons in this program".to_owned(),
            instead: "hand a desk to `Wiring::desk`",
        })?;
        let desk = compose(&self.config.settings)?;
        Ok(self.desk.get_or_init(|| desk).clone())
    }

    pub(crate) fn orchestrators(&self) -> Result<OrchestratorsFacade, ServiceError> {
        if let Some(orchestrators) = self.orchestrators.get() {
            return Ok(orchestrators.clone());
        }
        let Some(compose) = &self.wiring.orchestrators else {
            return Err(ServiceError::NotSupported {
                what: "`orch` in this program".to_owned(),
                instead: "hand orchestrators to `Wiring::orchestrators`",
            });
        };
        let orchestrators = compose(&self.config.settings, self.runs()?, &self.cwd)?;
        Ok(self.orchestrators.get_or_init(|| orchestrators).clone())
    }

    /// The registry of components, composed when it is first asked for.
    pub(crate) fn registry_facade(&self) -> Result<RegistryFacade, ServiceError> {
        if let Some(registry) = self.registry.get() {
            return Ok(registry.clone());
        }
        let Some(compose) = &self.wiring.registry else {
            return Err(ServiceError::NotSupported {
                what: "the registry in this program".to_owned(),
                instead: "hand an engine to `Wiring::registry`",
            });
        };
        let registry = compose(&self.config.settings)?;
        Ok(self.registry.get_or_init(|| registry).clone())
    }

    /// Starts what drives the runs of a database; `None` where runs are in run
    /// folders, each driven by whoever submits it.
    pub fn start_pool(&self, ask: PoolAsk) -> Result<Option<Box<dyn RunsPool>>, ServiceError> {
        let settings = &self.config.settings;
        if settings.store.is_none() {
            return Ok(None);
        }
        let compose = self.wiring.pool.as_ref();
        let compose = compose.ok_or_else(|| ServiceError::NotSupported {
            what: "a pool in this program".to_owned(),
            instead: "hand one to `Wiring::pool`",
        })?;
        let (runs, pool) = compose(settings, ask)?;
        // Whoever submits here and the pool have one engine, with one key.
        if self.runs.set(runs).is_err() {
            pool.stop();
            let message = "runs were asked for before the pool was started that drives them";
            return Err(RunsError::new(ErrorKind::Storage, "ROK0114", message).into());
        }
        Ok(Some(pool))
    }

    /// Whether a server has the runs.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.config.settings.server.is_some()
    }

    /// Refuses what would drive a run here where the pool of a server does.
    pub fn drives_here(&self, command: &str) -> Result<(), ServiceError> {
        if self.config.settings.store.is_none() {
            return Ok(());
        }
        let store = match self.store_named() {
            Some(StoreNamed::Variable(name)) => name,
            Some(StoreNamed::File) => "`store` in the settings file",
            None => "--store",
        };
        let message = format!(
            "`rok {command}` drives a run here, and `rok serve` drives the runs of a database"
        );
        Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
            .help(format!("ask the server, by --server in place of {store}"))
            .into())
    }

    pub(crate) fn runs(&self) -> Result<RunsFacade, ServiceError> {
        if let Some(runs) = self.runs.get() {
            return Ok(runs.clone());
        }
        let runs = (self.wiring.compose)(&self.config.settings)?;
        Ok(self.runs.get_or_init(|| runs).clone())
    }

    /// What needs no run and asks nobody: files are looked at on this machine,
    /// wherever the runs are.
    pub(crate) fn runs_here(&self) -> Result<RunsFacade, ServiceError> {
        let settings = Settings {
            server: None,
            store: None,
            ..self.config.settings.clone()
        };
        Ok((self.wiring.compose)(&settings)?)
    }

    pub(crate) fn handle(&self, runs: RunsFacade, run: RunId) -> RunHandle {
        let settings = &self.config.settings;
        RunHandle::new(runs, run, settings.actor(), self.cwd.clone())
            .elsewhere(settings.server.is_some())
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
