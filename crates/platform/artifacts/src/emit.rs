//! What a step made: found, taken into the store, and only then named.

use crate::before::Before;
use crate::declared::{Candidate, Declared, Place, Roots, candidates};
use crate::digest::{ArtifactError, Digest};
use crate::identity::Identity;
use crate::store::{ContentStore, Pending};
use rok_secrets::Masker;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// More files than this from one step are one archive that was not packed.
pub const MAX_ARTIFACTS: usize = 10_000;

/// All that one step may emit, in bytes.
pub const MAX_EMITTED_BYTES: u64 = 1 << 40;

/// An artifact that a step made, and whose content is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// As declared; of a pattern, as it matched.
    pub path: String,
    /// Where the path starts from.
    pub place: Place,
    /// Where it lies.
    pub file: PathBuf,
    /// sha-256 of the content, hex.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// The state of the file when it was read, where there is one.
    pub identity: Option<Identity>,
}

impl Emitted {
    /// An artifact whose content is not kept: what a stub says that it made.
    #[must_use]
    pub fn unstored(path: &str, content: &[u8]) -> Self {
        let Digest { sha256, bytes } = Digest::of(content);
        Self {
            path: path.to_owned(),
            place: Place::default(),
            file: PathBuf::from(path),
            sha256,
            bytes,
            executable: false,
            identity: None,
        }
    }
}

/// A step that cannot be given its artifacts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// Nothing was written where something must be.
    #[error("required artifact `{path}` was not written")]
    Missing {
        /// The path or pattern.
        path: String,
    },
    /// What is there was there before, and the step has not touched it.
    #[error(
        "required artifact `{path}` was not written: what is there was there before the step began"
    )]
    Stale {
        /// The path or pattern.
        path: String,
    },
    /// It holds a secret, or has one in its name.
    #[error("artifact `{path}` holds secret `{secret}`")]
    Secret {
        /// The path.
        path: String,
        /// The secret's name.
        secret: String,
    },
    /// It cannot be an artifact.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// Finds what a step made of what it declared, in the order of declarations
/// and paths, and stores it. Nothing is kept when anything is wrong.
pub fn emit(
    declared: &[Declared],
    roots: &Roots,
    before: &Before,
    store: &ContentStore,
    secrets: &Masker,
) -> Result<Vec<Emitted>, EmitError> {
    let mut emitted = Vec::new();
    let mut contents: Vec<Pending> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut bytes = 0_u64;
    for declared in declared {
        for candidate in made(declared, roots, before)? {
            if !seen.insert(candidate.file.clone()) {
                continue;
            }
            if emitted.len() == MAX_ARTIFACTS {
                return Err(too_much(declared, MAX_ARTIFACTS as u64, "files"));
            }
            let content = take_in(&candidate, roots, store, secrets)?;
            bytes = bytes.saturating_add(content.digest().bytes);
            if bytes > MAX_EMITTED_BYTES {
                return Err(too_much(declared, MAX_EMITTED_BYTES, "bytes"));
            }
            let Candidate {
                path, place, file, ..
            } = candidate;
            emitted.push(Emitted {
                path,
                place,
                file,
                sha256: content.digest().sha256.clone(),
                bytes: content.digest().bytes,
                executable: content.executable(),
                identity: Some(content.identity()),
            });
            contents.push(content);
        }
    }
    store.keep(contents)?;
    Ok(emitted)
}

/// What of a declaration is the step's: in its own folder, else in the run's.
fn made(declared: &Declared, roots: &Roots, before: &Before) -> Result<Vec<Candidate>, EmitError> {
    let there = candidates(declared, roots)?;
    // Whether the step made the link or found it: nothing behind it is its own.
    if let Some(link) = there.iter().find(|candidate| candidate.leaves) {
        return Err(EmitError::Artifact(ArtifactError::Outside {
            path: roots.file(link.place, &declared.path),
            root: roots.bound(link.place, &declared.path),
        }));
    }
    let any = !there.is_empty();
    let mut new: Vec<Candidate> = there
        .into_iter()
        .filter(|candidate| before.is_new(&candidate.file))
        .collect();
    if new.iter().any(|candidate| candidate.place == Place::Cwd) {
        new.retain(|candidate| candidate.place == Place::Cwd);
    }
    let path = || declared.path.clone();
    match (new.is_empty(), declared.required) {
        (true, true) if any => Err(EmitError::Stale { path: path() }),
        (true, true) => Err(EmitError::Missing { path: path() }),
        _ => Ok(new),
    }
}

fn take_in(
    candidate: &Candidate,
    roots: &Roots,
    store: &ContentStore,
    secrets: &Masker,
) -> Result<Pending, EmitError> {
    let Candidate {
        path, place, file, ..
    } = candidate;
    let secret = |secret| EmitError::Secret {
        path: path.clone(),
        secret,
    };
    if let Some(found) = secrets.find(path.as_bytes()) {
        return Err(secret(found.to_string()));
    }
    let mut detector = secrets.detector();
    let content = store.take_in(&roots.bound(*place, path), file, |chunk| {
        detector.push(chunk);
    });
    if let Some(found) = detector.found() {
        return Err(secret(found.to_string()));
    }
    Ok(content?)
}

fn too_much(declared: &Declared, limit: u64, what: &'static str) -> EmitError {
    EmitError::Artifact(ArtifactError::TooMuch {
        pattern: declared.path.clone(),
        limit,
        what,
    })
}
