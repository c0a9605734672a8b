//! What runs did, as metrics for Prometheus: computed from the logs when they
//! are asked for, so that they cannot disagree with the record.

use crate::error::ServiceError;
use rok_facades::runs::{ErrorKind, EventQuery, RunListing, RunSummary, RunsError, RunsFacade};
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
    BROKEN,
];

/// Where a run stands whose log `rok gc` removed.
const COLLECTED: &str = "collected";

/// Where one stands whose record is not what was written.
const BROKEN: &str = "broken";

/// Metrics of runs, and which runs they leave out.
#[derive(Debug, Clone)]
pub struct RunFigures {
    /// The metrics, in the Prometheus text format.
    pub text: String,
    /// The runs that are counted as broken and as nothing else.
    pub broken: Vec<BrokenRun>,
}

/// A run whose record cannot be read, or is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRun {
    /// The run, or the name of what is left of it.
    pub run_id: String,
    /// What is wrong with it.
    pub why: String,
}

pub(crate) fn metrics(
    runs: &RunsFacade,
    listed: &[RunListing],
) -> Result<RunFigures, ServiceError> {
    let metrics = RunMetrics::new();
    let mut broken = Vec::new();
    for run in listed {
        match told(runs, run)? {
            Told::Broken(why) => {
                metrics.run_stands(BROKEN);
                let run_id = run.run_id.clone();
                broken.push(BrokenRun { run_id, why });
            }
            Told::Collected => {
                metrics.run_stands(COLLECTED);
                count_collected(&metrics, run);
            }
            Told::Logged(summary, retries) => {
                metrics.run_stands(status(run)?);
                count(&metrics, &summary, &retries);
            }
            Told::Gone => {}
        }
    }
    metrics.broken(broken.len());
    let text = metrics.text();
    Ok(RunFigures { text, broken })
}

fn status(run: &RunListing) -> Result<&'static str, ServiceError> {
    let status = STATUSES.iter().find(|word| **word == run.status);
    let status = status.ok_or_else(|| {
        let message = format!("run {} stands at `{}`", run.run_id, run.status);
        RunsError::new(ErrorKind::Protocol, "ROK0105", message)
    })?;
    Ok(status)
}

/// What a run's record tells.
enum Told {
    /// Its log: the summary, and the classes of what was tried again.
    Logged(Box<RunSummary>, Vec<ErrorClass>),
    /// Its log was removed.
    Collected,
    /// It was removed as a whole since it was listed.
    Gone,
    /// It cannot be believed, or not be read.
    Broken(String),
}

/// A list believes what it shows in a line; here the log itself is read, so that
/// more is found broken than a list knows of.
fn told(runs: &RunsFacade, run: &RunListing) -> Result<Told, ServiceError> {
    if let Some(why) = &run.broken {
        return Ok(Told::Broken(why.clone()));
    }
    if run.status == COLLECTED {
        return Ok(Told::Collected);
    }
    let id = id(&run.run_id)?;
    match logged(runs, &id) {
        Ok((summary, retries)) => Ok(Told::Logged(Box::new(summary), retries)),
        Err(error) => match error.code {
            "ROK0101" => Ok(Told::Gone),
            "ROK0160" => Ok(Told::Collected),
            "ROK0105" | "ROK0106" => Ok(Told::Broken(error.message)),
            _ => Err(error.into()),
        },
    }
}

fn logged(runs: &RunsFacade, run: &RunId) -> Result<(RunSummary, Vec<ErrorClass>), RunsError> {
    let summary = runs.summary(run)?;
    let query = EventQuery {
        types: vec!["step.retried".into()],
        ..EventQuery::default()
    };
    let retries = runs.events(run, &query)?.into_iter().map(|event| {
        let class = event.error_class.as_deref().unwrap_or_default();
        class.parse().unwrap_or(ErrorClass::Unknown)
    });
    Ok((summary, retries.collect()))
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

fn count(metrics: &RunMetrics, summary: &RunSummary, retries: &[ErrorClass]) {
    if let (Some(outcome), true) = (summary.outcome, summary.sealed) {
        let duration = Duration::from_millis(summary.duration_ms);
        metrics.run_ended(&summary.plan, outcome, duration);
    }
    for step in &summary.steps {
        metrics.steps(step.state, 1);
    }
    for class in retries {
        metrics.retries(*class, 1);
    }
}
