//! Composition: the one place that names engines, executors and stores.

mod agents;
mod desk;
mod doctor;
mod executors;
mod first_of;
mod injected;
mod orchestrators;
mod owner;
mod pool;
mod registry;

pub use agents::Agents;
pub use desk::desk;
pub use doctor::doctor;
pub use executors::OneByOne;
use first_of::first_of;
pub use orchestrators::orchestrators;
pub use pool::pooled;
pub use registry::registry;

use rok_client::{RemoteRuns, RemoteSchedules};
use rok_config::{PasswordSource, Settings, SigningKeySource};
use rok_events::Contract;
use rok_exec_agent::HybridExecutor;
use rok_exec_http::{Egress, HttpExecutor};
use rok_exec_process::ProcessExecutor;
use rok_exec_service::{Environment, KeySource as ServiceKey, ServiceExecutor, ServiceMap};
use rok_executor::{Executor, Functions};
use rok_facades::plan_tests::PlanTestsFacade;
use rok_facades::runs::{ErrorKind, RunsError, RunsFacade};
use rok_facades::schedules::SchedulesFacade;
use rok_facades::{AccessFacade, Facades, GovernanceFacade};
use rok_governance::{AccessPolicies, CedarEngine, Policies, PolicySources};
use rok_incidents::IncidentBook;
use rok_log::WorkerBook;
use rok_notify::{Key, MailError, Mailer};
use rok_orchestrators::with_checks;
use rok_runner::{Services, SystemClock};
use rok_runs::{
    Directory, Governed, KeySource, Needs, Runs, RunsSetup, ServicesFor, SharedStore, Signing,
};
use rok_service::{Beside, TokenBook};
use rok_store_jsonl::FolderCells;
use rok_store_sqlite::SqliteStore;
use rok_synthesis::{Rules, Synthesis};
use rok_test_runner::TestRunner;
use rok_ticker::{FacadeSubmit, Schedules, schedules_in};
use rok_traces::LocalTraces;
use std::path::PathBuf;
use std::sync::Arc;

/// How a process of its own differs from an embedded library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// The `rok` binary: it owns its process and becomes a child subreaper.
    Binary,
    /// A library within another program: foreign children are left alone.
    Embedded,
    /// The same, whose steps in sandboxes are started by this `rok`.
    EmbeddedBeside(PathBuf),
}

/// Composes the domains: incidents, governance over these policy files (none:
/// the permissive default) and those that a plan names, and traces.
/// The digest of the policy files comes along; the default alone has none.
pub fn facades(
    policies: &[PathBuf],
    of_plan: &[PathBuf],
) -> Result<(Facades, Option<String>), RunsError> {
    let configured = configured(policies)?;
    let (engine, digest) = engine(configured.as_ref(), of_plan)?;
    let facades = Facades::new(
        Arc::new(IncidentBook::new()),
        Arc::new(engine),
        Arc::new(LocalTraces::new()),
    );
    Ok((facades, digest))
}

/// Composes the policies in these files, or the permissive default, to be asked
/// about runs that need not be there.
pub fn policies(files: &[PathBuf]) -> Result<GovernanceFacade, RunsError> {
    let configured = configured(files)?;
    let (engine, _) = engine(configured.as_ref(), &[])?;
    Ok(GovernanceFacade::new(Arc::new(engine)))
}

/// The configured policy files, read once; `None`: the permissive default.
fn configured(policies: &[PathBuf]) -> Result<Option<PolicySources>, RunsError> {
    if policies.is_empty() {
        return Ok(None);
    }
    let sources = PolicySources::read(policies).map_err(|faults| unfit(&faults))?;
    Ok(Some(sources))
}

/// Policies on top of which those of a plan are in force.
fn engine(
    configured: Option<&PolicySources>,
    of_plan: &[PathBuf],
) -> Result<(CedarEngine, Option<String>), RunsError> {
    if configured.is_none() && of_plan.is_empty() {
        return Ok((CedarEngine::new(Policies::permissive()), None));
    }
    let sources = configured.cloned();
    let sources = sources.unwrap_or_else(PolicySources::permissive);
    let sources = sources
        .and_of_plan(of_plan)
        .map_err(|faults| unfit(&faults))?;
    let policies = Policies::load(&sources).map_err(|faults| unfit(&faults))?;
    Ok((CedarEngine::new(policies), Some(sources.digest())))
}

fn unfit(faults: &dyn std::fmt::Display) -> RunsError {
    RunsError::new(ErrorKind::Usage, "ROK0118", faults.to_string())
        .help("mend the policy files; a run is never started under policies that cannot be read")
}

/// Composes runs in run folders, with process steps, these functions and agents; or,
/// where the settings name a server, that server's runs.
pub fn runs(
    settings: &Settings,
    functions: Functions,
    agents: &Agents,
    host: Host,
) -> Result<RunsFacade, RunsError> {
    if let Some(server) = &settings.server {
        let token = settings.token.as_ref().map(rok_config::Hidden::expose);
        return Ok(RunsFacade::new(Arc::new(RemoteRuns::at(
            server,
            token,
            settings.server_timeout,
        )?)));
    }
    embedded(settings, functions, agents, Vec::new(), host)
}

/// Composes runs on this machine, with executors that are asked before those of
/// this project whether they do a piece of work.
pub(crate) fn embedded(
    settings: &Settings,
    functions: Functions,
    agents: &Agents,
    own: Vec<Arc<dyn Executor>>,
    host: Host,
) -> Result<RunsFacade, RunsError> {
    let store = pool::made(settings)?;
    let (engine, _) = composed(settings, functions, agents, own, host, store)?;
    Ok(RunsFacade::new(engine))
}

/// The engine of runs, and what makes the services of each.
fn composed(
    settings: &Settings,
    functions: Functions,
    agents: &Agents,
    own: Vec<Arc<dyn Executor>>,
    host: Host,
    store: Option<SqliteStore>,
) -> Result<(Arc<Runs>, ServicesFor), RunsError> {
    let injected = injected::read(&settings.execution_policies)?;
    let configured = configured(&settings.policies)?;
    let configured = injected.with_cedar(configured)?;
    // Faults are told at start-up, before any run is asked for.
    let (governance, policies) = engine(configured.as_ref(), &[])?;
    let plain = Facades::new(
        Arc::new(IncidentBook::new()),
        Arc::new(governance),
        Arc::new(LocalTraces::new()),
    )
    .synthesis(Arc::new(synthesis(settings, store.as_ref())?));
    let functions = Arc::new(with_checks(functions));
    let http = Arc::new(HttpExecutor::new(egress(settings)?));
    let workers = Arc::new(workers(settings)?);
    // Nothing but what asks for agents is refused where their file is not fit.
    let agents = agents.executor(settings);
    let of_none = policies.clone();
    let services: ServicesFor = Arc::new(move |needs: &Needs| {
        let (facades, policies) = if needs.policies.is_empty() {
            (plain.clone(), of_none.clone())
        } else {
            let (governance, digest) = engine(configured.as_ref(), &needs.policies)?;
            let governance = GovernanceFacade::new(Arc::new(governance));
            let facades = Facades {
                governance,
                ..plain.clone()
            };
            (facades, digest)
        };
        let services = Services::new(facades);
        let services = match needs.processes {
            Some(processes) => {
                let here = first_of(&own, Arc::new(executor(processes, &host)?));
                let services = match &agents {
                    Ok(agents) => {
                        let hybrid = HybridExecutor::new(Arc::clone(agents), Arc::clone(&here));
                        services
                            .executor(Arc::new(hybrid))
                            .executor(Arc::clone(agents) as Arc<dyn Executor>)
                    }
                    Err(error) if needs.agents => return Err(error.clone()),
                    Err(_) => services,
                };
                services
                    .executor(here)
                    .executor(Arc::clone(&functions) as Arc<dyn Executor>)
                    .executor(Arc::clone(&http) as Arc<dyn Executor>)
                    .executor(Arc::clone(&workers) as Arc<dyn Executor>)
            }
            None => services,
        };
        Ok(Governed { services, policies })
    });
    let mut setup = RunsSetup {
        execution_policies: injected.rules,
        directory: Some(directory(settings, store.clone())),
        workers: store.as_ref().map(book),
        store: store.map(|store| SharedStore::new(Box::new(store)).gone(owner::is_gone)),
        signs_webhooks: webhook_key(settings)?.is_some(),
        sends_mail: mailer(settings)?.is_some(),
        ..setup(settings, policies)
    };
    if let Some(files) = settings.files_of_store() {
        // Apart from run folders, which would take them for broken ones.
        setup.root = files;
    }
    let engine = Arc::new(Runs::new(setup, Arc::clone(&services)));
    Ok((engine, services))
}

/// What diagnoses runs of services.
fn synthesis(settings: &Settings, store: Option<&SqliteStore>) -> Result<Synthesis, RunsError> {
    let counted = |synthesis: Synthesis| match store {
        Some(store) => synthesis.workers(book(store)),
        None => synthesis,
    };
    let Some(file) = &settings.synthesis_rules else {
        return Ok(counted(Synthesis::standard()));
    };
    let rules = Rules::read(file).map_err(|error| {
        let message = format!("{}: {error}", file.display());
        RunsError::new(ErrorKind::Usage, "ROK0171", message)
            .help("mend the file that the setting `synthesis_rules` names")
    })?;
    Ok(counted(Synthesis::new(rules)))
}

/// Which workers fail which sites, as a store counts it.
fn book(store: &SqliteStore) -> Arc<dyn WorkerBook> {
    Arc::new(store.clone())
}

/// What calls the services of the service map.
fn workers(settings: &Settings) -> Result<ServiceExecutor, RunsError> {
    let map = settings.services.as_deref().map(ServiceMap::read);
    let map = map.unwrap_or_else(|| Ok(ServiceMap::builtin()));
    let map = map.map_err(|error| {
        RunsError::new(ErrorKind::Usage, "ROK0170", told(&error))
            .help("mend the file that the setting `services` names")
    })?;
    let environment = Environment::of_process();
    let deny = settings.egress_deny.clone();
    Ok(ServiceExecutor::new(map, environment, deny))
}

/// What signs webhooks, where the settings have a key.
fn webhook_key(settings: &Settings) -> Result<Option<Key>, RunsError> {
    let key = settings.webhook_secret.as_ref();
    key.map(|secret| Key::new(secret.expose()))
        .transpose()
        .map_err(|error| {
            RunsError::new(ErrorKind::Usage, "ROK0117", error.to_string())
                .help("set ROK_WEBHOOK_SECRET to 16 random bytes or more, or unset it")
        })
}

/// What sends mail, where the settings name a server.
fn mailer(settings: &Settings) -> Result<Option<Mailer>, RunsError> {
    let Some(mail) = &settings.mail else {
        return Ok(None);
    };
    let fault = |error: MailError| {
        RunsError::new(ErrorKind::Usage, "ROK0117", error.to_string())
            .help("mend `smtp` and `smtp_from`; `rok config show` tells where they come from")
    };
    let server = mail.server.parse().map_err(fault)?;
    let mailer = Mailer::new(server, &mail.from, []).map_err(fault)?;
    Ok(Some(match &mail.login {
        None => mailer,
        Some((user, password)) => mailer.login(
            user.clone(),
            match password {
                PasswordSource::Text(text) => ServiceKey::Text(text.expose().to_owned().into()),
                PasswordSource::File(file) => ServiceKey::File(file.clone()),
                PasswordSource::Command(words) => ServiceKey::Command(words.clone()),
            },
        ),
    }))
}

/// An error and what it came of.
fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Which hosts `http` steps may reach.
fn egress(settings: &Settings) -> Result<Egress, RunsError> {
    let rules = Egress::new(&settings.egress_allow, &settings.egress_deny);
    rules.map_err(|error| {
        RunsError::new(ErrorKind::Usage, "ROK0117", error.to_string()).help(
            "mend `egress_allow` or `egress_deny`; `rok config show` tells where they come from",
        )
    })
}

/// Composes the schedules that are kept beside the runs, in their folder or
/// their database, each firing of which is a run of these.
pub fn schedules(settings: &Settings, runs: RunsFacade) -> Result<SchedulesFacade, RunsError> {
    if let Some(server) = &settings.server {
        let token = settings.token.as_ref().map(rok_config::Hidden::expose);
        let schedules = RemoteSchedules::at(server, token, settings.server_timeout)?;
        return Ok(SchedulesFacade::new(Arc::new(schedules)));
    }
    let folder = Box::new(in_folder(settings));
    let submit = Box::new(FacadeSubmit::new(runs.clone()));
    let schedules = match pool::made(settings)? {
        Some(database) => {
            Schedules::new(Box::new(database), submit, Arc::new(SystemClock)).kept_before_in(folder)
        }
        None => Schedules::new(folder, submit, Arc::new(SystemClock)),
    };
    let schedules = schedules.driving(runs, settings.actor());
    Ok(SchedulesFacade::new(Arc::new(schedules)))
}

fn in_folder(settings: &Settings) -> FolderCells {
    FolderCells::open(settings.dir.clone(), settings.durability)
}

/// What is kept beside the runs in the database that the settings name, which
/// is made where it is not there yet; `None`: runs are in folders.
pub fn beside(settings: &Settings) -> Result<Option<Beside>, RunsError> {
    let Some(file) = settings.store.as_deref() else {
        return Ok(None);
    };
    let cells = Arc::new(pool::opened(file, settings.durability)?);
    Ok(Some(Beside {
        cells,
        schedules_in_folder: schedules_in(&in_folder(settings))?,
    }))
}

/// Composes tests of plans: the real domains, under each test's own policies.
#[must_use]
pub fn plan_tests() -> PlanTestsFacade {
    PlanTestsFacade::new(Arc::new(TestRunner::new(Arc::new(facades))))
}

fn executor(processes: u32, host: &Host) -> Result<ProcessExecutor, RunsError> {
    let limit = usize::try_from(processes).unwrap_or(usize::MAX);
    let builder = ProcessExecutor::builder().max_in_flight(limit);
    let builder = match host {
        // Itself, even where its file was replaced since.
        Host::Binary => builder.subreaper().launcher("/proc/self/exe"),
        Host::Embedded => builder,
        Host::EmbeddedBeside(rok) => builder.launcher(rok),
    };
    builder.build().map_err(|error| {
        RunsError::new(
            ErrorKind::Storage,
            "ROK0114",
            format!("cannot start processes here: {error}"),
        )
    })
}

/// The users of a server, by its tokens.
fn directory(settings: &Settings, store: Option<SqliteStore>) -> Directory {
    let tokens = match store {
        Some(store) => TokenBook::in_database(Arc::new(store)),
        None => TokenBook::at(settings.tokens_file()),
    };
    Directory::new(move |actor| tokens.roles_of(actor))
}

/// Composes the door to a server.
pub fn access(settings: &Settings) -> Result<AccessFacade, RunsError> {
    let engine = if settings.access_policies.is_empty() {
        AccessPolicies::of_roles()
    } else {
        PolicySources::read(&settings.access_policies)
            .and_then(|sources| AccessPolicies::load(&sources))
            .map_err(|faults| unfit(&faults))?
    };
    Ok(AccessFacade::new(Arc::new(engine)))
}

fn setup(settings: &Settings, policies: Option<String>) -> RunsSetup {
    let defaults = RunsSetup::new(settings.dir.clone(), settings.actor());
    RunsSetup {
        durability: settings.durability,
        profile: settings.profile,
        contract: match (settings.enabled, settings.rac_enabled) {
            (false, _) => Contract::Off,
            (true, false) => Contract::WithoutRac,
            (true, true) => Contract::Full,
        },
        governance_timeout: settings.governance_timeout,
        default_run_timeout: settings.default_run_timeout,
        grace_period: settings.grace_period,
        cpus: settings
            .max_processes
            .map_or(defaults.cpus, std::num::NonZero::get),
        sandbox: settings.sandbox,
        roles: settings.roles.clone(),
        policies,
        signing: settings.signing_key.as_ref().map(|source| {
            Signing::from(match source {
                SigningKeySource::Pem(pem) => KeySource::Pem(pem.expose().to_owned().into()),
                SigningKeySource::File(path) => KeySource::File(path.clone()),
            })
        }),
        ..defaults
    }
}
