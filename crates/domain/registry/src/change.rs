//! Changes: each is looked at before it is made, and made in one step.

use crate::engine::{Registry, one};
use crate::refusals;
use crate::roots::{MAX_MANIFEST, Root, suffix_of};
use crate::snapshot::{Held, Kept, Snapshot};
use crate::troubles::Troubles;
use crate::views;
use rok_component::{Component, Lock, NamePattern, parse};
use rok_facades::registry::{
    AddedComponent, LockReport, ManifestFile, RegistryError, RemovedComponent,
};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Adds a manifest, or puts it in the place of the one with its name and
/// version.
pub(crate) fn add(
    registry: &Registry,
    file: &ManifestFile,
    replace: bool,
) -> Result<AddedComponent, RegistryError> {
    if file.bytes.len() as u64 > MAX_MANIFEST {
        return Err(refusals::too_large(&file.name, MAX_MANIFEST));
    }
    let parsed = parse(&file.bytes, &file.name);
    let component = parsed.map_err(|errors| RegistryError::Manifests(vec![errors]))?;
    let id = component.id();
    let before = registry.look_to_add()?;
    let there = before.by_id(&id);
    if let Some(held) = there.filter(|held| held.bytes == file.bytes) {
        return Ok(added("unchanged", registry, &before, held));
    }
    let path = match there {
        Some(held) if !replace => return Err(refusals::exists(&id, &held.source())),
        Some(held) => own_file(held)?.to_owned(),
        None => free_place(registry, &before, &component, &file.name)?,
    };
    let change = if there.is_some() { "replaced" } else { "added" };
    let held = Held {
        component: Arc::new(component),
        bytes: file.bytes.clone(),
        kept: Kept::File {
            path: path.clone(),
            shown: registry.told(&path),
        },
    };
    let mut all: Vec<Held> = before.held.clone();
    all.retain(|other| other.id() != id);
    all.push(held);
    // A lock is renewed by whoever looked at what has changed.
    let after = Snapshot::new(all, before.faulty.clone(), None);
    let lockless = Snapshot::new(before.held.clone(), before.faulty.clone(), None);
    unbroken(&format!("adding {id}"), &lockless, &after)?;
    let written = if there.is_some() {
        rok_files::replace(&path, &file.bytes)
    } else {
        rok_files::create(&path, &file.bytes)
    };
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(refusals::exists(&id, &registry.told(&path)))
        }
        Err(error) => Err(refusals::unwritable(&path, &error)),
        Ok(()) => {
            let after = Snapshot::new(after.held, after.faulty, before.lock);
            let held = after.by_id(&id);
            let held = held.ok_or_else(|| refusals::unknown(&id, None))?;
            Ok(added(change, registry, &after, held))
        }
    }
}

fn added(change: &str, registry: &Registry, snapshot: &Snapshot, held: &Held) -> AddedComponent {
    AddedComponent {
        change: change.to_owned(),
        component: registry.shown(snapshot, held),
    }
}

/// Removes a manifest that nobody requires.
pub(crate) fn remove(
    registry: &Registry,
    name: &NamePattern,
) -> Result<RemovedComponent, RegistryError> {
    let before = registry.look()?;
    let held = one(&before, name)?;
    let several: Vec<String> = before
        .named(name)
        .iter()
        .map(|h| h.id().to_string())
        .collect();
    if several.len() > 1 {
        return Err(refusals::ambiguous(name, &several));
    }
    let (id, path) = (held.id(), own_file(held)?.to_owned());
    let mut all = before.held.clone();
    all.retain(|other| other.id() != id);
    let lockless = Snapshot::new(before.held.clone(), before.faulty.clone(), None);
    let after = Snapshot::new(all, before.faulty.clone(), None);
    unbroken(&format!("removing {id}"), &lockless, &after)?;
    rok_files::remove(&path).map_err(|error| refusals::unwritable(&path, &error))?;
    Ok(RemovedComponent {
        name: id.name,
        version: id.version.to_string(),
        fingerprint: held.component.fingerprint.to_hex(),
        source: held.source(),
    })
}

/// Refuses a change after which something is wrong that was right.
fn unbroken(what: &str, before: &Snapshot, after: &Snapshot) -> Result<(), RegistryError> {
    let new = Troubles::of(after).beyond(&Troubles::of(before));
    if new.is_empty() {
        return Ok(());
    }
    Err(refusals::would_break(what, &new))
}

/// The file of a component that can be changed from here.
fn own_file(held: &Held) -> Result<&Path, RegistryError> {
    match &held.kept {
        Kept::File { path, .. } => Ok(path),
        Kept::Elsewhere { address, .. } => Err(refusals::not_ours(
            format!("{} is kept at {address}, and only read here", held.id()),
            "change it where it is kept",
        )),
    }
}

/// A file for a new component in the first folder: named after it, and after
/// its version where another one has that name.
fn free_place(
    registry: &Registry,
    snapshot: &Snapshot,
    component: &Component,
    given: &str,
) -> Result<PathBuf, RegistryError> {
    let folder = registry.roots.iter().find_map(|root| match root {
        Root::Folder { path, .. } => Some(path),
        Root::Source(_) => None,
    });
    let Some(folder) = folder else {
        return Err(refusals::not_ours(
            "no root of the registry is a folder".to_owned(),
            "name one by `registry_roots`",
        ));
    };
    let file = Path::new(given).file_name().unwrap_or_default();
    let suffix = suffix_of(&file.to_string_lossy()).unwrap_or_else(|| {
        let toml = given
            .rsplit_once('.')
            .is_some_and(|(_, end)| end.eq_ignore_ascii_case("toml"));
        if toml {
            ".component.toml"
        } else {
            ".component.yaml"
        }
    });
    let plain = folder.join(format!("{}{suffix}", component.name));
    let taken = |path: &Path| {
        let mut held = snapshot.held.iter();
        path.exists()
            || held
                .any(|held| matches!(&held.kept, Kept::File { path: other, .. } if other == path))
    };
    if !taken(&plain) {
        return Ok(plain);
    }
    Ok(folder.join(format!("{}{suffix}", component.id())))
}

/// Refuses to hold a registry to requirements that nobody can meet, and to
/// components that require each other.
fn holds_together(snapshot: &Snapshot) -> Result<(), RegistryError> {
    let lockless = Snapshot::new(snapshot.held.clone(), Vec::new(), None);
    let found = Troubles::of(&lockless).troubles.into_iter();
    let unmet = found.filter(|trouble| trouble.code == "ROK0232");
    // Each of several that require each other tells the same.
    let told: BTreeSet<String> = unmet.map(|trouble| trouble.message).collect();
    if told.is_empty() {
        return Ok(());
    }
    Err(refusals::broken(&told.into_iter().collect::<Vec<_>>()))
}

/// Holds the registry to what it is now.
pub(crate) fn lock(registry: &Registry) -> Result<LockReport, RegistryError> {
    let snapshot = registry.sound()?;
    let components = snapshot.components();
    holds_together(&snapshot)?;
    let changes = match &snapshot.lock {
        Some(lock) => lock.check(components.iter().map(|component| &**component)),
        None => Vec::new(),
    };
    let lock = Lock::of(components.iter().map(|component| &**component));
    if snapshot.lock.as_ref() != Some(&lock) {
        let written = rok_files::replace(&registry.lock, lock.to_text().as_bytes());
        written.map_err(|error| refusals::unwritable(&registry.lock, &error))?;
    }
    Ok(LockReport {
        file: registry.told(&registry.lock),
        components: components.len(),
        changes: changes.iter().map(views::drift).collect(),
    })
}
