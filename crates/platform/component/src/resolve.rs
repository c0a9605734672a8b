//! What components need of each other: one version of each name, the latest
//! that satisfies everybody who requires it, and an order in which whatever is
//! required comes first.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rok_vocabulary::{ComponentName, ComponentStatus};
use semver::{Version, VersionReq};

use crate::model::{Component, ComponentId};

/// Rounds in which choices may change each other. Each round honours one more
/// link of a chain of requirements; longer chains are a mistake.
const MAX_ROUNDS: usize = 64;

/// Components with what they require.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resolution {
    /// What was chosen and what it requires, each after what it requires, else
    /// by name.
    pub order: Vec<Arc<Component>>,
    /// What each requires, by name; only names in [`order`](Self::order).
    pub requires: BTreeMap<ComponentName, Vec<ComponentName>>,
    /// The names that were not chosen themselves.
    pub pulled_in: BTreeSet<ComponentName>,
}

/// A requirement that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveFault {
    /// No component has the name.
    #[error("{by} requires {name} {wanted}, and there is no component {name}{}", meant(.nearest.as_deref()))]
    Unknown {
        /// Who requires it.
        by: ComponentId,
        /// The name.
        name: ComponentName,
        /// The requirement.
        wanted: VersionReq,
        /// What may be meant.
        nearest: Option<String>,
    },
    /// No version satisfies all who require it.
    #[error("{}: {}", all(.wanted), there_is(.name, .found))]
    Unmet {
        /// The name.
        name: ComponentName,
        /// Who requires it, and how.
        wanted: Vec<(ComponentId, VersionReq)>,
        /// The versions that there are, and why one cannot be used at all.
        found: Vec<(Version, Option<&'static str>)>,
    },
    /// Components that require each other; the first is also the last.
    #[error("components require each other: {}", chain(.cycle))]
    Cycle {
        /// The components, in order.
        cycle: Vec<ComponentId>,
    },
    /// Choices that keep changing each other.
    #[error("what {} require cannot be settled: each choice changes another", several(.names))]
    Unsettled {
        /// The names concerned.
        names: Vec<ComponentName>,
    },
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

fn all(wanted: &[(ComponentId, VersionReq)]) -> String {
    let wanted = wanted.iter();
    let parts: Vec<String> = wanted
        .map(|(by, req)| format!("{by} requires {req}"))
        .collect();
    parts.join(", ")
}

fn there_is(name: &ComponentName, found: &[(Version, Option<&'static str>)]) -> String {
    let versions = found.iter().map(|(version, why)| match why {
        Some(why) => format!("{version} ({why})"),
        None => version.to_string(),
    });
    let versions: Vec<String> = versions.collect();
    format!("of {name} there is {}", versions.join(", "))
}

fn chain(cycle: &[ComponentId]) -> String {
    let ids: Vec<String> = cycle.iter().map(ComponentId::to_string).collect();
    ids.join(" → ")
}

fn several(names: &[ComponentName]) -> String {
    let names: Vec<&str> = names.iter().map(ComponentName::as_str).collect();
    names.join(", ")
}

/// Finds what the chosen components require. Drafts are considered where they
/// are allowed, archived ones never. Every fault comes back at once.
pub fn resolve(
    all: &[Arc<Component>],
    chosen: &[Arc<Component>],
    drafts: bool,
) -> Result<Resolution, Vec<ResolveFault>> {
    let mut by_name: BTreeMap<&ComponentName, Vec<&Arc<Component>>> = BTreeMap::new();
    for component in all {
        by_name.entry(&component.name).or_default().push(component);
    }
    for versions in by_name.values_mut() {
        versions.sort_by(|a, b| b.version.cmp(&a.version));
    }
    let resolver = Resolver {
        by_name,
        chosen,
        drafts,
    };
    let picked = resolver.settle()?;
    order(&picked, chosen)
}

type Picked<'c> = BTreeMap<&'c ComponentName, &'c Arc<Component>>;

struct Resolver<'c> {
    by_name: BTreeMap<&'c ComponentName, Vec<&'c Arc<Component>>>,
    chosen: &'c [Arc<Component>],
    drafts: bool,
}

impl<'c> Resolver<'c> {
    /// Chooses until nothing changes.
    fn settle(&self) -> Result<Picked<'c>, Vec<ResolveFault>> {
        let chosen = self.chosen.iter();
        let fixed: Picked<'c> = chosen
            .map(|component| (&component.name, component))
            .collect();
        let mut picked = fixed.clone();
        for _ in 0..MAX_ROUNDS {
            let next = self.round(&fixed, &picked)?;
            if next.len() == picked.len()
                && next.iter().zip(&picked).all(|(a, b)| Arc::ptr_eq(a.1, b.1))
            {
                return Ok(next);
            }
            picked = next;
        }
        let names = picked.keys().filter(|name| !fixed.contains_key(*name));
        let names = names.map(|name| (*name).clone()).collect();
        Err(Vec::from([ResolveFault::Unsettled { names }]))
    }

    /// What is required by what is picked, and the best of it.
    fn round(
        &self,
        fixed: &Picked<'c>,
        picked: &Picked<'c>,
    ) -> Result<Picked<'c>, Vec<ResolveFault>> {
        let mut wanted: BTreeMap<&'c ComponentName, Vec<(ComponentId, VersionReq)>> =
            BTreeMap::new();
        let mut faults = Vec::new();
        let mut next = fixed.clone();
        for component in picked.values() {
            for (name, requirement) in &component.requires {
                let want = (component.id(), requirement.clone());
                wanted.entry(name).or_default().push(want);
            }
        }
        for (name, wanted) in wanted {
            match self.best(name, &wanted, fixed.get(name).copied()) {
                Ok(best) => {
                    next.insert(name, best);
                }
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() {
            Ok(next)
        } else {
            Err(faults)
        }
    }

    fn best(
        &self,
        name: &'c ComponentName,
        wanted: &[(ComponentId, VersionReq)],
        fixed: Option<&'c Arc<Component>>,
    ) -> Result<&'c Arc<Component>, ResolveFault> {
        let Some(versions) = self.by_name.get(name) else {
            let (by, req) = wanted[0].clone();
            let known = self.by_name.keys().filter(|name| ***name != by.name);
            let known = known.map(|name| name.as_str());
            let nearest = rok_plan::nearest(name.as_str(), known).map(ToString::to_string);
            return Err(ResolveFault::Unknown {
                by,
                name: name.clone(),
                wanted: req,
                nearest,
            });
        };
        let fits = |component: &Component| {
            let mut wanted = wanted.iter();
            wanted.all(|(_, requirement)| requirement.matches(&component.version))
        };
        let found = match fixed {
            Some(fixed) => Some(fixed).filter(|component| fits(component)),
            None => versions
                .iter()
                .find(|component| self.unusable(component).is_none() && fits(component))
                .copied(),
        };
        found.ok_or_else(|| ResolveFault::Unmet {
            name: name.clone(),
            wanted: wanted.to_vec(),
            found: versions
                .iter()
                .map(|component| {
                    let other = fixed.filter(|fixed| !Arc::ptr_eq(fixed, component));
                    let other = other.map(|_| "not selected");
                    let why = self.unusable(component).or(other);
                    (component.version.clone(), why)
                })
                .collect(),
        })
    }

    /// Why a component cannot be used at all.
    fn unusable(&self, component: &Component) -> Option<&'static str> {
        match component.status {
            ComponentStatus::Archived => Some("archived"),
            ComponentStatus::Draft if !self.drafts => Some("draft"),
            _ => None,
        }
    }
}

/// Whatever is required first; a cycle is named whole.
fn order(picked: &Picked<'_>, chosen: &[Arc<Component>]) -> Result<Resolution, Vec<ResolveFault>> {
    let mut walk = Walk {
        picked,
        done: BTreeSet::new(),
        path: Vec::new(),
        order: Vec::new(),
    };
    for name in picked.keys() {
        walk.visit(name).map_err(|fault| Vec::from([fault]))?;
    }
    let requires = picked.iter().map(|(name, component)| {
        let required = component.requires.keys().cloned().collect();
        ((*name).clone(), required)
    });
    let is_chosen = |name: &ComponentName| chosen.iter().any(|other| other.name == *name);
    Ok(Resolution {
        requires: requires.collect(),
        pulled_in: picked
            .keys()
            .filter(|name| !is_chosen(name))
            .map(|name| (*name).clone())
            .collect(),
        order: walk.order,
    })
}

struct Walk<'w, 'c> {
    picked: &'w Picked<'c>,
    done: BTreeSet<&'c ComponentName>,
    path: Vec<&'c ComponentName>,
    order: Vec<Arc<Component>>,
}

impl<'c> Walk<'_, 'c> {
    /// As deep as the longest chain of requirements, which [`MAX_ROUNDS`]
    /// bounds, unless it closes to a cycle, which ends it.
    fn visit(&mut self, name: &'c ComponentName) -> Result<(), ResolveFault> {
        if self.done.contains(name) {
            return Ok(());
        }
        if let Some(from) = self.path.iter().position(|other| *other == name) {
            let cycle = self.path[from..].iter().chain([&name]);
            let cycle = cycle.map(|name| self.picked[*name].id()).collect();
            return Err(ResolveFault::Cycle { cycle });
        }
        self.path.push(name);
        let component: &'c Arc<Component> = self.picked[name];
        for required in component.requires.keys() {
            self.visit(required)?;
        }
        self.path.pop();
        self.done.insert(name);
        self.order.push(Arc::clone(component));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
