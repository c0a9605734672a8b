//! What a worker's answer means for its step.

use rok_exec_http::{Answer, unexpected};
use rok_executor::{StepFailure, StepSuccess, strict_json};
use rok_vocabulary::ErrorClass;
use serde_json::Value;

/// Judges a worker's answer: a 2xx with a JSON object that does not say that
/// it failed.
pub(crate) fn judge(what: &str, answer: &Answer) -> Result<StepSuccess, StepFailure> {
    let invalid = |why: String| StepFailure::new(ErrorClass::ValidationFailed, why);
    if !answer.status.is_success() {
        return Err(unexpected(what, answer));
    }
    let status = answer.status;
    let value: Value = strict_json(&answer.body)
        .map_err(|error| invalid(format!("{what} answered {status} without JSON: {error}")))?;
    if !value.is_object() {
        return Err(invalid(format!(
            "{what} answered {status} with JSON that is no object"
        )));
    }
    if value.get("success") == Some(&Value::Bool(false)) {
        let mut told = ["error", "message"].iter();
        let told = told.find_map(|key| value.get(key)?.as_str());
        let told = told.unwrap_or("the worker says that it failed");
        return Err(invalid(told.chars().take(500).collect()));
    }
    Ok(StepSuccess {
        outputs: value,
        artifacts: Vec::new(),
    })
}
