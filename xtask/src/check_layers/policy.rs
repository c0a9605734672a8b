//! `layers.toml`: the floors, the contracts, the exceptions. Every fault of the
//! file is reported at once; nothing in it is ever ignored.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::contract::{Contract, RawContract, Rule, Verdicts};
use super::date::Date;
use super::graph::EdgeKind;

/// The version of the file that this program reads.
const SCHEMA: u32 = 1;

/// What `layers.toml` says.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What contracts may speak of before it exists.
    pub planned: Planned,
    /// Packages that are not named `rok-FOLDER`, by folder.
    pub names: BTreeMap<String, String>,
    /// The floors.
    pub layers: Vec<Layer>,
    /// The rules.
    pub contracts: Vec<Contract>,
    /// What is let through, by whom, why and until when.
    pub exceptions: Vec<Exception>,
}

/// What contracts may speak of before it exists.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Package names.
    #[serde(default)]
    pub crates: BTreeSet<String>,
    /// Floors without a crate so far.
    #[serde(default)]
    pub layers: BTreeSet<String>,
}

/// A floor of the house.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Such as `L5`.
    pub id: String,
    /// Such as `execution`.
    pub name: String,
    /// Where its crates live: a folder, or `FOLDER/*` for each below it.
    pub folders: Vec<String>,
    /// Which roles its crates may have; the first is a new crate's.
    pub roles: Vec<String>,
    /// Why no import rule is needed, for a floor that may import anything.
    pub imports_anything: Option<String>,
}

/// A violation that is let through for a while.
#[derive(Clone, Debug)]
pub struct Exception {
    /// The contract's id.
    pub contract: String,
    /// The crate that breaks it.
    pub from: String,
    /// What it may touch all the same.
    pub to: Option<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds.
    pub expires: Date,
}

/// Why `layers.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, or keys that the format does not have.
    #[error("layers.toml is not a policy: {0}")]
    Format(#[from] Box<toml::de::Error>),
    /// Rules that contradict the format or one another.
    #[error("layers.toml has {} fault(s):\n{}", .0.len(), list(.0))]
    Faults(Vec<String>),
}

fn list(faults: &[String]) -> String {
    let lines: Vec<String> = faults.iter().map(|f| format!("  - {f}")).collect();
    lines.join("\n")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    schema: u32,
    #[serde(default)]
    planned: Planned,
    #[serde(default)]
    names: BTreeMap<String, String>,
    #[serde(default, rename = "layer")]
    layers: Vec<Layer>,
    #[serde(default, rename = "contract")]
    contracts: Vec<RawContract>,
    #[serde(default, rename = "exception")]
    exceptions: Vec<RawException>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawException {
    contract: String,
    from: String,
    to: Option<String>,
    reason: String,
    owner: String,
    expires: toml::value::Datetime,
}

impl Policy {
    /// Reads the text of `layers.toml`.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let raw: RawPolicy = toml::from_str(text).map_err(Box::new)?;
        let mut faults = Vec::new();
        if raw.schema != SCHEMA {
            faults.push(format!(
                "schema {} is not {SCHEMA}; this program reads no other",
                raw.schema
            ));
        }
        let mut contracts = Vec::new();
        for contract in raw.contracts {
            match contract.read() {
                Ok(contract) => contracts.push(contract),
                Err(found) => faults.extend(found),
            }
        }
        let mut exceptions = Vec::new();
        for exception in raw.exceptions {
            match exception.read() {
                Ok(exception) => exceptions.push(exception),
                Err(found) => faults.extend(found),
            }
        }
        let policy = Self {
            planned: raw.planned,
            names: raw.names,
            layers: raw.layers,
            contracts,
            exceptions,
        };
        // What a contract that could not be read leaves open is no fault of its own.
        if faults.is_empty() {
            policy.check(&mut faults);
        }
        if faults.is_empty() {
            Ok(policy)
        } else {
            Err(PolicyError::Faults(faults))
        }
    }

    /// The floor with this id.
    pub fn layer(&self, id: &str) -> Option<&Layer> {
        self.layers.iter().find(|l| l.id == id)
    }

    /// The floor that a folder belongs to.
    pub fn layer_of_folder(&self, folder: &str) -> Option<&Layer> {
        self.layers.iter().find(|l| l.owns(folder))
    }

    /// The contract with this id.
    pub fn contract(&self, id: &str) -> Option<&Contract> {
        self.contracts.iter().find(|c| c.id == id)
    }

    /// The name that the package in `folder` must have.
    pub fn package_name(&self, folder: &str) -> String {
        self.names
            .get(folder)
            .cloned()
            .unwrap_or_else(|| format!("rok-{}", folder.rsplit('/').next().unwrap_or(folder)))
    }

    fn check(&self, faults: &mut Vec<String>) {
        let mut seen = BTreeSet::new();
        let ids = self
            .layers
            .iter()
            .map(|l| &l.id)
            .chain(self.contracts.iter().map(|c| &c.id));
        for id in ids {
            if !seen.insert(id) {
                faults.push(format!("{id} is defined twice"));
            }
        }
        if self.contracts.is_empty() {
            faults.push("there is no contract".into());
        }
        for layer in &self.layers {
            if layer.roles.is_empty() || layer.folders.is_empty() {
                faults.push(format!(
                    "{} needs at least one folder and one role",
                    layer.id
                ));
            }
            if !self.governed(layer) {
                faults.push(format!(
                    "{} has no `allow` contract and does not say why it may import anything",
                    layer.id
                ));
            }
        }
        for layer in &self.planned.layers {
            if self.layer(layer).is_none() {
                faults.push(format!("planned: there is no layer {layer}"));
            }
        }
        self.check_words(faults);
        for exception in &self.exceptions {
            if self.contract(&exception.contract).is_none() {
                faults.push(format!(
                    "an exception names {}, which does not exist",
                    exception.contract
                ));
            }
        }
    }

    /// Whether imports of a floor are closed by default, or openly free.
    fn governed(&self, layer: &Layer) -> bool {
        let free = layer
            .imports_anything
            .as_ref()
            .is_some_and(|why| !why.trim().is_empty());
        free || self.contracts.iter().any(|c| match &c.rule {
            Rule::Import {
                from,
                edges,
                verdicts: Verdicts::Allow(_),
                ..
            } => {
                EdgeKind::ALL.iter().all(|kind| edges.contains(kind))
                    && from.iter().any(|s| {
                        s.layer.contains(&layer.id)
                            && s.role.is_empty()
                            && s.names().next().is_none()
                            && s.domain.is_none()
                    })
            }
            _ => false,
        })
    }

    /// Layers and roles are closed words: a misspelt one would match nothing.
    fn check_words(&self, faults: &mut Vec<String>) {
        let roles: BTreeSet<&String> = self.layers.iter().flat_map(|l| &l.roles).collect();
        for contract in &self.contracts {
            for selector in contract.selectors() {
                for layer in selector.layer.iter().filter(|l| self.layer(l).is_none()) {
                    faults.push(format!("{}: there is no layer {layer}", contract.id));
                }
                for role in selector.role.iter().filter(|r| !roles.contains(r)) {
                    faults.push(format!("{}: no layer has the role {role}", contract.id));
                }
            }
        }
    }
}

impl Layer {
    /// Whether a crate in `folder` lives on this floor.
    pub fn owns(&self, folder: &str) -> bool {
        self.folders
            .iter()
            .any(|pattern| match pattern.strip_suffix("/*") {
                Some(parent) => folder
                    .strip_prefix(parent)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .is_some_and(|name| !name.is_empty() && !name.contains('/')),
                None => folder == pattern,
            })
    }
}

impl RawException {
    fn read(self) -> Result<Exception, Vec<String>> {
        let mut faults = Vec::new();
        for (key, text) in [("reason", &self.reason), ("owner", &self.owner)] {
            if text.trim().is_empty() {
                faults.push(format!(
                    "the exception to {} by {} has no {key}",
                    self.contract, self.from
                ));
            }
        }
        let day = self.expires.date.filter(|_| self.expires.time.is_none());
        let expires = day.and_then(|d| Date::new(d.year, d.month, d.day).ok());
        match expires {
            Some(expires) if faults.is_empty() => {
                let Self {
                    contract,
                    from,
                    to,
                    reason,
                    owner,
                    ..
                } = self;
                Ok(Exception {
                    contract,
                    from,
                    to,
                    reason,
                    owner,
                    expires,
                })
            }
            Some(_) => Err(faults),
            None => {
                faults.push(format!(
                    "the exception to {} by {}: `expires` is a day, such as 2027-01-31",
                    self.contract, self.from
                ));
                Err(faults)
            }
        }
    }
}
