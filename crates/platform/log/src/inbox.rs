//! Commands and answers.

use rok_vocabulary::{Actor, CommandId, RunId, Seq, StepId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandKind {
    /// Let a manual gate pass.
    Approve,
    /// Let a manual gate fail.
    Reject,
    /// End the run.
    Cancel,
    /// Start nothing new until the run is unpaused.
    Pause,
    /// Go on.
    Unpause,
    /// Let the next epoch pass a failed hard gate.
    Override,
}

impl CommandKind {
    /// The kind's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Override => "override",
        }
    }

    /// Whether a command of this kind names a step.
    pub const fn names_a_step(self) -> bool {
        match self {
            Self::Approve | Self::Reject | Self::Override => true,
            Self::Cancel | Self::Pause | Self::Unpause => false,
        }
    }
}

impl fmt::Display for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The longest reason of a command, in bytes: a few paragraphs. What is longer
/// belongs into a document that the reason names.
pub const REASON_MAX: usize = 8 * 1024;

/// A command that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The kind needs a step and none is named.
    #[error("a command to {kind} must name a step")]
    StepMissing {
        /// The command's kind.
        kind: CommandKind,
    },
    /// The reason is longer than [`REASON_MAX`].
    #[error("the reason is {bytes} bytes long, and the limit is {REASON_MAX}")]
    ReasonTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A step is named and the kind knows none.
    #[error("a command to {kind} is about the whole run and names step `{step}`")]
    StepUnexpected {
        /// The command's kind.
        kind: CommandKind,
        /// The step that was named.
        step: StepId,
    },
}

/// What someone asks of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The command's id, made by whoever asks.
    pub id: CommandId,
    /// What is asked for.
    pub kind: CommandKind,
    /// The step that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asks.
    pub actor: Actor,
    /// The asker's roles, as the asker's side knows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// When.
    pub at: Timestamp,
}

impl Command {
    /// Whether the command names a step exactly when its kind asks for one, and
    /// its reason is no book.
    pub fn check(&self) -> Result<(), CommandError> {
        let bytes = self.reason.as_ref().map_or(0, String::len);
        if bytes > REASON_MAX {
            return Err(CommandError::ReasonTooLong { bytes });
        }
        match (&self.step, self.kind.names_a_step()) {
            (None, true) => Err(CommandError::StepMissing { kind: self.kind }),
            (Some(step), false) => Err(CommandError::StepUnexpected {
                kind: self.kind,
                step: step.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The order in which commands are taken: by time, then by id.
    pub fn order(&self) -> (Timestamp, &CommandId) {
        (self.at, &self.id)
    }
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is in the log.
    Accepted,
    /// It was refused; the answer says why.
    Refused,
    /// It came too late to change anything.
    Absorbed,
}

/// The owner's answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What became of it.
    pub verdict: Verdict,
    /// Why, unless it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The event that carries the command's id, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
}

impl Answer {
    /// It is in the log, in event `seq`.
    pub const fn accepted(seq: Seq) -> Self {
        Self {
            verdict: Verdict::Accepted,
            reason: None,
            seq: Some(seq),
        }
    }

    /// It was refused.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Refused,
            reason: Some(reason.into()),
            seq: None,
        }
    }

    /// It came too late.
    pub fn absorbed(reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Absorbed,
            reason: Some(reason.into()),
            seq: None,
        }
    }

    /// The answer to a command of `run` in words for people.
    pub fn describe(&self, run: &RunId) -> String {
        let reason = self.reason.as_deref().unwrap_or("no reason was given");
        match self.verdict {
            Verdict::Accepted => format!("run {run} took the command"),
            Verdict::Refused => format!("run {run} refused the command: {reason}"),
            Verdict::Absorbed => format!("run {run} had no use for the command: {reason}"),
        }
    }
}
