//! A store that fails on purpose, [`FaultyStore`], and logs to fill stores
//! with, [`Script`].

mod script;

use crate::{Commit, CommitResult, RunStore, StoreError};
use std::io;

pub use script::{SCRIPT_LEASE, SCRIPT_START, Script};

/// How a commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is written.
    Lost,
    /// The first `keep` bytes of the batch's last commit are written, those
    /// before it whole.
    Torn {
        /// How many bytes are kept.
        keep: usize,
    },
    /// All is written, and the error comes back all the same.
    Unacknowledged,
}

/// A store into which part of a commit can be written, as by a writer that
/// died.
pub trait Tear {
    /// Appends the first `keep` bytes of the commit's lines and nothing else.
    fn tear(&mut self, commit: &Commit, keep: usize);
}

/// Wraps a store and lets its n-th `commit` fail. From then on it is poisoned,
/// as a store must be.
///
/// ```
/// use rok_log::{Fault, FaultyStore, MemoryStore, RunStore, StoreError};
///
/// let mut store = FaultyStore::new(MemoryStore::new(), 2, Fault::Lost);
/// assert!(store.commit(&[])?.is_empty());
/// assert!(matches!(store.commit(&[]), Err(StoreError::Io { .. })));
/// assert!(matches!(store.commit(&[]), Err(StoreError::Poisoned { .. })));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    /// Commits to come before the one that fails.
    left: u64,
    fault: Fault,
    poisoned: bool,
}

impl<S> FaultyStore<S> {
    /// Lets the `n`-th commit to come fail, from 1.
    pub const fn new(inner: S, n: u64, fault: Fault) -> Self {
        Self {
            inner,
            left: n,
            fault,
            poisoned: false,
        }
    }

    /// Whether the fault has struck.
    pub const fn has_failed(&self) -> bool {
        self.poisoned
    }

    /// The store inside, whatever happened: to be opened again.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// The store inside.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// The store inside.
    pub const fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }
}

impl<S: RunStore + Tear> RunStore for FaultyStore<S> {
    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<CommitResult>, StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned {
                cause: "the injected fault".into(),
            });
        }
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return self.inner.commit(commits);
        }
        self.poisoned = true;
        match (self.fault, commits.split_last()) {
            (Fault::Unacknowledged, _) => {
                self.inner.commit(commits)?;
            }
            (Fault::Torn { keep }, Some((last, before))) => {
                self.inner.commit(before)?;
                self.inner.tear(last, keep);
            }
            (Fault::Lost | Fault::Torn { .. }, _) => {}
        }
        let source = io::Error::other("the injected fault");
        Err(StoreError::from_io("write", "the log", source))
    }
}
