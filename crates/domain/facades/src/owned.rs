//! The facts as owned values: for tests, and for engines that work on another
//! thread ([`crate::Bounded`]).

use crate::facts::{OutcomeFacts, RunFacts, StepCounts};
use crate::governance::PolicyVerdict;
use core::time::Duration;
use rok_rac::Reconciliation;
use rok_vocabulary::{
    Actor, Epoch, ErrorClass, Outcome, PlanId, Profile, RunId, StepId, Timestamp,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// [`RunFacts`], owned. The fields are the same.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each field is documented in RunFacts")]
pub struct OwnedRunFacts {
    pub run: RunId,
    pub epoch: Epoch,
    pub plan: PlanId,
    pub labels: BTreeMap<String, String>,
    pub inputs: Value,
    pub submitter: Actor,
    pub roles: Vec<String>,
    pub profile: Profile,
    pub created_at: Timestamp,
    pub now: Timestamp,
}

impl OwnedRunFacts {
    /// A run without labels and inputs, submitted by the runner under STRICT.
    #[must_use]
    pub fn new(run: RunId, plan: PlanId, now: Timestamp) -> Self {
        Self {
            run,
            epoch: Epoch::FIRST,
            plan,
            labels: BTreeMap::new(),
            inputs: Value::Null,
            submitter: Actor::Runner,
            roles: Vec::new(),
            profile: Profile::Strict,
            created_at: now,
            now,
        }
    }

    /// The borrowed form.
    #[must_use]
    pub fn borrow(&self) -> RunFacts<'_> {
        RunFacts {
            run: &self.run,
            epoch: self.epoch,
            plan: &self.plan,
            labels: &self.labels,
            inputs: &self.inputs,
            submitter: &self.submitter,
            roles: &self.roles,
            profile: self.profile,
            created_at: self.created_at,
            now: self.now,
        }
    }
}

impl From<&RunFacts<'_>> for OwnedRunFacts {
    fn from(facts: &RunFacts<'_>) -> Self {
        Self {
            run: facts.run.clone(),
            epoch: facts.epoch,
            plan: facts.plan.clone(),
            labels: facts.labels.clone(),
            inputs: facts.inputs.clone(),
            submitter: facts.submitter.clone(),
            roles: facts.roles.to_vec(),
            profile: facts.profile,
            created_at: facts.created_at,
            now: facts.now,
        }
    }
}

/// [`OutcomeFacts`], owned. The fields are the same.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each field is documented in OutcomeFacts")]
pub struct OwnedOutcomeFacts {
    pub run: OwnedRunFacts,
    pub outcome: Outcome,
    pub error_class: Option<ErrorClass>,
    pub reason: Option<String>,
    pub step: Option<StepId>,
    pub counts: StepCounts,
    pub gate_failures: Vec<StepId>,
    pub duration: Duration,
    pub reconciliation: Option<Reconciliation>,
    pub time_use: Option<f64>,
    pub budget_use: Option<f64>,
    pub verdict: Option<PolicyVerdict>,
}

impl OwnedOutcomeFacts {
    /// A run that ended so, without steps, limits and reconciliation.
    #[must_use]
    pub fn new(run: OwnedRunFacts, outcome: Outcome) -> Self {
        Self {
            run,
            outcome,
            error_class: None,
            reason: None,
            step: None,
            counts: StepCounts::default(),
            gate_failures: Vec::new(),
            duration: Duration::ZERO,
            reconciliation: None,
            time_use: None,
            budget_use: None,
            verdict: None,
        }
    }

    /// The borrowed form.
    #[must_use]
    pub fn borrow(&self) -> OutcomeFacts<'_> {
        OutcomeFacts {
            run: self.run.borrow(),
            outcome: self.outcome,
            error_class: self.error_class,
            reason: self.reason.as_deref(),
            step: self.step.as_ref(),
            counts: self.counts,
            gate_failures: &self.gate_failures,
            duration: self.duration,
            reconciliation: self.reconciliation.as_ref(),
            time_use: self.time_use,
            budget_use: self.budget_use,
            verdict: self.verdict.as_ref(),
        }
    }
}

impl From<&OutcomeFacts<'_>> for OwnedOutcomeFacts {
    fn from(facts: &OutcomeFacts<'_>) -> Self {
        Self {
            run: (&facts.run).into(),
            outcome: facts.outcome,
            error_class: facts.error_class,
            reason: facts.reason.map(str::to_owned),
            step: facts.step.cloned(),
            counts: facts.counts,
            gate_failures: facts.gate_failures.to_vec(),
            duration: facts.duration,
            reconciliation: facts.reconciliation.cloned(),
            time_use: facts.time_use,
            budget_use: facts.budget_use,
            verdict: facts.verdict.cloned(),
        }
    }
}
