//! Step definitions: a linear pipeline, step after step.

use rok_facades::runs::{ErrorKind, RunsError};
use rok_plan::{Gate, Order, Plan, StepBuilder, ValueKind};
use rok_vocabulary::ErrorClass;
use serde_json::{Map, Value};
use std::time::Duration;

/// One step of a linear pipeline: it runs the function of its id, once the
/// step before it is finished.
#[derive(Debug, Clone)]
pub struct StepDefinition(StepBuilder);

impl StepDefinition {
    /// A step and its name for people. It is required, and never retried.
    #[must_use]
    pub fn new(id: &str, name: &str) -> Self {
        Self(StepBuilder::call(id, id).name(name))
    }

    /// Attempts after the first.
    #[must_use]
    pub fn max_retries(self, retries: u32) -> Self {
        Self(self.0.retries(retries))
    }

    /// The error classes that are tried again; `transient_io` unless said.
    #[must_use]
    pub fn retry_classes(self, classes: &[ErrorClass]) -> Self {
        Self(self.0.retry_classes(classes))
    }

    /// The delay before the first retry, which doubles each time, and the
    /// longest; 2 s and 60 s unless said.
    #[must_use]
    pub fn backoff(self, base: Duration, max: Duration) -> Self {
        Self(self.0.retry_delay(base, max))
    }

    /// Its failure skips everything after it and fails the run.
    #[must_use]
    pub fn hard_gate(self) -> Self {
        Self(self.0.gate(Gate::Hard))
    }

    /// A person lets it pass before it runs.
    #[must_use]
    pub fn manual_gate(self) -> Self {
        Self(self.0.gate(Gate::Manual))
    }

    /// Its failure makes the outcome at best partial, and fails nothing.
    #[must_use]
    pub fn optional(self) -> Self {
        Self(self.0.optional())
    }
}

/// The plan of a pipeline of these steps, which declares these inputs.
pub(super) fn plan(
    steps: impl IntoIterator<Item = StepDefinition>,
    inputs: &Map<String, Value>,
) -> Result<Plan, RunsError> {
    let builder = Plan::builder("pipeline").expect("a valid plan id");
    let builder = inputs.iter().fold(
        builder.order(Order::Sequential),
        |builder, (name, value)| builder.input(name, kind(value)),
    );
    let builder = steps
        .into_iter()
        .fold(builder, |builder, step| builder.step(step.0));
    builder.build().map_err(|faults| {
        RunsError::new(ErrorKind::Usage, "ROK0108", faults.to_string())
            .help("mend the step definitions")
    })
}

/// The type that a value has.
fn kind(value: &Value) -> ValueKind {
    match value {
        Value::Bool(_) => ValueKind::Boolean,
        Value::Number(number) if number.is_f64() => ValueKind::Number,
        Value::Number(_) => ValueKind::Integer,
        Value::Array(_) => ValueKind::Array,
        Value::Object(_) => ValueKind::Object,
        Value::String(_) | Value::Null => ValueKind::String,
    }
}
