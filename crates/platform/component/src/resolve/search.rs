//! The search for versions that go together: one name after the other, each
//! before what it requires, the latest version first. Where none fits, the last
//! choice that stands in the way is made otherwise; no other is touched.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rok_vocabulary::{ComponentName, ComponentStatus};
use semver::VersionReq;

use super::{Picked, ResolveFault, walk};
use crate::model::Component;

/// Versions that are tried in all. A registry of thousands of components takes
/// one each; more than this many is a riddle, and no registry.
const MAX_TRIALS: usize = 100_000;

/// The components of a registry, and what is chosen of them.
pub(super) struct World<'c> {
    by_name: BTreeMap<&'c ComponentName, Vec<&'c Arc<Component>>>,
    chosen: BTreeMap<&'c ComponentName, Vec<&'c Arc<Component>>>,
    drafts: bool,
}

impl<'c> World<'c> {
    pub(super) fn new(
        all: &'c [Arc<Component>],
        chosen: &'c [Arc<Component>],
        drafts: bool,
    ) -> Self {
        let mut by_name = grouped(all);
        for versions in by_name.values_mut() {
            versions.sort_by(|a, b| b.version.cmp(&a.version));
        }
        Self {
            by_name,
            chosen: grouped(chosen),
            drafts,
        }
    }

    /// Why a component cannot be used at all.
    fn unusable(&self, component: &Component) -> Option<&'static str> {
        match component.status {
            ComponentStatus::Archived => Some("archived"),
            ComponentStatus::Draft if !self.drafts => {
                Some("a draft, which runs with --allow-draft only")
            }
            _ => None,
        }
    }

    /// What may be taken of a name, the best first.
    fn candidates(&self, name: &ComponentName) -> Vec<&'c Arc<Component>> {
        if let Some(chosen) = self.chosen.get(name) {
            return chosen.clone();
        }
        let versions = self.by_name.get(name).into_iter().flatten().copied();
        let usable = versions.filter(|component| self.unusable(component).is_none());
        usable.collect()
    }

    /// Every name that may be needed, whoever may require another before it.
    fn names(&self) -> Vec<&'c ComponentName> {
        let required = |name: &'c ComponentName| {
            let candidates = self.candidates(name).into_iter();
            let required: BTreeSet<_> = candidates.flat_map(|c| c.requires.keys()).collect();
            required.into_iter().rev().collect()
        };
        let (mut names, _) = walk(self.chosen.keys().rev().copied(), required);
        names.reverse();
        names
    }
}

fn grouped(all: &[Arc<Component>]) -> BTreeMap<&ComponentName, Vec<&Arc<Component>>> {
    let mut by_name: BTreeMap<&ComponentName, Vec<&Arc<Component>>> = BTreeMap::new();
    for component in all {
        by_name.entry(&component.name).or_default().push(component);
    }
    by_name
}

/// A name whose versions are tried.
struct Trial {
    at: usize,
    next: usize,
    /// The places of the names whose choices stand in the way.
    blame: BTreeSet<usize>,
}

/// The search; names are known by their place in the order of trial.
pub(super) struct Search<'w, 'c> {
    world: &'w World<'c>,
    names: Vec<&'c ComponentName>,
    place: BTreeMap<&'c ComponentName, usize>,
    candidates: Vec<Vec<&'c Arc<Component>>>,
    picked: Vec<Option<&'c Arc<Component>>>,
    /// Who requires a name, and how, in the order of their choice.
    wanted: Vec<Vec<(usize, &'c VersionReq)>>,
    /// What is needed and not chosen yet.
    open: BTreeSet<usize>,
    settled: Vec<Trial>,
    trials: usize,
    /// What no choice can mend.
    faults: Vec<ResolveFault>,
    /// What stood in the way of the latest versions.
    first: Option<ResolveFault>,
}

impl<'w, 'c> Search<'w, 'c> {
    pub(super) fn new(world: &'w World<'c>) -> Self {
        let names = world.names();
        let place: BTreeMap<_, _> = names.iter().enumerate().map(|(at, n)| (*n, at)).collect();
        Self {
            open: world.chosen.keys().map(|name| place[*name]).collect(),
            candidates: names.iter().map(|name| world.candidates(name)).collect(),
            picked: names.iter().map(|_| None).collect(),
            wanted: names.iter().map(|_| Vec::new()).collect(),
            settled: Vec::new(),
            trials: 0,
            faults: Vec::new(),
            first: None,
            place,
            names,
            world,
        }
    }

    /// One version of each name that is needed.
    pub(super) fn run(mut self) -> Result<Picked<'c>, Vec<ResolveFault>> {
        while let Some(at) = self.open.pop_first() {
            if let Some(fault) = self.unmendable(at) {
                self.faults.push(fault);
                continue;
            }
            let blame = self.wanted[at].iter().map(|(by, _)| *by).collect();
            let mut trial = Trial { at, next: 0, blame };
            while !self.pick(&mut trial) {
                if self.trials > MAX_TRIALS {
                    return Err(Vec::from([self.unsettled(&trial)]));
                }
                let fault = self.first.take();
                self.first = Some(fault.unwrap_or_else(|| self.unmet(trial.at, None)));
                trial = match self.back(trial) {
                    Some(trial) if self.faults.is_empty() => trial,
                    _ => {
                        self.faults.extend(self.first);
                        return Err(self.faults);
                    }
                };
            }
            self.settled.push(trial);
        }
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        let picked = self.names.iter().zip(self.picked);
        Ok(picked
            .filter_map(|(name, picked)| Some((*name, picked?)))
            .collect())
    }

    /// Takes the next version that goes with what is taken already.
    fn pick(&mut self, trial: &mut Trial) -> bool {
        let at = trial.at;
        while let Some(candidate) = self.candidates[at].get(trial.next).copied() {
            trial.next += 1;
            self.trials += 1;
            if self.trials > MAX_TRIALS {
                return false;
            }
            let mut wanted = self.wanted[at].iter();
            if !wanted.all(|(_, wanted)| wanted.matches(&candidate.version)) {
                continue;
            }
            let mut fits = true;
            for (name, wanted) in &candidate.requires {
                let required = self.place[name];
                let Some(other) = self.picked[required] else {
                    continue;
                };
                if !wanted.matches(&other.version) {
                    fits = false;
                    trial.blame.insert(required);
                    if self.first.is_none() {
                        self.first = Some(self.unmet(required, Some((candidate, wanted))));
                    }
                }
            }
            if fits {
                self.take(at, candidate);
                return true;
            }
        }
        false
    }

    fn take(&mut self, at: usize, candidate: &'c Arc<Component>) {
        self.picked[at] = Some(candidate);
        for (name, wanted) in &candidate.requires {
            let required = self.place[name];
            self.wanted[required].push((at, wanted));
            if self.picked[required].is_none() {
                self.open.insert(required);
            }
        }
    }

    /// Goes back to the last choice that stands in the way.
    fn back(&mut self, failed: Trial) -> Option<Trial> {
        self.open.insert(failed.at);
        while let Some(mut trial) = self.settled.pop() {
            self.put_back(trial.at);
            if failed.blame.contains(&trial.at) {
                trial.blame.extend(failed.blame);
                trial.blame.remove(&trial.at);
                self.open.remove(&trial.at);
                return Some(trial);
            }
        }
        None
    }

    fn put_back(&mut self, at: usize) {
        self.open.insert(at);
        let requires = self.picked[at].take().map(|picked| &picked.requires);
        for name in requires.into_iter().flat_map(BTreeMap::keys) {
            let required = self.place[name];
            self.wanted[required].pop();
            if self.wanted[required].is_empty() && !self.world.chosen.contains_key(name) {
                self.open.remove(&required);
            }
        }
    }

    /// A requirement that nothing of the registry meets, whatever is chosen: no
    /// earlier version of who requires it is taken in silence.
    fn unmendable(&self, at: usize) -> Option<ResolveFault> {
        let name = self.names[at];
        let (first, wanted) = self.wanted[at].first()?;
        let Some(versions) = self.world.by_name.get(name) else {
            let by = self.picked[*first].expect("who requires is taken").id();
            let known = self.world.by_name.keys();
            let known = known.filter(|name| ***name != by.name).map(|n| n.as_str());
            let nearest = rok_plan::nearest(name.as_str(), known).map(ToString::to_string);
            return Some(ResolveFault::Unknown {
                by,
                name: name.clone(),
                wanted: (*wanted).clone(),
                nearest,
            });
        };
        let met = |wanted: &VersionReq| {
            let mut usable = versions.iter().filter(|c| self.world.unusable(c).is_none());
            usable.any(|component| wanted.matches(&component.version))
        };
        let mut wanted = self.wanted[at].iter();
        let met = wanted.all(|(_, wanted)| met(wanted));
        (!met).then(|| self.unmet(at, None))
    }

    fn unmet(&self, at: usize, besides: Option<(&Arc<Component>, &VersionReq)>) -> ResolveFault {
        let by = |at: usize| self.picked[at].expect("who requires is taken").id();
        let wanted = self.wanted[at].iter();
        let wanted = wanted.map(|(at, wanted)| (by(*at), (*wanted).clone()));
        let besides = besides.map(|(by, wanted)| (by.id(), wanted.clone()));
        let name = self.names[at];
        let chosen = self.world.chosen.get(name);
        let versions = self.world.by_name.get(name).into_iter().flatten();
        let found = versions.map(|component| {
            let other = chosen.filter(|all| !all.iter().any(|one| Arc::ptr_eq(one, component)));
            let other = other.map(|_| "not selected");
            let why = self.world.unusable(component).or(other);
            (component.version.clone(), why)
        });
        ResolveFault::Unmet {
            name: name.clone(),
            wanted: wanted.chain(besides).collect(),
            found: found.collect(),
        }
    }

    fn unsettled(&self, trial: &Trial) -> ResolveFault {
        let names = trial.blame.iter().chain([&trial.at]);
        ResolveFault::Unsettled {
            names: names.map(|at| self.names[*at].clone()).collect(),
            trials: MAX_TRIALS,
        }
    }
}
