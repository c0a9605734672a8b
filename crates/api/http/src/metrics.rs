//! What the server counts, in the Prometheus text format.

use rok_service::RunHandle;
use rok_service::views::{
    EndedRun, ErrorClass, EventQuery, PoolFigures, QueueFigures, RunsError, RunsPool,
};
use rok_telemetry::{RunMetrics, ServerMetrics};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// So many broken runs are told apart, and counted once each; more than anybody
/// mends by hand. Beyond it none is counted.
const MAX_BROKEN: usize = 10_000;

/// The code of what a record that does not hold is refused with.
const BROKEN: &str = "ROK0105";

/// Counts runs that ended here, and requests.
#[derive(Default)]
pub(crate) struct Metrics {
    runs: RunMetrics,
    pool: OnceLock<Arc<dyn RunsPool>>,
    broken: Mutex<BTreeSet<String>>,
    pub(crate) server: ServerMetrics,
}

impl Metrics {
    /// Counts a run that ended, with its steps. Of one whose record does not hold
    /// it is counted that it is broken, and nothing else.
    pub(crate) fn run_ended(&self, run: &RunHandle) {
        let summary = match run.summary() {
            Ok(summary) => summary,
            Err(error) => return self.failed(run.id().as_str(), error.code()),
        };
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

    /// Counts a run as broken, if this is how it is refused.
    pub(crate) fn failed(&self, run: &str, code: &str) {
        if code == BROKEN {
            self.found_broken(run);
        }
    }

    /// Counts a broken run, once.
    pub(crate) fn found_broken(&self, run: &str) {
        let mut known = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MAX_BROKEN && known.insert(run.to_owned()) {
            self.server.found_broken();
        }
    }

    /// Counts a run that a pool closed.
    pub(crate) fn closed(&self, run: &EndedRun) {
        self.runs.run_ended(&run.plan, run.outcome, run.duration);
        for state in &run.steps {
            self.runs.steps(*state, 1);
        }
        for (class, count) in &run.retries {
            self.runs.retries(*class, u64::from(*count));
        }
    }

    /// The pool that drives the runs, where one does.
    pub(crate) fn pooled(&self, pool: Arc<dyn RunsPool>) {
        self.pool.get_or_init(|| pool);
    }

    /// Everything.
    pub(crate) fn text(&self) -> String {
        self.runs.text() + &self.server.text()
    }

    /// How many shards of the pool fail over and over now.
    pub(crate) fn failing_shards(&self) -> usize {
        self.pool.get().map_or(0, |pool| pool.figures().failing)
    }

    /// What the pool has done and what waits for it, where there is one. Reads
    /// the database; where that fails, why.
    pub(crate) fn of_pool(&self) -> Result<String, RunsError> {
        let Some(pool) = self.pool.get() else {
            return Ok(String::new());
        };
        Ok(figures(&pool.figures()) + &queue(&pool.queue()?))
    }
}

/// What a pool has done: its queue, commits and leases.
fn figures(pool: &PoolFigures) -> String {
    let mut text = String::new();
    let mut tell = |name: &str, help: &str, value: u64| {
        let _ = writeln!(text, "{}", row(name, help, value));
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
    tell(
        "rok_pool_broken_total",
        "Runs that could not be driven.",
        pool.broken,
    );
    tell(
        "rok_pool_restarts_total",
        "Shards that began anew after a failure.",
        pool.restarts,
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

/// How much waits in the database.
fn queue(queue: &QueueFigures) -> String {
    let rows = [
        ("rok_queue_due", "Runs that wait to be claimed.", queue.due),
        ("rok_queue_later", "Runs that wait for a time.", queue.later),
        (
            "rok_queue_behind",
            "Runs that wait for others with their concurrency key.",
            queue.behind,
        ),
        (
            "rok_queue_claimed",
            "Runs that a server has.",
            queue.claimed,
        ),
    ];
    let rows = rows.map(|(name, help, value)| row(name, help, value) + "\n");
    rows.concat()
}

fn row(name: &str, help: &str, value: u64) -> String {
    let kind = if name.ends_with("_total") {
        "counter"
    } else {
        "gauge"
    };
    format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}")
}
