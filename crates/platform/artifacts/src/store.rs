//! The store of contents: each content once, under its sha-256, read-only.
//!
//! ```text
//! ROOT/sha256/ab/cdef…   contents, 0400
//! ROOT/tmp/PID-N         contents on their way; no name says what they are
//! ROOT/lock              held (shared) by whoever stores, until it lets go
//! ```
//! A content gets its name when all of it is durable, so what has a name is
//! whole, whenever the machine stops.

mod sweep;

use crate::beneath::{Folder, open_beneath};
use crate::digest::{ArtifactError, Digest, measure_file};
use crate::identity::Identity;
use rustix::fs::OFlags;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

pub use sweep::{Sweeper, Swept};

/// More bytes than this are no result of a step, but a disk.
const MAX_BYTES: u64 = 1 << 40;

/// Numbers the files on their way, over all stores of this process.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A folder of contents, shared by all runs beside it. Making one touches
/// nothing; its folders come with the first content.
#[derive(Debug)]
pub struct ContentStore {
    root: PathBuf,
    durable: bool,
    /// Held from the first content on: what is stored and not yet named by a
    /// log must not be swept.
    holding: Mutex<Option<File>>,
    /// The file system cannot share blocks: not asked again.
    copies: AtomicBool,
}

/// A content on its way: it gets its name by [`ContentStore::keep`], or is
/// dropped and gone.
#[derive(Debug)]
pub struct Pending {
    temporary: PathBuf,
    file: File,
    digest: Digest,
    identity: Identity,
    executable: bool,
    kept: bool,
}

impl Pending {
    /// What the content is.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The state of the file that it was taken from.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether its owner may execute the file that it was taken from.
    #[must_use]
    pub const fn executable(&self) -> bool {
        self.executable
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.kept {
            // Swept with the rest when it cannot be removed now.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

impl ContentStore {
    /// The store in a folder. `durable`: a content is on disk before it is
    /// acknowledged.
    #[must_use]
    pub fn open(root: impl Into<PathBuf>, durable: bool) -> Self {
        Self {
            root: root.into(),
            durable,
            holding: Mutex::new(None),
            copies: AtomicBool::new(false),
        }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the content of a digest is, if it is there.
    #[must_use]
    pub fn path_of(&self, sha256: &str) -> PathBuf {
        let (shard, rest) = sha256.split_at_checked(2).unwrap_or((sha256, "_"));
        self.root.join("sha256").join(shard).join(rest)
    }

    /// Whether a content of that digest and size is there; reads none of it.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        fs::symlink_metadata(self.path_of(&digest.sha256))
            .is_ok_and(|meta| meta.is_file() && meta.len() == digest.bytes)
    }

    /// Takes in a regular file beneath a folder: read once, hashed on the way,
    /// seen by `tap`. It has no name yet.
    pub fn take_in(
        &self,
        root: &Path,
        path: &Path,
        tap: impl FnMut(&[u8]),
    ) -> Result<Pending, ArtifactError> {
        let source = open_beneath(root, path)?;
        let unreadable = |source| ArtifactError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let before = source.metadata().map_err(unreadable)?;
        if before.len() > MAX_BYTES {
            return Err(ArtifactError::TooMuch {
                pattern: path.display().to_string(),
                limit: MAX_BYTES,
                what: "bytes",
            });
        }
        let identity = Identity::of(&before);
        let executable = before.permissions().mode() & 0o100 != 0;
        let mut pending = self.fill(identity, executable, |temporary| {
            self.copy(&source, path, temporary, tap)
        })?;
        let after = source.metadata().map_err(unreadable)?;
        if Identity::of(&after) != identity || pending.digest.bytes != identity.bytes() {
            return Err(ArtifactError::Changing {
                path: path.to_owned(),
            });
        }
        pending.identity = identity;
        Ok(pending)
    }

    /// Takes in bytes at hand.
    pub fn take_in_bytes(&self, bytes: &[u8]) -> Result<Pending, ArtifactError> {
        let none = File::open("/").and_then(|file| file.metadata());
        let none = none.map_err(|source| store_fault("look at", Path::new("/"), source))?;
        self.fill(Identity::of(&none), false, |temporary| {
            let mut file = temporary;
            file.write_all(bytes)
                .map_err(|source| store_fault("write", &self.root, source))?;
            Ok(Digest::of(bytes))
        })
    }

    /// Gives contents their names; durable when this returns.
    pub fn keep(&self, contents: impl IntoIterator<Item = Pending>) -> Result<(), ArtifactError> {
        let mut folders = BTreeSet::new();
        for mut content in contents {
            let to = self.path_of(&content.digest.sha256);
            let folder = to.parent().unwrap_or(&self.root).to_owned();
            self.make(&folder)?;
            let from = &content.temporary;
            let sealed = fs::Permissions::from_mode(0o400);
            content
                .file
                .set_permissions(sealed)
                .and_then(|()| {
                    if self.durable {
                        content.file.sync_all()
                    } else {
                        Ok(())
                    }
                })
                .map_err(|source| store_fault("sync", from, source))?;
            // In the place of one that is there: that mends a damaged one, and
            // tells a sweep that somebody needs it now.
            fs::rename(from, &to).map_err(|source| store_fault("rename", from, source))?;
            content.kept = true;
            folders.insert(folder);
        }
        for folder in folders {
            self.sync(&folder)?;
        }
        Ok(())
    }

    /// Takes in and keeps bytes at hand.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, ArtifactError> {
        let pending = self.take_in_bytes(bytes)?;
        let digest = pending.digest.clone();
        self.keep([pending])?;
        Ok(digest)
    }

    /// Reads a content and holds it against its digest.
    pub fn check(&self, digest: &Digest) -> Result<(), ArtifactError> {
        let file = self.content(digest)?;
        let path = self.path_of(&digest.sha256);
        let found = measure_file(file, &path, |_| Ok(()))?;
        Self::same(digest, &found)
    }

    /// A whole content, held against its digest.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, ArtifactError> {
        if digest.bytes > limit {
            return Err(ArtifactError::TooMuch {
                pattern: digest.sha256.clone(),
                limit,
                what: "bytes",
            });
        }
        let mut bytes = Vec::with_capacity(digest.bytes as usize);
        let path = self.path_of(&digest.sha256);
        self.content(digest)?
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| ArtifactError::Unreadable { path, source })?;
        Self::same(digest, &Digest::of(&bytes))?;
        Ok(bytes)
    }

    /// Puts a content at a place beneath a folder, whole or not at all. What
    /// stands there is replaced; what is missing of the way to it is made. A
    /// link out of the folder is not gone through.
    pub fn restore(
        &self,
        digest: &Digest,
        root: &Path,
        to: &Path,
        executable: bool,
    ) -> Result<Identity, ArtifactError> {
        let source = self.content(digest)?;
        let (Some(above), Some(name)) = (to.parent(), to.file_name()) else {
            return Err(ArtifactError::NotAFile {
                path: to.to_owned(),
            });
        };
        let folder = Folder::made_beneath(root, above)?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".rok~{}-{number}", std::process::id());
        let (temporary, to) = (folder.at(OsStr::new(&temporary)), &folder.at(name));
        let made = (|| {
            let mode = if executable { 0o777 } else { 0o666 };
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&temporary)
                .map_err(|source| store_fault("make", &temporary, source))?;
            let found = self.copy(&source, &temporary, &file, |_| {})?;
            Self::same(digest, &found)?;
            fs::rename(&temporary, to).map_err(|source| store_fault("rename", to, source))?;
            let meta = file
                .metadata()
                .map_err(|source| store_fault("look at", to, source))?;
            Ok(Identity::of(&meta))
        })();
        if made.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        made
    }

    fn same(digest: &Digest, found: &Digest) -> Result<(), ArtifactError> {
        if digest == found {
            return Ok(());
        }
        Err(ArtifactError::Lost {
            sha256: digest.sha256.clone(),
            why: format!("it is damaged: its sha256 is {}", found.sha256),
        })
    }

    fn content(&self, digest: &Digest) -> Result<File, ArtifactError> {
        let lost = |why: String| ArtifactError::Lost {
            sha256: digest.sha256.clone(),
            why,
        };
        if !is_sha256(&digest.sha256) {
            return Err(lost("that is no sha256".into()));
        }
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(self.path_of(&digest.sha256));
        let file = opened.map_err(|error| match error.kind() {
            ErrorKind::NotFound => lost("it is not there".into()),
            _ => lost(error.to_string()),
        })?;
        match file.metadata() {
            Ok(meta) if meta.is_file() && meta.len() == digest.bytes => Ok(file),
            Ok(meta) => Err(lost(format!(
                "it has {} bytes, not {}",
                meta.len(),
                digest.bytes
            ))),
            Err(error) => Err(lost(error.to_string())),
        }
    }

    /// Makes a file on its way and has it filled.
    fn fill(
        &self,
        identity: Identity,
        executable: bool,
        fill: impl FnOnce(&File) -> Result<Digest, ArtifactError>,
    ) -> Result<Pending, ArtifactError> {
        self.hold()?;
        let folder = self.root.join("tmp");
        self.make(&folder)?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!("{}-{number}", std::process::id()));
        // Left by a process that had our id.
        let _ = fs::remove_file(&temporary);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(|source| store_fault("make", &temporary, source))?;
        let mut pending = Pending {
            temporary,
            file,
            digest: Digest::of(&[]),
            identity,
            executable,
            kept: false,
        };
        pending.digest = fill(&pending.file)?;
        Ok(pending)
    }

    /// Copies, by sharing blocks where the file system can, and hashes what
    /// the copy holds.
    fn copy(
        &self,
        from: &File,
        path: &Path,
        to: &File,
        mut tap: impl FnMut(&[u8]),
    ) -> Result<Digest, ArtifactError> {
        if !self.copies.load(Ordering::Relaxed) {
            match rustix::fs::ioctl_ficlone(to, from) {
                Ok(()) => {
                    let mut copy = to;
                    copy.rewind()
                        .map_err(|source| store_fault("read", &self.root, source))?;
                    return measure_file(copy, path, |chunk| {
                        tap(chunk);
                        Ok(())
                    });
                }
                Err(_) => self.copies.store(true, Ordering::Relaxed),
            }
        }
        let mut to = to;
        measure_file(from, path, |chunk| {
            tap(chunk);
            to.write_all(chunk)
                .map_err(|source| store_fault("write to", &self.root, source))
        })
    }

    /// Keeps sweeps away while this store lives.
    fn hold(&self) -> Result<(), ArtifactError> {
        let mut holding = self.holding.lock().unwrap_or_else(PoisonError::into_inner);
        if holding.is_none() {
            self.make(&self.root)?;
            let file = sweep::lock_file(&self.root)?;
            file.lock_shared()
                .map_err(|source| store_fault("lock", &self.root, source))?;
            *holding = Some(file);
        }
        Ok(())
    }

    fn make(&self, folder: &Path) -> Result<(), ArtifactError> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder
            .parent()
            .filter(|above| !above.as_os_str().is_empty())
        {
            self.make(above)?;
        }
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.map_err(|source| store_fault("make", folder, source))?,
        }
        self.sync(folder.parent().unwrap_or(Path::new("/")))
    }

    fn sync(&self, folder: &Path) -> Result<(), ArtifactError> {
        if !self.durable {
            return Ok(());
        }
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        File::open(folder)
            .and_then(|file| file.sync_all())
            .map_err(|source| store_fault("sync", folder, source))
    }
}

pub(crate) fn store_fault(what: &'static str, path: &Path, source: io::Error) -> ArtifactError {
    ArtifactError::Store {
        what,
        path: path.to_owned(),
        source,
    }
}

pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
