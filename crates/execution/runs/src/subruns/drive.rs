//! One sub-run: created or gone on with, driven, and what its end means to the
//! step that it is for.

use super::{Family, Lineage, Link};
use crate::engine::Runs;
use crate::load::Loaded;
use crate::submit::{Inherited, NewRun, for_record, load_secrets};
use rok_chain::Digest;
use rok_events::{Body, ParentRef, SubPlan, decode};
use rok_executor::{
    AttemptRef, PlanWork, PreflightFault, StepFailure, StepRequest, StepSuccess, Usage,
};
use rok_facades::runs::{DriveEnd, DriveOptions, ErrorKind, ResumeOptions, RunsError, Submission};
use rok_kernel::{Resumability, RunState, StepIx};
use rok_plan::SuccessRule;
use rok_runner::{Clock as _, Shard, SystemClock, Turn};
use rok_vocabulary::{CommandId, ErrorClass, Outcome, PlanId, RunId, RunPhase, StepState};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether a run that another process drives is free.
const GLANCE: Duration = Duration::from_millis(200);

/// The labels of a sub-run: whose it is.
pub(crate) const PARENT_RUN: &str = "rok.parent";
pub(crate) const PARENT_STEP: &str = "rok.step";

/// A sub-run that can be driven, or has ended.
enum Begun {
    Driven(Box<(Shard, Turn)>),
    Ended,
}

/// Drives the run of an attempt to its end.
pub(super) fn to_its_end(
    family: &Family,
    request: &StepRequest,
    work: &PlanWork,
    link: &Arc<Link>,
) -> Result<StepSuccess, StepFailure> {
    let engine = family.engine(link);
    let begun = begin(&engine, family, request, work, link).map_err(|error| failed(&error))?;
    if let Begun::Driven(shard) = begun {
        let options = DriveOptions { wait_on_hold: true };
        let end = engine.drive_shard(*shard, &work.run, &options, &link.stop, &mut ());
        match end.map_err(|error| failed(&error))? {
            DriveEnd::Ended { .. } => {}
            DriveEnd::Held(_) | DriveEnd::Interrupted => {
                let reason = format!("run {} was interrupted with its parent", work.run);
                return Err(StepFailure::new(ErrorClass::WorkerLost, reason));
            }
        }
    }
    let loaded = engine.load(&work.run).map_err(|error| failed(&error))?;
    match (came_to(loaded.state()), link.ended_by()) {
        (Err(_), Some(ended)) => Err(ended),
        (end, _) => end,
    }
}

/// Creates the run, or takes it over where it is there. Whoever drives it by
/// now is waited for.
fn begin(
    engine: &Runs,
    family: &Family,
    request: &StepRequest,
    work: &PlanWork,
    link: &Link,
) -> Result<Begun, RunsError> {
    let attempt = asker(request);
    loop {
        let home = engine.store_of(&work.run);
        let exists = home.exists(&work.run);
        let begun = if exists.map_err(|error| crate::fault::store(&error))? {
            go_on(engine, &family.of, work, &attempt, link)
        } else {
            create(engine, family, request, work).map(Begun::new)
        };
        match begun {
            // Whoever was faster to create it drives it by now.
            Err(error) if error.kind == ErrorKind::Busy || error.code == "ROK0116" => {
                if link.stop.is_stopped() || link.ended_by().is_some() {
                    return Err(error);
                }
                std::thread::sleep(GLANCE);
            }
            begun => return begun,
        }
    }
}

impl Begun {
    fn new(shard: (Shard, Turn)) -> Self {
        Self::Driven(Box::new(shard))
    }
}

fn create(
    engine: &Runs,
    family: &Family,
    request: &StepRequest,
    work: &PlanWork,
) -> Result<(Shard, Turn), RunsError> {
    let (submission, within) = order(engine, &family.of, request, work)?;
    engine
        .create(submission, Some(within), None)
        .map(|(_, shard)| shard)
}

/// Which attempt at a step asks for a run.
pub(crate) fn asker(request: &StepRequest) -> String {
    let step = &request.attempt.step;
    format!("{}.{}", step.epoch, step.attempt)
}

/// What the run of an attempt is created from.
pub(crate) fn order(
    engine: &Runs,
    family: &Lineage,
    request: &StepRequest,
    work: &PlanWork,
) -> Result<(Submission, NewRun), RunsError> {
    let attempt = asker(request);
    let (parent, step) = (&request.attempt.run, &request.attempt.step.step);
    let sub = family.plans.get(&work.plan).ok_or_else(|| unfound(work))?;
    let bytes = plan_bytes(engine, parent, &sub.sha256)?;
    let labels = [
        (PARENT_RUN, parent.to_string()),
        (PARENT_STEP, step.to_string()),
    ];
    let reconciles = family.settings.contract.reconciles();
    let submission = Submission {
        plan: bytes.to_vec(),
        source: format!("plan `{}`", work.plan),
        cwd: sub.cwd.clone().unwrap_or_else(|| "/".into()).into(),
        inputs: work.values.clone(),
        input_texts: work.texts.clone().into_iter().collect(),
        labels: labels.map(|(name, value)| (name.to_owned(), value)).into(),
        run_id: Some(work.run.clone()),
        submitter: family.submitter.clone(),
        reason: Some(format!("step `{step}` of run {parent}")),
        secrets_file: family.secrets_file.clone(),
        profile: reconciles.then_some(family.settings.profile),
        max_parallel: (family.settings.max_parallel == 1).then_some(1),
        never_retry: family.settings.never_retry,
        idempotency_key: None,
        priority: None,
        no_cache: family.settings.no_cache,
    };
    let documents = documents_of(engine, parent, &sub.plans)?;
    let parent = ParentRef {
        run: parent.clone(),
        step: step.clone(),
        attempt,
    };
    let within = NewRun {
        plans: sub.plans.clone(),
        documents,
        parent: Some(parent),
        inherits: Some(Inherited {
            sandbox: family.settings.sandbox,
            execution_policies: family.execution_policies.clone(),
        }),
    };
    Ok((submission, within))
}

/// The bytes of the plans that a run's steps name, and that those name.
pub(crate) fn documents_of(
    engine: &Runs,
    run: &RunId,
    plans: &BTreeMap<PlanId, SubPlan>,
) -> Result<Vec<Arc<[u8]>>, RunsError> {
    let digests = super::plans::digests(plans).into_iter();
    { digests }
        .map(|digest| plan_bytes(engine, run, &digest))
        .collect()
}

/// The bytes of a plan that lies beside the parent.
fn plan_bytes(engine: &Runs, parent: &RunId, sha256: &str) -> Result<Arc<[u8]>, RunsError> {
    let lost = || {
        let message = format!("run {parent}: the plan {sha256} of its steps is gone");
        RunsError::new(ErrorKind::Protocol, "ROK0105", message)
            .help("`rok verify` names what is wrong")
    };
    let digest: Digest = sha256.parse().map_err(|_| lost())?;
    let bytes = engine.store_of(parent).document(parent, digest);
    let bytes = bytes.map_err(|error| crate::fault::store(&error))?;
    bytes
        .filter(|bytes| Digest::of(bytes) == digest)
        .ok_or_else(lost)
}

fn unfound(work: &PlanWork) -> RunsError {
    let message = format!(
        "plan `{}` was not found when the run was created",
        work.plan
    );
    RunsError::new(ErrorKind::Usage, "ROK0119", message)
}

/// What is to be done about a run that is there, for an attempt.
pub(crate) enum Standing {
    /// It has ended for this attempt.
    Ended,
    /// It goes on: its epoch where that is open, the next one where this
    /// attempt has not asked for it yet, by this command.
    GoesOn(ResumeOptions, CommandId),
}

/// How a run that is there stands to an attempt.
pub(crate) fn standing(state: &RunState, family: &Lineage, attempt: &str) -> Standing {
    let command: CommandId = format!("attempt-{attempt}")
        .parse()
        .expect("words and numbers are a command id");
    let parent = state.created().and_then(|created| created.parent.as_ref());
    let asked = parent.is_some_and(|parent| parent.attempt == attempt) || state.has_seen(&command);
    let resumable = state.resumability(SystemClock.now());
    if state.is_sealed() && (asked || resumable != Resumability::NextEpoch) {
        return Standing::Ended;
    }
    let options = ResumeOptions {
        actor: family.submitter.clone(),
        reason: parent.map(|parent| format!("step `{}` of run {}", parent.step, parent.run)),
        secrets_file: family.secrets_file.clone(),
        same_epoch: false,
        drive: DriveOptions::default(),
    };
    Standing::GoesOn(options, command)
}

/// Goes on with a run that is there.
fn go_on(
    engine: &Runs,
    family: &Lineage,
    work: &PlanWork,
    attempt: &str,
    link: &Link,
) -> Result<Begun, RunsError> {
    let run = &work.run;
    let loaded = engine.load(run)?;
    let (options, command) = match standing(loaded.state(), family, attempt) {
        Standing::Ended => return Ok(Begun::Ended),
        Standing::GoesOn(options, command) => (options, command),
    };
    if !engine.place_again(run, &link.stop)? {
        let message = format!("run {run} waits for a place");
        return Err(RunsError::new(ErrorKind::Busy, "ROK0103", message));
    }
    engine.resumed(run, &options, Some(command)).map(Begun::new)
}

/// The faults of a step whose plan names secrets that cannot be had.
pub(crate) fn missing_secrets(
    engine: &Runs,
    family: &Lineage,
    attempt: &AttemptRef,
    plan: &PlanId,
) -> Vec<PreflightFault> {
    match secrets_of(engine, family, &attempt.run, plan) {
        Ok(()) => Vec::new(),
        Err(reason) => vec![PreflightFault {
            step: attempt.step.step.to_string(),
            class: ErrorClass::ConfigError,
            reason,
        }],
    }
}

/// Whether the secrets that a plan names can be had.
fn secrets_of(
    engine: &Runs,
    family: &Lineage,
    parent: &RunId,
    plan: &PlanId,
) -> Result<(), String> {
    let sub = family.plans.get(plan);
    let sub = sub.ok_or_else(|| format!("plan `{plan}` was not found when the run was created"))?;
    // Before the run is durable its plans lie nowhere: they were read just now.
    let Ok(bytes) = plan_bytes(engine, parent, &sub.sha256) else {
        return Ok(());
    };
    let Ok(plan) = rok_plan::parse(&bytes, "plan.json") else {
        return Ok(());
    };
    let found = load_secrets(&plan, family.secrets_file.as_deref());
    found.map(drop).map_err(|why| for_record(&why))
}

/// What a sub-run used, all attempts of all its steps.
pub(crate) fn usage_of(engine: &Runs, run: &RunId) -> Usage {
    let mut usage = super::no_usage();
    let Ok(log) = engine.store_of(run).read(run) else {
        return usage;
    };
    for line in log.lines() {
        let Ok(decoded) = decode(line, run) else {
            continue;
        };
        if let Body::StepSucceeded { data, .. } | Body::StepFailed { data, .. } = decoded.event.body
        {
            usage.cpu += Duration::from_millis(data.usage.cpu_ms);
            usage.max_rss = usage.max_rss.max(data.usage.max_rss_kib * 1024);
            usage.cost_usd += data.usage.cost_usd;
            usage.tokens += data.usage.tokens;
        }
    }
    usage
}

/// What a run's end means to the step that it is for. Fail closed: a partial
/// success is none, unless the plan says that any success will do.
pub(crate) fn came_to(state: &RunState) -> Result<StepSuccess, StepFailure> {
    let run = state.run_id();
    let outcome = state.outcome().unwrap_or(Outcome::Failed);
    let any = state.plan().plan().success == SuccessRule::Any;
    let (class, reason) = state.end();
    let why = reason.unwrap_or("no reason is recorded");
    let failed = |class, reason| Err(StepFailure::new(class, reason));
    match (state.phase(), outcome) {
        (RunPhase::Completed, Outcome::Partial) if !any => {
            let reason = format!(
                "run {run} is partial: only a plan with `success: any` counts that as a success"
            );
            failed(ErrorClass::ValidationFailed, reason)
        }
        (RunPhase::Completed, _) => Ok(StepSuccess {
            outputs: outputs(state),
            artifacts: Vec::new(),
        }),
        (_, Outcome::TimedOut) => {
            failed(ErrorClass::Timeout, format!("run {run} timed out: {why}"))
        }
        (_, Outcome::Cancelled) => failed(
            ErrorClass::Cancelled,
            format!("run {run} was cancelled: {why}"),
        ),
        (_, Outcome::Denied) => failed(
            ErrorClass::PolicyViolation,
            format!("run {run} was denied: {why}"),
        ),
        _ => {
            let class = class.unwrap_or(ErrorClass::Unknown);
            failed(class, format!("run {run} failed: {why}"))
        }
    }
}

/// The outputs of the steps that nothing waits for, by their ids.
fn outputs(state: &RunState) -> Value {
    let steps = &state.plan().plan().steps;
    let edges = steps
        .iter()
        .flat_map(|step| step.needs.iter().chain(&step.after));
    let waited: std::collections::BTreeSet<usize> = edges.copied().collect();
    let last = steps
        .iter()
        .enumerate()
        .filter(|(at, _)| !waited.contains(at));
    let outputs = last.filter_map(|(at, step)| {
        let slot = state.step(at as StepIx);
        let stands =
            slot.state == StepState::Succeeded || slot.stand_in == rok_kernel::StandIn::Succeeded;
        let outputs = slot.outputs.as_ref().filter(|_| stands)?;
        Some((step.id.to_string(), (**outputs).clone()))
    });
    Value::Object(outputs.collect::<Map<String, Value>>())
}

/// A fault of the machinery as the failure of the step.
pub(crate) fn failed(error: &RunsError) -> StepFailure {
    let class = match error.kind {
        ErrorKind::Usage | ErrorKind::NotFound => ErrorClass::ConfigError,
        ErrorKind::Denied => ErrorClass::PolicyViolation,
        ErrorKind::Busy | ErrorKind::Storage => ErrorClass::TransientIo,
        ErrorKind::State => ErrorClass::ValidationFailed,
        ErrorKind::Protocol => ErrorClass::Internal,
    };
    StepFailure::new(class, error.message.clone())
}

/// The plans that a run's steps name, by digest.
pub(crate) fn named_plans(loaded: &Loaded) -> Vec<String> {
    let created = loaded.state().created();
    created.map_or_else(Vec::new, |created| super::plans::digests(&created.plans))
}

/// The runs that did the work of a run's steps.
pub(crate) fn sub_runs(state: &RunState) -> Vec<RunId> {
    let steps = state.places().map(|ix| state.step(ix));
    steps.filter_map(|step| step.run.clone()).collect()
}

/// Where a run's plans lie, by digest: for those who vouch for the record.
pub(crate) fn missing_plans(engine: &crate::home::Home, loaded: &Loaded) -> Vec<String> {
    let state = loaded.state();
    let mut digests = named_plans(loaded);
    digests.retain(|sha256| {
        let digest: Option<Digest> = sha256.parse().ok();
        let found = digest.and_then(|digest| {
            let bytes = engine.document(state.run_id(), digest).ok()??;
            (Digest::of(&bytes) == digest).then_some(())
        });
        found.is_none()
    });
    digests
}
