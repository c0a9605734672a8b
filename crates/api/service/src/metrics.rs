//! What runs did, as metrics for Prometheus: computed from the logs when they
//! are asked for, so that they cannot disagree with the record.

use crate::error::ServiceError;
use rok_facades::runs::{ErrorKind, EventQuery, RunListing, RunsError, RunsFacade};
use rok_telemetry::RunMetrics;
use rok_vocabulary::{ErrorClass, RunId};
use std::time::Duration;

/// The words for where a run stands: a label takes no other.
const STATUSES: &[&str] = &[
    "created",
    "preflight_validated",
    "executing",
    "blocked",
    "succeeded",
    "partial",
    "failed",
    "rolled_back",
    COLLECTED,
    "broken",
];

/// Where a run stands whose log `rok gc` removed.
const COLLECTED: &str = "collected";

pub(crate) fn metrics(runs: &RunsFacade, listed: &[RunListing]) -> Result<String, ServiceError> {
    let metrics = RunMetrics::new();
    for run in listed {
        let status = STATUSES.iter().find(|word| **word == run.status);
        let status = status.ok_or_else(|| {
            let message = format!("run {} stands at `{}`", run.run_id, run.status);
            RunsError::new(ErrorKind::Protocol, "ROK0105", message)
        })?;
        metrics.run_stands(status);
        if run.status == COLLECTED {
            count_collected(&metrics, run);
        } else if run.broken.is_none() {
            count(&metrics, runs, &id(&run.run_id)?)?;
        }
    }
    Ok(metrics.text())
}

/// The log is gone; what its stub says of the run as a whole still counts, so
/// that no run leaves the totals when it is collected.
fn count_collected(metrics: &RunMetrics, run: &RunListing) {
    if let (Some(plan), Some(outcome)) = (&run.plan, run.outcome) {
        let end = run.updated_at.zip(run.created_at);
        let duration = end.map_or(Duration::ZERO, |(end, start)| end.since(start));
        metrics.run_ended(plan, outcome, duration);
    }
}

fn id(text: &str) -> Result<RunId, ServiceError> {
    text.parse()
        .map_err(|error: rok_vocabulary::IdError| ServiceError::BadName {
            what: error.to_string(),
        })
}

fn count(metrics: &RunMetrics, runs: &RunsFacade, run: &RunId) -> Result<(), ServiceError> {
    let summary = runs.summary(run)?;
    if let (Some(outcome), true) = (summary.outcome, summary.sealed) {
        let duration = Duration::from_millis(summary.duration_ms);
        metrics.run_ended(&summary.plan, outcome, duration);
    }
    for step in &summary.steps {
        metrics.steps(step.state, 1);
    }
    let query = EventQuery {
        types: vec!["step.retried".into()],
        ..EventQuery::default()
    };
    for event in runs.events(run, &query)? {
        let class = event.error_class.as_deref().unwrap_or_default();
        let class = class.parse().unwrap_or(ErrorClass::Unknown);
        metrics.retries(class, 1);
    }
    Ok(())
}
