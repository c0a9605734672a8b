//! A run folder: where things lie in it, what must be true of it, and reading
//! it without its lock.

use crate::disk::Disk;
use rok_chain::{Digest, Framing, Seal, verify_log};
use rok_log::{LogBytes, StoreError};
use rok_vocabulary::{RunId, Seq};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const EVENTS: &str = "events.jsonl";
pub(crate) const PLAN: &str = "plan.json";
/// Plans that the run's steps name, by digest.
pub(crate) const PLANS: &str = "plans";
pub(crate) const SEAL: &str = "seal.json";
pub(crate) const LOCK: &str = "lock";
/// What a folder holds of a run that was collected; with it, it is no run.
pub(crate) const STUB: &str = "stub.json";
pub(crate) const INBOX: &str = "inbox";
/// Beside the runs: what their artifacts are, by content. `~` is in no run id.
pub(crate) const CONTENTS: &str = ".cas~";
/// The folders that every run has.
pub(crate) const DIRS: [&str; 4] = ["logs", "artifacts", "procs", INBOX];

/// A folder that was looked at and is a run's.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) run: RunId,
    pub(crate) path: PathBuf,
}

impl Folder {
    /// The run's folder under `root`; `None` when nothing is there.
    pub(crate) fn find(root: &Path, run: &RunId) -> Result<Option<Self>, StoreError> {
        let path = root.join(run.as_str());
        match Self::look(&path) {
            Ok(true) => Ok(Some(Self {
                run: run.clone(),
                path,
            })),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn get(root: &Path, run: &RunId) -> Result<Self, StoreError> {
        Self::find(root, run)?.ok_or_else(|| StoreError::Unknown { run: run.clone() })
    }

    /// Whether `path` is a run folder; `false` when nothing is there.
    pub(crate) fn look(path: &Path) -> Result<bool, StoreError> {
        let refused = |why| {
            Err(StoreError::NotARun {
                path: path.to_owned(),
                why,
            })
        };
        let found = |path: &Path| match path.symlink_metadata() {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::from_io("look at", path, error)),
        };
        match found(path)? {
            None => return Ok(false),
            Some(it) if it.is_symlink() => {
                return refused("it is a symbolic link; give the folder that it points to");
            }
            Some(it) if !it.is_dir() => return refused("it is not a folder"),
            Some(_) => {}
        }
        match found(&path.join(EVENTS))? {
            None if found(&path.join(STUB))?.is_some_and(|it| it.is_file()) => Ok(true),
            Some(it) if it.is_file() => Ok(true),
            // A run's folder whose log is gone: broken, not another folder.
            _ if found(&path.join(PLAN))?.is_some_and(|it| it.is_file()) => Ok(true),
            None => refused("it holds no events.jsonl"),
            Some(_) => refused("its events.jsonl is not a regular file"),
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Refuses a run that was collected, and one whose log is gone.
    pub(crate) fn has_one(&self) -> Result<(), StoreError> {
        self.is_no_stub()?;
        self.has_log()
    }

    /// Refuses a run that was collected.
    pub(crate) fn is_no_stub(&self) -> Result<(), StoreError> {
        if self.file(STUB).exists() {
            let run = self.run.clone();
            return Err(StoreError::Collected { run });
        }
        Ok(())
    }

    /// Every byte of the log.
    pub(crate) fn raw(&self) -> Result<Vec<u8>, StoreError> {
        self.has_one()?;
        let log = Disk::read(&self.file(EVENTS))?;
        log.ok_or_else(|| StoreError::Unknown {
            run: self.run.clone(),
        })
    }

    /// Refuses a folder whose log is gone, or is something else by now.
    pub(crate) fn has_log(&self) -> Result<(), StoreError> {
        let path = self.file(EVENTS);
        let what = match path.symlink_metadata() {
            Ok(it) if it.is_file() => return Ok(()),
            Ok(it) if it.is_symlink() => "is a symbolic link: the log itself is gone",
            Ok(_) => "is not a regular file: the log itself is gone",
            Err(error) if error.kind() == io::ErrorKind::NotFound => "is missing",
            Err(error) => return Err(StoreError::from_io("look at", path, error)),
        };
        Err(StoreError::Corrupt {
            path,
            line: 1,
            byte: 0,
            what: what.into(),
        })
    }

    /// The log up to its last whole decision.
    pub(crate) fn whole(&self) -> Result<Vec<u8>, StoreError> {
        let mut log = self.raw()?;
        let framing = Framing::of(&log);
        if framing.unreadable.is_some() {
            let report = verify_log(&self.run, &log, None);
            let fault = report.fault.expect("a line that is no event is a fault");
            return Err(StoreError::corrupt(self.file(EVENTS), &fault));
        }
        log.truncate(framing.complete);
        Ok(log)
    }

    pub(crate) fn lines_from(&self, seq: Seq) -> Result<LogBytes, StoreError> {
        let log = self.whole()?;
        Ok(match seq {
            Seq(0) => LogBytes {
                first_seq: seq,
                bytes: log,
            },
            seq => LogBytes::from_line(&log, seq),
        })
    }

    pub(crate) fn seal(&self) -> Result<Option<Seal>, StoreError> {
        let path = self.file(SEAL);
        let Some(bytes) = Disk::read(&path)? else {
            return Ok(None);
        };
        Seal::from_json(&bytes)
            .map(Some)
            .map_err(|(at, what)| StoreError::Corrupt {
                path,
                line: 1,
                byte: at as u64,
                what: format!("is no seal: {what}"),
            })
    }

    pub(crate) fn document(&self, digest: Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        // The run's own plan, or one that its steps name.
        let named = self.file(PLANS).join(format!("{digest}.json"));
        let path = if named.exists() {
            named
        } else {
            self.file(PLAN)
        };
        let Some(bytes) = Disk::read(&path)? else {
            return Ok(None);
        };
        let found = Digest::of(&bytes);
        if found == digest {
            return Ok(Some(bytes.into()));
        }
        let what = format!("does not have digest {digest}: its content has {found}");
        Err(StoreError::Corrupt {
            path,
            line: 1,
            byte: 0,
            what,
        })
    }
}
