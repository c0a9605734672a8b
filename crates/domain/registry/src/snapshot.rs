//! Everything that the roots hold at one time, and the lock.

use rok_chain::Digest;
use rok_component::{Component, ComponentId, Drift, Lock, NamePattern};
use rok_facades::registry::LockedAs;
use rok_plan::PlanErrors;
use std::path::PathBuf;
use std::sync::Arc;

/// A component and its manifest.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) component: Arc<Component>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) kept: Kept,
}

/// Where a manifest is.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    File { path: PathBuf, shown: String },
    Elsewhere { address: String, file: String },
}

impl Held {
    /// What people are told.
    pub(crate) fn source(&self) -> String {
        match &self.kept {
            Kept::File { shown, .. } => shown.clone(),
            Kept::Elsewhere { address, .. } => address.clone(),
        }
    }

    /// The name of its manifest's file.
    pub(crate) fn file(&self) -> String {
        match &self.kept {
            Kept::File { path, .. } => {
                let name = path.file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            }
            Kept::Elsewhere { file, .. } => file.clone(),
        }
    }

    pub(crate) fn id(&self) -> ComponentId {
        self.component.id()
    }
}

/// What there is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// By name and version.
    pub(crate) held: Vec<Held>,
    pub(crate) faulty: Vec<PlanErrors>,
    pub(crate) lock: Option<Lock>,
}

impl Snapshot {
    pub(crate) fn new(mut held: Vec<Held>, faulty: Vec<PlanErrors>, lock: Option<Lock>) -> Self {
        held.sort_by_key(Held::id);
        Self { held, faulty, lock }
    }

    pub(crate) fn components(&self) -> Vec<Arc<Component>> {
        let held = self.held.iter();
        held.map(|held| Arc::clone(&held.component)).collect()
    }

    /// The one that holds a component of this snapshot.
    pub(crate) fn of(&self, component: &Arc<Component>) -> Option<&Held> {
        let same = |held: &&Held| Arc::ptr_eq(&held.component, component);
        self.held.iter().find(same)
    }

    pub(crate) fn by_id(&self, id: &ComponentId) -> Option<&Held> {
        self.held.iter().find(|held| held.id() == *id)
    }

    pub(crate) fn by_fingerprint(&self, fingerprint: Digest) -> Option<&Held> {
        let same = |held: &&Held| held.component.fingerprint == fingerprint;
        self.held.iter().find(same)
    }

    /// All that a name means, the latest of each first.
    pub(crate) fn named(&self, name: &NamePattern) -> Vec<&Held> {
        let held = self.held.iter().rev();
        held.filter(|held| name.matches(&held.component)).collect()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.held.iter().map(|held| held.component.name.as_str())
    }

    /// Pairs with one name and version.
    pub(crate) fn duplicates(&self) -> Vec<(&Held, &Held)> {
        let pairs = self.held.windows(2).map(|pair| (&pair[0], &pair[1]));
        pairs.filter(|(a, b)| a.id() == b.id()).collect()
    }

    /// Where something keeps a component from running under the lock. What
    /// comes from elsewhere runs only where it is locked.
    pub(crate) fn drift(&self, held: &Held) -> Option<Drift> {
        match (&self.lock, &held.kept) {
            (Some(lock), _) => lock.drift(&held.component),
            (None, Kept::Elsewhere { .. }) => Some(Drift::Unlocked { id: held.id() }),
            (None, Kept::File { .. }) => None,
        }
    }

    /// Components of the lock that are not there.
    pub(crate) fn missing(&self) -> Vec<Drift> {
        let ids = self.lock.iter().flat_map(Lock::ids);
        let gone = ids.filter(|id| self.by_id(id).is_none());
        gone.map(|id| Drift::Missing { id: id.clone() }).collect()
    }

    pub(crate) fn locked_as(&self, component: &Component) -> LockedAs {
        match self.lock.as_ref().map(|lock| lock.drift(component)) {
            None => LockedAs::NoLock,
            Some(None) => LockedAs::Locked,
            Some(Some(Drift::Changed { .. })) => LockedAs::Changed,
            Some(Some(_)) => LockedAs::Unlocked,
        }
    }
}
