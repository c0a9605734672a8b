//! What the layers above see of runs.

use super::gates::{GateView, OverrideView};
use crate::Lesson;
use rok_rac::Reconciliation;
use rok_vocabulary::{
    AckStatus, AgentId, AgentPlace, BudgetDimension, Epoch, ErrorClass, ExpectationStatus,
    FallbackTrigger, HoldReason, Outcome, PlanId, Profile, RunId, RunPhase, Seq, Severity,
    StepState, Timestamp, TrustLevel,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A run: what it is, has done and owes (seed 004's summary, widened).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    /// The run.
    pub run_id: RunId,
    /// Its plan.
    pub plan: PlanId,
    /// The plan's version.
    pub plan_version: u64,
    /// The plan's name for people.
    pub plan_name: Option<String>,
    /// sha-256 of the plan's canonical bytes, hex.
    pub plan_sha256: String,
    /// The phase.
    pub phase: RunPhase,
    /// Seed 004's word: created, `preflight_validated`, executing, blocked,
    /// succeeded, failed, `rolled_back`; and partial, which is COMPLETED with
    /// work failed.
    pub status: String,
    /// How execution ended, once it has.
    pub outcome: Option<Outcome>,
    /// The current epoch, 0-based.
    pub epoch: Epoch,
    /// Why the run failed, if it has.
    pub error: Option<ErrorView>,
    /// What it waits for, if it does.
    pub hold: Option<HoldView>,
    /// The step that it is the run of, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentView>,
    /// Who submitted it.
    pub submitter: String,
    /// Labels of plan and run.
    pub labels: BTreeMap<String, String>,
    /// Its rank among the runs that wait, where that is not the middle.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i8,
    /// Its inputs: a JSON object.
    pub inputs: Value,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its current epoch ended.
    pub completed_at: Option<Timestamp>,
    /// From the epoch's start to its end, or to its last event.
    pub duration_ms: u64,
    /// The profile in force, in words: `STRICT`, `STRICT without RAC`.
    pub profile: String,
    /// A domain was unavailable and the profile went on without it.
    pub degraded: bool,
    /// How many steps are in which state.
    pub totals: StepTotals,
    /// Attempts beyond the first.
    pub retries: u32,
    /// Hard gates that failed.
    pub gate_failures: Vec<String>,
    /// What policies forbid of it, oldest first: the first hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<ViolationView>,
    /// How many there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub violation_count: u32,
    /// The last comparison of expectations with acks; before the check, how it
    /// stands now.
    pub reconciliation: Reconciliation,
    /// The incident record.
    pub incident: Option<IncidentView>,
    /// What its last epoch taught.
    pub lessons: Vec<Lesson>,
    /// What the run may use up and has, by dimension; empty without a budget.
    pub budget: Vec<BudgetView>,
    /// What was undone and what is left to undo, once that was begun.
    pub rollback: Option<RollbackView>,
    /// Decisions of people.
    pub approvals: Vec<ApprovalView>,
    /// Hard gates that failed and that somebody lets the run pass.
    pub overrides: Vec<OverrideView>,
    /// Who drives it now; absent when no process does.
    pub driven_by: Option<String>,
    /// How it waits to be taken up, where it is in a database, goes on by
    /// itself, and nobody drives it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<QueuedView>,
    /// Whether the epoch is sealed.
    pub sealed: bool,
    /// How many events the log has.
    pub events: u64,
    /// The steps, in declaration order.
    pub steps: Vec<StepSummary>,
    /// Artifacts of all steps.
    pub artifacts: Vec<ArtifactView>,
    /// What its services found, where it calls any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<DiagnosisView>,
}

/// What the services of a run found for a site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosisView {
    /// The site's id.
    pub website_id: String,
    /// Its domain.
    pub domain: String,
    /// The event of the log that holds the diagnosis, once there is one.
    pub event_id: Option<String>,
    /// The diagnosis: `primary_cause`, `what_to_do_next`, `confidence`, …
    pub diagnosis: Option<Value>,
    /// Why there is none.
    pub error: Option<String>,
}

/// The step that a run was created for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ParentView {
    pub run: RunId,
    pub step: String,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorView {
    /// The class.
    pub class: ErrorClass,
    /// For people.
    pub reason: String,
}

/// What a run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldView {
    /// Why.
    pub reason: HoldReason,
    /// Every step that waits for a decision.
    pub steps: Vec<String>,
    /// Since when.
    pub since: Timestamp,
    /// For people.
    pub message: String,
    /// What is asked for, and given, of each of those steps.
    pub gates: Vec<GateView>,
    /// The run that waits, where it is the run of a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// One limit of a run's budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetView {
    /// What is limited.
    pub dimension: BudgetDimension,
    /// How much may be used, in the dimension's unit; time in milliseconds.
    pub limit: f64,
    /// How much was used, over all epochs.
    pub used: f64,
    /// Whether that was too much.
    pub exceeded: bool,
    /// Whether somebody let the run go on all the same.
    pub lifted: bool,
}

/// Something that policies forbid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ViolationView {
    /// The policies.
    pub policies: Vec<String>,
    /// When they were asked: `authorize`, `action`, `step`, `use`, `complete`.
    pub stage: String,
    /// Whether it was kept from going on; otherwise it is recorded only.
    pub blocking: bool,
    /// The step, where it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What was used too much of, where it is about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<BudgetDimension>,
    /// Why, for people.
    pub reason: String,
    /// The epoch.
    pub epoch: Epoch,
    /// When.
    pub at: Timestamp,
}

impl ViolationView {
    /// Which policies, and why.
    #[must_use]
    pub fn in_words(&self) -> String {
        let policies = self.policies.join(", ");
        if self.reason.is_empty() {
            return policies;
        }
        // What is injected names itself.
        if self.reason.starts_with("policy `") {
            return self.reason.clone();
        }
        format!("{policies}: {}", self.reason)
    }
}

/// What was undone and what is left to undo.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackView {
    /// `rolled_back`, `under_way` or `incomplete`.
    pub state: String,
    /// Steps that were undone, in that order.
    pub undone: Vec<String>,
    /// Of `undone`: those that a person says were undone by hand.
    pub by_hand: Vec<String>,
    /// Steps that are left, in the order in which they would be undone.
    pub remaining: Vec<String>,
    /// Steps that succeeded and have nothing that undoes them.
    pub nothing_to_undo: Vec<String>,
    /// Of `remaining`: interrupted compensations of steps that are not
    /// idempotent. Somebody must say whether they are done.
    pub undecided: Vec<String>,
    /// Runs of steps of which something is left: the rollback of a run does not
    /// undo them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_runs: Vec<SubRunLeft>,
    /// The compensation that failed, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<CompensationFailure>,
}

impl RollbackView {
    /// All that is left, in words: steps, and runs of steps.
    #[must_use]
    pub fn not_undone(&self) -> Vec<String> {
        let runs = self.sub_runs.iter().map(|left| {
            let what = match &left.unreadable {
                Some(_) => "it cannot be read".to_owned(),
                None => left.steps.join(", "),
            };
            format!("{} (run {}: {what})", left.step, left.run)
        });
        self.remaining.iter().cloned().chain(runs).collect()
    }
}

/// A run of a step, of which a rollback undoes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubRunLeft {
    /// The step.
    pub step: String,
    /// Its run.
    pub run: RunId,
    /// Steps of that run that declare what undoes them and are not undone, the
    /// last success first; runs of its own steps are entries of their own.
    pub steps: Vec<String>,
    /// Whether `rok rollback` undoes them: it rolls back FAILED runs only.
    pub can_be_rolled_back: bool,
    /// Why it cannot be told what is left of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// A compensation that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompensationFailure {
    /// The step.
    pub step: String,
    /// Why.
    pub error: ErrorView,
}

/// How many steps are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the states' own names")]
pub struct StepTotals {
    pub total: u32,
    pub pending: u32,
    pub waiting: u32,
    pub running: u32,
    pub succeeded: u32,
    pub failed: u32,
    pub skipped: u32,
    pub compensated: u32,
    /// How many of those that run wait for a place.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub queued: u32,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepSummary {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Its state.
    pub state: StepState,
    /// The current or last attempt, 0-based.
    pub attempt: u32,
    /// `hard`, `manual` or absent.
    pub gate: Option<String>,
    /// Whether its failure fails the run.
    pub required: bool,
    /// Why it failed or was skipped.
    pub error: Option<ErrorView>,
    /// Why it was skipped.
    pub skip_reason: Option<String>,
    /// When its first attempt of this epoch was started: decided, that is.
    pub started_at: Option<Timestamp>,
    /// It is to run, and its work waits for a place: as many run as may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
    /// When the work of the attempt that is under way began, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// When it reached its last state.
    pub ended_at: Option<Timestamp>,
    /// How long the last attempt took.
    pub wall_ms: Option<u64>,
    /// When the next attempt is due.
    pub retry_at: Option<Timestamp>,
    /// What people are asked for, while it waits for their decision.
    pub decision: Option<GateView>,
    /// What it handed on.
    pub outputs: Option<Arc<Value>>,
    /// The run that does its work, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The step that ran instead, once it failed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fell_back_to: Option<String>,
    /// Which agent did it, where agents were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentStepView>,
    /// How many of its children are in which state, once it is fanned out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub children: Option<StepTotals>,
    /// The run that its result was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_from: Option<String>,
    /// Why nothing could be taken from an earlier run where something should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_note: Option<String>,
    /// The warning that what it ran is deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
}

/// Which agent did a step, and which were asked before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentStepView {
    /// Who had it last; absent where nobody took it.
    pub agent_id: Option<AgentId>,
    /// local or remote.
    pub place: Option<AgentPlace>,
    /// How far it is trusted.
    pub trust_level: Option<TrustLevel>,
    /// Who was asked before, in order.
    pub tried: Vec<TriedView>,
    /// Soft policies that it cannot honour.
    pub notes: Vec<String>,
    /// Why this machine did it, where no agent was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An agent that was asked and did not do the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TriedView {
    /// Who.
    pub agent_id: AgentId,
    /// Why the step was taken away from it; absent: it did not take it.
    pub trigger: Option<FallbackTrigger>,
    /// Why, in words.
    pub reason: String,
}

/// An artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArtifactView {
    pub step: String,
    pub path: String,
    pub sha256: String,
    pub bytes: u64,
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ApprovalView {
    pub step: String,
    pub decision: String,
    pub actor: String,
    pub reason: Option<String>,
    pub at: Timestamp,
}

/// The incident record of a run, a successful one's too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct IncidentView {
    pub id: String,
    pub severity: Severity,
    pub status: String,
    pub category: Option<String>,
    /// The incident that it is an occurrence of: that one is handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence_of: Option<String>,
}

/// Expectations, acks and reconciliations of the current epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AuditView {
    pub run_id: RunId,
    pub epoch: Epoch,
    pub profile: Profile,
    pub expectations: Vec<ExpectationView>,
    pub acks: Vec<AckView>,
    pub reconciliation: Reconciliation,
}

/// A declared duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ExpectationView {
    pub id: String,
    pub status: ExpectationStatus,
    pub created_at: Timestamp,
    pub deadline: Option<Timestamp>,
    pub acked_at: Option<Timestamp>,
    pub liveness: bool,
}

/// An answer to a duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AckView {
    pub id: String,
    pub duty: String,
    pub status: AckStatus,
    pub result_id: Option<String>,
    pub error: Option<String>,
    pub at: Timestamp,
}

/// Why a run or a step is as it is, and what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The run.
    pub run_id: RunId,
    /// The step, where one was asked for.
    pub step: Option<String>,
    /// One sentence: the answer.
    pub headline: String,
    /// What led to it, in order; facts from the log.
    pub because: Vec<String>,
    /// What happens next by itself, or nothing.
    pub next: Vec<String>,
    /// What can be done.
    pub remedies: Vec<Remedy>,
}

/// Something that can be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Remedy {
    /// What it does.
    pub does: String,
    /// The command, after the program's name: `approve RUN STEP`.
    pub command: Option<String>,
}

/// One event, as far as people and filters need it, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine {
    /// Its place.
    pub seq: Seq,
    /// Its type; a type that this version does not know stands verbatim.
    pub event_type: String,
    /// When.
    pub at: Timestamp,
    /// The epoch.
    pub epoch: Epoch,
    /// The step.
    pub step: Option<String>,
    /// The attempt.
    pub attempt: u32,
    /// Who.
    pub actor: String,
    /// The phase that was entered.
    pub new_state: Option<String>,
    /// The class of a failure.
    pub error_class: Option<String>,
    /// For people.
    pub reason: Option<String>,
    /// The line as it stands in the log, without its newline; empty for an
    /// observer, who sees events as they become durable.
    pub line: Arc<str>,
}

impl EventLine {
    /// Whether the run was created with plans that its steps name.
    #[must_use]
    pub fn may_have_sub_runs(&self) -> bool {
        #[derive(Deserialize)]
        struct Line {
            data: Created,
        }
        #[derive(Deserialize)]
        struct Created {
            plans: Option<serde::de::IgnoredAny>,
        }
        self.event_type == "run.created"
            && serde_json::from_str::<Line>(&self.line).is_ok_and(|line| line.data.plans.is_some())
    }

    /// Whether a step was started whose work is a run of its own.
    #[must_use]
    pub fn begins_a_sub_run(&self) -> bool {
        #[derive(Deserialize)]
        struct Line {
            data: Started,
        }
        #[derive(Deserialize)]
        struct Started {
            run: Option<String>,
        }
        self.event_type == "step.started"
            && serde_json::from_str::<Line>(&self.line).is_ok_and(|line| line.data.run.is_some())
    }
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Only the last so many that match.
    pub tail: Option<usize>,
    /// Only these types; `step.*` stands for all that begin so.
    pub types: Vec<String>,
    /// Only these steps.
    pub steps: Vec<String>,
    /// Only from this place on.
    pub from: Option<Seq>,
    /// Only the first so many that match.
    pub limit: Option<usize>,
}

/// Whose output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The step.
    pub step: String,
    /// The attempt; `None`: the last one.
    pub attempt: Option<u32>,
    /// Of its compensation.
    pub compensation: bool,
    /// Only the last so many lines.
    pub tail: Option<usize>,
    /// Go on while the step runs.
    pub follow: bool,
}

/// Which runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Seed 004's words, or phases, or outcomes.
    pub statuses: Vec<String>,
    /// Only runs of this plan.
    pub plan: Option<String>,
    /// Only runs created since.
    pub since: Option<Timestamp>,
    /// Only runs with all of these labels.
    pub labels: BTreeMap<String, String>,
}

/// Which page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// Of which runs.
    pub filter: ListQuery,
    /// Only runs whose id begins so; by id then, and not the newest first.
    pub prefix: Option<String>,
    /// The [`RunPage::next_cursor`] of the page before; refused where that was
    /// of other runs.
    pub cursor: Option<String>,
    /// At most so many; `None`: as many as the engine finds fit.
    pub limit: Option<usize>,
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunPage {
    /// The runs, the newest first.
    pub runs: Vec<RunListing>,
    /// What to ask for next; absent on the last page. A page that had to look
    /// far may be shorter than asked for, and have one all the same.
    pub next_cursor: Option<String>,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunListing {
    /// The run.
    pub run_id: String,
    /// Its plan; absent where the folder is broken.
    pub plan: Option<PlanId>,
    /// Seed 004's word, or `broken`.
    pub status: String,
    /// The phase.
    pub phase: Option<RunPhase>,
    /// How execution ended.
    pub outcome: Option<Outcome>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// The instant of its last event.
    pub updated_at: Option<Timestamp>,
    /// The epoch.
    pub epoch: Option<Epoch>,
    /// The run of whose step it is the run, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// How its rollback stands, once one was begun: `rolled_back`, `under_way`
    /// or `incomplete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<String>,
    /// It is open, waits for nobody, and no process drives it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// How it waits to be taken up, where it is in a database, goes on by
    /// itself, and nobody drives it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<QueuedView>,
    /// What is wrong with a broken one.
    pub broken: Option<String>,
}

/// How a run of a database waits for whoever serves that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueuedView {
    /// Not before this instant; absent: as soon as a server has room for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// The server that had it and is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_by: Option<String>,
    /// When the lease of that one ends: from then on any other takes the run up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
}

/// Whether and from where a run can be resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resumable {
    /// Whether it can.
    pub resumable: bool,
    /// `same_epoch`, `next_epoch` or `refused`.
    pub how: String,
    /// For people: from where, or why not.
    pub reason: String,
    /// The steps that would run.
    pub steps: Vec<String>,
}

/// Whether a number says nothing, as most do.
fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}
