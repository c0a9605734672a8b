//! What the engine is set up with.

use crate::attest::KeySource;
use rok_events::{Contract, Settings};
use rok_facades::runs::RunsError;
use rok_log::Durability;
use rok_runner::Services;
use rok_vocabulary::{Actor, Profile};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How much a run may do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parallelism {
    /// Processes at once.
    pub processes: u32,
}

/// Makes the services for a run: its executors depend on its parallelism.
pub type ServicesFor = Arc<dyn Fn(Parallelism) -> Result<Services, RunsError> + Send + Sync>;

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
    /// Which policies are held, sha-256, hex; `None` for the permissive default.
    pub policies: Option<String>,
    /// CPUs of this machine.
    pub cpus: u32,
    /// Who uses this process.
    pub user: Actor,
    /// That user's roles.
    pub roles: Vec<String>,
    /// The key that attests each sealed run, if there is one.
    pub signing: Option<KeySource>,
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
            policies: None,
            cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
            user,
            roles: Vec::new(),
            signing: None,
        }
    }
}
