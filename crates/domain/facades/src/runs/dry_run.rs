//! What a run would come to, before there is one.

use rok_vocabulary::{AgentId, AgentPlace, BudgetDimension, ErrorClass, PlanId, TrustLevel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a submission would come to. Nothing was executed, nothing written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DryRun {
    /// The plan.
    pub plan: PlanId,
    /// The plan's version.
    pub plan_version: u64,
    /// sha-256 of the plan's canonical bytes, hex.
    pub plan_sha256: String,
    /// Why the run would be refused, if it would be.
    pub refused: Option<Refusal>,
    /// Who submits.
    pub submitter: String,
    /// The inputs, checked and with defaults.
    pub inputs: Value,
    /// Labels of plan and run.
    pub labels: BTreeMap<String, String>,
    /// The profile that would be in force, in words.
    pub profile: String,
    /// What bounds the run.
    pub limits: Limits,
    /// What the run may use up, over all its epochs; absent without a budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<PlannedBudget>,
    /// The secrets that the plan names.
    pub secrets: Vec<SecretState>,
    /// The steps, wave by wave, within a wave in declaration order.
    pub steps: Vec<DryStep>,
    /// What would make a step fail for sure.
    pub findings: Vec<Finding>,
    /// What the policies say: of the start, and of what this user may be asked
    /// to decide.
    pub policies: Vec<PolicyDecision>,
    /// What the domains would owe.
    pub duties: Vec<PlannedDuty>,
}

/// Why a run would be refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// Whether a policy refuses it.
    pub denied: bool,
    /// The class of the run's error.
    pub class: ErrorClass,
    /// Why, for people.
    pub reason: String,
}

/// What bounds a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Steps at once.
    pub max_parallel: u32,
    /// Processes at once.
    pub max_processes: u32,
    /// Active time.
    pub max_duration_ms: Option<u64>,
    /// How long the governance check may wait.
    pub governance_timeout_ms: u64,
}

/// What a run may use up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedBudget {
    /// How much of what, in the dimension's unit; time in milliseconds.
    pub limits: BTreeMap<BudgetDimension, f64>,
    /// What then happens: `fail` or `hold`.
    pub on_exceeded: String,
    /// The most attempts that the plan can make, where that is known: a fan-out
    /// has as many children as its list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_attempts: Option<u64>,
}

/// A secret that the plan names: whether there is one, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretState {
    /// Its name.
    pub name: String,
    /// Whether a value was found.
    pub present: bool,
}

/// A step as it would run. What is not known yet stands as `‹expression›`, a
/// secret as `‹secrets.NAME›`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DryStep {
    /// Its id.
    pub id: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which wave it is in, from 1: the longest way of edges that leads to it.
    pub wave: u32,
    /// Runs only if these succeeded.
    pub needs: Vec<String>,
    /// Runs once these are finished, however they finished.
    pub after: Vec<String>,
    /// Runs only if this step fails for good, and then in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_if_fails: Option<String>,
    /// The step that runs in its place when it fails for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Why it runs when it does, in words.
    pub why: String,
    /// `run` or `call`.
    pub kind: String,
    /// The argument vector; for a shell line the shell and its script; for a
    /// function its name.
    pub command: Vec<String>,
    /// What the process gets from plan and step, values of a shell line too.
    pub env: Vec<(String, String)>,
    /// Where it runs.
    pub cwd: Option<String>,
    /// Runs only if this holds.
    pub condition: Option<String>,
    /// The list that it is fanned out over.
    pub for_each: Option<String>,
    /// `hard` or `manual`.
    pub gate: Option<String>,
    /// How long an attempt may take.
    pub timeout_ms: Option<u64>,
    /// Attempts after the first.
    pub retries: u32,
    /// Whether its failure fails the run.
    pub required: bool,
    /// Artifacts that it declares.
    pub artifacts: Vec<String>,
    /// What the cache would say; absent where the step asks for none.
    pub cache: Option<CacheAnswer>,
    /// Why no agent is asked for it, though the plan would have one do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stays_here: Option<String>,
    /// What its processes would be kept in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<DrySandbox>,
    /// Which agents would be asked, in order, and which not: by what is known
    /// without asking any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<CandidateView>,
}

/// The sandbox that a step would get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrySandbox {
    /// What it permits, in words.
    pub permits: String,
    /// Who asks for it: `the plan`, `policy ID`, `the setting sandbox`.
    pub by: Vec<String>,
    /// It is asked for, and sandboxes are switched off: there would be none.
    pub off: bool,
}

/// An agent that might take a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CandidateView {
    /// The agent.
    pub agent_id: AgentId,
    /// local or remote.
    pub place: AgentPlace,
    /// How far it is trusted.
    pub trust_level: TrustLevel,
    /// Its region.
    pub region: Option<String>,
    /// Whether it would be asked.
    pub taken: bool,
    /// Why it is asked when it is, or why not.
    pub reason: String,
}

/// What the cache would say of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheAnswer {
    /// Whether an earlier result would be taken; absent where that depends on
    /// what is not known yet.
    pub hit: Option<bool>,
    /// For people: of which run, or why not.
    pub why: String,
}

/// Something that would make a step fail for sure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The step.
    pub step: String,
    /// Its class.
    pub class: ErrorClass,
    /// What is wrong and how to mend it.
    pub reason: String,
}

/// What the policies say of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyDecision {
    /// `run`, `approve`, `reject`, `cancel`.
    pub action: String,
    /// The step, where the action has one.
    pub step: Option<String>,
    /// Who would act.
    pub actor: String,
    /// The answer.
    pub allowed: bool,
    /// The policies that decided.
    pub policies: Vec<String>,
    /// Why, for people.
    pub reason: Option<String>,
}

/// What a domain would owe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedDuty {
    /// `domain/action`, and the key where there is one.
    pub id: String,
    /// When it is due, in words.
    pub due: String,
    /// Whether it is the run's sign of life.
    pub liveness: bool,
}
