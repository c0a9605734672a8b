//! What components need of each other: one version of each name, the latest
//! that satisfies everybody who requires it, and an order in which whatever is
//! required comes first.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rok_vocabulary::ComponentName;
use semver::{Version, VersionReq};

use self::search::{Search, World};
use crate::model::{Component, ComponentId};

mod search;

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
    /// Choices that stand in each other's way in too many ways.
    #[error("{trials} choices among the versions of {} did not go together", several(.names))]
    Unsettled {
        /// The names concerned.
        names: Vec<ComponentName>,
        /// How many were tried.
        trials: usize,
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

/// Finds what the chosen components require. Of a name that stands among them
/// more than once one is taken: the first that goes with all others. Drafts are
/// considered where they are allowed, archived ones never. What nobody can meet
/// comes back at once.
pub fn resolve(
    all: &[Arc<Component>],
    chosen: &[Arc<Component>],
    drafts: bool,
) -> Result<Resolution, Vec<ResolveFault>> {
    let world = World::new(all, chosen, drafts);
    let picked = Search::new(&world).run()?;
    order(&picked, chosen)
}

type Picked<'c> = BTreeMap<&'c ComponentName, &'c Arc<Component>>;

/// Whatever is required first; a cycle is named whole.
fn order(picked: &Picked<'_>, chosen: &[Arc<Component>]) -> Result<Resolution, Vec<ResolveFault>> {
    let required = |name: &ComponentName| picked[name].requires.keys().collect();
    let (names, cycle) = walk(picked.keys().copied(), required);
    if let Some(cycle) = cycle {
        let cycle = cycle.iter().map(|name| picked[*name].id()).collect();
        return Err(Vec::from([ResolveFault::Cycle { cycle }]));
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
        order: names.iter().map(|name| Arc::clone(picked[*name])).collect(),
    })
}

type Names<'c> = Vec<&'c ComponentName>;

/// Names, each after those that it leads to, and the first way that leads back
/// to where it began.
fn walk<'c>(
    from: impl Iterator<Item = &'c ComponentName>,
    leads_to: impl Fn(&'c ComponentName) -> Names<'c>,
) -> (Names<'c>, Option<Names<'c>>) {
    let (mut order, mut cycle) = (Vec::new(), None);
    let mut seen = BTreeSet::new();
    for first in from {
        // The way to where the walk is, each name with how many of its own
        // have been looked at.
        let mut way: Vec<(&'c ComponentName, Names<'c>, usize)> = Vec::new();
        if seen.insert(first) {
            way.push((first, leads_to(first), 0));
        }
        while let Some((name, next, looked)) = way.last_mut() {
            let Some(&next) = next.get(*looked) else {
                order.push(*name);
                way.pop();
                continue;
            };
            *looked += 1;
            if seen.insert(next) {
                way.push((next, leads_to(next), 0));
            } else if cycle.is_none()
                && let Some(from) = way.iter().position(|(name, ..)| *name == next)
            {
                let round = way[from..].iter().map(|(name, ..)| *name);
                cycle = Some(round.chain([next]).collect());
            }
        }
    }
    (order, cycle)
}

#[cfg(test)]
mod tests;
