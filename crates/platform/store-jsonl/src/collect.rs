//! Collecting a run: its folder becomes a stub that says what was there. The
//! stub's file is the turning point: before it the folder is a run, from it on
//! a stub, whatever else still lies in it.

use crate::create::UNFINISHED;
use crate::disk::Disk;
use crate::folder::{Folder, LOCK, STUB};
use crate::lock::Lock;
use crate::store::JsonlStore;
use rok_log::{ClaimError, Owner, RunRow, StoreError};
use rok_vocabulary::RunId;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A folder that is being made is whole within milliseconds.
const MAKING: Duration = Duration::from_secs(60);

/// A run that nobody drives, and nobody can while this lives.
#[derive(Debug)]
pub struct Collecting<'a> {
    store: &'a JsonlStore,
    folder: Folder,
    _lock: Lock,
}

#[derive(Deserialize)]
struct StubRow {
    row: RunRow,
}

impl JsonlStore {
    /// What was written of a run when it was collected; `None` for a run.
    pub fn stub(&self, run: &RunId) -> Result<Option<Vec<u8>>, StoreError> {
        Folder::get(&self.root, run)?.stub()
    }

    /// Takes a run that nobody drives, to collect it.
    pub fn begin_collecting(
        &self,
        run: &RunId,
        owner: &Owner,
    ) -> Result<Collecting<'_>, ClaimError> {
        let folder = Folder::get(&self.root, run)?;
        let lock = Lock::take(&folder, owner, &self.disk)?;
        Ok(Collecting {
            store: self,
            folder,
            _lock: lock,
        })
    }

    /// Removes what is left in a stub of the run that it was, but for the files
    /// to keep; gives the bytes. A kill may have kept this from being done.
    pub fn clear_stub(&self, run: &RunId, keep: &[&str]) -> Result<u64, StoreError> {
        let folder = Folder::get(&self.root, run)?;
        if folder.stub()?.is_none() {
            return Ok(0);
        }
        clear(&folder, keep)
    }

    /// Removes what lies in the folder of a run whose record is elsewhere, but
    /// for the files to keep, and the folder where none is left; gives the
    /// bytes. Nothing happens where there is no such folder.
    pub fn clear_files(&self, run: &RunId, keep: &[&str]) -> Result<u64, StoreError> {
        let path = self.run_dir(run);
        if !path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return Ok(0);
        }
        let folder = Folder {
            run: run.clone(),
            path,
        };
        let bytes = clear(&folder, keep)?;
        // It stays where something was kept.
        let _ = fs::remove_dir(&folder.path);
        Ok(bytes)
    }

    /// Folders of runs that were never finished, and whose makers are gone.
    pub fn unfinished(&self) -> Result<Vec<PathBuf>, StoreError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::from_io("list", &self.root, error)),
        };
        let mut out: Vec<PathBuf> = entries
            .flatten()
            .filter(is_abandoned)
            .map(|entry| entry.path())
            .collect();
        out.sort();
        Ok(out)
    }

    /// Removes a folder that [`JsonlStore::unfinished`] gave.
    pub fn remove_unfinished(&self, folder: &Path) -> Result<(), StoreError> {
        self.disk
            .change("remove", folder, || fs::remove_dir_all(folder))
    }
}

/// `.new~RUN~PID~COUNT` of a process that is not there, and not of this minute.
fn is_abandoned(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(UNFINISHED)) else {
        return false;
    };
    let maker = rest
        .rsplit('~')
        .nth(1)
        .and_then(|pid| pid.parse::<u32>().ok());
    let lives = maker.is_none_or(|pid| Path::new(&format!("/proc/{pid}")).exists());
    let age = entry
        .metadata()
        .and_then(|meta| meta.modified())
        .ok()
        .and_then(|at| SystemTime::now().duration_since(at).ok());
    !lives && age.is_some_and(|age| age > MAKING)
}

impl Collecting<'_> {
    /// Writes `seal.json` again where it is missing or that of an earlier epoch,
    /// as a claim does. A log that is not what was written is left alone.
    pub fn reseal(&self) -> Result<(), StoreError> {
        crate::claim::reseal_before_collecting(&self.folder, &self.store.disk)
    }

    /// Whether it is a stub already.
    pub fn is_collected(&self) -> Result<bool, StoreError> {
        Ok(self.folder.stub()?.is_some())
    }

    /// Makes a stub of it, durably, and removes the rest but for the files to
    /// keep; gives the bytes that were removed.
    pub fn finish(self, stub: &[u8], keep: &[&str]) -> Result<u64, StoreError> {
        self.store.disk.replace(&self.folder.path, STUB, stub)?;
        clear(&self.folder, keep)
    }
}

impl Folder {
    pub(crate) fn stub(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Disk::read(&self.file(STUB))
    }

    /// The row of the run that a stub was.
    pub(crate) fn row_of_stub(&self, stub: &[u8]) -> Result<RunRow, StoreError> {
        serde_json::from_slice::<StubRow>(stub)
            .map(|stub| stub.row)
            .map_err(|error| StoreError::Corrupt {
                path: self.file(STUB),
                line: 1,
                byte: 0,
                what: format!("is no stub: {error}"),
            })
    }
}

fn clear(folder: &Folder, keep: &[&str]) -> Result<u64, StoreError> {
    let failed = |path: &Path, error| StoreError::from_io("remove", path, error);
    let entries = fs::read_dir(&folder.path)
        .map_err(|error| StoreError::from_io("list", &folder.path, error))?;
    let mut removed = 0;
    for entry in entries {
        let entry = entry.map_err(|error| StoreError::from_io("list", &folder.path, error))?;
        let name = entry.file_name();
        let kept = name
            .to_str()
            .is_some_and(|name| name == STUB || name == LOCK || keep.contains(&name));
        if kept {
            continue;
        }
        let path = entry.path();
        removed += size(&path);
        let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let gone = if folder {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        gone.map_err(|error| failed(&path, error))?;
    }
    Ok(removed)
}

/// Bytes of a file, or of all files below a folder; links count as nothing.
pub(crate) fn size(path: &Path) -> u64 {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return 0;
    };
    if meta.is_file() {
        return meta.len();
    }
    if !meta.is_dir() {
        return 0;
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum()
}

impl JsonlStore {
    /// Bytes of all files in a run's folder.
    pub fn size(&self, run: &RunId) -> u64 {
        size(&self.run_dir(run))
    }
}
