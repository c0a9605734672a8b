//! Waking whoever waits for a change of a run folder: the system says when,
//! nobody asks.

use crate::folder::{EVENTS, Folder};
use crate::inbox::{ANSWER, COMMAND};
use crate::store::JsonlStore;
use rok_log::StoreError;
use rok_vocabulary::RunId;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Something changed: look.
    Changed,
    /// The time is over.
    TimedOut,
    /// Someone called [`StopWatch::stop`].
    Stopped,
}

/// Waits for changes of a run folder. What changed before the watch was made
/// wakes nobody: make it first, then look, then wait.
#[derive(Debug)]
pub struct Watch {
    inotify: OwnedFd,
    stop: Arc<OwnedFd>,
    path: PathBuf,
    /// Only changes of files whose name ends so.
    suffix: &'static str,
}

/// Ends the waits of a watch, from another thread.
#[derive(Debug, Clone)]
pub struct StopWatch(Arc<OwnedFd>);

impl StopWatch {
    /// Ends the wait that is on, and every later one.
    pub fn stop(&self) {
        // It can only fail when it was called 2^64 times.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

impl AsFd for Watch {
    /// Readable when something may have changed; [`Watch::wait`] with no time
    /// tells, and takes it off.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

impl Watch {
    fn new(path: PathBuf, flags: WatchFlags, suffix: &'static str) -> Result<Self, StoreError> {
        let open = || {
            let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            inotify::add_watch(&fd, &path, flags | WatchFlags::DONT_FOLLOW)?;
            let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
            Ok((fd, stop))
        };
        let (inotify, stop) = open().map_err(|error: Errno| failed(&path, error))?;
        Ok(Self {
            inotify,
            stop: Arc::new(stop),
            path,
            suffix,
        })
    }

    /// Ends this watch's waits from another thread.
    pub fn stopper(&self) -> StopWatch {
        StopWatch(Arc::clone(&self.stop))
    }

    /// Blocks until something changed, for at most `timeout`.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Woken, StoreError> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // More than a century is as good as no limit.
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let mut fds = [
                PollFd::new(&self.inotify, PollFlags::IN),
                PollFd::new(&*self.stop, PollFlags::IN),
            ];
            match poll(&mut fds, left.as_ref()) {
                Ok(0) => return Ok(Woken::TimedOut),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(failed(&self.path, error)),
            }
            if !fds[1].revents().is_empty() {
                return Ok(Woken::Stopped);
            }
            if !fds[0].revents().is_empty() && self.drain()? {
                return Ok(Woken::Changed);
            }
        }
    }

    /// Takes what the system has to say; whether any of it is asked for.
    fn drain(&self) -> Result<bool, StoreError> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut changed = false;
        loop {
            match reader.next() {
                Ok(event) if event.events().contains(ReadFlags::IGNORED) => {
                    return Err(failed(&self.path, Errno::NOENT));
                }
                // Some were lost: look at all.
                Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => changed = true,
                Ok(event) => {
                    let name = event.file_name().map_or(&b""[..], |name| name.to_bytes());
                    changed |= name.ends_with(self.suffix.as_bytes());
                }
                Err(Errno::AGAIN) => return Ok(changed),
                Err(Errno::INTR) => {}
                Err(error) => return Err(failed(&self.path, error)),
            }
        }
    }
}

fn failed(path: &Path, error: Errno) -> StoreError {
    StoreError::from_io("watch", path, error.into())
}

impl JsonlStore {
    /// Wakes the run's owner when a command comes in.
    pub fn watch(&self, run: &RunId) -> Result<Watch, StoreError> {
        Watch::new(self.inbox(run)?, WatchFlags::MOVED_TO, COMMAND)
    }

    /// Wakes whoever put a command when one is answered.
    pub fn watch_answers(&self, run: &RunId) -> Result<Watch, StoreError> {
        Watch::new(self.inbox(run)?, WatchFlags::MOVED_TO, ANSWER)
    }

    /// Wakes whoever follows the log when it grows.
    pub fn watch_log(&self, run: &RunId) -> Result<Watch, StoreError> {
        let folder = Folder::get(self.root(), run)?;
        folder.has_one()?;
        Watch::new(folder.file(EVENTS), WatchFlags::MODIFY, "")
    }
}

#[cfg(test)]
mod tests;
