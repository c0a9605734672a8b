//! What differed between two runs: plan, inputs, results, timings.
//!
//! A pure comparison of two summaries and their plans. Timings never make runs
//! different: no two runs take the same time.

mod values;

use crate::error::ServiceError;
use rok_facades::runs::{ErrorKind, RunSummary, RunsError, StepSummary};
use rok_vocabulary::{PlanId, RunId};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub use values::ValueDiff;
use values::compare;

/// Two runs, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunDiff {
    /// The first run.
    pub left: RunSide,
    /// The second run.
    pub right: RunSide,
    /// Whether everything but the timings is the same.
    pub same: bool,
    /// What differs between the plans, by JSON Pointer.
    pub plan: Vec<ValueDiff>,
    /// What differs between the inputs.
    pub inputs: Vec<ValueDiff>,
    /// What differs between the runs as wholes: status, outcome, profile,
    /// labels, reconciliation.
    pub run: Vec<ValueDiff>,
    /// The steps that differ, in the order of the first run's plan.
    pub steps: Vec<StepDiff>,
    /// How many steps are the same in both.
    pub steps_same: usize,
    /// How long the runs and the steps that both have took.
    pub timings: Vec<Timing>,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSide {
    /// The run.
    pub run_id: RunId,
    /// Its plan.
    pub plan: PlanId,
    /// The plan's version.
    pub plan_version: u64,
    /// sha-256 of the plan's canonical bytes, hex.
    pub plan_sha256: String,
}

/// A step that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepDiff {
    /// Its id.
    pub step: String,
    /// What differs: `state`, `attempts`, `error`, `outputs/…`, `artifacts/…`;
    /// with the whole step on one side where the other has no such step.
    pub changes: Vec<ValueDiff>,
}

/// How long something took in both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// The step; absent for the run as a whole.
    pub step: Option<String>,
    /// In the first run, in milliseconds.
    pub left_ms: u64,
    /// In the second run, in milliseconds.
    pub right_ms: u64,
}

/// A run with its plan's canonical bytes.
pub(crate) struct Compared {
    pub(crate) summary: RunSummary,
    pub(crate) plan: Vec<u8>,
}

pub(crate) fn diff(left: &Compared, right: &Compared) -> Result<RunDiff, ServiceError> {
    let (l, r) = (&left.summary, &right.summary);
    let plan = compare(&plan_of(left)?, &plan_of(right)?);
    let inputs = compare(&l.inputs, &r.inputs);
    let run = compare(&as_whole(l), &as_whole(r));
    let (steps, steps_same) = steps(l, r);
    Ok(RunDiff {
        same: plan.is_empty() && inputs.is_empty() && run.is_empty() && steps.is_empty(),
        left: side(l),
        right: side(r),
        plan,
        inputs,
        run,
        steps,
        steps_same,
        timings: timings(l, r),
    })
}

fn plan_of(run: &Compared) -> Result<Value, ServiceError> {
    serde_json::from_slice(&run.plan).map_err(|error| {
        let message = format!("the plan of run {}: {error}", run.summary.run_id);
        RunsError::new(ErrorKind::Protocol, "ROK0105", message).into()
    })
}

fn side(run: &RunSummary) -> RunSide {
    RunSide {
        run_id: run.run_id.clone(),
        plan: run.plan.clone(),
        plan_version: run.plan_version,
        plan_sha256: run.plan_sha256.clone(),
    }
}

fn as_whole(run: &RunSummary) -> Value {
    let reconciliation = &run.reconciliation;
    json!({
        "status": run.status,
        "outcome": run.outcome,
        "error": run.error,
        "profile": run.profile,
        "degraded": run.degraded,
        "labels": run.labels,
        "reconciliation": {
            "status": reconciliation.status,
            "missing": reconciliation.missing,
            "drift": reconciliation.drift,
            "failed": reconciliation.failed.iter().map(|failed| &failed.duty).collect::<Vec<_>>(),
        },
    })
}

fn steps(left: &RunSummary, right: &RunSummary) -> (Vec<StepDiff>, usize) {
    let of_right: BTreeMap<&str, &StepSummary> = by_id(right);
    let of_left: BTreeMap<&str, &StepSummary> = by_id(left);
    let ids = left.steps.iter().map(|step| step.id.as_str());
    let only_right = right.steps.iter().map(|step| step.id.as_str());
    let only_right = only_right.filter(|id| !of_left.contains_key(id));
    let (mut differing, mut same) = (Vec::new(), 0);
    for id in ids.chain(only_right) {
        let shown = |run: &RunSummary, step: Option<&&StepSummary>| {
            step.map_or(Value::Null, |step| result(run, step))
        };
        let changes = compare(
            &shown(left, of_left.get(id)),
            &shown(right, of_right.get(id)),
        );
        if changes.is_empty() {
            same += 1;
        } else {
            let step = id.to_owned();
            differing.push(StepDiff { step, changes });
        }
    }
    (differing, same)
}

fn by_id(run: &RunSummary) -> BTreeMap<&str, &StepSummary> {
    run.steps
        .iter()
        .map(|step| (step.id.as_str(), step))
        .collect()
}

/// What a step came to, without when and how long.
fn result(run: &RunSummary, step: &StepSummary) -> Value {
    let artifacts = run
        .artifacts
        .iter()
        .filter(|artifact| artifact.step == step.id);
    let artifacts: BTreeMap<&str, &str> = artifacts
        .map(|artifact| (artifact.path.as_str(), artifact.sha256.as_str()))
        .collect();
    json!({
        "state": step.state,
        "attempts": step.started_at.map(|_| step.attempt + 1),
        "error": step.error,
        "skip_reason": step.skip_reason,
        "outputs": step.outputs,
        "artifacts": artifacts,
    })
}

fn timings(left: &RunSummary, right: &RunSummary) -> Vec<Timing> {
    let whole = Timing {
        step: None,
        left_ms: left.duration_ms,
        right_ms: right.duration_ms,
    };
    let of_right = by_id(right);
    let steps = left.steps.iter().filter_map(|step| {
        Some(Timing {
            step: Some(step.id.clone()),
            left_ms: step.wall_ms?,
            right_ms: of_right.get(step.id.as_str())?.wall_ms?,
        })
    });
    std::iter::once(whole).chain(steps).collect()
}
