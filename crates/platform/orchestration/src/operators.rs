//! What operators are told of a run: structured events, each a projection of
//! one event of its log.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of thing happened, in the words of operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorEventKind {
    /// The run entered EXECUTING.
    ExecutionStart,
    /// It is closed.
    ExecutionEnd,
    /// A step will be tried again.
    Retry,
    /// A step, or an agent, did the work of another.
    Fallback,
    /// A step failed.
    Error,
    /// More was used than may be.
    BudgetExceeded,
    /// A deprecated component takes part.
    DeprecationWarning,
    /// A policy is violated.
    PolicyViolation,
    /// What an attempt used.
    ResourceUsage,
}

/// What operators are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatorEvent {
    /// What happened.
    pub event: OperatorEventKind,
    /// When, RFC 3339.
    pub timestamp: String,
    /// The key of the run in every domain.
    pub correlation_id: String,
    /// The component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Its attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The class of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
    /// What only that event has.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

impl OperatorEvent {
    /// What operators are told of a line of a run's log: nothing, one thing, or
    /// two where an attempt ends and tells what it used.
    #[must_use]
    pub fn of_line(line: &Value) -> Vec<Self> {
        let text = |key: &str| line.get(key).and_then(Value::as_str);
        let data = line.get("data").unwrap_or(&Value::Null);
        let step = text("step_id");
        let event = |kind, data: &Value| Self {
            event: kind,
            timestamp: text("timestamp_utc").unwrap_or_default().to_owned(),
            correlation_id: text("run_id").unwrap_or_default().to_owned(),
            component: step.map(str::to_owned),
            attempt: step.and(line.get("attempt")).and_then(Value::as_u64),
            reason: text("reason").map(str::to_owned),
            error_class: text("error_class").map(str::to_owned),
            data: data.clone(),
        };
        let mut told = Vec::new();
        if let Some(kind) = kind(text("event_type").unwrap_or_default(), text("new_state")) {
            let carried = match kind {
                // What an attempt used is told apart from its failure.
                OperatorEventKind::Error => &Value::Null,
                _ => data,
            };
            told.push(event(kind, carried));
        }
        let ends = matches!(text("event_type"), Some("step.succeeded" | "step.failed"));
        if let (true, Some(usage)) = (ends, usage(data)) {
            let mut used = event(OperatorEventKind::ResourceUsage, &usage);
            (used.reason, used.error_class) = (None, None);
            told.push(used);
        }
        told
    }
}

/// What an attempt used, with how long it took.
fn usage(data: &Value) -> Option<Value> {
    let mut used = data.get("usage").cloned();
    if let Some(wall) = data.get("wall_ms") {
        let used = used.get_or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(used) = used.as_object_mut() {
            used.entry("wall_ms").or_insert_with(|| wall.clone());
        }
    }
    used
}

/// The one table of what is told as what.
fn kind(event_type: &str, new_state: Option<&str>) -> Option<OperatorEventKind> {
    use OperatorEventKind as Kind;
    Some(match event_type {
        "run.state_changed" if new_state == Some("EXECUTING") => Kind::ExecutionStart,
        "run.state_changed" if matches!(new_state, Some("COMPLETED" | "FAILED")) => {
            Kind::ExecutionEnd
        }
        "step.retried" => Kind::Retry,
        "step.fell_back" => Kind::Fallback,
        "step.failed" => Kind::Error,
        "budget.exceeded" => Kind::BudgetExceeded,
        "component.deprecated" => Kind::DeprecationWarning,
        "policy.violated" => Kind::PolicyViolation,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use OperatorEventKind as Kind;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!({"event_type": "run.state_changed", "new_state": "EXECUTING"}), &[Kind::ExecutionStart])]
    #[case(json!({"event_type": "run.state_changed", "new_state": "FINALIZING"}), &[])]
    #[case(json!({"event_type": "run.state_changed", "new_state": "COMPLETED"}), &[Kind::ExecutionEnd])]
    #[case(json!({"event_type": "run.state_changed", "new_state": "FAILED"}), &[Kind::ExecutionEnd])]
    #[case(json!({"event_type": "step.retried", "step_id": "a", "attempt": 1}), &[Kind::Retry])]
    #[case(json!({"event_type": "step.fell_back", "step_id": "a"}), &[Kind::Fallback])]
    #[case(json!({"event_type": "step.failed", "step_id": "a"}), &[Kind::Error])]
    #[case(json!({"event_type": "step.failed", "step_id": "a", "data": {"usage": {"cpu_ms": 3}}}), &[Kind::Error, Kind::ResourceUsage])]
    #[case(json!({"event_type": "step.succeeded", "step_id": "a", "data": {"usage": {"cpu_ms": 3}}}), &[Kind::ResourceUsage])]
    #[case(json!({"event_type": "step.succeeded", "step_id": "a", "data": {"wall_ms": 3}}), &[Kind::ResourceUsage])]
    #[case(json!({"event_type": "step.succeeded", "step_id": "a"}), &[])]
    #[case(json!({"event_type": "run.created", "data": {"labels": {"stage": "ci"}}}), &[])]
    #[case(json!({"event_type": "budget.exceeded"}), &[Kind::BudgetExceeded])]
    #[case(json!({"event_type": "component.deprecated"}), &[Kind::DeprecationWarning])]
    #[case(json!({"event_type": "policy.violated"}), &[Kind::PolicyViolation])]
    #[case(json!({"event_type": "ack.received"}), &[])]
    #[case(json!("no event"), &[])]
    fn the_mapping(#[case] line: Value, #[case] kinds: &[Kind]) {
        let told: Vec<Kind> = OperatorEvent::of_line(&line)
            .iter()
            .map(|e| e.event)
            .collect();
        assert_eq!(told, kinds);
    }

    #[test]
    fn the_key_of_the_run_and_the_attempt_go_along() {
        let line = json!({
            "event_type": "step.failed", "run_id": "r-1", "step_id": "fmt", "attempt": 2,
            "timestamp_utc": "2026-01-01T00:00:00.000Z", "error_class": "timeout", "reason": "60 s",
            "data": {"usage": {"wall_ms": 60000}},
        });
        let told = serde_json::to_value(OperatorEvent::of_line(&line)).unwrap();
        assert_eq!(
            told,
            json!([
                {"event": "error", "timestamp": "2026-01-01T00:00:00.000Z", "correlation_id": "r-1",
                 "component": "fmt", "attempt": 2, "reason": "60 s", "error_class": "timeout"},
                {"event": "resource_usage", "timestamp": "2026-01-01T00:00:00.000Z", "correlation_id": "r-1",
                 "component": "fmt", "attempt": 2, "data": {"wall_ms": 60000}},
            ])
        );
    }
}
