//! New runs of many submitters in one commit: whoever comes while one is under
//! way goes with the next.

use crate::fault;
use crate::home::SharedStore;
use rok_facades::runs::RunsError;
use rok_log::{Commit, CommitResult, PoolStore, StoreError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One handle on the store, by which new runs are created.
pub(crate) struct Commits {
    waiting: Mutex<Vec<Waiting>>,
    store: Mutex<Box<dyn PoolStore>>,
    shared: SharedStore,
}

struct Waiting {
    commit: Commit,
    done: Arc<Mutex<Option<Result<CommitResult, RunsError>>>>,
}

fn held<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Commits {
    pub(crate) fn new(shared: &SharedStore) -> Self {
        Self {
            waiting: Mutex::default(),
            store: Mutex::new(shared.another()),
            shared: shared.clone(),
        }
    }

    /// Creates a run; durable when this returns.
    pub(crate) fn commit(&self, commit: Commit) -> Result<CommitResult, RunsError> {
        let done = Arc::default();
        held(&self.waiting).push(Waiting {
            commit,
            done: Arc::clone(&done),
        });
        let mut store = held(&self.store);
        if let Some(result) = held(&done).take() {
            return result;
        }
        let (commits, doors): (Vec<Commit>, Vec<_>) = std::mem::take(&mut *held(&self.waiting))
            .into_iter()
            .map(|waiting| (waiting.commit, waiting.done))
            .unzip();
        match store.commit(&commits) {
            Ok(results) => {
                for (door, result) in doors.iter().zip(results) {
                    *held(door) = Some(Ok(result));
                }
            }
            // One of them is to blame, and nothing was written.
            Err(StoreError::Invalid { .. }) => {
                for (door, commit) in doors.iter().zip(commits) {
                    *held(door) = Some(self.one(&mut store, commit));
                }
            }
            Err(error) => {
                *store = self.shared.another();
                let error = fault::store(&error);
                for door in &doors {
                    *held(door) = Some(Err(error.clone()));
                }
            }
        }
        drop(store);
        let result = held(&done).take();
        result.expect("it was among those that waited")
    }

    fn one(
        &self,
        store: &mut Box<dyn PoolStore>,
        commit: Commit,
    ) -> Result<CommitResult, RunsError> {
        let results = store.commit(&[commit]);
        let mut results = results.map_err(|error| {
            if !matches!(error, StoreError::Invalid { .. }) {
                *store = self.shared.another();
            }
            fault::store(&error)
        })?;
        Ok(results.pop().expect("a result each"))
    }
}
