//! What the components of a stage's run warn of, though they succeeded.

use super::views::RunSummary;
use rok_component::WARNINGS;
use rok_vocabulary::StepState;
use serde_json::Value;

/// The label of a stage's run: who selected its components.
pub const ORCHESTRATOR_LABEL: &str = "orchestrator";

/// What the outputs of a component ask to be looked at, item by item; those of
/// each part where it was run for each part of its files.
pub fn warnings_of(outputs: &Value) -> impl Iterator<Item = &Value> {
    let parts = match outputs {
        Value::Array(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    let given = parts.iter().filter_map(|part| part.get(WARNINGS));
    // What is no list is a warning all the same.
    given.flat_map(|given| match given {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    })
}

/// A warning in words, with its place where it has one.
#[must_use]
pub fn warning_in_words(item: &Value) -> String {
    match item {
        Value::String(text) if text.trim().is_empty() => "a warning without a text".to_owned(),
        Value::String(text) => text.clone(),
        item => match (item["file"].as_str(), item["message"].as_str()) {
            (Some(file), Some(message)) => format!("{file}: {message}"),
            (None, Some(message)) => message.to_owned(),
            (_, None) => item.to_string(),
        },
    }
}

impl RunSummary {
    /// What components of a stage's run warn of: each warning with its step. A
    /// run of no stage has none: what its steps hand on is theirs.
    pub fn warnings(&self) -> impl Iterator<Item = (&str, String)> {
        let of_stage = self.labels.contains_key(ORCHESTRATOR_LABEL);
        let steps = self.steps.iter();
        let steps = steps.filter(move |step| of_stage && step.state == StepState::Succeeded);
        let told = steps.filter_map(|step| Some((step, step.outputs.as_deref()?)));
        told.flat_map(|(step, outputs)| {
            let items = warnings_of(outputs);
            items.map(|item| (step.id.as_str(), warning_in_words(item)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!({}), &[])]
    #[case(json!({ "warnings": null }), &[])]
    #[case(json!({ "warnings": ["look", " "] }), &["look", "a warning without a text"])]
    #[case(json!({ "warnings": "look" }), &["look"])]
    #[case(json!([{ "warnings": ["a"] }, {}, { "warnings": ["b"] }]), &["a", "b"])]
    #[case(json!({ "warnings": [{ "message": "m", "file": "f" }, { "message": "n" }, 7] }), &["f: m", "n", "7"])]
    fn what_outputs_warn_of(#[case] outputs: Value, #[case] told: &[&str]) {
        let words: Vec<String> = warnings_of(&outputs).map(warning_in_words).collect();
        assert_eq!(words, told);
    }
}
