//! A run folder comes into being whole: it is made under a name that no run
//! can have, and renamed when all of it is durable.

use crate::disk::Disk;
use crate::folder::{DIRS, EVENTS, Folder, PLAN, PLANS, SEAL};
use rok_log::{Commit, DocumentKind, StoreError};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// `~` is in no run id.
pub(crate) const UNFINISHED: &str = ".new~";

/// Written once, with the folder of run folders, so that the runs of a folder
/// that is under version control are no part of it.
const IGNORE: &str = ".gitignore";

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Creates the run of a commit; `None` when it is there already.
pub(crate) fn create(
    root: &Path,
    commit: &Commit,
    disk: &Disk,
) -> Result<Option<Folder>, StoreError> {
    let fresh = !root.exists();
    disk.create_dirs(root)?;
    if fresh {
        // A courtesy: without it the runs are there all the same.
        let _ = Disk::add(&root.join(IGNORE), b"*\n");
    }
    if Folder::find(root, &commit.run)?.is_some() {
        return Ok(None);
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let unfinished = root.join(format!(
        "{UNFINISHED}{}~{}~{count}",
        commit.run,
        std::process::id()
    ));
    let path = root.join(commit.run.as_str());
    let made = fill(&unfinished, commit, disk).and_then(|()| rename(&unfinished, &path, disk));
    if !matches!(made, Ok(true)) {
        // What is left over hides nothing and is no run.
        let _ = fs::remove_dir_all(&unfinished);
    }
    if made? {
        disk.sync_dir(root)?;
        Ok(Some(Folder {
            run: commit.run.clone(),
            path,
        }))
    } else {
        Ok(None)
    }
}

fn fill(path: &Path, commit: &Commit, disk: &Disk) -> Result<(), StoreError> {
    disk.create_dir(path)?;
    for dir in DIRS {
        disk.create_dir(&path.join(dir))?;
    }
    for document in &commit.documents {
        match document.kind {
            DocumentKind::Plan => disk.create_with(&path.join(PLAN), &document.bytes)?,
            DocumentKind::SubPlan => {
                let plans = path.join(PLANS);
                if !plans.exists() {
                    disk.create_dir(&plans)?;
                }
                let name = format!("{}.json", document.digest);
                disk.create_with(&plans.join(name), &document.bytes)?;
                disk.sync_dir(&plans)?;
            }
        }
    }
    disk.create_with(&path.join(EVENTS), &commit.lines)?;
    if let Some(seal) = &commit.seal {
        disk.create_with(&path.join(SEAL), seal.to_json().as_bytes())?;
    }
    disk.sync_dir(path)
}

/// Whether the folder got its name; not, when another has it.
fn rename(from: &Path, to: &Path, disk: &Disk) -> Result<bool, StoreError> {
    match disk.change("rename", from, || fs::rename(from, to)) {
        Err(StoreError::Io { source, .. })
            if matches!(
                source.kind(),
                io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Ok(false)
        }
        renamed => renamed.map(|()| true),
    }
}
