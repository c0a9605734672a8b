//! What lives under the executors of this process. A child subreaper is the
//! process as a whole: an orphan that one executor finds may be of an attempt
//! of another, and so may a leader.

use crate::orphans::Origin;
use crate::procfs::Mark;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

type Attempts = BTreeMap<u64, (Mark, u64)>;

static LIVE: Mutex<BTreeMap<u64, Attempts>> = Mutex::new(BTreeMap::new());
static LEADERS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
static LAST: AtomicU64 = AtomicU64::new(0);

/// An executor among those of its process. What it says is forgotten with it.
#[derive(Debug)]
pub(crate) struct Neighbour(u64);

impl Neighbour {
    pub(crate) fn new() -> Self {
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }

    /// An attempt lives, whose leader started then.
    pub(crate) fn begins(&self, attempt: u64, mark: &Mark, start: u64) {
        let mut live = lock(&LIVE);
        let attempts = live.entry(self.0).or_default();
        attempts.insert(attempt, (mark.clone(), start));
    }

    /// Nothing is alive of an attempt.
    pub(crate) fn is_over(&self, attempt: u64) {
        if let Some(attempts) = lock(&LIVE).get_mut(&self.0) {
            attempts.remove(&attempt);
        }
    }

    /// The live attempts of all others.
    pub(crate) fn others(&self) -> Vec<(Mark, u64)> {
        let live = lock(&LIVE);
        let others = live.iter().filter(|(executor, _)| **executor != self.0);
        let attempts = others.flat_map(|(_, attempts)| attempts.values());
        attempts.cloned().collect()
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        lock(&LIVE).remove(&self.0);
    }
}

/// As origins of orphans.
pub(crate) fn origins(others: &[(Mark, u64)]) -> impl Iterator<Item = Origin<'_>> + Clone {
    others.iter().map(|(mark, start)| Origin {
        mark,
        start: *start,
    })
}

pub(crate) fn add_leader(pid: i32) {
    lock(&LEADERS).insert(pid);
}

pub(crate) fn remove_leader(pid: i32) {
    lock(&LEADERS).remove(&pid);
}

/// Whether a process is a leader that has not been reaped, whoever started it.
pub(crate) fn is_leader(pid: i32) -> bool {
    lock(&LEADERS).contains(&pid)
}

/// Nothing under these locks can panic, so poison means nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
