//! Which run a person means: a run folder, a run id, or a unique prefix of
//! one.

use crate::disk::Disk;
use crate::folder::{EVENTS, Folder};
use crate::store::JsonlStore;
use rok_chain::LineHeader;
use rok_log::{Durability, StoreError};
use rok_vocabulary::RunId;
use std::path::{Path, PathBuf};

/// How many runs an error names.
const NAMED: usize = 10;
/// How many near ones.
const NEAR: usize = 3;

/// The run that was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The run.
    pub run: RunId,
    /// The folder of run folders that it lies in: what to open as a store.
    pub root: PathBuf,
}

impl Resolved {
    /// The run's folder.
    pub fn path(&self) -> PathBuf {
        self.root.join(self.run.as_str())
    }
}

/// A text that names no run, or more than one.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Several ids begin so.
    #[error("`{text}` is short for several runs: {}{}", listed(candidates), besides(*more))]
    Ambiguous {
        /// The text.
        text: String,
        /// The first of them.
        candidates: Vec<RunId>,
        /// How many there are besides.
        more: usize,
    },
    /// No id begins so, and no folder is there.
    #[error("there is no run `{text}` in {}{}", root.display(), near_it(nearest))]
    Unknown {
        /// The text.
        text: String,
        /// Where runs were looked for.
        root: PathBuf,
        /// The ids that are most like it.
        nearest: Vec<RunId>,
    },
    /// What is there is no run folder, or cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn listed(runs: &[RunId]) -> String {
    runs.iter()
        .map(RunId::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn besides(n: usize) -> String {
    if n == 0 {
        String::new()
    } else {
        format!(" and {n} more")
    }
}

fn near_it(runs: &[RunId]) -> String {
    if runs.is_empty() {
        String::new()
    } else {
        format!("; near it: {}", listed(runs))
    }
}

/// Finds the run that `text` means, among those in `root` and, where it is the
/// path of a folder, there.
pub fn resolve(root: &Path, text: &str) -> Result<Resolved, ResolveError> {
    if text.contains('/') || text == "." || text == ".." {
        return folder(Path::new(text));
    }
    let store = JsonlStore::open(root, Durability::Flush);
    let exact = text.parse::<RunId>().ok();
    if let Some(run) = &exact
        && Folder::find(root, run)?.is_some()
    {
        return Ok(Resolved {
            run: run.clone(),
            root: root.to_owned(),
        });
    }
    if !text.is_empty() && Path::new(text).join(EVENTS).exists() {
        return folder(Path::new(text));
    }
    let runs = store.run_ids()?;
    let mut found: Vec<RunId> = match text {
        "" => Vec::new(),
        _ => runs
            .iter()
            .filter(|run| run.as_str().starts_with(text))
            .cloned()
            .collect(),
    };
    match (found.len(), found.pop()) {
        (1, Some(run)) => {
            // Refused clearly if it is no run folder.
            Folder::get(root, &run)?;
            Ok(Resolved {
                run,
                root: root.to_owned(),
            })
        }
        (0, _) | (_, None) => Err(ResolveError::Unknown {
            text: text.to_owned(),
            root: root.to_owned(),
            nearest: nearest(text, runs),
        }),
        (n, Some(last)) => {
            found.push(last);
            found.truncate(NAMED);
            let more = n - found.len();
            Err(ResolveError::Ambiguous {
                text: text.to_owned(),
                candidates: found,
                more,
            })
        }
    }
}

fn nearest(text: &str, mut runs: Vec<RunId>) -> Vec<RunId> {
    let likeness = |run: &RunId| strsim::jaro_winkler(text, run.as_str());
    runs.retain(|run| likeness(run) > 0.7);
    runs.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    runs.truncate(NEAR);
    runs
}

/// The run in a folder that was named by its path.
fn folder(path: &Path) -> Result<Resolved, ResolveError> {
    // Without a slash at its end, which would follow a symbolic link.
    let path: PathBuf = path.components().collect();
    if !Folder::look(&path)? {
        let nearest = Vec::new();
        let root = path.parent().unwrap_or(Path::new("/")).to_owned();
        return Err(ResolveError::Unknown {
            text: path.display().to_string(),
            root,
            nearest,
        });
    }
    let full = path
        .canonicalize()
        .map_err(|error| StoreError::from_io("look at", &path, error))?;
    let name = full
        .file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.parse().ok());
    let refused = |why| {
        ResolveError::Store(StoreError::NotARun {
            path: path.clone(),
            why,
        })
    };
    let Some(run): Option<RunId> = name else {
        return Err(refused("its name is no run id"));
    };
    // A log that is gone names no other run; whoever reads it tells.
    let log = full.join(EVENTS);
    let there = log.symlink_metadata().is_ok_and(|it| it.is_file());
    let first = if there {
        Disk::read_first_line(&log)?
    } else {
        Vec::new()
    };
    if LineHeader::decode(&first).is_some_and(|header| header.run_id != run.as_str()) {
        return Err(refused(
            "its log is of another run: name the folder after the run_id in it",
        ));
    }
    let root = full.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Resolved { run, root })
}

#[cfg(test)]
mod tests;
