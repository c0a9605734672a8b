//! The lock: which content each component had when somebody looked at it. It
//! says for each name and version the one fingerprint that may run.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_chain::Digest;
use rok_vocabulary::ComponentName;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::{Component, ComponentId};

/// The only form of lock files so far.
const SCHEMA: u32 = 1;

/// What components are held to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    components: BTreeMap<ComponentId, Digest>,
}

/// A lock file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// It is no lock file.
    #[error("it is no lock file: {why}")]
    Syntax {
        /// What is wrong with it.
        why: String,
    },
    /// A later version of `rok` wrote it.
    #[error("it has the form {schema}, and this version knows {SCHEMA}")]
    Schema {
        /// The form.
        schema: u32,
    },
    /// A component is locked twice.
    #[error("{id} stands in it twice")]
    Twice {
        /// The component.
        id: ComponentId,
    },
}

/// A component that differs from its lock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Drift {
    /// It has other content.
    #[error("{id} has changed: it is locked as {locked} and is {found}")]
    Changed {
        /// The component.
        id: ComponentId,
        /// The fingerprint that it is held to.
        locked: Digest,
        /// The one that it has.
        found: Digest,
    },
    /// It is not there.
    #[error("{id} is locked, and is not in the registry")]
    Missing {
        /// The component.
        id: ComponentId,
    },
    /// It is not in the lock.
    #[error("{id} is not locked")]
    Unlocked {
        /// The component.
        id: ComponentId,
    },
}

impl Drift {
    /// The component.
    #[must_use]
    pub const fn id(&self) -> &ComponentId {
        match self {
            Self::Changed { id, .. } | Self::Missing { id } | Self::Unlocked { id } => id,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    components: Vec<Locked>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Locked {
    name: ComponentName,
    version: String,
    fingerprint: Digest,
}

impl Lock {
    /// The lock of these components as they are.
    pub fn of<'c>(components: impl IntoIterator<Item = &'c Component>) -> Self {
        let components = components.into_iter();
        Self {
            components: components
                .map(|component| (component.id(), component.fingerprint))
                .collect(),
        }
    }

    /// Reads a lock file.
    pub fn parse(bytes: &[u8]) -> Result<Self, LockError> {
        let syntax = |why: String| LockError::Syntax { why };
        let file: File = serde_json::from_slice(bytes).map_err(|e| syntax(e.to_string()))?;
        if file.schema != SCHEMA {
            return Err(LockError::Schema {
                schema: file.schema,
            });
        }
        let mut components = BTreeMap::new();
        for locked in file.components {
            let version = Version::parse(&locked.version);
            let id = ComponentId {
                name: locked.name,
                version: version.map_err(|e| syntax(e.to_string()))?,
            };
            if components.insert(id.clone(), locked.fingerprint).is_some() {
                return Err(LockError::Twice { id });
            }
        }
        Ok(Self { components })
    }

    /// The lock file: sorted, a component a few lines, so that a difference
    /// reads well.
    #[must_use]
    pub fn to_text(&self) -> String {
        let locked = self.components.iter().map(|(id, fingerprint)| Locked {
            name: id.name.clone(),
            version: id.version.to_string(),
            fingerprint: *fingerprint,
        });
        let file = File {
            schema: SCHEMA,
            components: locked.collect(),
        };
        let text = serde_json::to_string_pretty(&file);
        text.expect("texts and numbers are JSON") + "\n"
    }

    /// The fingerprint that a component is held to.
    #[must_use]
    pub fn get(&self, id: &ComponentId) -> Option<Digest> {
        self.components.get(id).copied()
    }

    /// Every component that is locked.
    pub fn ids(&self) -> impl Iterator<Item = &ComponentId> {
        self.components.keys()
    }

    /// Where a component differs from the lock.
    #[must_use]
    pub fn drift(&self, component: &Component) -> Option<Drift> {
        let (id, found) = (component.id(), component.fingerprint);
        match self.get(&id) {
            None => Some(Drift::Unlocked { id }),
            Some(locked) if locked != found => Some(Drift::Changed { id, locked, found }),
            Some(_) => None,
        }
    }

    /// Every difference of a registry from its lock, by name and version.
    pub fn check<'c>(&self, components: impl IntoIterator<Item = &'c Component>) -> Vec<Drift> {
        let mut missing = self.components.clone();
        let mut found = Vec::new();
        for component in components {
            missing.remove(&component.id());
            found.extend(self.drift(component));
        }
        let missing = missing.into_keys().map(|id| Drift::Missing { id });
        found.extend(missing);
        found.sort_by(|a, b| a.id().cmp(b.id()));
        found
    }
}

#[cfg(test)]
mod tests;
