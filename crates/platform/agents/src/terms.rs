//! Terms: what an agent accepts with a step. It may say of each policy that it
//! cannot honour it; a strict one that it cannot honour is a refusal, whatever
//! else it says.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::{EnforcementLevel, PolicyType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A policy that a step is under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPolicy {
    /// Its name.
    pub name: String,
    /// What it protects.
    #[serde(rename = "type")]
    pub policy_type: PolicyType,
    /// What its violation does.
    pub enforcement_level: EnforcementLevel,
    /// What it says: for the agent to read.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
}

/// What is left of a run's budget.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetLeft {
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Kilowatt hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_kwh: Option<f64>,
    /// Tokens of language models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
}

impl BudgetLeft {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// What an agent accepts with a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The policies that the step is under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<StepPolicy>,
    /// What is left of the run's budget.
    #[serde(default, skip_serializing_if = "BudgetLeft::is_unlimited")]
    pub budget: BudgetLeft,
}

/// A policy that an agent cannot honour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cannot {
    /// The policy's name.
    pub policy: String,
    /// Why not.
    pub reason: String,
}

/// What an agent says to an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferAnswer {
    /// Whether it takes the step.
    pub accept: bool,
    /// It would, and has no free slot.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub busy: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Policies of the offer that it cannot honour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cannot: Vec<Cannot>,
}

impl OfferAnswer {
    /// It takes the step, and honours every policy.
    #[must_use]
    pub const fn accepted() -> Self {
        Self {
            accept: true,
            busy: false,
            reason: None,
            cannot: Vec::new(),
        }
    }

    /// It does not, and why.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self {
            accept: false,
            reason: Some(reason.into()),
            ..Self::accepted()
        }
    }
}

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// The agent takes the step; of soft policies, what it cannot honour.
    Yes {
        /// What is noted.
        notes: Vec<String>,
    },
    /// It would, and has no free slot.
    Busy,
    /// It does not.
    No {
        /// Why.
        why: String,
        /// A strict policy is why.
        policy: bool,
    },
}

/// Judges an agent's answer to an offer.
#[must_use]
pub fn judge(terms: &Terms, answer: &OfferAnswer) -> Accepted {
    let mut notes = Vec::new();
    for cannot in &answer.cannot {
        let named = |policy: &&StepPolicy| policy.name == cannot.policy;
        let said = format!("{}: {}", cannot.policy, cannot.reason);
        // Of several by one name, the strictest is meant.
        let levels = terms.policies.iter().filter(named);
        match levels.map(|policy| policy.enforcement_level).max() {
            Some(EnforcementLevel::Soft) => notes.push(said),
            Some(EnforcementLevel::Strict) => {
                let why = format!("it cannot honour the strict policy {said}");
                return Accepted::No { why, policy: true };
            }
            // It speaks of what it was not offered: what it means, nobody knows.
            None => {
                let why = format!("it names a policy that it was not offered: {said}");
                return Accepted::No { why, policy: false };
            }
        }
    }
    if answer.accept {
        return Accepted::Yes { notes };
    }
    if answer.busy {
        return Accepted::Busy;
    }
    let why = answer.reason.as_deref().unwrap_or("it says no more");
    Accepted::No {
        why: format!("it refuses: {why}"),
        policy: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn terms() -> Terms {
        let policy = |name: &str, enforcement_level| StepPolicy {
            name: name.into(),
            policy_type: PolicyType::Privacy,
            enforcement_level,
            payload: Value::Null,
        };
        Terms {
            policies: Vec::from([
                policy("eu-only", EnforcementLevel::Strict),
                policy("no-cache", EnforcementLevel::Soft),
                policy("twice", EnforcementLevel::Soft),
                policy("twice", EnforcementLevel::Strict),
            ]),
            budget: BudgetLeft::default(),
        }
    }

    #[rstest]
    #[case::honours_all(true, &[], "yes []")]
    #[case::soft(true, &["no-cache"], "yes [\"no-cache: no\"]")]
    #[case::strict(true, &["eu-only"], "no, policy: it cannot honour the strict policy eu-only: no")]
    #[case::strict_after_soft(true, &["no-cache", "eu-only"], "no, policy: it cannot honour the strict policy eu-only: no")]
    #[case::twice(true, &["twice"], "no, policy: it cannot honour the strict policy twice: no")]
    #[case::unknown(true, &["gdpr"], "no: it names a policy that it was not offered: gdpr: no")]
    #[case::refuses(false, &[], "no: it refuses: it says no more")]
    #[case::refuses_with_soft(false, &["no-cache"], "no: it refuses: it says no more")]
    fn answers(#[case] accept: bool, #[case] cannot: &[&str], #[case] expected: &str) {
        let cannot = cannot.iter().map(|policy| Cannot {
            policy: (*policy).into(),
            reason: "no".into(),
        });
        let answer = OfferAnswer {
            accept,
            cannot: cannot.collect(),
            ..OfferAnswer::accepted()
        };
        let said = match judge(&terms(), &answer) {
            Accepted::Yes { notes } => format!("yes {notes:?}"),
            Accepted::Busy => "busy".into(),
            Accepted::No { why, policy: true } => format!("no, policy: {why}"),
            Accepted::No { why, policy: false } => format!("no: {why}"),
        };
        assert_eq!(said, expected);
    }
}
