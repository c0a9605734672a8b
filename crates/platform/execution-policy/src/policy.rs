//! A policy as it is written and recorded.

use crate::sandbox::SandboxBounds;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use core::time::Duration;
use rok_vocabulary::{
    BudgetDimension, Capability, EnforcementLevel, PolicyScope, PolicyType, TrustLevel,
};
use serde::{Deserialize, Serialize};

/// A policy: what it is, and in its payload what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionPolicy<P = Payload> {
    /// What it protects.
    #[serde(rename = "type")]
    pub policy_type: PolicyType,
    /// What it covers; the payload has the parts that it needs.
    pub scope: PolicyScope,
    /// What its violation does.
    pub enforcement_level: EnforcementLevel,
    /// What it says.
    pub payload: P,
}

/// What a policy says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// Its id.
    pub id: String,
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
    /// What must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require: Option<Require>,
    /// What must not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deny: Option<Deny>,
    /// The largest budget that a plan may give its runs; it must give one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_budget: Option<BudgetCaps>,
}

/// What must be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Require {
    /// Processes run in a sandbox that is at least as strict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxBounds>,
    /// Labels of the run, with a value, or with any (`null`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Option<String>>,
    /// The least trust that steps ask of agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_trust: Option<TrustLevel>,
}

/// What must not be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deny {
    /// Kinds of steps: `run`, `call`, `http`, `service`, `agent`, `plan`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub executors: BTreeSet<String>,
    /// Hosts of `http` steps: a name, or `*.example.com` for those below it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hosts: BTreeSet<String>,
    /// Programs of processes, by name or by path.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub commands: BTreeSet<String>,
    /// What agents are asked to be able to do.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub capabilities: BTreeSet<Capability>,
}

/// The largest budget.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetCaps {
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
    /// Kilowatt hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_energy_kwh: Option<f64>,
    /// Attempts at steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    /// Tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Time of the attempts, summed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration")]
    pub max_time: Option<Duration>,
}

impl BudgetCaps {
    /// Each cap that there is, in its dimension's unit; time in milliseconds.
    pub fn all(&self) -> impl Iterator<Item = (BudgetDimension, f64)> {
        let time = self.max_time.map(|most| most.as_millis() as f64);
        let caps = [
            (BudgetDimension::CostUsd, self.max_cost_usd),
            (BudgetDimension::EnergyKwh, self.max_energy_kwh),
            (
                BudgetDimension::Steps,
                self.max_steps.map(|most| most as f64),
            ),
            (
                BudgetDimension::Tokens,
                self.max_tokens.map(|most| most as f64),
            ),
            (BudgetDimension::Time, time),
        ];
        let caps = caps.into_iter();
        caps.filter_map(|(dimension, cap)| Some((dimension, cap?)))
    }
}

/// A duration as people write it: `1h30m`.
pub(crate) mod duration {
    use alloc::string::String;
    use core::time::Duration;
    use rok_vocabulary::{format_duration, parse_duration};
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_str(&format_duration(*value)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let parsed = text.map(|text| parse_duration(&text));
        parsed.transpose().map_err(serde::de::Error::custom)
    }
}

/// A part of the payload that a scope needs and that is absent, or that it has
/// no use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("scope {scope} {does} `payload.{part}`")]
pub struct ScopeFault {
    /// The scope.
    pub scope: PolicyScope,
    /// The part: `plan`, `step` or `submitter`.
    pub part: &'static str,
    /// `needs` or `has no use for`.
    pub does: &'static str,
}

/// Holds the parts of a payload (plan, step, submitter: which are there) against
/// its scope. One that would be ignored is refused.
pub fn check_parts(scope: PolicyScope, there: [bool; 3]) -> Result<(), ScopeFault> {
    let needs = match scope {
        PolicyScope::Step => [true, true, false],
        PolicyScope::Plan => [true, false, false],
        PolicyScope::Session => [false, false, true],
        PolicyScope::Org => [false; 3],
    };
    let parts = ["plan", "step", "submitter"].into_iter();
    for ((part, needed), there) in parts.zip(needs).zip(there) {
        if needed != there {
            let does = if needed { "needs" } else { "has no use for" };
            return Err(ScopeFault { scope, part, does });
        }
    }
    Ok(())
}

/// Why a policy is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It has no name.
    #[error("`payload.id` is empty")]
    NoId,
    /// It asks for nothing.
    #[error("policy `{id}` says nothing: give it `require`, `deny` or `max_budget`")]
    Nothing {
        /// The policy.
        id: String,
    },
    /// The scope needs a part that is absent, or has no use for one.
    #[error("policy `{id}`: {fault}")]
    Scope {
        /// The policy.
        id: String,
        /// Which part.
        fault: ScopeFault,
    },
    /// A kind of step that there is not.
    #[error("policy `{id}`: there is no executor `{word}` (run, call, http, service, agent, plan)")]
    Executor {
        /// The policy.
        id: String,
        /// The word.
        word: String,
    },
    /// What concerns the whole run is asked of a step.
    #[error("policy `{id}`: `{part}` concerns the whole run, and its scope is a step")]
    OfRun {
        /// The policy.
        id: String,
        /// The part.
        part: &'static str,
    },
    /// An amount that is none.
    #[error("policy `{id}`: an amount of `max_budget` is no number from 0")]
    Amount {
        /// The policy.
        id: String,
    },
}

/// Kinds of steps.
const EXECUTORS: [&str; 6] = ["run", "call", "http", "service", "agent", "plan"];

impl ExecutionPolicy {
    /// Looks for what would make it mean nothing, or not what it seems to.
    pub fn check(&self) -> Result<(), PolicyError> {
        let Payload {
            id,
            require,
            deny,
            max_budget,
            ..
        } = &self.payload;
        let id = || id.clone();
        if self.payload.id.trim().is_empty() {
            return Err(PolicyError::NoId);
        }
        self.check_scope()?;
        let asks = require
            .as_ref()
            .is_some_and(|require| *require != Require::default())
            || deny.as_ref().is_some_and(|deny| *deny != Deny::default())
            || max_budget
                .as_ref()
                .is_some_and(|caps| *caps != BudgetCaps::default());
        if !asks {
            return Err(PolicyError::Nothing { id: id() });
        }
        let mut executors = deny.iter().flat_map(|deny| &deny.executors);
        if let Some(word) = executors.find(|word| !EXECUTORS.contains(&word.as_str())) {
            let word = word.clone();
            return Err(PolicyError::Executor { id: id(), word });
        }
        let labels = require
            .as_ref()
            .is_some_and(|require| !require.labels.is_empty());
        for (part, there) in [("labels", labels), ("max_budget", max_budget.is_some())] {
            if there && self.scope == PolicyScope::Step {
                return Err(PolicyError::OfRun { id: id(), part });
            }
        }
        let amounts = max_budget
            .iter()
            .flat_map(|caps| [caps.max_cost_usd, caps.max_energy_kwh]);
        let sound = |amount: f64| amount.is_finite() && amount >= 0.0;
        if !amounts.flatten().all(sound) {
            return Err(PolicyError::Amount { id: id() });
        }
        Ok(())
    }

    fn check_scope(&self) -> Result<(), PolicyError> {
        let Payload {
            id,
            plan,
            step,
            submitter,
            ..
        } = &self.payload;
        let parts = [plan, step, submitter].map(Option::is_some);
        check_parts(self.scope, parts).map_err(|fault| PolicyError::Scope {
            id: id.clone(),
            fault,
        })
    }

    /// Whether it covers runs of a plan that somebody submits, at a step where
    /// one is named.
    #[must_use]
    pub fn covers(&self, plan: &str, submitter: &str, step: Option<&str>) -> bool {
        let is = |part: &Option<String>, what: &str| part.as_deref() == Some(what);
        match self.scope {
            PolicyScope::Org => true,
            PolicyScope::Session => is(&self.payload.submitter, submitter),
            PolicyScope::Plan => is(&self.payload.plan, plan),
            PolicyScope::Step => {
                is(&self.payload.plan, plan)
                    && step.is_some_and(|step| is(&self.payload.step, origin(step)))
            }
        }
    }
}

/// The step of a fan-out's child.
fn origin(step: &str) -> &str {
    step.split_once('[').map_or(step, |(step, _)| step)
}
