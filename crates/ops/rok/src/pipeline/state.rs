//! Where a run stands, in the words of seed 004. A view: it is computed from
//! the phase and never stored.

use rok_facades::runs::{ErrorKind, RunsError};
use std::fmt;
use std::str::FromStr;

/// A run's state as a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PipelineState {
    /// It exists.
    Created,
    /// Preflight passed and it may start.
    PreflightValidated,
    /// Steps run, or what they left is being checked.
    Executing,
    /// It waits for a person.
    Blocked,
    /// It is closed and every duty is reconciled.
    Succeeded,
    /// It is closed and every duty is reconciled, but some of its work failed:
    /// no success.
    Partial,
    /// It is closed and did not succeed.
    Failed,
    /// It failed and what it had done was undone.
    RolledBack,
}

impl PipelineState {
    const ALL: [Self; 8] = [
        Self::Created,
        Self::PreflightValidated,
        Self::Executing,
        Self::Blocked,
        Self::Succeeded,
        Self::Partial,
        Self::Failed,
        Self::RolledBack,
    ];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::PreflightValidated => "preflight_validated",
            Self::Executing => "executing",
            Self::Blocked => "blocked",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
        }
    }

    /// Whether the run is closed.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Partial | Self::Failed | Self::RolledBack
        )
    }
}

impl fmt::Display for PipelineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PipelineState {
    type Err = RunsError;

    /// An unknown word is refused: nobody may act on a state that is not one.
    fn from_str(word: &str) -> Result<Self, RunsError> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == word);
        known.ok_or_else(|| {
            let message = format!("`{word}` is no state of a pipeline");
            RunsError::new(ErrorKind::Protocol, "ROK0105", message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for state in PipelineState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        let refused = "paused".parse::<PipelineState>().unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Protocol);
    }
}
