//! The engine behind the registry's door.

use crate::breakers::{self, Breakers};
use crate::refusals;
use crate::roots::{Root, shown};
use crate::snapshot::{Held, Snapshot};
use crate::troubles::{Troubles, twice};
use crate::{change, views};
use rok_chain::Digest;
use rok_component::{
    Admission, BreakerRules, Component, Left, Lock, NamePattern, Outcome, Selection, Selector,
    resolve,
};
use rok_facades::registry::{
    AddedComponent, Asker, BreakerView, ComponentView, Found, FoundComponent, LeftOut, LockReport,
    ManifestFile, RegistryEngine, RegistryError, RegistryQuery, RegistryReport, RemovedComponent,
};
use rok_log::{Cells, MemoryCells};
use rok_vocabulary::{ComponentName, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// One byte more than the largest lock of as many components as there may be.
const MAX_LOCK: u64 = 8 * 1024 * 1024;

type Now = dyn Fn() -> Timestamp + Send + Sync;

/// The registry over its roots.
#[derive(Clone)]
pub struct Registry {
    pub(crate) roots: Vec<Root>,
    pub(crate) lock: PathBuf,
    lock_required: bool,
    base: PathBuf,
    cells: Arc<dyn Cells>,
    rules: BreakerRules,
    now: Arc<Now>,
}

impl Registry {
    /// A registry over these roots, held to this lock where the file is there.
    /// Its state is in memory, its clock the machine's.
    #[must_use]
    pub fn new(roots: Vec<Root>, lock: impl Into<PathBuf>) -> Self {
        Self {
            roots,
            lock: lock.into(),
            lock_required: false,
            base: PathBuf::new(),
            cells: Arc::new(MemoryCells::new()),
            rules: BreakerRules::default(),
            now: Arc::new(machine),
        }
    }

    /// Runs nothing where the lock is not there.
    #[must_use]
    pub fn require_lock(mut self, required: bool) -> Self {
        self.lock_required = required;
        self
    }

    /// Whether the lock should be there and is not.
    fn lacks_lock(&self, snapshot: &Snapshot) -> bool {
        self.lock_required && snapshot.lock.is_none()
    }

    /// Tells paths as they are seen from this folder.
    #[must_use]
    pub fn seen_from(mut self, folder: impl Into<PathBuf>) -> Self {
        self.base = folder.into();
        self
    }

    /// Keeps breakers, and manifests from elsewhere, in these cells.
    #[must_use]
    pub fn state(mut self, cells: Arc<dyn Cells>) -> Self {
        self.cells = cells;
        self
    }

    /// Opens breakers by these rules.
    #[must_use]
    pub fn rules(mut self, rules: BreakerRules) -> Self {
        self.rules = rules;
        self
    }

    /// Reads this clock.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.now = Arc::new(now);
        self
    }

    /// A path as people are told it.
    pub(crate) fn told(&self, path: &Path) -> String {
        shown(path, &self.base)
    }

    /// Looks at everything.
    pub(crate) fn look(&self) -> Result<Snapshot, RegistryError> {
        self.look_in(&self.roots)
    }

    /// The same for whoever is to add something: the folder that it goes to is
    /// made where it is not there yet.
    pub(crate) fn look_to_add(&self) -> Result<Snapshot, RegistryError> {
        let mut roots = self.roots.clone();
        let mut folders = roots.iter_mut().filter_map(|root| match root {
            Root::Folder { required, .. } => Some(required),
            Root::Source(_) => None,
        });
        if let Some(required) = folders.next() {
            *required = false;
        }
        self.look_in(&roots)
    }

    fn look_in(&self, roots: &[Root]) -> Result<Snapshot, RegistryError> {
        let (mut held, mut faulty) = (Vec::new(), Vec::new());
        for root in roots {
            root.read(&self.base, &*self.cells, &mut held, &mut faulty)?;
        }
        Ok(Snapshot::new(held, faulty, self.read_lock()?))
    }

    /// Looks at everything, and refuses what has a fault.
    pub(crate) fn sound(&self) -> Result<Snapshot, RegistryError> {
        let snapshot = self.look()?;
        if !snapshot.faulty.is_empty() {
            return Err(RegistryError::Manifests(snapshot.faulty));
        }
        let twice: Vec<String> = snapshot
            .duplicates()
            .iter()
            .map(|(a, b)| twice(a, b))
            .collect();
        if !twice.is_empty() {
            return Err(refusals::broken(&twice));
        }
        Ok(snapshot)
    }

    /// The lock; `None` where there is none.
    pub(crate) fn read_lock(&self) -> Result<Option<Lock>, RegistryError> {
        let bytes = match rok_files::read(&self.lock, MAX_LOCK) {
            Err(error) if gone(&self.lock, &error) => return Ok(None),
            Err(error) => return Err(refusals::no_lock(&self.lock, &error)),
            Ok(bytes) => bytes,
        };
        let lock = Lock::parse(&bytes).map_err(|error| refusals::no_lock(&self.lock, &error))?;
        Ok(Some(lock))
    }

    fn breakers(&self) -> Breakers<'_> {
        Breakers {
            cells: &*self.cells,
            rules: &self.rules,
        }
    }

    /// A component as it is shown.
    pub(crate) fn shown(&self, snapshot: &Snapshot, held: &Held) -> ComponentView {
        let breaker = views::breaker(&self.breakers(), held);
        views::view(snapshot, held, breaker)
    }

    /// Refuses components that differ from the lock, and a lock with
    /// components that are not there: what is gone would otherwise be a check
    /// that silently is not made.
    fn held_to_lock(&self, snapshot: &Snapshot, found: &[&Held]) -> Result<(), RegistryError> {
        if self.lacks_lock(snapshot) {
            return Err(refusals::lock_is_gone(&self.told(&self.lock)));
        }
        let drifts = found.iter().filter_map(|held| snapshot.drift(held));
        let drifts: Vec<_> = drifts.chain(snapshot.missing()).collect();
        if drifts.is_empty() {
            return Ok(());
        }
        Err(refusals::drifted(&drifts, &self.told(&self.lock)))
    }
}

impl RegistryEngine for Registry {
    fn find(&self, query: &RegistryQuery) -> Result<Found, RegistryError> {
        let snapshot = self.sound()?;
        let all = snapshot.components();
        let selection = query.selector.select(&all, query.allow_draft);
        named_and_taken(&snapshot, &query.selector, &selection)?;
        let resolution = resolve(&all, &selection.candidates(), query.allow_draft);
        let resolution = resolution.map_err(|faults| {
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            refusals::broken(&told)
        })?;
        let selection = selection.settled(&resolution.order);
        named_and_taken(&snapshot, &query.selector, &selection)?;
        let order = resolution.order.iter();
        let held: Vec<&Held> = order
            .filter_map(|component| snapshot.of(component))
            .collect();
        self.held_to_lock(&snapshot, &held)?;
        let components = held.iter().map(|held| {
            let name = &held.component.name;
            FoundComponent {
                component: Arc::clone(&held.component),
                source: held.source(),
                deprecation: held.component.deprecation(),
                pulled_in: resolution.pulled_in.contains(name),
                requires: resolution.requires.get(name).cloned().unwrap_or_default(),
            }
        });
        let left = selection.left.iter();
        Ok(Found {
            components: components.collect(),
            left: left
                .map(|(component, why)| left_out(component, why))
                .collect(),
        })
    }

    fn get(&self, name: &NamePattern, allow_draft: bool) -> Result<FoundComponent, RegistryError> {
        let selector = Selector {
            names: vec![name.clone()],
            ..Selector::default()
        };
        let query = RegistryQuery {
            selector,
            allow_draft,
        };
        let found = self.find(&query)?.components.into_iter();
        let mut found: Vec<FoundComponent> = found.filter(|found| !found.pulled_in).collect();
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (Some(one), false) => {
                found.push(one);
                let names = found.iter().map(|found| found.component.id().to_string());
                Err(refusals::ambiguous(name, &names.collect::<Vec<_>>()))
            }
            (None, _) => Err(refusals::unknown(name, None)),
        }
    }

    fn list(&self, selector: &Selector) -> Result<Vec<ComponentView>, RegistryError> {
        let snapshot = self.sound()?;
        let held = snapshot.held.iter();
        let meant = held.filter(|held| selector.matches(&held.component).is_ok());
        Ok(meant.map(|held| self.shown(&snapshot, held)).collect())
    }

    fn inspect(&self, name: &NamePattern) -> Result<ComponentView, RegistryError> {
        let snapshot = self.sound()?;
        let held = one(&snapshot, name)?;
        Ok(self.shown(&snapshot, held))
    }

    fn content(&self, fingerprint: Digest) -> Result<Vec<u8>, RegistryError> {
        let snapshot = self.sound()?;
        let held = snapshot.by_fingerprint(fingerprint);
        let held = held.ok_or_else(|| refusals::unknown(&fingerprint, None))?;
        Ok(held.bytes.clone())
    }

    fn add(&self, file: &ManifestFile, replace: bool) -> Result<AddedComponent, RegistryError> {
        change::add(self, file, replace)
    }

    fn remove(&self, name: &NamePattern) -> Result<RemovedComponent, RegistryError> {
        change::remove(self, name)
    }

    fn validate(&self) -> Result<RegistryReport, RegistryError> {
        let snapshot = self.look()?;
        let mut found = Troubles::of(&snapshot);
        if self.lacks_lock(&snapshot) {
            found.no_lock(self.told(&self.lock));
        }
        found.unlocked(&snapshot, self.told(&self.lock));
        Ok(RegistryReport {
            roots: self
                .roots
                .iter()
                .map(|root| root.shown(&self.base))
                .collect(),
            components: snapshot.held.len(),
            lock: snapshot.lock.is_some().then(|| self.told(&self.lock)),
            troubles: found.troubles,
            warnings: found.warnings,
        })
    }

    fn lock(&self) -> Result<LockReport, RegistryError> {
        change::lock(self)
    }

    fn admit(&self, component: &Component, who: &Asker<'_>) -> Result<Admission, RegistryError> {
        self.breakers().admit(component, who, (self.now)())
    }

    fn record(
        &self,
        component: &Component,
        outcome: Outcome,
    ) -> Result<BreakerView, RegistryError> {
        let breaker = self.breakers().record(component, outcome, (self.now)())?;
        Ok(breakers::view(&breaker))
    }

    fn reset(&self, name: &ComponentName) -> Result<BreakerView, RegistryError> {
        let snapshot = self.sound()?;
        let named = snapshot.named(&NamePattern::from(name));
        if named.is_empty() {
            return Err(unknown(&snapshot, &NamePattern::from(name)));
        }
        for held in named {
            self.breakers().reset(&held.component)?;
        }
        Ok(breakers::view(&rok_component::Breaker::default()))
    }
}

/// Every exact name has to come to something.
fn named_and_taken(
    snapshot: &Snapshot,
    selector: &Selector,
    selection: &Selection,
) -> Result<(), RegistryError> {
    let mut why = Vec::new();
    for name in selector.names.iter().filter(|name| name.exact().is_some()) {
        if selection
            .taken
            .iter()
            .any(|component| name.matches(component))
        {
            continue;
        }
        let left = selection.left.iter();
        let left = left.filter(|(component, _)| name.matches(component));
        let left: Vec<String> = left
            .map(|(component, why)| format!("component {} is not run: {why}", component.id()))
            .collect();
        if left.is_empty() {
            return Err(unknown(snapshot, name));
        }
        why.extend(left);
    }
    if why.is_empty() {
        return Ok(());
    }
    Err(refusals::may_not_run(&why))
}

/// The latest of the one name that is meant.
pub(crate) fn one<'s>(
    snapshot: &'s Snapshot,
    name: &NamePattern,
) -> Result<&'s Held, RegistryError> {
    let named = snapshot.named(name);
    let Some(first) = named.first() else {
        return Err(unknown(snapshot, name));
    };
    let same = |held: &&&Held| held.component.name == first.component.name;
    if named.iter().filter(same).count() == named.len() {
        return Ok(first);
    }
    let mut names: Vec<String> = named
        .iter()
        .map(|held| held.component.name.to_string())
        .collect();
    names.sort();
    names.dedup();
    Err(refusals::ambiguous(name, &names))
}

/// A name that means nothing, and what may be meant.
fn unknown(snapshot: &Snapshot, name: &NamePattern) -> RegistryError {
    let versions = snapshot.held.iter().filter(|held| {
        let given = name.exact();
        given == Some(held.component.name.as_str())
    });
    let versions: Vec<String> = versions.map(|held| format!("`{}`", held.id())).collect();
    if !versions.is_empty() {
        return refusals::other_versions(name, &versions);
    }
    let exact = name.exact().unwrap_or_default();
    refusals::unknown(name, rok_plan::nearest(exact, snapshot.names()))
}

fn left_out(component: &Component, why: &Left) -> LeftOut {
    LeftOut {
        component: component.id().to_string(),
        why: why.to_string(),
    }
}

fn gone(path: &Path, error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound && !path.is_symlink()
}

fn machine() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
