//! What stands under `data`: what only one event type has.

use crate::agents::AgentData;
use crate::artifact::{CachedData, ContentRef, InputsHash};
use crate::settings::Settings;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rok_execution_policy::ExecutionPolicy;
use rok_phases::PhaseInput;
use rok_rac::{AckId, Deadline, Duty, Reconciliation};
use rok_vocabulary::{
    AckErrorKind, AckStatus, BudgetDimension, CommandId, HoldReason, Outcome, PlanId, Profile,
    RunId, RunPhase, StepId, Timestamp,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Which plan a run executes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRef {
    /// The plan's id.
    pub id: PlanId,
    /// The author's version number.
    pub version: u64,
    /// sha-256 of the plan's canonical bytes, hex.
    pub sha256: String,
}

/// A plan that steps of a run's plan name: found once, when the run is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubPlan {
    /// sha-256 of its canonical bytes, hex; they lie beside the run's own.
    pub sha256: String,
    /// The folder of its file, absolute: where its steps run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The plans that its own steps name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plans: BTreeMap<PlanId, Self>,
}

/// The step that a run was created for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentRef {
    /// The run of the step.
    pub run: RunId,
    /// The step, or the child of a fan-out.
    pub step: StepId,
    /// The step's epoch and attempt: `EPOCH.ATTEMPT`.
    pub attempt: String,
}

/// `run.created`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreatedData {
    /// The version of the event types' meaning.
    pub schema: u32,
    /// The plan.
    pub plan: PlanRef,
    /// The inputs, checked and with defaults: a JSON object.
    pub inputs: Arc<Value>,
    /// Labels of plan and run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What the run's decisions depend on.
    pub settings: Settings,
    /// The plan file's folder, absolute: where steps run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The rok version that created the run.
    pub engine: String,
    /// Which policies it was created under, sha-256, hex; absent for the
    /// permissive default. Whoever commands or resumes it must hold them too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<String>,
    /// The policies that were injected into it, as they hold for it for ever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub execution_policies: Vec<ExecutionPolicy>,
    /// Its rank among the runs that wait, where that is not the middle.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i8,
    /// The request that it came of, where that has a key of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestData>,
    /// Which run it replays, where it is a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replays: Option<ReplaysData>,
    /// The plans that its steps name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plans: BTreeMap<PlanId, SubPlan>,
    /// The step that it was created for, where it is the run of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRef>,
}

/// A request that makes one run, however often it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestData {
    /// The key that its sender gave it.
    pub key: String,
    /// What was asked for, sha-256, hex: another request with the same key is
    /// refused.
    pub sha256: String,
}

/// The run that is replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaysData {
    /// The run.
    pub run: RunId,
    /// The step from which on it is executed anew; every step that does not
    /// come after it takes its recorded result. `None`: all of it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<StepId>,
}

/// Which duties a transition declared and which are open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectationsData {
    /// Declared on entering the phase.
    pub declared: Vec<Duty>,
    /// Open after entering the phase.
    pub pending: Vec<Duty>,
}

/// `run.state_changed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateData {
    /// What happened; absent on the way into CREATED.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "input")]
    pub input: Option<PhaseInput>,
    /// How execution ended, from the end of execution on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Who claimed the run, on the way into EXECUTING.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// `disabled` where lifecycle governance is switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governance: Option<String>,
    /// The duties.
    pub expectations: ExpectationsData,
}

mod input {
    use super::{Deserialize, Deserializer, PhaseInput, Serializer};

    #[expect(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde asks for"
    )]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<PhaseInput>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(input) => serializer.serialize_str(input.as_str()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PhaseInput>, D::Error> {
        let word = alloc::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        word.parse().map(Some).map_err(serde::de::Error::custom)
    }
}

/// `run.held`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldData {
    /// Why the run waits.
    pub hold: HoldReason,
    /// Who may release it.
    pub release: String,
    /// When the hold ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The command that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
}

/// `gate.approved`: one person's word, and how many more are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalData {
    /// The command that asked.
    pub command: CommandId,
    /// As which of the plan's approvers; absent where anybody may.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// How many approvals there are, with this one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub given: u32,
    /// How many are still missing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing: u32,
}

const fn one() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
const fn is_one(n: &u32) -> bool {
    *n == 1
}

/// `override.approved`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideData {
    /// The command that asked.
    pub command: CommandId,
    /// As which of those whom the plan lets override; absent where anybody may.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Ids of the policies that allowed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// No epoch begins with it after that.
    pub expires_at: Timestamp,
}

/// `run.override_applied`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideAppliedData {
    /// The id of the event that approved it.
    pub approval: String,
    /// How many overrides the run has had, with this one.
    pub used: u32,
    /// How many the plan permits.
    pub max: u32,
}

/// `run.stopping`: the run is being brought to an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppingData {
    /// How the run will have ended.
    pub outcome: Outcome,
    /// The transition that closes the run where it stands; absent where
    /// execution is ended in an orderly way first.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "input")]
    pub exit: Option<PhaseInput>,
}

/// `run.recovered`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveredData {
    /// The new owner.
    pub owner: String,
    /// How long the run had no owner.
    pub down_ms: u64,
    /// How many processes of the earlier owner were ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub killed: u32,
}

fn is_zero<N: Default + PartialEq>(n: &N) -> bool {
    *n == N::default()
}

/// How many steps ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCounts {
    /// All steps of the plan.
    pub total: u32,
    /// Succeeded.
    pub succeeded: u32,
    /// Failed.
    pub failed: u32,
    /// Skipped.
    pub skipped: u32,
    /// Attempts beyond the first.
    pub retries: u32,
    /// Succeeded and was undone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub compensated: u32,
}

/// `run.completed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletedData {
    /// COMPLETED or FAILED.
    pub phase: RunPhase,
    /// How execution ended.
    pub outcome: Outcome,
    /// From the epoch's start, holds and down times included.
    pub duration_ms: u64,
    /// The steps.
    pub steps: StepCounts,
    /// The profile that was in force, in words: `STRICT without RAC`.
    pub profile: String,
    /// A domain was unavailable and the profile went on without it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub degraded: bool,
}

/// What an attempt used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct UsageData {
    /// User and system CPU time.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub cpu_ms: u64,
    /// Peak resident memory, in KiB.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub max_rss_kib: u64,
    /// Reported cost.
    #[serde(default, skip_serializing_if = "is_zero_f64")]
    pub cost_usd: f64,
    /// Reported energy.
    #[serde(default, skip_serializing_if = "is_zero_f64")]
    pub energy_kwh: f64,
    /// Reported tokens.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub tokens: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
const fn is_zero_u64(n: &u64) -> bool {
    *n == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_zero_f64(n: &f64) -> bool {
    n.abs() < f64::EPSILON
}

/// The list that a step is fanned out over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FanOutData {
    /// How many items it has: one child for each.
    pub items: u32,
    /// sha-256 of the list as compact JSON, hex.
    pub sha256: String,
    /// Children that succeeded in an earlier epoch and are kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub kept: u32,
}

/// `step.started`, where there is more to say than that it did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedData {
    /// The step is fanned out: its children do the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fan_out: Option<FanOutData>,
    /// The run that does the step's work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The sandbox of its processes: they run in all of it, or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxData>,
}

/// A sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxData {
    /// sha-256 of it as canonical JSON, hex.
    pub sha256: String,
    /// What it permits, in a line.
    pub permits: String,
    /// It was switched off for the run: the step has none.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub off: bool,
}

/// How the children of a fan-out ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildCounts {
    /// All of them.
    pub total: u32,
    /// Failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u32,
    /// Not run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u32,
}

/// How an attempt went: `step.succeeded` and `step.failed`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StepEndData {
    /// When the work truly began; absent when it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// How long it took.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub wall_ms: u64,
    /// What it used.
    #[serde(default, skip_serializing_if = "UsageData::is_empty")]
    pub usage: UsageData,
    /// The exit code of a process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// How long the other side asked to be left alone, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What a success hands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Arc<Value>>,
    /// How its children ended, where it is fanned out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children: Option<ChildCounts>,
    /// What a success hands on, where that is too large for a line: its JSON is
    /// in the store, and `outputs` is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs_ref: Option<ContentRef>,
    /// A failure that no retry follows.
    #[serde(default, rename = "final", skip_serializing_if = "core::ops::Not::not")]
    pub last: bool,
    /// An interrupted attempt that must not be repeated without a decision.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub undecided: bool,
    /// The size of the attempt's complete log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<u64>,
    /// The label of what a success came of; it stands beside `data`.
    #[serde(skip)]
    pub inputs_hash: Option<InputsHash>,
    /// sha-256 of the attempt's complete log, hex; absent where it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_sha256: Option<String>,
    /// Artifacts of other steps that were put back for it from the store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restored: Vec<String>,
    /// The digest of all that it came of, files included, hex; where the step
    /// names files that it reads, or may be cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs_sha256: Option<String>,
    /// Where the result was taken from instead of running the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<CachedData>,
    /// Why nothing could be taken from where something should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_note: Option<String>,
    /// Which agent did it, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Box<AgentData>>,
}

impl UsageData {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a step was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipCause {
    /// Its `if` is false.
    Condition,
    /// What it needs was skipped, without a failure behind it.
    DependencySkipped,
    /// What it needs failed, or was skipped because of a failure.
    DependencyFailed,
    /// A hard gate failed.
    HardGate,
    /// The run is being brought to an end.
    RunStopped,
    /// It is a failed hard gate that a person lets the run pass: what needs it
    /// goes on.
    Override,
    /// The step that it stands in for did not fail.
    FallbackNotNeeded,
}

impl SkipCause {
    /// Whether a failure is behind it.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::DependencyFailed | Self::HardGate | Self::RunStopped
        )
    }
}

/// `budget.exceeded`
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BudgetData {
    /// Of what too much was used.
    pub dimension: BudgetDimension,
    /// How much of it may be used, in the dimension's unit.
    #[serde(serialize_with = "amount")]
    pub limit: f64,
    /// How much was used.
    #[serde(serialize_with = "amount")]
    pub used: f64,
}

/// A whole amount as a whole number.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn amount<S: Serializer>(amount: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    /// Above that, a float has no place for every whole number.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    let whole = *amount as u64;
    if *amount < WHOLE && (whole as f64).to_bits() == amount.to_bits() {
        serializer.serialize_u64(whole)
    } else {
        serializer.serialize_f64(*amount)
    }
}

/// `run.rollback_started`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackData {
    /// The steps that are undone, in the order in which that is done.
    pub steps: Vec<StepId>,
    /// Steps that succeeded and have nothing that undoes them, in the order of
    /// the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nothing_to_undo: Vec<StepId>,
    /// Of `steps`: those that were undone by hand, as the one who asks says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<StepId>,
    /// Of `steps`: interrupted compensations that may run again although their
    /// steps are not idempotent, as the one who asks says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<StepId>,
}

/// `run.rolled_back`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBackData {
    /// Every step of the run that was undone, in any epoch, in that order.
    pub steps: Vec<StepId>,
}

/// `expectation.declared`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeclaredData {
    /// The duty: the expectation's id.
    pub id: Duty,
    /// When it is due.
    pub deadline: Deadline,
    /// Whether it is the run's sign of life.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub liveness: bool,
    /// What the domain should know.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub metadata: Value,
}

/// `ack.received`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AckData {
    /// The ack's id.
    pub id: AckId,
    /// The duty that is answered.
    pub duty: Duty,
    /// Done, not done, or undone.
    pub status: AckStatus,
    /// What was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_id: Option<String>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What kind of failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<AckErrorKind>,
    /// It came after the seal: kept, shown, changes no verdict.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub late: bool,
    /// The domain's record, which travels with its ack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<RawValue>>,
}

impl PartialEq for AckData {
    fn eq(&self, other: &Self) -> bool {
        let record = |data: &Self| {
            data.record
                .as_ref()
                .map(|raw| raw.get().as_bytes().to_vec())
        };
        (self.id, &self.duty, self.status, self.late)
            == (other.id, &other.duty, other.status, other.late)
            && (&self.result_id, &self.error, self.error_kind)
                == (&other.result_id, &other.error, other.error_kind)
            && record(self) == record(other)
    }
}

/// Which reconciliation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReconciliationStage {
    /// At the governance check.
    GovernanceCheck,
    /// The last one, before the terminal phase is entered.
    Final,
}

/// `audit.reconciled`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconciledData {
    /// Which reconciliation.
    pub stage: ReconciliationStage,
    /// The profile that judged it.
    pub profile: Profile,
    /// Whether the profile accepts it.
    pub acceptable: bool,
    /// A domain was unavailable and the profile goes on without it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub degraded: bool,
    /// The two sides compared.
    pub result: Reconciliation,
}

/// Which question was put to the policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyStage {
    /// May the run start?
    Authorize,
    /// May a person do this to the run?
    Action,
    /// May the run end like this?
    Complete,
    /// May a step's work begin, now that all of it is known?
    Step,
    /// May the run have used this much?
    Use,
}

impl PolicyStage {
    /// The word in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Action => "action",
            Self::Complete => "complete",
            Self::Step => "step",
            Self::Use => "use",
        }
    }
}

/// `policy.evaluated` and `policy.violated`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyData {
    /// Which question.
    pub stage: PolicyStage,
    /// The answer.
    pub allowed: bool,
    /// Whether a refusal has consequences under the profile.
    pub blocking: bool,
    /// Ids of the policies that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The action asked for, at stage `action`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The command that asked for it, at stage `action`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
    /// What was used too much of, at stage `use`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<BudgetDimension>,
}

/// `log.repaired`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairedData {
    /// Bytes of an unfinished decision that were dropped.
    pub dropped_bytes: u64,
    /// Whole lines among them.
    pub dropped_lines: u64,
}
