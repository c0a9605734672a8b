//! What a run looks like to the domains: borrowed, so that the runner copies
//! nothing on the way. [`crate::OwnedRunFacts`] is the owned form.

use crate::governance::PolicyVerdict;
use core::fmt;
use core::time::Duration;
use rok_rac::{Duty, Reconciliation};
use rok_vocabulary::{
    Actor, Epoch, ErrorClass, Outcome, PlanId, Profile, RunId, StepId, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A run, as it stands when a domain is asked. No secret is in it: plans and
/// inputs name secrets and never hold them.
#[derive(Debug, Clone, Copy)]
pub struct RunFacts<'a> {
    /// The run.
    pub run: &'a RunId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its plan.
    pub plan: &'a PlanId,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its inputs: an object, or null.
    pub inputs: &'a Value,
    /// Who submitted it.
    pub submitter: &'a Actor,
    /// The submitter's roles, as far as the caller knows them.
    pub roles: &'a [String],
    /// The profile in force.
    pub profile: Profile,
    /// When the run was created.
    pub created_at: Timestamp,
    /// Now: the facades have no clock.
    pub now: Timestamp,
}

/// A run whose execution is over, or that never came to it.
#[derive(Debug, Clone, Copy)]
pub struct OutcomeFacts<'a> {
    /// The run.
    pub run: RunFacts<'a>,
    /// How execution ended.
    pub outcome: Outcome,
    /// Why, when it did not succeed.
    pub error_class: Option<ErrorClass>,
    /// The same for people.
    pub reason: Option<&'a str>,
    /// The first step that failed.
    pub step: Option<&'a StepId>,
    /// How many steps ended how.
    pub counts: StepCounts,
    /// The gates that failed.
    pub gate_failures: &'a [StepId],
    /// Active time of the run so far.
    pub duration: Duration,
    /// Expectations against acks, so far.
    pub reconciliation: Option<&'a Reconciliation>,
    /// The share of `max_duration` that was used; `None` without a limit.
    pub time_use: Option<f64>,
    /// The largest share of any budget that was used; `None` without a budget.
    pub budget_use: Option<f64>,
    /// What the policies said, once they were asked.
    pub verdict: Option<&'a PolicyVerdict>,
}

/// How many steps ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCounts {
    /// All steps of the epoch.
    pub total: u32,
    /// Those that succeeded.
    pub succeeded: u32,
    /// Those whose last attempt failed.
    pub failed: u32,
    /// Those that did not run.
    pub skipped: u32,
    /// Attempts beyond the first, of all steps.
    pub retries: u32,
}

/// (run, epoch, domain, action, key): the same for every call that asks for the
/// same thing. An engine derives its record's id from it, and an external
/// system takes it as idempotency key, so a repeated call repeats no record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DutyKey<'a> {
    /// The run that is owed.
    pub run: &'a RunId,
    /// The epoch that is owed.
    pub epoch: Epoch,
    /// What is owed.
    pub duty: Duty,
}

/// The namespace of record ids: UUIDv5(DNS, "record.rok.dev"), fixed for ever.
const NAMESPACE: Uuid = Uuid::from_u128(0xe08b_9aee_6a21_5e2f_b077_e87c_b2e7_33c0);

impl<'a> DutyKey<'a> {
    /// The key of a duty that this run is owed.
    #[must_use]
    pub fn new(facts: &RunFacts<'a>, duty: Duty) -> Self {
        Self {
            run: facts.run,
            epoch: facts.epoch,
            duty,
        }
    }

    /// An id for what the duty makes, `PREFIX-UUID`: the same for every call.
    #[must_use]
    pub fn record_id(&self, prefix: &str) -> String {
        let id = Uuid::new_v5(&NAMESPACE, self.to_string().as_bytes());
        let mut buffer = Uuid::encode_buffer();
        let id = id.hyphenated().encode_lower(&mut buffer);
        let mut text = String::with_capacity(prefix.len() + 1 + id.len());
        text.push_str(prefix);
        text.push('-');
        text.push_str(id);
        text
    }
}

impl fmt::Display for DutyKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.run, self.epoch, self.duty)
    }
}
