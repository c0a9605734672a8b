//! Roots: folders with manifests, and sources that are no folders.

use crate::refusals;
use crate::snapshot::{Held, Kept};
use rok_chain::Digest;
use rok_component::{ManifestSource, SUFFIXES, parse};
use rok_facades::registry::RegistryError;
use rok_log::Cells;
use rok_plan::PlanErrors;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A manifest is a page or two.
pub(crate) const MAX_MANIFEST: u64 = 1024 * 1024;

/// More is no registry of components that people look after.
const MAX_COMPONENTS: usize = 10_000;

/// Deeper is no tree of manifests: a link that leads back up, for one.
const MAX_DEPTH: usize = 16;

/// The cells of manifests from elsewhere, by fingerprint.
const CACHE: &str = "manifests";

/// Where manifests are looked for.
#[derive(Clone)]
pub enum Root {
    /// A folder and the folders below it.
    Folder {
        /// Its path.
        path: PathBuf,
        /// Whether its absence is a fault; else it is a folder without
        /// manifests.
        required: bool,
    },
    /// Elsewhere.
    Source(Arc<dyn ManifestSource>),
}

impl Root {
    /// A folder that must be there.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self::Folder {
            path: path.into(),
            required: true,
        }
    }

    /// A folder that may be absent as long as nothing is in it.
    pub fn folder_if_there(path: impl Into<PathBuf>) -> Self {
        Self::Folder {
            path: path.into(),
            required: false,
        }
    }

    /// What people are told.
    pub(crate) fn shown(&self, base: &Path) -> String {
        match self {
            Self::Folder { path, .. } => shown(path, base),
            Self::Source(source) => source.address(),
        }
    }

    /// Reads everything in it.
    pub(crate) fn read(
        &self,
        base: &Path,
        cells: &dyn Cells,
        held: &mut Vec<Held>,
        faulty: &mut Vec<PlanErrors>,
    ) -> Result<(), RegistryError> {
        match self {
            Self::Folder { path, required } => read_folder(path, *required, base, held, faulty),
            Self::Source(source) => read_source(&**source, cells, held, faulty),
        }
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Root")
            .field(&self.shown(Path::new("")))
            .finish()
    }
}

/// A path as people are told it: seen from their folder, where it lies there.
pub(crate) fn shown(path: &Path, base: &Path) -> String {
    let inside = path.strip_prefix(base).ok();
    let inside = inside.filter(|inside| !inside.as_os_str().is_empty());
    inside.unwrap_or(path).display().to_string()
}

/// The ending of a manifest's name; `None` of any other file's.
pub(crate) fn suffix_of(name: &str) -> Option<&'static str> {
    let found = SUFFIXES.iter().find(|suffix| {
        let stem = name.strip_suffix(*suffix);
        stem.is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.'))
    });
    found.copied()
}

fn read_folder(
    root: &Path,
    required: bool,
    base: &Path,
    held: &mut Vec<Held>,
    faulty: &mut Vec<PlanErrors>,
) -> Result<(), RegistryError> {
    let mut files = Vec::new();
    match walk(root, 0, &mut files) {
        Err((_, error)) if !required && absent(root, &error) => return Ok(()),
        Err((path, error)) if error.kind() == io::ErrorKind::InvalidInput => {
            return Err(refusals::odd_name(&path, &error));
        }
        Err((path, error)) => return Err(refusals::unreadable(&path, &error)),
        Ok(()) => {}
    }
    files.sort();
    for path in files {
        let shown = shown(&path, base);
        let read = rok_files::read(&path, MAX_MANIFEST + 1);
        let bytes = read.map_err(|error| refusals::unreadable(&path, &error))?;
        if bytes.len() as u64 > MAX_MANIFEST {
            return Err(refusals::too_large(&shown, MAX_MANIFEST));
        }
        match parse(&bytes, &shown) {
            Err(errors) => faulty.push(errors),
            Ok(component) => held.push(Held {
                component: Arc::new(component),
                bytes,
                kept: Kept::File { path, shown },
            }),
        }
    }
    if held.len() > MAX_COMPONENTS {
        return Err(refusals::too_many(MAX_COMPONENTS));
    }
    Ok(())
}

fn absent(root: &Path, error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound && !root.is_symlink()
}

/// Collects manifests below a folder. Hidden folders are no part of it; a link
/// to a folder is not followed.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    let at = |error| (folder.to_owned(), error);
    if depth > MAX_DEPTH {
        return Err(at(io::Error::other(format!(
            "it lies deeper than {MAX_DEPTH} folders"
        ))));
    }
    for entry in std::fs::read_dir(folder).map_err(at)? {
        let entry = entry.map_err(at)?;
        let (name, kind) = (entry.file_name(), entry.file_type().map_err(at)?);
        let shown = name.to_string_lossy();
        let meant = suffix_of(&shown.to_lowercase());
        match name.to_str() {
            Some(name) if kind.is_dir() && meant.is_none() => {
                if !name.starts_with('.') {
                    walk(&entry.path(), depth + 1, files)?;
                }
            }
            Some(name) if !kind.is_dir() && suffix_of(name).is_some() => files.push(entry.path()),
            // A check that somebody wrote is not left out for its file's name.
            _ => {
                if let Some(suffix) = meant {
                    let why = if kind.is_dir() {
                        "it is named as a manifest is, and is a folder".to_owned()
                    } else {
                        format!(
                            "it is named almost as a manifest is: the name must be UTF-8 and end in `{suffix}`"
                        )
                    };
                    let odd = io::Error::new(io::ErrorKind::InvalidInput, why);
                    return Err((entry.path(), odd));
                }
            }
        }
    }
    Ok(())
}

/// Reads what a source has. A manifest never changes under its fingerprint, so
/// each is fetched once.
fn read_source(
    source: &dyn ManifestSource,
    cells: &dyn Cells,
    held: &mut Vec<Held>,
    faulty: &mut Vec<PlanErrors>,
) -> Result<(), RegistryError> {
    let address = source.address();
    let refused = |error| refusals::source(&address, &error);
    let offers = source.offers().map_err(refused)?;
    if offers.len() > MAX_COMPONENTS {
        return Err(refusals::too_many(MAX_COMPONENTS));
    }
    for offer in offers {
        let (fingerprint, file) = (offer.fingerprint, &offer.file);
        if suffix_of(file).is_none() {
            return Err(refusals::no_manifest(&address, file));
        }
        let bytes = match cached(cells, fingerprint)? {
            Some(bytes) => bytes,
            None => {
                let bytes = source.manifest(fingerprint).map_err(refused)?;
                let found = Digest::of(&bytes);
                if found != fingerprint {
                    return Err(refusals::other_content(&address, fingerprint, found));
                }
                cache(cells, fingerprint, &bytes)?;
                bytes
            }
        };
        match parse(&bytes, &format!("{address}/{file}")) {
            Err(errors) => faulty.push(errors),
            Ok(component) => held.push(Held {
                component: Arc::new(component),
                bytes,
                kept: Kept::Elsewhere {
                    address: address.clone(),
                    file: file.clone(),
                },
            }),
        }
    }
    Ok(())
}

/// A manifest that was fetched before; one that is no longer itself is none.
fn cached(cells: &dyn Cells, fingerprint: Digest) -> Result<Option<Vec<u8>>, RegistryError> {
    let cell = cells.cell(CACHE, &fingerprint.to_hex());
    let bytes = cell.map_err(|error| refusals::state(&error))?;
    Ok(bytes.filter(|bytes| Digest::of(bytes) == fingerprint))
}

fn cache(cells: &dyn Cells, fingerprint: Digest, bytes: &[u8]) -> Result<(), RegistryError> {
    let key = fingerprint.to_hex();
    let seen = cells.cell(CACHE, &key);
    let swapped = seen.and_then(|seen| cells.swap(CACHE, &key, seen.as_deref(), Some(bytes)));
    // Where somebody else was first, the same bytes are there.
    swapped.map(drop).map_err(|error| refusals::state(&error))
}
