//! What the server counts, in the Prometheus text format.

use rok_service::RunHandle;
use rok_service::views::{ErrorClass, EventQuery};
use rok_telemetry::{RunMetrics, ServerMetrics};
use std::time::Duration;

/// Counts runs that ended here, and requests.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    runs: RunMetrics,
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

    /// Everything.
    pub(crate) fn text(&self) -> String {
        self.runs.text() + &self.server.text()
    }
}
