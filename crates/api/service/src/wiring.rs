//! What the composition root hands in: how runs are composed once the settings
//! are known.

use crate::conformance::Executors;
use crate::doctor::{Check, Doctor, Rounds};
use rok_config::{Inputs, Settings};
use rok_facades::agents::AgentsFacade;
use rok_facades::desk::DeskFacade;
use rok_facades::orchestrators::OrchestratorsFacade;
use rok_facades::plan_tests::PlanTestsFacade;
use rok_facades::registry::RegistryFacade;
use rok_facades::runs::{PoolAsk, RunsError, RunsFacade, RunsPool};
use rok_facades::schedules::SchedulesFacade;
use rok_facades::{AccessFacade, GovernanceFacade};
use rok_formats::Formatters;
use rok_log::Cells;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type ComposeAccess = dyn Fn(&Settings) -> Result<AccessFacade, RunsError> + Send + Sync;
type ComposeAgents = dyn Fn(&Settings) -> Result<AgentsFacade, RunsError> + Send + Sync;
type ComposeRegistry = dyn Fn(&Settings) -> Result<RegistryFacade, RunsError> + Send + Sync;
type ComposeSchedules =
    dyn Fn(&Settings, RunsFacade) -> Result<SchedulesFacade, RunsError> + Send + Sync;
type ComposeOrchestrators =
    dyn Fn(&Settings, RunsFacade, &Path) -> Result<OrchestratorsFacade, RunsError> + Send + Sync;
type Compose = dyn Fn(&Settings) -> Result<RunsFacade, RunsError> + Send + Sync;

/// Runs in a database, and the pool that drives them.
pub type Pooled = (RunsFacade, Box<dyn RunsPool>);

type ComposePool = dyn Fn(&Settings, PoolAsk) -> Result<Pooled, RunsError> + Send + Sync;

/// What is kept beside the runs of a database.
pub struct Beside {
    /// The database.
    pub cells: Arc<dyn Cells>,
    /// Schedules that lie in the folder `dir`, where nobody keeps them.
    pub schedules_in_folder: Vec<String>,
}

type ComposePolicies = dyn Fn(&[PathBuf]) -> Result<GovernanceFacade, RunsError> + Send + Sync;
type ComposeDesk = dyn Fn(&Settings) -> Result<DeskFacade, RunsError> + Send + Sync;
type ComposeBeside = dyn Fn(&Settings) -> Result<Option<Beside>, RunsError> + Send + Sync;

/// How runs are composed, and what settings are resolved from.
pub struct Wiring {
    pub(crate) compose: Box<Compose>,
    pub(crate) plan_tests: Option<PlanTestsFacade>,
    pub(crate) access: Option<Box<ComposeAccess>>,
    pub(crate) agents: Option<Box<ComposeAgents>>,
    pub(crate) pool: Option<Box<ComposePool>>,
    pub(crate) schedules: Option<Box<ComposeSchedules>>,
    pub(crate) beside: Option<Box<ComposeBeside>>,
    pub(crate) desk: Option<Box<ComposeDesk>>,
    pub(crate) orchestrators: Option<Box<ComposeOrchestrators>>,
    pub(crate) formats: Formatters,
    pub(crate) policies: Option<Box<ComposePolicies>>,
    pub(crate) doctor: Option<Box<Doctor>>,
    pub(crate) registry: Option<Box<ComposeRegistry>>,
    pub(crate) executors: Option<Box<dyn Executors>>,
    pub(crate) inputs: Option<Inputs>,
}

impl Wiring {
    /// Composes runs by this function. It is called when runs are first asked
    /// for: `--version`, `plan` and `config` never call it.
    pub fn new(
        compose: impl Fn(&Settings) -> Result<RunsFacade, RunsError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            compose: Box::new(compose),
            plan_tests: None,
            access: None,
            agents: None,
            pool: None,
            schedules: None,
            beside: None,
            desk: None,
            orchestrators: None,
            formats: Formatters::standard(),
            policies: None,
            doctor: None,
            registry: None,
            executors: None,
            inputs: None,
        }
    }

    /// Tests plans by this engine; without one `plan test` is refused.
    #[must_use]
    pub fn plan_tests(mut self, facade: PlanTestsFacade) -> Self {
        self.plan_tests = Some(facade);
        self
    }

    /// Lets people in from elsewhere by this door; without one there is no
    /// server.
    #[must_use]
    pub fn access(
        mut self,
        compose: impl Fn(&Settings) -> Result<AccessFacade, RunsError> + Send + Sync + 'static,
    ) -> Self {
        self.access = Some(Box::new(compose));
        self
    }

    /// Lists the agents of this door; without one there are none.
    #[must_use]
    pub fn agents(
        mut self,
        compose: impl Fn(&Settings) -> Result<AgentsFacade, RunsError> + Send + Sync + 'static,
    ) -> Self {
        self.agents = Some(Box::new(compose));
        self
    }

    /// Keeps schedules by this engine, whose runs are those that are composed;
    /// without one there are no schedules.
    #[must_use]
    pub fn schedules(
        mut self,
        compose: impl Fn(&Settings, RunsFacade) -> Result<SchedulesFacade, RunsError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.schedules = Some(Box::new(compose));
        self
    }

    /// Runs stages by these orchestrators, whose runs are those that are
    /// composed, in a folder; without them there are no stages.
    #[must_use]
    pub fn orchestrators(
        mut self,
        compose: impl Fn(&Settings, RunsFacade, &Path) -> Result<OrchestratorsFacade, RunsError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.orchestrators = Some(Box::new(compose));
        self
    }

    /// Writes reports in these formats, in place of the standard ones.
    #[must_use]
    pub fn formats(mut self, formats: Formatters) -> Self {
        self.formats = formats;
        self
    }

    /// Keeps components in this registry; without one there are none.
    #[must_use]
    pub fn registry(
        mut self,
        compose: impl Fn(&Settings) -> Result<RegistryFacade, RunsError> + Send + Sync + 'static,
    ) -> Self {
        self.registry = Some(Box::new(compose));
        self
    }

    /// Drives the runs of a database by this pool; without one there are only
    /// run folders.
    #[must_use]
    pub fn pool(
        mut self,
        compose: impl Fn(&Settings, PoolAsk) -> Result<Pooled, RunsError> + Send + Sync + 'static,
    ) -> Self {
        self.pool = Some(Box::new(compose));
        self
    }

    /// Keeps tokens beside the runs of a database by this; without it they are
    /// in a file.
    #[must_use]
    pub fn beside(
        mut self,
        compose: impl Fn(&Settings) -> Result<Option<Beside>, RunsError> + Send + Sync + 'static,
    ) -> Self {
        self.beside = Some(Box::new(compose));
        self
    }

    /// Handles incidents and lessons at this desk; without one there is none.
    #[must_use]
    pub fn desk(
        mut self,
        compose: impl Fn(&Settings) -> Result<DeskFacade, RunsError> + Send + Sync + 'static,
    ) -> Self {
        self.desk = Some(Box::new(compose));
        self
    }

    /// Asks policies by this engine, of these files or, without any, of the
    /// embedded ones.
    #[must_use]
    pub fn policies(
        mut self,
        compose: impl Fn(&[PathBuf]) -> Result<GovernanceFacade, RunsError> + Send + Sync + 'static,
    ) -> Self {
        self.policies = Some(Box::new(compose));
        self
    }

    /// Has all that runs need looked at by this doctor; without one there is
    /// none.
    #[must_use]
    pub fn doctor(
        mut self,
        doctor: impl Fn(&Settings, Rounds) -> Vec<Check> + Send + Sync + 'static,
    ) -> Self {
        self.doctor = Some(Box::new(doctor));
        self
    }

    /// Holds these executors against their contract, one by one; without them
    /// only engines are held against anything.
    #[must_use]
    pub fn executors(mut self, executors: impl Executors + 'static) -> Self {
        self.executors = Some(Box::new(executors));
        self
    }

    /// Composes runs by another function: those of a server, for one.
    #[must_use]
    pub fn runs(
        mut self,
        compose: impl Fn(&Settings) -> Result<RunsFacade, RunsError> + Send + Sync + 'static,
    ) -> Self {
        self.compose = Box::new(compose);
        self
    }

    /// Resolves settings in this folder and environment, not the process's.
    #[must_use]
    pub fn in_environment<N: AsRef<str>, V: Into<OsString>>(
        mut self,
        cwd: impl Into<PathBuf>,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let empty = Inputs::empty(cwd);
        let inputs = variables.into_iter().fold(empty, |inputs, (name, value)| {
            inputs.env(name.as_ref(), value)
        });
        self.inputs = Some(inputs);
        self
    }
}

impl std::fmt::Debug for Wiring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wiring").finish_non_exhaustive()
    }
}

/// What a command line says about settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Startup {
    /// Settings by flags, in the order given.
    pub flags: Vec<Flag>,
    /// The project's settings file, where one is named.
    pub config: Option<PathBuf>,
}

/// A setting by a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The setting's key.
    pub key: String,
    /// Its value as text.
    pub value: String,
    /// The flag as the person wrote it.
    pub flag: String,
}

impl Startup {
    /// Adds a setting by a flag.
    pub fn flag(&mut self, key: &str, value: impl Into<String>, flag: &str) {
        self.flags.push(Flag {
            key: key.to_owned(),
            value: value.into(),
            flag: flag.to_owned(),
        });
    }

    pub(crate) fn apply(&self, inputs: Inputs) -> Inputs {
        let inputs = match &self.config {
            Some(path) => inputs.config(path),
            None => inputs,
        };
        self.flags.iter().fold(inputs, |inputs, flag| {
            inputs.flag(&flag.key, flag.value.as_str(), &flag.flag)
        })
    }
}
