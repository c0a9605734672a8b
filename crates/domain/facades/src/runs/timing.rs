//! When what happened in a run, as the layers above see it.

use rok_vocabulary::{Epoch, RunId, StepState, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When what happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunTiming {
    /// The run.
    pub run_id: RunId,
    /// When it was created.
    pub from: Timestamp,
    /// Its last event; where it is sealed, that of the seal.
    pub until: Timestamp,
    /// Whether it goes on.
    pub open: bool,
    /// The steps, in declaration order; those that the run made come after.
    pub steps: Vec<StepTiming>,
    /// When the whole run stood still.
    pub pauses: Vec<PauseSpan>,
    /// When each epoch began and ended.
    pub epochs: Vec<EpochSpan>,
    /// When what had succeeded was undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollbacks: Vec<RollbackSpan>,
    /// The steps whose ends made the run end when it did, first to last.
    pub critical_path: Vec<String>,
}

/// What a step did and waited for, over all epochs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepTiming {
    /// The step.
    pub id: String,
    /// Its attempts, in order.
    pub attempts: Vec<AttemptSpan>,
    /// What it waited for, in order.
    pub waits: Vec<WaitSpan>,
    /// The attempts at undoing it, in order: `compensated` or failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compensations: Vec<AttemptSpan>,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptSpan {
    /// The epoch.
    pub epoch: Epoch,
    /// Which attempt, 0-based.
    pub attempt: u32,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; absent while it runs.
    pub until: Option<Timestamp>,
    /// How it went: running, succeeded or failed.
    pub state: StepState,
    /// Why it failed.
    pub reason: Option<String>,
    /// What it used, once it is over and as far as its executor can tell.
    pub usage: Option<AttemptUsage>,
}

/// What an attempt used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptUsage {
    /// From its true start to its end.
    pub wall_ms: u64,
    /// User and system CPU time, of its children too.
    pub cpu_ms: u64,
    /// Peak resident memory of its largest process; 0 where it is not known, as
    /// that of a process that stays below rok's own.
    pub max_rss_kib: u64,
}

/// A time in which a step did nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitSpan {
    /// Why.
    pub why: WaitReason,
    /// Since when.
    pub from: Timestamp,
    /// Until when; absent while it waits.
    pub until: Option<Timestamp>,
}

/// Why a step did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// It could have started: others had its place.
    Queue,
    /// A person had to decide.
    Decision,
    /// The delay before its next attempt.
    Retry,
}

/// A time in which the whole run stood still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PauseSpan {
    /// Why: a hold's reason, `no_owner`, or `closed` between two epochs.
    pub why: String,
    /// Since when.
    pub from: Timestamp,
    /// Until when; absent while it stands.
    pub until: Option<Timestamp>,
}

/// A rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackSpan {
    /// The epoch.
    pub epoch: Epoch,
    /// When it began.
    pub from: Timestamp,
    /// When its last compensation ended; absent while it goes on.
    pub until: Option<Timestamp>,
    /// Whether everything that could be undone is.
    pub complete: bool,
}

/// An epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EpochSpan {
    pub epoch: Epoch,
    pub from: Timestamp,
    pub until: Option<Timestamp>,
}

/// How much of the steps' output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailQuery {
    /// The last so many lines of a step that did not fail.
    pub lines: usize,
    /// The last so many lines of a step that failed.
    pub failed_lines: usize,
    /// So many bytes of each step at most, from the end.
    pub max_bytes: u64,
    /// So many bytes in all: failed steps come first, then the last that ran.
    pub total_bytes: u64,
}

/// The end of a step's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogTail {
    /// The step.
    pub step: String,
    /// The attempt.
    pub attempt: u32,
    /// The last lines; what is no UTF-8 is replaced.
    pub text: String,
    /// Whether more stands before.
    pub cut: bool,
}
