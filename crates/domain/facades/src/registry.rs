//! The door to the registry of components: what may be asked of it, and plain
//! records of what it answers. Their JSON is the documented JSON.

mod views;

pub use views::{
    AddedComponent, BreakerView, ComponentView, DriftView, LockReport, LockedAs, RegistryReport,
    RegistryTrouble, RemovedComponent,
};

use crate::runs::{ErrorKind, RunsError};
use rok_chain::Digest;
use rok_component::{Admission, Component, NamePattern, Outcome, Selector};
use rok_plan::PlanErrors;
use rok_vocabulary::{ComponentName, RunId, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;

/// A refusal of the registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It refuses.
    #[error("{}", .0.message)]
    Refused(RunsError),
    /// Manifests have faults: of each file all that could be found.
    #[error("{}", told(.0))]
    Manifests(Vec<PlanErrors>),
}

fn told(files: &[PlanErrors]) -> String {
    let files: Vec<String> = files.iter().map(ToString::to_string).collect();
    files.join("\n")
}

impl RegistryError {
    /// The kind of fault: what a registry cannot resolve is exit 3.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(error) => error.kind,
            Self::Manifests(_) => ErrorKind::NotFound,
        }
    }

    /// The code of its page.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.code,
            Self::Manifests(_) => "ROK0231",
        }
    }
}

impl From<RunsError> for RegistryError {
    fn from(error: RunsError) -> Self {
        Self::Refused(error)
    }
}

/// What is to be run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryQuery {
    /// Which components.
    pub selector: Selector,
    /// Whether drafts may run.
    pub allow_draft: bool,
}

/// Components that may run together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// What was selected and what it requires: each after what it requires,
    /// else by name. One version of each name.
    pub components: Vec<FoundComponent>,
    /// What was not selected, and why.
    pub left: Vec<LeftOut>,
}

/// A component that may run.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundComponent {
    /// The component.
    pub component: Arc<Component>,
    /// Where its manifest is: a path or an address.
    pub source: String,
    /// The warning of a deprecated one.
    pub deprecation: Option<String>,
    /// It was not selected itself: another one requires it.
    pub pulled_in: bool,
    /// The names that it requires.
    pub requires: Vec<ComponentName>,
}

/// A component that is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name and version.
    pub component: String,
    /// Why.
    pub why: String,
}

/// A manifest to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its name for messages: its path as given.
    pub name: String,
    /// Its path, absolute.
    pub path: PathBuf,
}

/// Who asks whether a component may be started.
pub struct Asker<'a> {
    /// The run that it would be a step of.
    pub run: &'a RunId,
    /// Whether another run, which tries the component out since then, is over
    /// or nobody drives it: it makes room at once.
    pub is_gone: &'a dyn Fn(&RunId, Timestamp) -> bool,
}

/// What the registry can do. Synchronous. What is asked is answered from what
/// the roots hold at that time; nothing is kept in memory.
pub trait RegistryEngine: Send + Sync {
    /// What a query comes to, requirements resolved, lock held. Refused whole
    /// where a manifest has faults, a requirement is not met, a component
    /// differs from its lock, or an exact name comes to nothing.
    fn find(&self, query: &RegistryQuery) -> Result<Found, RegistryError>;

    /// The latest component of a name that may run; a deprecated one counts as
    /// named.
    fn get(&self, name: &NamePattern, allow_draft: bool) -> Result<FoundComponent, RegistryError>;

    /// Every component that is meant, whatever it may do, by name and version.
    fn list(&self, selector: &Selector) -> Result<Vec<ComponentView>, RegistryError>;

    /// All about one component: the latest version that is meant.
    fn inspect(&self, name: &NamePattern) -> Result<ComponentView, RegistryError>;

    /// The manifest with this fingerprint, as it is written.
    fn content(&self, fingerprint: Digest) -> Result<Vec<u8>, RegistryError>;

    /// Adds a component to the first root that is a folder; `replace`: in the
    /// place of the one with its name and version.
    fn add(&self, file: &ManifestFile, replace: bool) -> Result<AddedComponent, RegistryError>;

    /// Removes a component, unless another one requires it.
    fn remove(&self, name: &NamePattern) -> Result<RemovedComponent, RegistryError>;

    /// Looks at everything: manifests, duplicates, requirements, the lock.
    fn validate(&self) -> Result<RegistryReport, RegistryError>;

    /// Holds the registry to what it is now.
    fn lock(&self) -> Result<LockReport, RegistryError>;

    /// Asks whether a component may be started, before each attempt. Whoever
    /// is let in records what came of it.
    fn admit(&self, component: &Component, who: &Asker<'_>) -> Result<Admission, RegistryError>;

    /// Takes in what came of an attempt.
    fn record(&self, component: &Component, outcome: Outcome)
    -> Result<BreakerView, RegistryError>;

    /// Closes a component's breaker.
    fn reset(&self, name: &ComponentName) -> Result<BreakerView, RegistryError>;
}

/// The only door to the registry.
#[derive(Clone)]
pub struct RegistryFacade {
    engine: Arc<dyn RegistryEngine>,
}

impl RegistryFacade {
    /// A facade over an engine.
    pub fn new(engine: Arc<dyn RegistryEngine>) -> Self {
        Self { engine }
    }
}

impl std::ops::Deref for RegistryFacade {
    type Target = dyn RegistryEngine;

    fn deref(&self) -> &Self::Target {
        &*self.engine
    }
}

impl std::fmt::Debug for RegistryFacade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryFacade").finish_non_exhaustive()
    }
}
