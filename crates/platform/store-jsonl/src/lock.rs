//! The lock of a run: an advisory lock on its `lock` file, which the system
//! takes back when the owner dies, however it dies. The file says who holds
//! it, and counts the owners (the fence).

use crate::disk::Disk;
use crate::folder::{Folder, LOCK};
use crate::process::Process;
use rok_log::{ClaimError, Fence, Owner, StoreError};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

/// Who holds a run's lock, or held it last: the content of `lock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The fence of the claim.
    pub fence: Fence,
    /// The process.
    #[serde(flatten)]
    pub process: Process,
    /// The owner's name.
    pub owner: String,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.owner, self.process.pid)
    }
}

impl LockHolder {
    fn of_this_process(fence: Fence, owner: &Owner) -> Self {
        Self {
            fence,
            process: Process::this(),
            owner: owner.to_string(),
        }
    }

    /// What the lock file says; `None` when nobody ever held it, or when its
    /// content was lost with the power.
    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>, StoreError> {
        let bytes = Disk::read(&folder.file(LOCK))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Who holds the lock now; `None` when nobody does. Only looks: trying the
    /// lock would keep a true claim out meanwhile.
    pub(crate) fn live(folder: &Folder) -> Result<Option<Self>, StoreError> {
        let Ok(metadata) = fs::metadata(folder.file(LOCK)) else {
            return Ok(None);
        };
        let holder = Self::read(folder)?;
        let held = match &holder {
            // A lock dies with its owner.
            Some(holder) if !holder.process.lives() => false,
            Some(holder) if holder.process.pid == std::process::id() => held_here(metadata.ino()),
            _ => listed(metadata.ino()),
        };
        Ok(holder.filter(|_| held))
    }
}

/// Whether the system lists a lock on a file. It stops all locking for that,
/// which takes it milliseconds.
fn listed(inode: u64) -> bool {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks.lines().any(|line| is_lock_on(line, inode))
}

/// Whether one of this process's open files has a lock on a file.
fn held_here(inode: u64) -> bool {
    let Ok(files) = fs::read_dir("/proc/self/fdinfo") else {
        return listed(inode);
    };
    // A file that was closed meanwhile holds nothing.
    let infos = files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
    infos.into_iter().any(|info| {
        info.lines()
            .any(|line| line.starts_with("lock:") && is_lock_on(line, inode))
    })
}

fn is_lock_on(line: &str, inode: u64) -> bool {
    let suffix = format!(":{inode}");
    line.contains(" FLOCK ")
        && line
            .split_whitespace()
            .any(|field| field.ends_with(&suffix))
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
    pub(crate) fence: Fence,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, but for a child that is between fork and exec and
        // has the file open still. What cannot be unlocked is closed below.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock and raises the fence.
    pub(crate) fn take(folder: &Folder, owner: &Owner, disk: &Disk) -> Result<Self, ClaimError> {
        let path = folder.file(LOCK);
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let file = disk.change("open", &path, || {
            let file = Disk::open(&path, &options)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            Ok(file)
        })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let by = LockHolder::read(folder)?.map(|holder| holder.to_string());
                let by = by.unwrap_or_else(|| "another process".into());
                return Err(ClaimError::Held {
                    run: folder.run.clone(),
                    by,
                });
            }
            Err(TryLockError::Error(error)) => {
                return Err(StoreError::from_io("lock", path, error).into());
            }
        }
        // The lock keeps owners apart. The fence tells them apart in logs and
        // commits; where power was lost with it, nobody is left to mistake.
        let last = LockHolder::read(folder)?.map_or(Fence::UNCLAIMED, |holder| holder.fence);
        let mut lock = Self {
            file,
            path,
            fence: last,
        };
        lock.check(folder)?;
        lock.fence = last.next();
        lock.write(&LockHolder::of_this_process(lock.fence, owner), disk)?;
        Ok(lock)
    }

    /// Old content is overwritten, then cut: whoever reads meanwhile finds the
    /// new first line.
    fn write(&self, holder: &LockHolder, disk: &Disk) -> Result<(), StoreError> {
        let mut json = serde_json::to_string(holder).expect("a holder is words and numbers");
        json.push('\n');
        disk.change("write", &self.path, || {
            self.file.write_all_at(json.as_bytes(), 0)?;
            self.file.set_len(json.len() as u64)
        })
    }

    /// Whether the locked file is still the run's lock: without it, another
    /// owner could lock a new one.
    pub(crate) fn check(&self, folder: &Folder) -> Result<(), StoreError> {
        match self.file.metadata() {
            Ok(metadata) if metadata.nlink() > 0 => Ok(()),
            Ok(_) => Err(StoreError::LockLost {
                run: folder.run.clone(),
            }),
            Err(error) => Err(StoreError::from_io("look at", &self.path, error)),
        }
    }
}
