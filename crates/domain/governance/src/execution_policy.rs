//! ONEX execution policies and their mapping onto Cedar.

use crate::annotations::{SCOPES, TYPES};
use rok_facades::EnforcementLevel;
use serde::{Deserialize, Serialize};

/// What a policy protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionPolicyType {
    /// The way work is done.
    Governance,
    /// The system.
    Security,
    /// Rules from outside.
    Compliance,
    /// People.
    Privacy,
}

/// What a policy covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyScope {
    /// One step of a plan; needs `plan` and `step` in the payload. It is judged
    /// where a step is known: at decisions about it, and when a run completes.
    Step,
    /// One plan; needs `plan`.
    Plan,
    /// What one submitter does; needs `submitter`.
    Session,
    /// Everything.
    Org,
}

/// An ONEX execution policy: always something that is forbidden, under a
/// condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionPolicy {
    /// What it protects.
    #[serde(rename = "type")]
    pub policy_type: ExecutionPolicyType,
    /// What it covers.
    pub scope: PolicyScope,
    /// What its violation does.
    pub enforcement_level: EnforcementLevel,
    /// What it says.
    pub payload: PolicyRule,
}

/// What an execution policy says.
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
    /// The scope needs a part that is absent.
    #[error("execution policy `{id}`: scope {scope} needs `payload.{needs}`")]
    Missing {
        /// The policy.
        id: String,
        /// Its scope.
        scope: &'static str,
        /// The part that is absent.
        needs: &'static str,
    },
    /// The scope has no use for a part that is present.
    #[error("execution policy `{id}`: scope {scope} has no use for `payload.{has}`; take it out")]
    Unused {
        /// The policy.
        id: String,
        /// Its scope.
        scope: &'static str,
        /// The part that is present.
        has: &'static str,
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

impl ExecutionPolicy {
    /// The Cedar policy that says the same.
    pub fn to_cedar(&self) -> Result<String, ExecutionPolicyError> {
        let rule = &self.payload;
        self.check_parts()?;
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
            kind = TYPES[self.policy_type as usize],
            scope = self.scope_word(),
            level = self.enforcement_level,
            action = quoted(&rule.action),
        ))
    }

    const fn scope_word(&self) -> &'static str {
        SCOPES[self.scope as usize]
    }

    fn check_parts(&self) -> Result<(), ExecutionPolicyError> {
        let rule = &self.payload;
        let needs: &[&str] = match self.scope {
            PolicyScope::Step => &["plan", "step"],
            PolicyScope::Plan => &["plan"],
            PolicyScope::Session => &["submitter"],
            PolicyScope::Org => &[],
        };
        let parts = [
            ("plan", rule.plan.is_some()),
            ("step", rule.step.is_some()),
            ("submitter", rule.submitter.is_some()),
        ];
        for (part, present) in parts {
            let (id, scope) = (rule.id.clone(), self.scope_word());
            match (needs.contains(&part), present) {
                (true, false) => {
                    return Err(ExecutionPolicyError::Missing {
                        id,
                        scope,
                        needs: part,
                    });
                }
                (false, true) => {
                    return Err(ExecutionPolicyError::Unused {
                        id,
                        scope,
                        has: part,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A Cedar string literal. Rust's escapes are Cedar's too, the one for `\u{…}`
/// included.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}

#[cfg(test)]
mod tests;
