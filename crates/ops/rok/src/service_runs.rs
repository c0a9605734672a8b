//! Runs of services by the names of seed 002, over the same engine: a run is
//! started, its services are called, it is waited for, and summed up.
//!
//! ```
//! use rok::service_runs::{STANDARD_RUN_PLAN, get_ready_services, get_run_plan, validate_run_plan};
//!
//! let plan = get_run_plan("standard-v1").unwrap();
//! assert_eq!(plan, &*STANDARD_RUN_PLAN);
//! let first: Vec<_> = get_ready_services(plan, &[]).iter().map(|s| s.service.as_str()).collect();
//! assert_eq!(first, ["serp-intelligence", "technical-seo", "domain-authority", "vitals-monitor"]);
//! let then = get_ready_services(plan, &["serp-intelligence"]);
//! assert!(then.iter().any(|s| s.service == "competitive-intelligence"));
//!
//! let circle = "plan: c\ninputs: { website_id: { type: string }, domain: { type: string } }\nsteps:\n  \
//!     a: { service: a, needs: [b] }\n  b: { service: b, needs: [a] }\n";
//! assert!(validate_run_plan(circle).unwrap_err().to_string().contains("wait for each other"));
//! ```

use crate::Rok;
use rok_facades::runs::{
    DriveEnd, DriveOptions, ErrorKind, RunsError, ServiceRunView, StopSignal, Submission,
};
use rok_plan::{Action, Plan, PlanErrors};
use rok_vocabulary::RunId;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::thread::JoinHandle;
use std::time::Duration;

pub use rok_facades::runs::{ServiceResult, ServiceRunView as RunSummary};
pub use rok_projections::{ServiceRunStatus as RunStatus, ServiceStatus};

/// The plan that is run where none is named.
pub const DEFAULT_PLAN: &str = "standard-v1";

/// Which services a run calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPlan {
    /// Its id.
    pub plan_id: String,
    /// Shown to people.
    pub name: String,
    /// Shown to people.
    pub description: String,
    /// How long a run may take.
    pub max_run_duration: Option<Duration>,
    /// Its services, in order.
    pub services: Vec<PlannedService>,
}

/// A service of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedService {
    /// Its slug.
    pub service: String,
    /// Shown to people.
    pub display_name: String,
    /// The services that must have completed before.
    pub depends_on: Vec<String>,
    /// Whether a diagnosis misses it more than another.
    pub required: bool,
    /// How long a call may take.
    pub timeout: Option<Duration>,
}

fn builtin(id: &str) -> RunPlan {
    let text = rok_plan::builtin(id).expect("the plan is built in");
    validate_run_plan(text).expect("built-in plans are tested")
}

/// All five services, within five minutes.
pub static STANDARD_RUN_PLAN: LazyLock<RunPlan> = LazyLock::new(|| builtin("standard-v1"));

/// The three that matter most, within two minutes.
pub static QUICK_RUN_PLAN: LazyLock<RunPlan> = LazyLock::new(|| builtin("quick-v1"));

static ONBOARDING_RUN_PLAN: LazyLock<RunPlan> = LazyLock::new(|| builtin("onboarding-v1"));

/// The built-in plan of this id.
#[must_use]
pub fn get_run_plan(plan_id: &str) -> Option<&'static RunPlan> {
    match plan_id {
        "standard-v1" => Some(&STANDARD_RUN_PLAN),
        "quick-v1" => Some(&QUICK_RUN_PLAN),
        "onboarding-v1" => Some(&ONBOARDING_RUN_PLAN),
        _ => None,
    }
}

/// The services that may be called once `completed` have completed.
#[must_use]
pub fn get_ready_services<'p>(plan: &'p RunPlan, completed: &[&str]) -> Vec<&'p PlannedService> {
    let done = |service: &str| completed.contains(&service);
    let ready = plan.services.iter().filter(|planned| {
        !done(&planned.service) && planned.depends_on.iter().all(|needed| done(needed))
    });
    ready.collect()
}

/// Reads a plan of services; circles, unknown names and all else that is wrong
/// are told at once.
pub fn validate_run_plan(plan: &str) -> Result<RunPlan, PlanErrors> {
    let plan = rok_plan::parse(plan.as_bytes(), "plan")?;
    let services = plan.steps.iter().filter_map(|step| {
        let slug = slug(&step.action)?;
        let needs = step.needs.iter();
        Some(PlannedService {
            display_name: step.name.clone().unwrap_or_else(|| slug.to_owned()),
            service: slug.to_owned(),
            depends_on: needs.filter_map(|at| slug_of(&plan, *at)).collect(),
            required: step.required,
            timeout: step.timeout,
        })
    });
    Ok(RunPlan {
        plan_id: plan.id.to_string(),
        name: plan.name.clone().unwrap_or_else(|| plan.id.to_string()),
        description: plan.description.clone().unwrap_or_default(),
        max_run_duration: plan.max_duration,
        services: services.collect(),
    })
}

fn slug(action: &Action) -> Option<&str> {
    match action {
        Action::Service { service, .. } => Some(service),
        _ => None,
    }
}

fn slug_of(plan: &Plan, step: usize) -> Option<String> {
    slug(&plan.steps[step].action).map(ToOwned::to_owned)
}

/// A run that goes on.
#[derive(Debug)]
pub struct RunContext {
    rok: Rok,
    run: RunId,
    driver: Option<JoinHandle<Result<DriveEnd, RunsError>>>,
}

impl RunContext {
    /// The run.
    #[must_use]
    pub const fn run_id(&self) -> &RunId {
        &self.run
    }

    /// How it stands.
    pub fn summary(&self) -> Result<ServiceRunView, RunsError> {
        let view = self.rok.runs().service_run(&self.run)?;
        view.ok_or_else(|| internal("the run calls no service"))
    }
}

fn internal(what: &str) -> RunsError {
    RunsError::new(ErrorKind::Storage, "ROK0114", what)
}

/// Creates a run, durably; no service was called yet.
pub fn start_run(
    rok: &Rok,
    website_id: &str,
    domain: &str,
    plan_id: &str,
) -> Result<RunContext, RunsError> {
    let text = rok_plan::builtin(plan_id).filter(|_| get_run_plan(plan_id).is_some());
    let text = text.ok_or_else(|| {
        RunsError::new(
            ErrorKind::Usage,
            "ROK0002",
            format!("no run plan `{plan_id}`"),
        )
        .help("there are standard-v1, quick-v1 and onboarding-v1")
    })?;
    let inputs = [("website_id", website_id), ("domain", domain)];
    let inputs = inputs.map(|(name, value)| (name.to_owned(), value.into()));
    let run = rok.runs().submit(Submission {
        plan: text.as_bytes().to_vec(),
        source: format!("builtin:{plan_id}"),
        cwd: rok.cwd().to_owned(),
        inputs: inputs.into_iter().collect(),
        input_texts: Vec::new(),
        labels: BTreeMap::new(),
        profile: None,
        max_parallel: None,
        never_retry: false,
        priority: None,
        idempotency_key: None,
        run_id: None,
        submitter: rok.actor().clone(),
        reason: None,
        secrets_file: None,
        no_cache: false,
    })?;
    Ok(RunContext {
        rok: rok.clone(),
        run,
        driver: None,
    })
}

/// Has the services called, each once what it needs has completed.
pub fn enqueue_run_jobs(context: &mut RunContext) -> Result<(), RunsError> {
    if context.driver.is_some() {
        return Ok(());
    }
    let (runs, run) = (context.rok.runs().clone(), context.run.clone());
    let drive = move || runs.drive(&run, &DriveOptions::default(), &StopSignal::new(), &mut ());
    let thread = std::thread::Builder::new().name("rok-service-run".into());
    let driver = thread
        .spawn(drive)
        .map_err(|error| internal(&format!("no thread can be started: {error}")))?;
    context.driver = Some(driver);
    Ok(())
}

/// Waits until all is over: services, the run's time, diagnosis and check.
pub fn wait_for_run(context: &mut RunContext) -> Result<(), RunsError> {
    let Some(driver) = context.driver.take() else {
        return Ok(());
    };
    let end = driver.join();
    end.map_err(|_| internal("the run's driver panicked"))??;
    Ok(())
}

/// What came of it.
pub fn finalize_run(context: &RunContext) -> Result<ServiceRunView, RunsError> {
    context.summary()
}

/// All of it: start, call, wait, sum up.
pub fn execute_run(
    rok: &Rok,
    website_id: &str,
    domain: &str,
    plan_id: &str,
) -> Result<ServiceRunView, RunsError> {
    let mut context = start_run(rok, website_id, domain, plan_id)?;
    enqueue_run_jobs(&mut context)?;
    wait_for_run(&mut context)?;
    finalize_run(&context)
}
