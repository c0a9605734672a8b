//! The metrics of runs. A label's values are closed words, but for the plan's
//! id, of which there are at most [`MAX_PLANS`].

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};
use rok_vocabulary::{ErrorClass, Outcome, PlanId, StepState};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many plans have a series of their own. Each plan costs a histogram for
/// each outcome, and a store may hold runs of any number of plans.
pub const MAX_PLANS: usize = 100;

/// The label of every plan after the first [`MAX_PLANS`].
pub const OTHER_PLANS: &str = "other";

/// From a tenth of a second to a day: runs are jobs, not requests.
const BUCKETS: &[f64] = &[
    0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0,
];

/// Counts what runs did.
#[derive(Debug)]
pub struct RunMetrics {
    registry: Registry,
    durations: HistogramVec,
    runs: IntCounterVec,
    standing: IntGaugeVec,
    broken: IntGaugeVec,
    steps: IntCounterVec,
    retries: IntCounterVec,
    plans: Mutex<BTreeSet<PlanId>>,
}

impl Default for RunMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl RunMetrics {
    /// Nothing was counted yet.
    ///
    /// # Panics
    ///
    /// Never: the names and labels are constants that a test registers.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |name, help, label| {
            let counter = IntCounterVec::new(Opts::new(name, help), &[label]);
            let counter = counter.expect("a valid name and label");
            let registered = registry.register(Box::new(counter.clone()));
            registered.expect("each name is registered once");
            counter
        };
        let runs = counter("rok_runs_total", "Runs that ended, by outcome.", "outcome");
        let steps = counter("rok_steps_total", "Steps of runs, by state.", "state");
        let retries = counter(
            "rok_step_retries_total",
            "Attempts beyond the first, by the class of the failure before.",
            "class",
        );
        let help = "Runs by where they stand now.";
        let standing = IntGaugeVec::new(Opts::new("rok_runs_by_status", help), &["status"]);
        let standing = standing.expect("a valid name and label");
        let help = "Runs whose record cannot be read or is not what was written.";
        let broken = IntGaugeVec::new(Opts::new("rok_runs_broken", help), &[]);
        let broken = broken.expect("a valid name");
        let help = "From a run's start to its end, holds included.";
        let options = HistogramOpts::new("rok_run_duration_seconds", help);
        let options = options.buckets(BUCKETS.to_vec());
        let durations = HistogramVec::new(options, &["plan", "outcome"]);
        let durations = durations.expect("valid names, labels and buckets");
        let registered = registry.register(Box::new(standing.clone()));
        registered.expect("each name is registered once");
        let registered = registry.register(Box::new(broken.clone()));
        registered.expect("each name is registered once");
        let registered = registry.register(Box::new(durations.clone()));
        registered.expect("each name is registered once");
        Self {
            registry,
            durations,
            runs,
            standing,
            broken,
            steps,
            retries,
            plans: Mutex::default(),
        }
    }

    /// A run ended so, after so long.
    pub fn run_ended(&self, plan: &PlanId, outcome: Outcome, duration: Duration) {
        self.runs.with_label_values(&[outcome.as_str()]).inc();
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let known = plans.contains(plan) || plans.len() < MAX_PLANS && plans.insert(plan.clone());
        let plan = if known { plan.as_str() } else { OTHER_PLANS };
        self.durations
            .with_label_values(&[plan, outcome.as_str()])
            .observe(duration.as_secs_f64());
    }

    /// One more run stands so: a word from the closed list of statuses.
    pub fn run_stands(&self, status: &'static str) {
        self.standing.with_label_values(&[status]).inc();
    }

    /// So many of the runs are broken. Until it is told, nobody has looked, and
    /// there is no such figure.
    pub fn broken(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.broken.with_label_values(&[] as &[&str]).set(count);
    }

    /// So many more steps are in a state.
    pub fn steps(&self, state: StepState, count: u64) {
        self.steps
            .with_label_values(&[state.as_str()])
            .inc_by(count);
    }

    /// So many more attempts followed a failure of a class.
    pub fn retries(&self, class: ErrorClass, count: u64) {
        self.retries
            .with_label_values(&[class.as_str()])
            .inc_by(count);
    }

    /// Everything in the Prometheus text format, version 0.0.4.
    ///
    /// # Panics
    ///
    /// Never: a buffer in memory takes everything, and the format is UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        crate::text::text(&self.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_after_the_bound_is_one_series() {
        let metrics = RunMetrics::new();
        for n in 0..MAX_PLANS + 50 {
            let plan = format!("plan-{n}").parse().expect("a plan id");
            metrics.run_ended(&plan, Outcome::Failed, Duration::from_secs(1));
        }
        let text = metrics.text();
        let series = text
            .lines()
            .filter(|line| line.starts_with("rok_run_duration_seconds_count"));
        assert_eq!(series.count(), MAX_PLANS + 1);
        let other = "rok_run_duration_seconds_count{outcome=\"failed\",plan=\"other\"} 50";
        assert!(text.contains(other), "{text}");
        assert!(
            text.contains("rok_runs_total{outcome=\"failed\"} 150"),
            "{text}"
        );
    }

    #[test]
    fn counts_add_up() {
        let metrics = RunMetrics::new();
        metrics.steps(StepState::Skipped, 2);
        metrics.steps(StepState::Skipped, 3);
        metrics.retries(ErrorClass::Timeout, 4);
        metrics.run_stands("blocked");
        assert!(!metrics.text().contains("rok_runs_broken"));
        metrics.broken(0);
        let text = metrics.text();
        for line in [
            "rok_steps_total{state=\"skipped\"} 5",
            "rok_step_retries_total{class=\"timeout\"} 4",
            "rok_runs_by_status{status=\"blocked\"} 1",
            "rok_runs_broken 0",
            "# TYPE rok_steps_total counter",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }
}
