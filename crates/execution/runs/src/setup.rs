//! What the engine is set up with.

use crate::attest::Signing;
use crate::home::SharedStore;
use rok_events::{Contract, Settings};
use rok_execution_policy::ExecutionPolicy;
use rok_facades::runs::RunsError;
use rok_log::{Durability, WorkerBook};
use rok_plan::{Action, Plan, Step, StepPlace};
use rok_runner::Services;
use rok_vocabulary::{Actor, Profile, SandboxMode};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a run needs of its services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Processes at once; `None`: it has no executors of its own.
    pub processes: Option<u32>,
    /// Policy files that its plan names, on top of the configured ones.
    pub policies: Vec<PathBuf>,
    /// Whether steps of its plan are given to agents.
    pub agents: bool,
}

/// The services of a run, and the policies that govern it.
#[derive(Debug)]
pub struct Governed {
    /// Its domains and executors.
    pub services: Services,
    /// Which policies these are, sha-256, hex; `None` for the permissive default.
    pub policies: Option<String>,
}

impl Needs {
    /// What a run of a plan needs that starts from a folder.
    pub(crate) fn of(plan: &Plan, cwd: Option<&str>, processes: u32) -> Self {
        let folder = Path::new(cwd.unwrap_or("/"));
        Self {
            processes: Some(processes),
            policies: plan.policies.iter().map(|file| folder.join(file)).collect(),
            agents: plan.steps.iter().any(is_for_agents),
        }
    }
}

fn is_for_agents(step: &Step) -> bool {
    matches!(step.action, Action::Agent(_)) || matches!(step.place, StepPlace::Away(_))
}

/// Makes the services for a run.
pub type ServicesFor = Arc<dyn Fn(&Needs) -> Result<Governed, RunsError> + Send + Sync>;

type RolesOf = dyn Fn(&Actor) -> Vec<String> + Send + Sync;

/// Tells the roles of an actor.
#[derive(Clone)]
pub struct Directory(Arc<RolesOf>);

impl Directory {
    /// A directory that asks this function.
    pub fn new(roles_of: impl Fn(&Actor) -> Vec<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(roles_of))
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Directory")
    }
}

/// Settings of the engine.
#[derive(Debug, Clone)]
pub struct RunsSetup {
    /// The folder of run folders.
    pub root: PathBuf,
    /// How durable a commit is before it is acknowledged.
    pub durability: Durability,
    /// The configured profile; plans and submissions can only be stricter.
    pub profile: Profile,
    /// How much of the audit contract is in force.
    pub contract: Contract,
    /// How long the governance check may wait.
    pub governance_timeout: Duration,
    /// The `finalize_run` deadline of plans without `max_duration`.
    pub default_run_timeout: Duration,
    /// Added to the run's timeout for the deadline of `finalize_run`.
    pub grace_period: Duration,
    /// Which processes run in a sandbox.
    pub sandbox: SandboxMode,
    /// Which policies are held, sha-256, hex; `None` for the permissive default.
    pub policies: Option<String>,
    /// Policies that are injected into new runs, sound each.
    pub execution_policies: Vec<ExecutionPolicy>,
    /// CPUs of this machine.
    pub cpus: u32,
    /// Who uses this process.
    pub user: Actor,
    /// That user's roles.
    pub roles: Vec<String>,
    /// Who else has which roles; `None`: nobody else is known.
    pub directory: Option<Directory>,
    /// The key that attests each sealed run, if there is one.
    pub signing: Option<Signing>,
    /// The store that holds the record of all runs; `None`: run folders.
    pub store: Option<SharedStore>,
    /// Which workers fail which sites, where the store keeps count.
    pub workers: Option<Arc<dyn WorkerBook>>,
    /// Whether what a plan's `notify` asks for can be signed.
    pub signs_webhooks: bool,
    /// Whether what a plan's `notify` asks for can be written by mail.
    pub sends_mail: bool,
}

impl RunsSetup {
    /// The documented defaults over a folder, for a user.
    #[must_use]
    pub fn new(root: PathBuf, user: Actor) -> Self {
        let settings = Settings::default();
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            root,
            durability: Durability::Fsync,
            profile: settings.profile,
            contract: settings.contract,
            governance_timeout: settings.governance_timeout,
            default_run_timeout: settings.default_run_timeout,
            grace_period: settings.grace_period,
            sandbox: settings.sandbox,
            policies: None,
            execution_policies: Vec::new(),
            cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
            user,
            roles: Vec::new(),
            directory: None,
            signing: None,
            store: None,
            workers: None,
            signs_webhooks: false,
            sends_mail: false,
        }
    }
}

impl RunsSetup {
    /// The roles of an actor, as far as they are known here.
    pub(crate) fn roles_of(&self, actor: &Actor) -> Vec<String> {
        let mut roles = if *actor == self.user {
            self.roles.clone()
        } else {
            Vec::new()
        };
        if let Some(Directory(roles_of)) = &self.directory {
            roles.extend(roles_of(actor));
        }
        roles
    }
}
