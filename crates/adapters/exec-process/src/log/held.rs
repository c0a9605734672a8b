//! The log as the executor opened it, kept open until the attempt is judged:
//! whether what lies at its path in the end is that file, with all that was
//! written through it.

use rok_executor::StepFailure;
use rok_vocabulary::ErrorClass;
use rustix::fs::{OFlags, SeekFrom, fstat, lstat, seek};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A log that is open for an attempt.
#[derive(Debug)]
pub(crate) struct Held {
    file: File,
    /// What it held when it was opened.
    before: u64,
    /// How many bytes the executor has written, where only it may write.
    alone: Option<Arc<AtomicU64>>,
}

/// Opens a log to append to. An earlier step may have put something else in
/// its place: what is no regular file is refused, and not waited for.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        let what = "something that is no regular file is in its place";
        Err(io::Error::new(io::ErrorKind::AlreadyExists, what))
    }
}

impl Held {
    /// Keeps a log open. Its position is that of all who write through it; where
    /// only the executor may, `alone` counts the bytes that it writes.
    pub(crate) fn new(file: &File, alone: Option<Arc<AtomicU64>>) -> io::Result<Self> {
        Ok(Self {
            before: file.metadata()?.len(),
            file: file.try_clone()?,
            alone,
        })
    }

    /// How many bytes the log at `path` holds: it is this file, with all that was
    /// written. To be asked once nobody writes to it any more.
    pub(crate) fn check(&self, path: &Path) -> Result<u64, StepFailure> {
        self.length(path).map_err(|what| {
            let reason = format!(
                "its own log was tampered with: {what} (what a step prints is its log: it must \
                 not remove, replace or cut it; write `>&2`, not `> /dev/stderr`)"
            );
            StepFailure::new(ErrorClass::PolicyViolation, reason)
        })
    }

    fn length(&self, path: &Path) -> Result<u64, String> {
        let unseen = |error: Errno| format!("it cannot be looked at: {error}");
        let mine = fstat(&self.file).map_err(unseen)?;
        match lstat(path) {
            Ok(there) if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino) => {}
            Ok(_) => return Err("another file lies in its place".into()),
            Err(Errno::NOENT | Errno::NOTDIR) => return Err("it is gone".into()),
            Err(error) => return Err(unseen(error)),
        }
        let written = if let Some(count) = &self.alone {
            self.before + count.load(Ordering::Acquire)
        } else {
            // Appending moves the position, that all writers share, to the end.
            let position = seek(&self.file, SeekFrom::Current(0)).map_err(unseen)?;
            position.max(self.before)
        };
        let there = u64::try_from(mine.st_size).unwrap_or_default();
        if there < written {
            return Err(format!("it was cut, from {written} bytes to {there}"));
        }
        if self.alone.is_some() && there > written {
            let more = there - written;
            return Err(format!("{more} bytes were written past the masking"));
        }
        Ok(there)
    }
}
