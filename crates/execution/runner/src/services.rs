//! What a shard's runs share.

use crate::clock::{Clock, SystemClock};
use crate::stage::Stage;
use rok_executor::{Executor, Work};
use rok_facades::{ActionRequest, Authorization, Facades};
use std::sync::Arc;

/// What a shard's runs share: domains, executors and a clock.
#[derive(Clone)]
pub struct Services {
    facades: Facades,
    executors: Vec<Arc<dyn Executor>>,
    clock: Arc<dyn Clock>,
    stage: Arc<Stage>,
}

impl Services {
    /// Services over the domains, on the machine's clock, without executors.
    #[must_use]
    pub fn new(facades: Facades) -> Self {
        Self {
            facades,
            executors: Vec::new(),
            clock: Arc::new(SystemClock),
            stage: Arc::default(),
        }
    }

    /// Adds an executor. The first that accepts a kind of work gets it.
    #[must_use]
    pub fn executor(mut self, executor: Arc<dyn Executor>) -> Self {
        self.executors.push(executor);
        self
    }

    /// Takes the executors of other services instead of its own.
    #[must_use]
    pub fn with_executors_of(mut self, other: &Self) -> Self {
        self.executors.clone_from(&other.executors);
        self
    }

    /// Takes another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Whether somebody may do something to a run that no log tells of.
    #[must_use]
    pub fn authorize(&self, request: &ActionRequest<'_>) -> Authorization {
        self.facades().governance.authorize_action(request)
    }

    pub(crate) fn facades(&self) -> &Facades {
        &self.facades
    }

    pub(crate) fn executors(&self) -> &[Arc<dyn Executor>] {
        &self.executors
    }

    /// What is done around attempts.
    pub(crate) fn stage(&self) -> &Arc<Stage> {
        &self.stage
    }

    pub(crate) fn executor_for(&self, work: &Work) -> Option<&Arc<dyn Executor>> {
        self.executors
            .iter()
            .find(|executor| executor.accepts(work))
    }

    pub(crate) fn now(&self) -> rok_vocabulary::Timestamp {
        self.clock.now()
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services")
            .field("executors", &self.executors.len())
            .finish_non_exhaustive()
    }
}
