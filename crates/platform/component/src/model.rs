//! A component as a value.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rok_chain::Digest;
use rok_plan::{InputSpec, Plan, Step};
use rok_vocabulary::{Channel, ComponentName, ComponentStatus, ComponentType, InputName};
use semver::{Version, VersionReq};
use serde_json::{Map, Value};

/// A component. Only [`parse`](crate::parse) makes one, so every value of this
/// type has passed validation.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its name.
    pub name: ComponentName,
    /// Its version.
    pub version: Version,
    /// What it is.
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
    /// What must be offered to run it: by an agent, else by the host.
    pub capabilities: Vec<String>,
    /// The files that it is about, as globs; none: all.
    pub files: Vec<String>,
    /// What it needs of other components.
    pub requires: BTreeMap<ComponentName, VersionReq>,
    /// The SHA-256 of the manifest's bytes.
    pub fingerprint: Digest,
    /// A plan whose only step it is.
    pub(crate) plan: Plan,
}

/// A component's name and version: there is one of it in a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId {
    /// The name.
    pub name: ComponentName,
    /// The version.
    pub version: Version,
}

/// `name@version`
impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl Component {
    /// Its name and version.
    #[must_use]
    pub fn id(&self) -> ComponentId {
        ComponentId {
            name: self.name.clone(),
            version: self.version.clone(),
        }
    }

    /// Its step: the entrypoint with timeout, retry and outputs. Its id is the
    /// component's name.
    #[must_use]
    pub fn step(&self) -> &Step {
        &self.plan.steps[0]
    }

    /// A plan whose only step it is, with its inputs and secrets.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its step in the plan format's own keys, as canonical JSON: fit to be a
    /// step of another plan that declares its inputs and secrets.
    #[must_use]
    pub fn step_json(&self) -> Map<String, Value> {
        let mut steps = self.part("steps");
        let step = steps.remove(self.name.as_str());
        match step {
            Some(Value::Object(step)) => step,
            _ => Map::new(),
        }
    }

    /// Its inputs in the plan format's own keys.
    #[must_use]
    pub fn inputs_json(&self) -> Map<String, Value> {
        self.part("inputs")
    }

    /// A mapping of its plan's canonical form.
    fn part(&self, key: &str) -> Map<String, Value> {
        let plan = serde_json::from_slice(&self.plan.to_canonical_json());
        let mut plan: Map<String, Value> = plan.expect("a plan's canonical form is a JSON object");
        match plan.remove(key) {
            Some(Value::Object(part)) => part,
            _ => Map::new(),
        }
    }

    /// What it takes.
    #[must_use]
    pub fn inputs(&self) -> &BTreeMap<InputName, InputSpec> {
        &self.plan.inputs
    }

    /// The secrets that it may use.
    #[must_use]
    pub fn secrets(&self) -> &[InputName] {
        &self.plan.secrets
    }

    /// Whether it may be repeated, and so tried again.
    #[must_use]
    pub fn idempotent(&self) -> bool {
        self.step().idempotent
    }

    /// Whether it is on its way out, by its status or its channel.
    #[must_use]
    pub fn is_deprecated(&self) -> bool {
        self.status == ComponentStatus::Deprecated || self.channel == Channel::Deprecated
    }

    /// The warning of a deprecated one; `None` of any other.
    #[must_use]
    pub fn deprecation(&self) -> Option<String> {
        self.is_deprecated().then(|| match &self.deprecated_by {
            Some(other) => format!("component {} is deprecated: use {other}", self.id()),
            None => format!("component {} is deprecated", self.id()),
        })
    }

    /// The files that it is about, ready to be asked.
    #[must_use]
    pub fn files(&self) -> Files {
        let mut set = GlobSetBuilder::new();
        for glob in &self.files {
            set.add(compile(glob).expect("the globs of a manifest have been compiled before"));
        }
        let set = set
            .build()
            .expect("globs that compile alone compile together");
        Files((!self.files.is_empty()).then_some(set))
    }
}

/// Which files a component is about.
#[derive(Debug, Clone)]
pub struct Files(Option<GlobSet>);

impl Files {
    /// Whether it is about this file: a path with `/`, seen from where the
    /// component is run.
    #[must_use]
    pub fn concern(&self, path: &str) -> bool {
        self.0.as_ref().is_none_or(|set| set.is_match(path))
    }
}

/// A glob of `files`, or why it is none.
pub(crate) fn compile(glob: &str) -> Result<globset::Glob, String> {
    let glob = GlobBuilder::new(glob)
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    glob.map_err(|error| error.kind().to_string())
}
