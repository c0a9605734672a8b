//! Removing contents that nobody names any more.

use super::{ContentStore, is_sha256, store_fault};
use crate::digest::ArtifactError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What was swept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Contents.
    pub contents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were on their way when somebody was stopped.
    pub unfinished: u64,
    /// Contents that nobody names and that are too young to be taken away
    /// while somebody stores.
    pub young: u64,
}

/// The right to remove contents, as far as others leave it.
#[derive(Debug)]
pub struct Sweeper<'a> {
    store: &'a ContentStore,
    /// Held exclusively: nobody stores while it lives.
    alone: Option<File>,
    grace: Duration,
}

impl ContentStore {
    /// Begins to sweep. Where somebody stores at this time, what is younger
    /// than `grace` stays: it may be named by a log in the next moment.
    pub fn sweeper(&self, grace: Duration) -> Result<Sweeper<'_>, ArtifactError> {
        let mut alone = None;
        if self.root.is_dir() {
            let file = lock_file(&self.root)?;
            match file.try_lock() {
                Ok(()) => alone = Some(file),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => {
                    return Err(store_fault("lock", &self.root, source));
                }
            }
        }
        Ok(Sweeper {
            store: self,
            alone,
            grace,
        })
    }
}

impl Sweeper<'_> {
    /// Whether nobody can store before this sweep is over.
    #[must_use]
    pub const fn is_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// Removes every content that `named` does not name; with `dry`, only
    /// counts them.
    pub fn sweep(&self, named: &dyn Fn(&str) -> bool, dry: bool) -> Result<Swept, ArtifactError> {
        let mut swept = Swept::default();
        for (path, sha256) in self.contents()? {
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            if named(&sha256) {
                continue;
            }
            if self.alone.is_none() && !self.is_old(&meta) {
                swept.young += 1;
                continue;
            }
            if !dry {
                fs::remove_file(&path).map_err(|source| store_fault("remove", &path, source))?;
            }
            swept.contents += 1;
            swept.bytes += meta.len();
        }
        for path in entries(&self.store.root.join("tmp"))? {
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            if self.alone.is_some() || self.is_old(&meta) {
                if !dry {
                    let _ = fs::remove_file(&path);
                }
                swept.unfinished += 1;
            }
        }
        Ok(swept)
    }

    /// Bytes of all contents.
    pub fn bytes(&self) -> Result<u64, ArtifactError> {
        let contents = self.contents()?;
        let sizes = contents
            .iter()
            .filter_map(|(path, _)| fs::symlink_metadata(path).ok());
        Ok(sizes.map(|meta| meta.len()).sum())
    }

    /// By change time, which a rename onto the name sets anew.
    fn is_old(&self, meta: &fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let changed = Duration::from_secs(u64::try_from(meta.ctime()).unwrap_or(0));
        now.saturating_sub(changed) > self.grace
    }

    fn contents(&self) -> Result<Vec<(std::path::PathBuf, String)>, ArtifactError> {
        let mut out = Vec::new();
        for shard in entries(&self.store.root.join("sha256"))? {
            let begin = name(&shard);
            for path in entries(&shard)? {
                let sha256 = format!("{begin}{}", name(&path));
                // What is no content of ours is left alone.
                if is_sha256(&sha256) {
                    out.push((path, sha256));
                }
            }
        }
        Ok(out)
    }
}

/// The file that is locked; never replaced, never removed.
pub(super) fn lock_file(root: &Path) -> Result<File, ArtifactError> {
    let path = root.join("lock");
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .map_err(|source| store_fault("open", &path, source))
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, ArtifactError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        Err(source) => Err(store_fault("list", folder, source)),
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
