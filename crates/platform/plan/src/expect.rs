//! What a plan expects on top of the standard duties: only what somebody here
//! can acknowledge, because a run could never complete otherwise.

use alloc::string::String;

/// An obligation on top of the standard ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// Who owes what.
    pub what: Expected,
    /// Which one: an artifact's path, or a step.
    pub key: String,
}

/// What can be expected, and is acknowledged when it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expected {
    /// `artifacts/emit`: an artifact of that path was made, and hashed.
    Artifact,
    /// `steps/succeed`: that step succeeded.
    Step,
}

impl Expected {
    /// All that can be expected.
    pub const ALL: &'static [Self] = &[Self::Artifact, Self::Step];

    /// The domain that owes it.
    #[must_use]
    pub const fn domain(self) -> &'static str {
        match self {
            Self::Artifact => "artifacts",
            Self::Step => "steps",
        }
    }

    /// What it owes.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::Artifact => "emit",
            Self::Step => "succeed",
        }
    }

    /// The one of that domain and action.
    #[must_use]
    pub fn find(domain: &str, action: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|one| one.domain() == domain && one.action() == action)
    }
}
