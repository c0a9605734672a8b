//! Settings as the composition root takes them, and where each came from.

use crate::keys::KeySpec;
use crate::value::{Hidden, Value};
use rok_log::Durability;
use rok_vocabulary::{Actor, Profile, SandboxMode};
use serde::{Serialize, Serializer};
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The project's settings file, absolute, whether or not it is there.
    pub project_file: PathBuf,
    /// How strictly the audit contract is enforced.
    pub profile: Profile,
    /// Whether lifecycle governance is on.
    pub enabled: bool,
    /// Whether the audit contract is on.
    pub rac_enabled: bool,
    /// How long the governance check waits.
    pub governance_timeout: Duration,
    /// Deadline of `finalize_run` for a plan without `max_duration`.
    pub default_run_timeout: Duration,
    /// Added to that deadline.
    pub grace_period: Duration,
    /// The folder of run folders, absolute.
    pub dir: PathBuf,
    /// What is durable before a step starts.
    pub durability: Durability,
    /// Policy files or folders, absolute.
    pub policies: Vec<PathBuf>,
    /// Files of policies that are injected into new runs, absolute.
    pub execution_policies: Vec<PathBuf>,
    /// Which processes run in a sandbox.
    pub sandbox: SandboxMode,
    /// Processes at once; `None`: the CPUs.
    pub max_processes: Option<NonZeroU32>,
    /// Who acts.
    pub user: String,
    /// That user's roles.
    pub roles: Vec<String>,
    /// The SQLite file that holds the runs, absolute; `None`: run folders.
    pub store: Option<PathBuf>,
    /// Threads that drive the runs of a database; `None`: the CPUs.
    pub shards: Option<NonZeroU32>,
    /// Runs of a database that are in memory at once.
    pub in_flight: NonZeroU32,
    /// How long a run of a database stays with a server that says nothing.
    pub lease: Duration,
    /// The server whose runs are meant; `None`: those in `dir`.
    pub server: Option<String>,
    /// The token that is shown to it.
    pub token: Option<Hidden>,
    /// How long it, or a server of the registry, may take to answer.
    pub server_timeout: Duration,
    /// Policy files or folders of access to a server, absolute.
    pub access_policies: Vec<PathBuf>,
    /// The file of a server's tokens, absolute; `None`: in `dir`.
    pub tokens: Option<PathBuf>,
    /// Hosts that http steps may reach.
    pub egress_allow: Vec<String>,
    /// Hosts that http steps may never reach.
    pub egress_deny: Vec<String>,
    /// The service map, absolute; `None`: the built-in services alone.
    pub services: Option<PathBuf>,
    /// The agents' file, absolute; `None`: only agents of this process.
    pub agents: Option<PathBuf>,
    /// The rules of synthesis, absolute; `None`: the built-in ones.
    pub synthesis_rules: Option<PathBuf>,
    /// The key that attests each sealed run, if there is one.
    pub signing_key: Option<SigningKeySource>,
    /// The key that signs webhooks, if there is one.
    pub webhook_secret: Option<Hidden>,
    /// What sends mail, if anything does.
    pub mail: Option<MailSettings>,
    /// What this host offers to components, besides what rok can tell itself.
    pub capabilities: Vec<String>,
    /// Where components are.
    pub registry: RegistrySettings,
}

/// What sends mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// The server's address.
    pub server: String,
    /// The sender.
    pub from: String,
    /// Who logs in, and where the password is.
    pub login: Option<(String, PasswordSource)>,
}

/// Where a password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// The password itself.
    Text(Hidden),
    /// A file, absolute.
    File(PathBuf),
    /// A command that prints it: a program and its arguments.
    Command(Vec<String>),
}

/// Where components are, and how they are kept from failing on and on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrySettings {
    /// Folders and servers.
    pub roots: Vec<RegistryRoot>,
    /// Whether somebody named them: a folder that is named must be there.
    pub roots_named: bool,
    /// The token that is shown to the servers.
    pub token: Option<Hidden>,
    /// The folder that paths are told from.
    pub seen_from: PathBuf,
    /// The lock, absolute.
    pub lock: PathBuf,
    /// Whether somebody named it: a lock that is named must be there.
    pub lock_named: bool,
    /// Transient failures in a row that open a breaker.
    pub breaker_failures: NonZeroU32,
    /// How long it is open at first.
    pub breaker_cool_down: Duration,
}

/// Where components are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryRoot {
    /// A folder, absolute.
    Folder(PathBuf),
    /// The address of a server.
    Server(String),
}

/// Where the key is that attests each sealed run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningKeySource {
    /// The key itself, PEM.
    Pem(Hidden),
    /// A file, absolute.
    File(PathBuf),
}

impl Settings {
    /// The file of a server's tokens.
    #[must_use]
    pub fn tokens_file(&self) -> PathBuf {
        let own = || self.dir.join(".tokens.json");
        self.tokens.clone().unwrap_or_else(own)
    }

    /// Where what the runs of a database write is: beside it. `None`: run
    /// folders hold all of a run.
    #[must_use]
    pub fn files_of_store(&self) -> Option<PathBuf> {
        let mut files = self.store.as_ref()?.as_os_str().to_owned();
        files.push(".files");
        Some(files.into())
    }

    /// Who acts, as events name it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::User(self.user.as_str().into())
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The key table, or the machine.
    Default,
    /// A file, the user's or the project's, and the line in it.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Env(&'static str),
    /// A flag.
    Flag(String),
}

impl Source {
    /// Whether somebody set it.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        *self != Self::Default
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => write!(f, "environment, {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A setting, its value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The key.
    pub key: &'static str,
    /// The value; `None`: left to the machine.
    pub value: Option<Value>,
    /// Where it came from.
    pub source: Source,
    /// The variable that sets it.
    pub env: &'static str,
    /// What it does.
    pub doc: &'static str,
}

impl Entry {
    pub(crate) fn new(spec: &KeySpec, value: Option<Value>, source: Source) -> Self {
        Self {
            key: spec.key,
            value,
            source,
            env: spec.env,
            doc: spec.doc,
        }
    }
}

/// Settings and their sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The settings in force.
    pub settings: Settings,
    /// Every setting in the table's order.
    pub entries: Vec<Entry>,
}

impl Resolved {
    /// The entry of a key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}
