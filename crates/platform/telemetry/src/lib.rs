//! Metrics of runs in the Prometheus text format, with bounded label sets.
//!
//! It is told facts and counts them. It never reads a run, a clock or a
//! socket, and no value that a user chose becomes a label without a bound.
//!
//! ```text
//! run_ended, steps, retries ──▶ RunMetrics ──text()──▶ # TYPE rok_runs_total counter …
//! ```
//!
//! ```
//! use rok_telemetry::RunMetrics;
//! use rok_vocabulary::{ErrorClass, Outcome, StepState};
//! use std::time::Duration;
//!
//! let metrics = RunMetrics::new();
//! metrics.run_ended(&"nightly".parse().unwrap(), Outcome::Succeeded, Duration::from_secs(42));
//! metrics.steps(StepState::Succeeded, 8);
//! metrics.retries(ErrorClass::TransientIo, 1);
//!
//! let text = metrics.text();
//! assert!(text.contains("rok_runs_total{outcome=\"succeeded\"} 1"));
//! assert!(text.contains("rok_run_duration_seconds_sum{outcome=\"succeeded\",plan=\"nightly\"} 42"));
//! ```

mod run_metrics;
mod server_metrics;
mod text;

pub use run_metrics::{MAX_PLANS, OTHER_PLANS, RunMetrics};
pub use server_metrics::ServerMetrics;
