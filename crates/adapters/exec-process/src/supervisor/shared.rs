//! What the supervisor shares with its callers and helper threads: a queue of
//! commands that wakes it.

use crate::contract::Verdict;
use rok_executor::{AttemptRef, CancelReason, ReportSink, StepRequest};
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) enum Command {
    Start(Box<StepRequest>, Arc<dyn ReportSink>),
    Cancel(AttemptRef, CancelReason),
    /// A masking thread has written all of a log.
    LogClosed(u64, io::Result<()>),
    /// An attempt's files have been looked at.
    Finished(u64, Box<Verdict>),
    Close,
}

pub(crate) struct Shared {
    commands: Mutex<Vec<Command>>,
    /// Set once the wake-up is written, so that one write serves many commands.
    woken: AtomicBool,
    wake: OwnedFd,
}

impl Shared {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            commands: Mutex::default(),
            woken: AtomicBool::new(false),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    pub(crate) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    pub(crate) fn send(&self, command: Command) {
        lock(&self.commands).push(command);
        if !self.woken.swap(true, Ordering::AcqRel) {
            // Fails only on a counter at its maximum, which wakes as well.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }

    /// Everything sent so far. What is sent later wakes anew.
    pub(super) fn take(&self) -> Vec<Command> {
        self.woken.store(false, Ordering::Release);
        std::mem::take(&mut *lock(&self.commands))
    }
}

/// Nothing under these locks can panic, so poison means nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
