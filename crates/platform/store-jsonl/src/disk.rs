//! Every change of the disk, in one place: with the right modes, as durable as
//! it was asked to be, and each failure with its path and operation.

use rok_log::{Durability, StoreError};
use rustix::fs::OFlags;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What only the run's user may do, whatever the umask.
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The first line holds a run's inputs; one that is longer is not looked at.
const FIRST_LINE: u64 = 256 * 1024;

/// The line that seals a run is short; one that is longer is not looked at.
const LAST_LINE: u64 = 8 * 1024;

/// A disk that fails at one of its changes.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskFault {
    /// Which change fails, from 1.
    pub at: u64,
    /// How. A write that fails has written half.
    pub kind: io::ErrorKind,
}

/// The disk, and how durable changes of it must be.
#[derive(Debug)]
pub(crate) struct Disk {
    durability: Durability,
    #[cfg(any(test, feature = "testing"))]
    fault: std::sync::Mutex<Option<DiskFault>>,
}

impl Disk {
    pub(crate) fn new(durability: Durability) -> Self {
        Self {
            durability,
            #[cfg(any(test, feature = "testing"))]
            fault: std::sync::Mutex::default(),
        }
    }

    pub(crate) const fn durability(&self) -> Durability {
        self.durability
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn fail(&self, fault: Option<DiskFault>) {
        *self
            .fault
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = fault;
    }

    /// Whether the injected fault has struck, or there was none.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn has_failed(&self) -> bool {
        self.fault
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .is_none()
    }

    #[cfg(any(test, feature = "testing"))]
    fn turn(&self) -> io::Result<()> {
        let mut slot = self
            .fault
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(fault) = slot.as_mut() {
            fault.at = fault.at.saturating_sub(1);
            if fault.at == 0 {
                let kind = fault.kind;
                *slot = None;
                return Err(io::Error::from(kind));
            }
        }
        Ok(())
    }

    #[cfg(not(any(test, feature = "testing")))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "its twin injects faults"
    )]
    const fn turn(&self) -> io::Result<()> {
        Ok(())
    }

    /// One change of the disk.
    pub(crate) fn change<T>(
        &self,
        operation: &'static str,
        path: &Path,
        change: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, StoreError> {
        self.turn()
            .and_then(|()| change())
            .map_err(|error| StoreError::from_io(operation, path, error))
    }

    /// Writes all of `bytes`, in one system call where the system takes them.
    pub(crate) fn write(&self, file: &File, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = file;
        let written = match self.turn() {
            Ok(()) => file.write_all(bytes),
            Err(error) => file.write_all(&bytes[..bytes.len() / 2]).and(Err(error)),
        };
        written.map_err(|error| StoreError::from_io("write", path, error))
    }

    /// Makes a file's data durable.
    pub(crate) fn sync(&self, file: &File, path: &Path) -> Result<(), StoreError> {
        match self.durability {
            Durability::Fsync => self.change("sync", path, || file.sync_data()),
            Durability::Flush => Ok(()),
        }
    }

    /// Makes a file's data and length durable, a length that shrank too.
    pub(crate) fn sync_all(&self, file: &File, path: &Path) -> Result<(), StoreError> {
        match self.durability {
            Durability::Fsync => self.change("sync", path, || file.sync_all()),
            Durability::Flush => Ok(()),
        }
    }

    /// Makes a folder's entries durable.
    pub(crate) fn sync_dir(&self, path: &Path) -> Result<(), StoreError> {
        match self.durability {
            Durability::Fsync => self.change("sync", path, || File::open(path)?.sync_all()),
            Durability::Flush => Ok(()),
        }
    }

    /// Makes a folder that must not be there yet.
    pub(crate) fn create_dir(&self, path: &Path) -> Result<(), StoreError> {
        self.change("create", path, || {
            DirBuilder::new().mode(DIR_MODE).create(path)?;
            fs::set_permissions(path, Permissions::from_mode(DIR_MODE))
        })
    }

    /// Makes a folder and those above it, each durable in the one above.
    pub(crate) fn create_dirs(&self, path: &Path) -> Result<(), StoreError> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_dirs(parent)?;
        }
        match self.create_dir(path) {
            // Someone else made it in the meantime.
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                Ok(())
            }
            made => made,
        }?;
        self.sync_dir(parent.unwrap_or(Path::new(".")))
    }

    /// Makes a file that must not be there yet, open for appending.
    pub(crate) fn create_file(&self, path: &Path) -> Result<File, StoreError> {
        self.change("create", path, || {
            let file = OpenOptions::new()
                .append(true)
                .create_new(true)
                .mode(FILE_MODE)
                .open(path)?;
            file.set_permissions(Permissions::from_mode(FILE_MODE))?;
            Ok(file)
        })
    }

    /// Makes a file that nothing depends on, where there is none.
    pub(crate) fn add(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(path)?;
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        file.write_all(bytes)
    }

    /// Makes a file with its content, durable, its entry in the folder aside.
    pub(crate) fn create_with(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let file = self.create_file(path)?;
        self.write(&file, path, bytes)?;
        self.sync(&file, path)
    }

    /// Puts a file in the place of another in one step: after a crash there is
    /// the old one or the new one. Its temporary name begins with a dot.
    pub(crate) fn replace(&self, dir: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.rename_into(dir, name, bytes, self.durability)
    }

    fn rename_into(
        &self,
        dir: &Path,
        name: &str,
        bytes: &[u8],
        durability: Durability,
    ) -> Result<(), StoreError> {
        let (path, temporary) = (dir.join(name), dir.join(format!(".{name}.tmp")));
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::from_io("remove", temporary, error));
            }
            _ => {}
        }
        let file = self.create_file(&temporary)?;
        self.write(&file, &temporary, bytes)?;
        if durability == Durability::Fsync {
            self.sync(&file, &temporary)?;
        }
        self.change("rename", &temporary, || fs::rename(&temporary, &path))?;
        if durability == Durability::Fsync {
            self.sync_dir(dir)?;
        }
        Ok(())
    }

    /// Opens a file that is there; a symbolic link in its place is refused.
    pub(crate) fn open(path: &Path, options: &OpenOptions) -> io::Result<File> {
        let mut options = options.clone();
        // A pipe in a file's place must not block us.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = options
            .custom_flags(flags.bits().cast_signed())
            .open(path)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("not a regular file"))
        }
    }

    /// Reads a file; `None` when there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = Self::open(path, OpenOptions::new().read(true))?;
            let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize + 1);
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::from_io("read", path, error)),
        }
    }

    /// Reads a file's first line, without its newline.
    pub(crate) fn read_first_line(path: &Path) -> Result<Vec<u8>, StoreError> {
        let read = || -> io::Result<Vec<u8>> {
            let mut line = Vec::new();
            let file = Self::open(path, OpenOptions::new().read(true))?;
            BufReader::new(file.take(FIRST_LINE)).read_until(b'\n', &mut line)?;
            line.pop_if(|last| *last == b'\n');
            Ok(line)
        };
        read().map_err(|error| StoreError::from_io("read", path, error))
    }

    /// Reads a file's last line, without its newline; `None` when the file does
    /// not end in one, or the line is longer than those of runs' ends.
    pub(crate) fn read_last_line(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        let read = || -> io::Result<Option<Vec<u8>>> {
            let mut file = Self::open(path, OpenOptions::new().read(true))?;
            let from = file.metadata()?.len().saturating_sub(LAST_LINE);
            io::Seek::seek(&mut file, io::SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            if bytes.pop() != Some(b'\n') {
                return Ok(None);
            }
            let begin = bytes.iter().rposition(|byte| *byte == b'\n');
            Ok(begin.map(|begin| bytes.split_off(begin + 1)))
        };
        read().map_err(|error| StoreError::from_io("read", path, error))
    }
}
