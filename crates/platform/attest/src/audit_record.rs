//! The audit record of a run as a predicate: what it owed, what was
//! acknowledged, who decided what, and which log says so.
//!
//! Everything in it is computed from the log, so that whoever has the log can
//! compute it again and compare. The shape belongs to the predicate's type: a
//! change of it is a new type, or older attestations could not be compared.

use rok_vocabulary::{
    AckErrorKind, AckStatus, Disposition, Epoch, ErrorClass, ExpectationStatus, Outcome, PlanId,
    RunId, RunPhase, Seq, StepState, Timestamp,
};
use serde::Serialize;
use serde_json::Value;

/// The predicate's type.
pub const AUDIT_RECORD: &str = "https://rok.dev/attestation/audit-record/v1";

/// The audit record of a run, over all its epochs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditRecord {
    /// The run.
    pub run_id: RunId,
    /// Its plan.
    pub plan: PlanRecord,
    /// The profile in force, in words: `STRICT without RAC`.
    pub profile: String,
    /// The rok version that created the run.
    pub engine: String,
    /// sha-256 of the policy files in force; absent for rok's own policies alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_files: Option<String>,
    /// Who submitted it.
    pub submitter: String,
    /// Why it was submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The current epoch.
    pub epoch: Epoch,
    /// The phase that it ended in.
    pub phase: RunPhase,
    /// How execution ended.
    pub outcome: Outcome,
    /// What became of it after it failed: `none` or `rolled_back`.
    pub disposition: Disposition,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_class: Option<ErrorClass>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The log that says all this.
    pub log: LogRecord,
    /// What each epoch owed and what was acknowledged.
    pub epochs: Vec<EpochRecord>,
    /// How each step stands.
    pub steps: Vec<StepRecord>,
    /// Decisions that let a step pass, stopped it, ended the run or began an epoch.
    pub approvals: Vec<Value>,
    /// What was overridden, and who answers for it.
    pub overrides: Vec<Value>,
    /// What was undone, and by whose word.
    pub rollbacks: Vec<Value>,
    /// What policies were asked and said.
    pub policies: Vec<Value>,
    /// What the steps made.
    pub artifacts: Vec<ArtifactRecord>,
}

/// Which plan was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanRecord {
    /// Its id.
    pub id: PlanId,
    /// The author's version number.
    pub version: u64,
    /// sha-256 of its canonical bytes.
    pub sha256: String,
}

/// Which log says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogRecord {
    /// How many lines.
    pub lines: u64,
    /// The seq of the last one.
    pub seq: Seq,
    /// The chain's hash up to and including it.
    pub head: String,
    /// sha-256 of those lines as a file.
    pub sha256: String,
}

/// How an epoch was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SealRecord {
    /// The seq of `run.sealed`.
    pub seq: Seq,
    /// The chain's hash up to and including it.
    pub head: String,
    /// When.
    pub at: Timestamp,
}

/// What an epoch owed and what was acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpochRecord {
    /// Which epoch.
    pub epoch: Epoch,
    /// The phase that it ended in.
    pub phase: RunPhase,
    /// How execution ended.
    pub outcome: Outcome,
    /// A domain was unavailable and the profile went on without it.
    pub degraded: bool,
    /// How it was closed.
    pub sealed: SealRecord,
    /// The duties.
    pub expectations: Vec<ExpectationRecord>,
    /// The answers.
    pub acks: Vec<AckRecord>,
    /// The two sides compared, as the log's last reconciliation of the epoch
    /// says; null where the audit contract was off.
    pub reconciliation: Value,
}

/// A duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectationRecord {
    /// `domain/action[/key]`.
    pub id: String,
    /// What became of it.
    pub status: ExpectationStatus,
    /// Whether it is the run's sign of life.
    pub liveness: bool,
    /// When it was declared.
    pub created_at: Timestamp,
    /// When it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acked_at: Option<Timestamp>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AckRecord {
    /// Its id.
    pub id: String,
    /// The duty that it answers.
    pub duty: String,
    /// Done, not done, or undone.
    pub status: AckStatus,
    /// What was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_id: Option<String>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What kind of failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<AckErrorKind>,
    /// It came after the seal and changed no verdict.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// When it came.
    pub at: Timestamp,
}

/// How a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepRecord {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: StepState,
    /// The last attempt, 0-based.
    pub attempt: u32,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_class: Option<ErrorClass>,
    /// Why it failed or was skipped, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a step made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArtifactRecord {
    pub step: String,
    pub path: String,
    pub sha256: String,
    pub bytes: u64,
}

impl From<&AuditRecord> for Value {
    fn from(record: &AuditRecord) -> Self {
        serde_json::to_value(record).expect("a record holds words, numbers and JSON only")
    }
}
