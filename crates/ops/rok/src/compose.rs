//! Composition: the one place that names engines, executors and stores.

use rok_config::{Settings, SigningKeySource};
use rok_events::Contract;
use rok_exec_process::ProcessExecutor;
use rok_executor::Functions;
use rok_facades::Facades;
use rok_facades::plan_tests::PlanTestsFacade;
use rok_facades::runs::{ErrorKind, RunsError, RunsFacade};
use rok_governance::{CedarEngine, Policies, PolicySources};
use rok_incidents::IncidentBook;
use rok_runner::Services;
use rok_runs::{KeySource, Parallelism, Runs, RunsSetup, ServicesFor};
use rok_test_runner::TestRunner;
use rok_traces::LocalTraces;
use std::path::PathBuf;
use std::sync::Arc;

/// How a process of its own differs from an embedded library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// The `rok` binary: it owns its process and becomes a child subreaper.
    Binary,
    /// A library within another program: foreign children are left alone.
    Embedded,
}

/// Composes the domains: incidents, governance over these policy files (none:
/// the permissive default) and traces.
/// The digest of the policy files comes along; the default has none.
pub fn facades(policies: &[PathBuf]) -> Result<(Facades, Option<String>), RunsError> {
    let (policies, digest) = if policies.is_empty() {
        (Policies::permissive(), None)
    } else {
        let sources = PolicySources::read(policies).map_err(|faults| unfit(&faults))?;
        let digest = sources.digest();
        (
            Policies::load(&sources).map_err(|faults| unfit(&faults))?,
            Some(digest),
        )
    };
    let facades = Facades::new(
        Arc::new(IncidentBook::new()),
        Arc::new(CedarEngine::new(policies)),
        Arc::new(LocalTraces::new()),
    );
    Ok((facades, digest))
}

fn unfit(faults: &dyn std::fmt::Display) -> RunsError {
    RunsError::new(ErrorKind::Usage, "ROK0118", faults.to_string())
        .help("mend the policy files; a run is never started under policies that cannot be read")
}

/// Composes runs in run folders, with process steps and these functions.
pub fn runs(
    settings: &Settings,
    functions: Functions,
    host: Host,
) -> Result<RunsFacade, RunsError> {
    let (facades, policies) = facades(&settings.policies)?;
    let functions = Arc::new(functions);
    let services: ServicesFor = Arc::new(move |parallelism| {
        let processes = executor(parallelism, host)?;
        let functions = Arc::clone(&functions);
        Ok(Services::new(facades.clone())
            .executor(Arc::new(processes))
            .executor(functions))
    });
    Ok(RunsFacade::new(Arc::new(Runs::new(
        setup(settings, policies),
        services,
    ))))
}

/// Composes tests of plans: the real domains, under each test's own policies.
#[must_use]
pub fn plan_tests() -> PlanTestsFacade {
    PlanTestsFacade::new(Arc::new(TestRunner::new(Arc::new(facades))))
}

fn executor(parallelism: Parallelism, host: Host) -> Result<ProcessExecutor, RunsError> {
    let limit = usize::try_from(parallelism.processes).unwrap_or(usize::MAX);
    let builder = ProcessExecutor::builder().max_in_flight(limit);
    let builder = if host == Host::Binary {
        builder.subreaper()
    } else {
        builder
    };
    builder.build().map_err(|error| {
        RunsError::new(
            ErrorKind::Storage,
            "ROK0114",
            format!("cannot start processes here: {error}"),
        )
    })
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
        roles: settings.roles.clone(),
        policies,
        signing: settings.signing_key.as_ref().map(|source| match source {
            SigningKeySource::Pem(pem) => KeySource::Pem(pem.expose().to_owned().into()),
            SigningKeySource::File(path) => KeySource::File(path.clone()),
        }),
        ..defaults
    }
}
