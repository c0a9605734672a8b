//! What settings are resolved from. The process's environment is read here and
//! nowhere else, so that a test can stand in for it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// What settings are resolved from: flags, environment, current folder.
#[derive(Clone, Default)]
pub struct Inputs {
    pub(crate) cwd: PathBuf,
    pub(crate) config: Option<PathBuf>,
    pub(crate) env: BTreeMap<String, OsString>,
    pub(crate) flags: Vec<Given>,
    pub(crate) os_user: bool,
}

/// A value that a flag gives.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) flag: String,
}

impl fmt::Debug for Inputs {
    /// Names only: the environment holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs")
            .field("cwd", &self.cwd)
            .field("config", &self.config)
            .field("env", &self.env.keys())
            .finish_non_exhaustive()
    }
}

impl Inputs {
    /// Nothing set, in a folder; the operating system's user is not asked.
    pub fn empty(cwd: impl Into<PathBuf>) -> Self {
        Self {
            cwd: cwd.into(),
            ..Self::default()
        }
    }

    /// This process's environment and current folder.
    pub fn of_process() -> std::io::Result<Self> {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        Ok(Self {
            cwd: std::env::current_dir()?,
            env,
            os_user: true,
            ..Self::default()
        })
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a key by a flag, named as the person wrote it.
    #[must_use]
    pub fn flag(mut self, key: &str, value: impl Into<String>, flag: &str) -> Self {
        self.flags.push(Given {
            key: key.to_owned(),
            value: value.into(),
            flag: flag.to_owned(),
        });
        self
    }

    /// Names the project's settings file; it must exist.
    #[must_use]
    pub fn config(mut self, path: impl Into<PathBuf>) -> Self {
        self.config = Some(path.into());
        self
    }

    /// The current folder.
    #[must_use]
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    pub(crate) fn var(&self, name: &str) -> Option<String> {
        self.env
            .get(name)
            .map(|value| value.to_string_lossy().into_owned())
    }
}
