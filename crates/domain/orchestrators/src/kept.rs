//! What is kept for a run outside of the work tree while it may go on: what was
//! staged, by name and as an index of git, and a copy of it where one is looked
//! at.
//!
//! It lies in a folder of its own that only this user may look into. It goes
//! with the run's end; what a run left that died goes when the next one begins.
//! Nothing is taken away that does not say whose it is, and no link is followed.

use crate::git::parts;
use crate::index::Entries;
use rok_vocabulary::RunId;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Error, Result, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What the folders are called, before the run's id.
const PREFIX: &str = "rok-staged-";

/// Says whose a folder is; locked by whoever is about to begin the run.
const OWNER: &str = "owner";

/// What was staged: entries of git's index, a NUL behind each.
const LISTING: &str = "staged";

/// The copy.
const TREE: &str = "tree";

/// What git takes for the copy's own folder, with the index.
const GIT: &str = "git";

/// An index that is made to compare by, and to be forgotten.
const SCRATCH: &str = "scratch";

/// More than this is no owner's word.
const MAX_OWNER: u64 = 64 * 1024;

/// A list of what a million long names come to.
const MAX_LISTING: u64 = 512 * 1024 * 1024;

/// Whose a folder is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    run: RunId,
    /// Where the record of the run is.
    runs: PathBuf,
}

/// What is kept for a run. It goes with this, unless it is left to the run.
#[derive(Debug)]
pub(crate) struct Kept {
    root: PathBuf,
    left: bool,
    /// Holds the lock.
    _owner: File,
}

impl Kept {
    /// Makes the folder of a run whose record will be in `runs`.
    pub(crate) fn make(run: &RunId, runs: &Path, entries: &Entries) -> Result<Self> {
        let root = place()?.join(format!("{PREFIX}{run}"));
        DirBuilder::new().mode(0o700).create(&root)?;
        let made = || -> Result<File> {
            let mut owner = new_file(&root.join(OWNER))?;
            owner.try_lock()?;
            let word = Owner {
                run: run.clone(),
                runs: runs.to_owned(),
            };
            serde_json::to_writer(&owner, &word)?;
            owner.flush()?;
            new_file(&root.join(LISTING))?.write_all(&listing(entries))?;
            Ok(owner)
        };
        match made() {
            Ok(owner) => Ok(Self {
                root,
                left: false,
                _owner: owner,
            }),
            Err(error) => {
                let _ = remove(&root);
                Err(error)
            }
        }
    }

    /// Where a copy goes.
    pub(crate) fn tree(&self) -> PathBuf {
        self.root.join(TREE)
    }

    /// Where git's folder for it goes.
    pub(crate) fn git(&self) -> PathBuf {
        self.root.join(GIT)
    }

    /// Leaves it to a run that is not at its end, and tells where it is.
    pub(crate) fn leave(&mut self) -> &Path {
        self.left = true;
        &self.root
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.left {
            // What a component left unremovable, the system's own sweep takes.
            let _ = remove(&self.root);
        }
    }
}

/// What was staged when a run began, where that is still known.
pub(crate) fn listed(run: &RunId) -> Option<Entries> {
    let bytes = rok_files::read(&of(run).ok()?.join(LISTING), MAX_LISTING).ok()?;
    Some(parts(&bytes).map(<[u8]>::to_vec).collect())
}

/// Where the copy is that a run looks at, or was.
pub(crate) fn copy(run: &RunId) -> std::result::Result<PathBuf, String> {
    Ok(of(run)?.join(TREE))
}

/// Where the index is that a run judges.
pub(crate) fn index(run: &RunId) -> std::result::Result<PathBuf, String> {
    Ok(of(run)?.join(GIT).join("index"))
}

/// Where an index of a run may be made and forgotten.
pub(crate) fn scratch(run: &RunId) -> std::result::Result<PathBuf, String> {
    Ok(of(run)?.join(SCRATCH))
}

/// Makes the folder of a run where there is none, to be forgotten.
pub(crate) fn make_if_gone(
    run: &RunId,
    runs: &Path,
    entries: &Entries,
) -> std::result::Result<Option<Kept>, String> {
    let gone = fs::symlink_metadata(of(run)?).is_err();
    let made = gone.then(|| Kept::make(run, runs, entries)).transpose();
    made.map_err(|error| error.to_string())
}

/// The folder of a run.
fn of(run: &RunId) -> std::result::Result<PathBuf, String> {
    let place = place().map_err(|error| error.to_string())?;
    Ok(place.join(format!("{PREFIX}{run}")))
}

/// Takes away what is kept for a run whose last step this is.
pub(crate) fn take_away(run: &RunId) {
    let Ok(place) = place() else { return };
    let root = place.join(format!("{PREFIX}{run}"));
    if is_ours(&root) && owner(&root).is_some_and(|owner| owner.run == *run) {
        let _ = remove(&root);
    }
}

/// Takes away what runs recorded in `runs` have left that have ended, or never
/// began. Best effort: what cannot be judged stays.
pub(crate) fn sweep(runs: &Path, is_over: impl Fn(&RunId) -> bool) {
    let Some(entries) = place().ok().and_then(|place| fs::read_dir(place).ok()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let run = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let Some(run) = run.and_then(|run| run.parse::<RunId>().ok()) else {
            continue;
        };
        let root = entry.path();
        if !is_ours(&root) {
            continue;
        }
        // Whoever is about to begin the run holds it.
        let Ok(file) = rok_files::open(&root.join(OWNER)) else {
            continue;
        };
        if file.try_lock().is_err() {
            continue;
        }
        let word = owner(&root);
        let said = word.is_some_and(|word| word.run == run && word.runs == runs);
        if said && is_over(&run) {
            let _ = remove(&root);
        }
    }
}

/// Removes a folder.
fn remove(root: &Path) -> Result<()> {
    remove_by(root, remove_one)
}

fn remove_one(path: &Path, is_folder: bool) -> Result<()> {
    if is_folder {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

/// The same, by what removes whatever lies in it. The word on whose it is goes
/// last: what breaks off in the middle leaves a folder that is still known.
fn remove_by(root: &Path, each: impl Fn(&Path, bool) -> Result<()>) -> Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name() != OWNER {
            each(&entry.path(), entry.file_type()?.is_dir())?;
        }
    }
    each(&root.join(OWNER), false)?;
    fs::remove_dir(root)
}

/// The folder that these folders are made in.
fn place() -> Result<PathBuf> {
    std::env::temp_dir().canonicalize()
}

/// A folder of this user, that nobody else may look into; no link to one.
fn is_ours(root: &Path) -> bool {
    let me = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(root)
        .is_ok_and(|found| found.is_dir() && found.uid() == me && found.mode() & 0o777 == 0o700)
}

fn owner(root: &Path) -> Option<Owner> {
    let bytes = rok_files::read(&root.join(OWNER), MAX_OWNER).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn new_file(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.map_err(|error| Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Entries as one text: what their digest is of.
pub(crate) fn listing(entries: &Entries) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in entries {
        text.extend_from_slice(entry);
        text.push(0);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_that_breaks_off_leaves_a_folder_whose_owner_is_known() {
        let runs = tempfile::tempdir().expect("a folder");
        // What a killed test leaves is in no other's way.
        let run = format!("removal-breaks-off-{}", std::process::id());
        let run: RunId = run.parse().expect("an id");
        // The list of what is staged, the copy, and the owner.
        for done in 0..3 {
            let mut kept = Kept::make(&run, runs.path(), &Entries::new()).expect("it is made");
            fs::create_dir(kept.tree()).expect("a folder");
            let root = kept.leave().to_owned();
            drop(kept);
            let count = std::cell::Cell::new(0);
            let broken = remove_by(&root, |path, is_folder| {
                if count.replace(count.get() + 1) < done {
                    return remove_one(path, is_folder);
                }
                Err(Error::other("it stays"))
            });
            assert!(broken.is_err() && root.exists());
            sweep(runs.path(), |_| true);
            assert!(!root.exists(), "the next run collects it, after {done}");
        }
    }
}
