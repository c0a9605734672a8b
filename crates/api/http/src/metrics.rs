//! What the server counts, in the Prometheus text format.

use rok_service::RunHandle;
use rok_service::views::{ErrorClass, EventQuery, PoolFigures, RunsPool};
use rok_telemetry::{RunMetrics, ServerMetrics};
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Counts runs that ended here, and requests.
#[derive(Default)]
pub(crate) struct Metrics {
    runs: RunMetrics,
    pool: OnceLock<Arc<dyn RunsPool>>,
    pub(crate) server: ServerMetrics,
}

impl Metrics {
    /// Counts a run that ended, with its steps. What cannot be read is counted
    /// as nothing: the record says what happened, metrics only how often.
    pub(crate) fn run_ended(&self, run: &RunHandle) {
        let Ok(summary) = run.summary() else { return };
        if let Some(outcome) = summary.outcome {
            let duration = Duration::from_millis(summary.duration_ms);
            self.runs.run_ended(&summary.plan, outcome, duration);
        }
        for step in &summary.steps {
            self.runs.steps(step.state, 1);
        }
        let query = EventQuery {
            types: vec!["step.retried".to_owned()],
            ..EventQuery::default()
        };
        for event in run.events(&query).unwrap_or_default() {
            let class = event.error_class.as_deref().unwrap_or_default();
            let class = class.parse().unwrap_or(ErrorClass::Unknown);
            self.runs.retries(class, 1);
        }
    }

    /// The pool that drives the runs, where one does.
    pub(crate) fn pooled(&self, pool: Arc<dyn RunsPool>) {
        self.pool.get_or_init(|| pool);
    }

    /// Everything.
    pub(crate) fn text(&self) -> String {
        let pool = self.pool.get().map(|pool| figures(&pool.figures()));
        self.runs.text() + &self.server.text() + &pool.unwrap_or_default()
    }
}

/// What a pool has done: its queue, commits and leases.
fn figures(pool: &PoolFigures) -> String {
    let mut text = String::new();
    let mut tell = |name: &str, help: &str, value: u64| {
        let kind = if name.ends_with("_total") {
            "counter"
        } else {
            "gauge"
        };
        let _ = writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
        );
    };
    let in_flight = u64::try_from(pool.in_flight).unwrap_or(u64::MAX);
    tell("rok_pool_in_flight", "Runs in memory.", in_flight);
    tell(
        "rok_pool_claims_total",
        "Runs that were claimed.",
        pool.claimed,
    );
    tell("rok_pool_ended_total", "Runs that were closed.", pool.ended);
    tell(
        "rok_pool_parked_total",
        "Runs that left the memory to wait.",
        pool.parked,
    );
    tell(
        "rok_pool_lost_total",
        "Runs that another owner took.",
        pool.lost,
    );
    tell("rok_commits_total", "Commits.", pool.commits);
    tell(
        "rok_events_total",
        "Events that became durable.",
        pool.events,
    );
    tell(
        "rok_lease_renewals_total",
        "Leases that were renewed.",
        pool.renewals,
    );
    text
}
