//! Which attempts are under way in a shard, for who must stop them while its
//! thread is busy.

use crate::run_runner::RunRunner;
use crate::services::Services;
use rok_executor::{AttemptRef, CancelReason};
use rok_vocabulary::RunId;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type UnderWay = HashMap<AttemptRef, Arc<Services>>;

/// The attempts of a shard that are under way. A clone is another handle on
/// the same.
#[derive(Clone, Default)]
pub struct Attempts(Arc<Mutex<UnderWay>>);

impl Attempts {
    fn held(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, attempt: AttemptRef, services: &Arc<Services>) {
        self.held().insert(attempt, Arc::clone(services));
    }

    pub(super) fn remove(&self, attempt: &AttemptRef) {
        self.held().remove(attempt);
    }

    pub(super) fn forget(&self, run: &RunId) {
        self.held().retain(|attempt, _| attempt.run != *run);
    }

    pub(super) fn clear(&self) {
        self.held().clear();
    }

    /// How many are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held().len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held().is_empty()
    }

    /// Stops all of them, because their owner may be none any more; their
    /// reports come as usual. Returns how many there were.
    pub fn stop(&self) -> usize {
        let all = std::mem::take(&mut *self.held());
        for (attempt, services) in &all {
            // An executor that panics here has nobody left to tell.
            drop(catch_unwind(AssertUnwindSafe(|| {
                RunRunner::cancel_attempt(attempt, CancelReason::Interrupted, services);
            })));
        }
        all.len()
    }
}

impl std::fmt::Debug for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Attempts").field(&self.len()).finish()
    }
}
