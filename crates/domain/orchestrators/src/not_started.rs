//! Components of a stage that are not started: each is a step of its run all
//! the same. What was refused fails there, with its reason, and so the run; what
//! needs it is skipped by the run's own rules. What no file concerns is skipped
//! by a condition, which is no failure. So the run's own record tells of every
//! component, and not a report alone.

use rok_component::Component;
use rok_executor::{Call, Functions, StepFailure};
use rok_plan::{Action, Plan};
use rok_vocabulary::ErrorClass;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The input that says what was refused, and why.
pub(crate) const INPUT: &str = "rok_refused";

/// The function that such a step calls.
const FUNCTION: &str = "rok.not_started";

/// Why a component is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refusal {
    pub(crate) class: ErrorClass,
    pub(crate) reason: String,
}

/// What is refused, by name.
pub(crate) type Refused = BTreeMap<String, Refusal>;

/// The input of a plan that says so. No other value can be given.
pub(crate) fn input(refused: &Refused) -> Value {
    json!({
        "type": "object",
        "description": "What was not started, and why.",
        "default": refused,
        "enum": [refused],
    })
}

/// The step of a component that is refused. It waits for nothing: that it was
/// refused is told whatever comes of what it needs.
pub(crate) fn refused(component: &Component, told: &str) -> Map<String, Value> {
    let mut step = Map::from_iter([
        ("call".to_owned(), FUNCTION.into()),
        ("name".to_owned(), component.id().to_string().into()),
        ("description".to_owned(), told.into()),
    ]);
    // What comes after may speak of them.
    if let Some(outputs) = component.step_json().remove("outputs") {
        step.insert("outputs".to_owned(), outputs);
    }
    step
}

/// The step of a component that is left out.
pub(crate) fn left_out(component: &Component, told: &str, why: &str) -> Map<String, Value> {
    let mut step = refused(component, told);
    step.insert("if".to_owned(), "false".into());
    step.insert("skip_reason".to_owned(), why.into());
    step
}

/// Whether a step of a plan is that of a component that is not started.
pub(crate) fn is_step(plan: &Plan, id: &str) -> bool {
    let mut steps = plan.steps.iter();
    steps.any(|step| {
        let stands_for = matches!(&step.action, Action::Call(name) if name == FUNCTION);
        step.id.as_str() == id && stands_for
    })
}

/// Adds what such steps call.
pub(crate) fn register(functions: Functions) -> Functions {
    functions.register_inline(FUNCTION, fail)
}

fn fail(call: &Call<'_>) -> Result<Value, StepFailure> {
    let unfit = |why: String| StepFailure::new(ErrorClass::ConfigError, why);
    let step = call.attempt().step.step.to_string();
    let refused = call.input(INPUT).cloned().unwrap_or_default();
    let refused: Refused = serde_json::from_value(refused)
        .map_err(|error| unfit(format!("`{INPUT}` does not say what was refused: {error}")))?;
    match refused.get(&step) {
        Some(refusal) => Err(StepFailure::new(refusal.class, &*refusal.reason)),
        None => Err(unfit(format!(
            "`{INPUT}` does not say why {step} was refused"
        ))),
    }
}
