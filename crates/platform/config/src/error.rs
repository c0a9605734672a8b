//! What can be wrong with settings.

use crate::nearest::did_you_mean;
use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// A key that no setting has.
    #[error("{place}: unknown setting `{key}`{}", did_you_mean(*.nearest))]
    UnknownKey {
        /// The file and line, or the flag.
        place: String,
        /// The key.
        key: String,
        /// The setting that may be meant.
        nearest: Option<&'static str>,
    },
    /// A variable that is no setting and looks like a misspelt one.
    #[error("environment: unknown variable {name} (did you mean {nearest}?)")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The variable that may be meant.
        nearest: &'static str,
    },
    /// A value that is none of its kind.
    #[error("{place}: {what}")]
    BadValue {
        /// The file and line, the variable or the flag.
        place: String,
        /// The key.
        key: &'static str,
        /// What is wrong, and what is right.
        what: String,
    },
    /// One flag, two values.
    #[error("{place}: `{key}` is set twice by flags")]
    Twice {
        /// The second flag.
        place: String,
        /// The key.
        key: &'static str,
    },
    /// A file that is not TOML.
    #[error("{}:{line}: {what}", .file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A file that cannot be read.
    #[error("{}: cannot read the settings: {why}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        why: String,
    },
    /// Settings that cannot both hold.
    #[error("{what}")]
    Contradiction {
        /// Which, where they are set, and why not.
        what: String,
    },
    /// Nobody knows who acts.
    #[error("the operating system does not name its user: set ROK_USER")]
    NoUser,
}

/// Everything that is wrong with the settings; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The faults, files first, then variables, flags, contradictions.
    pub faults: Vec<ConfigFault>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
