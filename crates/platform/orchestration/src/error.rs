//! What can go wrong with an orchestrated run as a whole.

use alloc::string::String;
use core::fmt;

/// What went wrong, and how to mend it. Holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trouble {
    /// The code of its page: `ROK0220`.
    pub code: &'static str,
    /// What, and where.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Whether it may go well another time with nothing changed.
    pub transient: bool,
}

impl Trouble {
    /// A trouble with its page.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
            transient: false,
        }
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What went wrong with an orchestrated run as a whole. It becomes a report
/// with its exit code, never a panic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrchestratorError {
    /// The work could not be carried out: the store, the operating system, a
    /// run that somebody else drives.
    #[error("{0}")]
    Execution(Trouble),
    /// It took longer than it may.
    #[error("{0}")]
    Timeout(Trouble),
    /// The request, or a setting, makes no sense; an unknown stage too.
    #[error("{0}")]
    Config(Trouble),
    /// A component cannot be resolved: unknown, invalid, not as locked.
    #[error("{0}")]
    Registry(Trouble),
    /// A record is not what it claims to be.
    #[error("{0}")]
    Protocol(Trouble),
    /// A policy or the sandbox forbids it.
    #[error("{0}")]
    Sandbox(Trouble),
}

impl OrchestratorError {
    /// What went wrong, and how to mend it.
    #[must_use]
    pub const fn trouble(&self) -> &Trouble {
        match self {
            Self::Execution(trouble)
            | Self::Timeout(trouble)
            | Self::Config(trouble)
            | Self::Registry(trouble)
            | Self::Protocol(trouble)
            | Self::Sandbox(trouble) => trouble,
        }
    }

    /// Whether the same may go well another time with nothing changed.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Execution(trouble) => trouble.transient,
            Self::Timeout(_) => true,
            Self::Config(_) | Self::Registry(_) | Self::Protocol(_) | Self::Sandbox(_) => false,
        }
    }

    /// The exit code of a program that ends with it.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Execution(_) | Self::Timeout(_) => 1,
            Self::Config(_) => 2,
            Self::Registry(_) => 3,
            Self::Protocol(_) => 4,
            Self::Sandbox(_) => 5,
        }
    }

    /// Its kind in a word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Execution(_) => "execution",
            Self::Timeout(_) => "timeout",
            Self::Config(_) => "config",
            Self::Registry(_) => "registry",
            Self::Protocol(_) => "protocol",
            Self::Sandbox(_) => "sandbox",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OrchestratorError::{self, Config, Execution, Protocol, Registry, Sandbox, Timeout};
    use super::Trouble;
    use rstest::rstest;

    // Seed 003's table of exit codes.
    #[rstest]
    #[case(Execution, "execution", 1, false)]
    #[case(Timeout, "timeout", 1, true)]
    #[case(Config, "config", 2, false)]
    #[case(Registry, "registry", 3, false)]
    #[case(Protocol, "protocol", 4, false)]
    #[case(Sandbox, "sandbox", 5, false)]
    fn codes(
        #[case] variant: fn(Trouble) -> OrchestratorError,
        #[case] kind: &str,
        #[case] code: u8,
        #[case] retryable: bool,
    ) {
        let error = variant(Trouble::new("ROK0220", "m").help("h"));
        assert_eq!(error.kind(), kind);
        assert_eq!(error.exit_code(), code);
        assert_eq!(error.is_retryable(), retryable);
        assert_eq!(error.trouble().help.as_deref(), Some("h"));
    }

    #[test]
    fn only_what_passes_by_itself_may_be_tried_again() {
        let busy = Trouble {
            transient: true,
            ..Trouble::new("ROK0103", "another process drives it")
        };
        assert!(Execution(busy.clone()).is_retryable());
        assert!(!Config(busy).is_retryable());
    }
}
