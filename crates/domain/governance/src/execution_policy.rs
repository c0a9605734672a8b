//! ONEX execution policies and their mapping onto Cedar.

use rok_execution_policy::{ExecutionPolicy, ScopeFault, check_parts};
use serde::{Deserialize, Serialize};

/// An execution policy of which Cedar judges: always something that is
/// forbidden, under a condition. One of a step is judged where a step is known:
/// at decisions about it, and when a run completes.
pub type ConditionalPolicy = ExecutionPolicy<PolicyRule>;

/// What is forbidden, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// Its id.
    pub id: String,
    /// The action that is forbidden, such as `run` or `complete`.
    pub action: String,
    /// The condition under which it is forbidden, a Cedar expression; always,
    /// when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The plan, for the scopes step and plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The step, for the scope step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The submitter as text (`user:ada`), for the scope session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitter: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why an execution policy does not map onto Cedar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecutionPolicyError {
    /// The scope needs a part that is absent, or has no use for one.
    #[error("execution policy `{id}`: {fault}")]
    Scope {
        /// The policy.
        id: String,
        /// Which part.
        fault: ScopeFault,
    },
    /// The condition is no Cedar expression.
    #[error("execution policy `{id}`: `payload.when` is no Cedar expression: {why}")]
    Condition {
        /// The policy.
        id: String,
        /// Cedar's words.
        why: String,
    },
}

/// The Cedar policy that says the same.
pub fn to_cedar(policy: &ConditionalPolicy) -> Result<String, ExecutionPolicyError> {
    let rule = &policy.payload;
    let parts = [&rule.plan, &rule.step, &rule.submitter].map(Option::is_some);
    check_parts(policy.scope, parts).map_err(|fault| ExecutionPolicyError::Scope {
        id: rule.id.clone(),
        fault,
    })?;
    let mut conditions = Vec::new();
    if let Some(step) = &rule.step {
        conditions.push(format!(
            "(context has step && context.step == {})",
            quoted(step)
        ));
    }
    if let Some(submitter) = &rule.submitter {
        conditions.push(format!("context.submitter == {}", quoted(submitter)));
    }
    if let Some(when) = &rule.when {
        // Parsed alone first: `true }; permit (…` is no expression, and so
        // cannot end this policy and begin another.
        let expression: cedar_policy::Expression =
            when.parse().map_err(|error: cedar_policy::ParseErrors| {
                ExecutionPolicyError::Condition {
                    id: rule.id.clone(),
                    why: error.to_string(),
                }
            })?;
        conditions.push(format!("({expression})"));
    }
    let resource = match (&rule.plan, rule.action.as_str()) {
        (Some(plan), "run") => format!("resource == Plan::{}", quoted(plan)),
        (Some(plan), _) => format!("resource in Plan::{}", quoted(plan)),
        (None, _) => "resource".to_owned(),
    };
    let reason = rule
        .reason
        .as_ref()
        .map(|reason| format!("@reason({})\n", quoted(reason)))
        .unwrap_or_default();
    let when = if conditions.is_empty() {
        String::new()
    } else {
        format!("\nwhen {{ {} }}", conditions.join(" && "))
    };
    Ok(format!(
        "@id({id})\n@type(\"{kind}\")\n@scope(\"{scope}\")\n\
             @enforcement_level(\"{level}\")\n{reason}\
             forbid (principal, action == Action::{action}, {resource}){when};\n",
        id = quoted(&rule.id),
        kind = policy.policy_type,
        scope = policy.scope,
        level = policy.enforcement_level,
        action = quoted(&rule.action),
    ))
}

/// A Cedar string literal. Rust's escapes are Cedar's too, the one for `\u{…}`
/// included.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}

#[cfg(test)]
mod tests;
