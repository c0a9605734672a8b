//! Governance: who may do what, whether a run may complete, and what is learnt
//! from it. Invariant: whatever keeps a policy from being evaluated denies.

use crate::answer::{Answer, EngineError, FacadeError, Record, answer, call, plain};
use crate::facts::{DutyKey, OutcomeFacts, RunFacts};
use crate::lessons::Lesson;
use core::fmt;
use rok_rac::Duty;
use rok_vocabulary::{Actor, Domain, EnforcementLevel, HoldReason, RunId, StepId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What somebody wants to do to a run that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GovernedAction {
    /// Let a manual gate pass.
    Approve,
    /// Let a manual gate fail.
    Reject,
    /// Let a failed hard gate be passed in the next epoch.
    Override,
    /// End the run.
    Cancel,
    /// Undo what succeeded.
    Rollback,
    /// Hold the run, or let it go on.
    Pause,
    /// Keep the run's record from ever being collected, or release it.
    Hold,
}

impl GovernedAction {
    /// Every action.
    pub const ALL: &'static [Self] = &[
        Self::Approve,
        Self::Reject,
        Self::Override,
        Self::Cancel,
        Self::Rollback,
        Self::Pause,
        Self::Hold,
    ];

    /// The action's name, as policies write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Override => "override",
            Self::Cancel => "cancel",
            Self::Rollback => "rollback",
            Self::Pause => "pause",
            Self::Hold => "hold",
        }
    }
}

impl fmt::Display for GovernedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a gate that somebody decides on still asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateFacts {
    /// Approvals that the plan asks for.
    pub needed: u32,
    /// Approvals that there are, without the one that is asked about.
    pub given: u32,
    /// Whether the plan asks for another person than the submitter.
    pub not_submitter: bool,
}

/// Somebody asks to do something to a run.
#[derive(Debug, Clone, Copy)]
pub struct ActionRequest<'a> {
    /// Who asks.
    pub actor: &'a Actor,
    /// Their roles, as far as the caller knows them.
    pub roles: &'a [String],
    /// What they want to do.
    pub action: GovernedAction,
    /// The run.
    pub run: RunFacts<'a>,
    /// The step that it is about.
    pub step: Option<&'a StepId>,
    /// Their reason.
    pub reason: Option<&'a str>,
    /// The gate that they decide on: of `approve` and `reject`.
    pub gate: Option<GateFacts>,
    /// Why the run waits, if it does.
    pub hold: Option<HoldReason>,
    /// The largest share of any budget that was used; `None` without a budget.
    pub budget_use: Option<f64>,
}

/// A policy that a run or a request violates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The policy's id.
    pub policy: String,
    /// What its violation does.
    pub enforcement_level: EnforcementLevel,
    /// The policy's own words, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether somebody may do something; travels in `policy.evaluated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// Whether they may.
    pub granted: bool,
    /// Why, for people.
    pub reason: String,
    /// The ids of the policies that decided, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The policies that are violated, softly where it was granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// What kept a policy from being evaluated; any of it denies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

impl Authorization {
    /// A denial because the policies could not be asked.
    #[must_use]
    pub fn not_evaluated(error: &EngineError) -> Self {
        Self {
            granted: false,
            reason: format!(
                "denied: the policies could not be evaluated ({})",
                error.kind()
            ),
            policies: Vec::new(),
            violations: Vec::new(),
            errors: vec![error.reason()],
        }
    }
}

/// Whether a run may complete: the record of `policies/evaluate_policy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVerdict {
    /// From the duty key: a repeated call yields the same.
    pub id: String,
    /// The run.
    pub run_id: RunId,
    /// Whether no strict policy forbids the outcome.
    pub allowed: bool,
    /// The strictest level among the violations; absent when nothing is violated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcement_level: Option<EnforcementLevel>,
    /// The ids of the policies that decided, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// Why, for people.
    pub reason: String,
    /// The policies that are violated, the strict ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// What kept a policy from being evaluated; any of it forbids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

impl Record for PolicyVerdict {
    fn id(&self) -> &str {
        &self.id
    }
    fn run_id(&self) -> &RunId {
        &self.run_id
    }
}

/// What an engine says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyOverview {
    /// Nobody gave policies: the embedded permissive ones are in force.
    pub is_default: bool,
    /// The policies in force, by id.
    pub policies: Vec<PolicyInfo>,
}

/// One policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyInfo {
    /// Its id.
    pub id: String,
    /// Where it was read from.
    pub source: String,
    /// The line that it begins in, 1-based.
    pub line: u32,
    /// `permit` or `forbid`.
    pub effect: String,
    /// What its violation does; absent for a permit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcement_level: Option<EnforcementLevel>,
    /// Its own words, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What stands behind the governance facade. Plain results, never an ack.
pub trait GovernanceEngine: Send + Sync {
    /// Whether the submitter may run the plan.
    fn authorize_run(&self, facts: &RunFacts<'_>) -> Result<Authorization, EngineError>;

    /// Whether somebody may do something to a run.
    fn authorize_action(&self, request: &ActionRequest<'_>) -> Result<Authorization, EngineError>;

    /// Whether the run may complete, over its whole record.
    fn evaluate_policy(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
    ) -> Result<PolicyVerdict, EngineError>;

    /// What is learnt from the run.
    fn lessons(&self, facts: &OutcomeFacts<'_>) -> Result<Vec<Lesson>, EngineError>;

    /// What is in force.
    fn overview(&self) -> Result<PolicyOverview, EngineError>;

    /// Whether verdict and lessons come of these facts alone, and nothing else
    /// is left of having asked: then they may be asked for before it is durable
    /// that they were. An engine that does not say so is asked afterwards.
    fn is_pure(&self, _facts: &OutcomeFacts<'_>) -> bool {
        false
    }
}

/// The door to the governance domain.
#[derive(Clone)]
pub struct GovernanceFacade {
    engine: Arc<dyn GovernanceEngine>,
}

impl GovernanceFacade {
    /// A facade over an engine.
    #[must_use]
    pub fn new(engine: Arc<dyn GovernanceEngine>) -> Self {
        Self { engine }
    }

    /// Whether the submitter may run the plan; asked before AUTHORIZED. Owes no
    /// ack; an engine that cannot answer denies.
    #[must_use]
    pub fn authorize_run(&self, facts: &RunFacts<'_>) -> Authorization {
        call(|| self.engine.authorize_run(facts))
            .unwrap_or_else(|error| Authorization::not_evaluated(&error))
    }

    /// Whether somebody may do something to a run. Owes no ack; an engine that
    /// cannot answer denies.
    #[must_use]
    pub fn authorize_action(&self, request: &ActionRequest<'_>) -> Authorization {
        call(|| self.engine.authorize_action(request))
            .unwrap_or_else(|error| Authorization::not_evaluated(&error))
    }

    /// Answers `policies/evaluate_policy`. A SUCCESS says that the policies
    /// were asked, not that they allow: that is in the record. Without a record
    /// nothing is allowed.
    pub fn evaluate_policy(&self, facts: &OutcomeFacts<'_>) -> Answer<PolicyVerdict> {
        let key = DutyKey::new(&facts.run, Duty::EVALUATE_POLICY);
        answer(&facts.run, key.duty.clone(), || {
            self.engine.evaluate_policy(&key, facts)
        })
    }

    /// Whether nothing is left of having asked for the verdict and the lessons
    /// but the answers.
    #[must_use]
    pub fn is_pure(&self, facts: &OutcomeFacts<'_>) -> bool {
        call(|| Ok(self.engine.is_pure(facts))).unwrap_or_default()
    }

    /// What is learnt from the run. Owes no ack.
    pub fn lessons(&self, facts: &OutcomeFacts<'_>) -> Result<Vec<Lesson>, FacadeError> {
        plain(Domain::Policies, "draw lessons", || {
            self.engine.lessons(facts)
        })
    }

    /// What is in force, for `rok policy check` and `rok doctor`.
    pub fn overview(&self) -> Result<PolicyOverview, FacadeError> {
        plain(Domain::Policies, "list its policies", || {
            self.engine.overview()
        })
    }
}
