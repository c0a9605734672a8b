//! How components are carried out.

use core::fmt;
use core::str::FromStr;
use rok_vocabulary::UnknownWord;
use serde::{Deserialize, Serialize};

/// How components are carried out. Where they are is another axis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ExecutionMode {
    /// One at a time.
    #[default]
    Sync,
    /// As many at once as there are places.
    Async,
    /// Tells what would run and why, and changes nothing.
    DryRun,
    /// One at a time, no retries; what each took and used.
    Profile,
    /// Executes a recorded run anew from a step on, with recorded results for
    /// what comes before.
    Replay,
}

impl ExecutionMode {
    /// Every mode.
    pub const ALL: &'static [Self] = &[
        Self::Sync,
        Self::Async,
        Self::DryRun,
        Self::Profile,
        Self::Replay,
    ];

    /// The word of every mode.
    pub const WORDS: &'static [&'static str] = &["sync", "async", "dry-run", "profile", "replay"];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
            Self::DryRun => "dry-run",
            Self::Profile => "profile",
            Self::Replay => "replay",
        }
    }

    /// Whether what fails may be tried again.
    #[must_use]
    pub const fn retries(self) -> bool {
        matches!(self, Self::Sync | Self::Async | Self::Replay)
    }

    /// Whether several may run at once.
    #[must_use]
    pub const fn is_concurrent(self) -> bool {
        matches!(self, Self::Async | Self::Replay)
    }
}

impl fmt::Display for ExecutionMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ExecutionMode {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let known = Self::ALL.iter().find(|mode| mode.as_str() == word);
        known.copied().ok_or_else(|| UnknownWord {
            what: "mode",
            word: word.into(),
            known: Self::WORDS,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ExecutionMode::{self, Async, DryRun, Profile, Replay, Sync};
    use rstest::rstest;

    // Seed 003's table of modes.
    #[rstest]
    #[case(Sync, "sync", true, false)]
    #[case(Async, "async", true, true)]
    #[case(DryRun, "dry-run", false, false)]
    #[case(Profile, "profile", false, false)]
    #[case(Replay, "replay", true, true)]
    fn who_retries_and_who_runs_several(
        #[case] mode: ExecutionMode,
        #[case] word: &str,
        #[case] retries: bool,
        #[case] concurrent: bool,
    ) {
        assert_eq!(word.parse(), Ok(mode));
        assert_eq!(serde_json::to_value(mode).unwrap(), word);
        assert_eq!(mode.retries(), retries);
        assert_eq!(mode.is_concurrent(), concurrent);
    }

    #[test]
    fn an_unknown_mode_is_refused() {
        let error = "turbo".parse::<ExecutionMode>().unwrap_err();
        assert_eq!(error.known, ExecutionMode::WORDS);
        assert_eq!(
            ExecutionMode::ALL.len(),
            ExecutionMode::WORDS.len(),
            "the two tables go together"
        );
    }
}
