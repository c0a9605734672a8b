//! The transition table: the only source of what may follow what.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use rok_vocabulary::RunPhase;

/// What can happen to a run as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PhaseInput {
    /// Preflight passed and authorization was granted.
    Granted,
    /// Authorization was denied.
    Denied,
    /// Preflight found what would make the run fail for sure.
    PreflightFailed,
    /// A worker claimed the run.
    Claimed,
    /// The run was cancelled before a worker claimed it.
    CancelledUnclaimed,
    /// A fault of rok itself, or of what it stands on.
    SystemError,
    /// Execution is over, whatever its result.
    ExecutionOver,
    /// The log or the store is lost, or the run cannot be recovered.
    CriticalError,
    /// The reconciliation is acceptable under the profile.
    CheckPassed,
    /// Acks are missing or failed, or a policy forbids the outcome.
    CheckRefused,
    /// The result is committed and published, and execution had succeeded.
    Published,
    /// The result is committed and published, and execution had failed.
    PublishedFailure,
    /// Commit or publication failed, or the final reconciliation is refused.
    FinalizationFailed,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidTransition {
    /// The phase that is left.
    pub from: RunPhase,
    /// What happened.
    pub input: PhaseInput,
    /// The phase that is entered.
    pub to: RunPhase,
}

const fn row(from: RunPhase, input: PhaseInput, to: RunPhase) -> ValidTransition {
    ValidTransition { from, input, to }
}

/// Every transition that exists (run model, "Phases"; seed 000, "Transition
/// Rules"). Any other pair is a typed error.
pub const VALID_TRANSITIONS: &[ValidTransition] = {
    use PhaseInput as I;
    use RunPhase::{
        Authorized, Completed, Created, Executing, Failed, Finalizing, GovernanceCheck,
    };
    &[
        row(Created, I::Granted, Authorized),
        row(Created, I::Denied, Failed),
        row(Created, I::PreflightFailed, Failed),
        row(Created, I::CancelledUnclaimed, Failed),
        row(Created, I::SystemError, Failed),
        row(Authorized, I::Claimed, Executing),
        row(Authorized, I::CancelledUnclaimed, Failed),
        row(Authorized, I::SystemError, Failed),
        row(Executing, I::ExecutionOver, GovernanceCheck),
        row(Executing, I::CriticalError, Failed),
        row(GovernanceCheck, I::CheckPassed, Finalizing),
        row(GovernanceCheck, I::CheckRefused, Failed),
        row(GovernanceCheck, I::SystemError, Failed),
        row(Finalizing, I::Published, Completed),
        row(Finalizing, I::PublishedFailure, Failed),
        row(Finalizing, I::FinalizationFailed, Failed),
    ]
};

/// The phase that follows, or `None` where no transition exists.
#[must_use]
pub const fn next(from: RunPhase, input: PhaseInput) -> Option<RunPhase> {
    let mut i = 0;
    while i < VALID_TRANSITIONS.len() {
        let row = VALID_TRANSITIONS[i];
        if row.from as u8 == from as u8 && row.input as u8 == input as u8 {
            return Some(row.to);
        }
        i += 1;
    }
    None
}

impl PhaseInput {
    /// Every input, in declaration order.
    pub const ALL: &'static [Self] = &[
        Self::Granted,
        Self::Denied,
        Self::PreflightFailed,
        Self::Claimed,
        Self::CancelledUnclaimed,
        Self::SystemError,
        Self::ExecutionOver,
        Self::CriticalError,
        Self::CheckPassed,
        Self::CheckRefused,
        Self::Published,
        Self::PublishedFailure,
        Self::FinalizationFailed,
    ];

    /// The word as it stands in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::PreflightFailed => "preflight_failed",
            Self::Claimed => "claimed",
            Self::CancelledUnclaimed => "cancelled_unclaimed",
            Self::SystemError => "system_error",
            Self::ExecutionOver => "execution_over",
            Self::CriticalError => "critical_error",
            Self::CheckPassed => "check_passed",
            Self::CheckRefused => "check_refused",
            Self::Published => "published",
            Self::PublishedFailure => "published_failure",
            Self::FinalizationFailed => "finalization_failed",
        }
    }
}

impl fmt::Display for PhaseInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no phase input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown phase input `{word}`")]
pub struct UnknownInput {
    /// The word that was met.
    pub word: String,
}

impl FromStr for PhaseInput {
    type Err = UnknownInput;
    fn from_str(word: &str) -> Result<Self, UnknownInput> {
        Self::ALL
            .iter()
            .copied()
            .find(|input| input.as_str() == word)
            .ok_or_else(|| UnknownInput { word: word.into() })
    }
}
