//! What the registry says of itself.

use rok_vocabulary::{
    Channel, ComponentName, ComponentStatus, ComponentType, ErrorClass, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A component as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentView {
    /// Its name.
    pub name: ComponentName,
    /// Its version.
    pub version: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ComponentType,
    /// Where it stands.
    pub status: ComponentStatus,
    /// How much it has proved itself.
    pub channel: Channel,
    /// What to use instead of a deprecated one.
    pub deprecated_by: Option<ComponentName>,
    /// What it is for.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Words to select by.
    pub tags: BTreeSet<String>,
    /// Whether it may be repeated.
    pub idempotent: bool,
    /// What starts it: `run`, `call`, `http`, `service` or `agent`.
    pub executor: String,
    /// Its step, in the keys of the plan format.
    pub step: Map<String, Value>,
    /// Its inputs, in the keys of the plan format.
    pub inputs: Map<String, Value>,
    /// The names of the secrets that it may use.
    pub secrets: Vec<String>,
    /// What an agent or a host must offer.
    pub capabilities: Vec<String>,
    /// The files that it is about, as globs; none: all.
    pub files: Vec<String>,
    /// What it needs of other components.
    pub requires: BTreeMap<ComponentName, String>,
    /// The SHA-256 of its manifest.
    pub fingerprint: String,
    /// Where its manifest is: a path or an address.
    pub source: String,
    /// The name of its manifest's file.
    pub file: String,
    /// How it stands to the lock.
    pub lock: LockedAs,
    /// Its breaker.
    pub breaker: BreakerView,
}

/// How a component stands to the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LockedAs {
    /// There is no lock.
    NoLock,
    /// It is what the lock says.
    Locked,
    /// It is not in the lock.
    Unlocked,
    /// It differs from the lock.
    Changed,
}

impl LockedAs {
    /// The word, as JSON has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoLock => "no_lock",
            Self::Locked => "locked",
            Self::Unlocked => "unlocked",
            Self::Changed => "changed",
        }
    }
}

/// How a component's breaker stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreakerView {
    /// closed, open, `half_open`, or unreadable, which lets nothing in.
    pub state: String,
    /// Transient failures in a row.
    pub failures: u32,
    /// Since when it is open or half open.
    pub since: Option<Timestamp>,
    /// Until when it is; of a half-open one, when the next attempt is let in.
    pub until: Option<Timestamp>,
    /// The run that tries it out, of a half-open one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The last transient failure.
    pub last_failure_at: Option<Timestamp>,
    /// Its class.
    pub last_failure_class: Option<ErrorClass>,
}

/// A component that was added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddedComponent {
    /// added, replaced or unchanged.
    pub change: String,
    /// The component.
    #[serde(flatten)]
    pub component: ComponentView,
}

/// A component that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemovedComponent {
    /// Its name.
    pub name: ComponentName,
    /// Its version.
    pub version: String,
    /// The SHA-256 of its manifest.
    pub fingerprint: String,
    /// Where its manifest was.
    pub source: String,
}

/// What a look at the whole registry came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryReport {
    /// Where was looked.
    pub roots: Vec<String>,
    /// How many components are well formed.
    pub components: usize,
    /// The lock's file, where there is one.
    pub lock: Option<String>,
    /// What keeps components from running, in order.
    pub troubles: Vec<RegistryTrouble>,
    /// What does not, and is worth a look.
    pub warnings: Vec<RegistryTrouble>,
}

/// Something that is wrong with the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryTrouble {
    /// The code of its page.
    pub code: String,
    /// Where: a file with line and column, or a component.
    pub place: String,
    /// What.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// What locking came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LockReport {
    /// The lock's file.
    pub file: String,
    /// How many components are locked.
    pub components: usize,
    /// What differs from the lock that was there before.
    pub changes: Vec<DriftView>,
}

/// A component that differs from its lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriftView {
    /// Its name and version.
    pub component: String,
    /// changed, missing or unlocked.
    pub what: String,
    /// The fingerprint that the lock has.
    pub locked: Option<String>,
    /// The fingerprint that it has.
    pub found: Option<String>,
}
