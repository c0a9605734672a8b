//! What a claimed run needs besides its log, and who makes it.

use rok_kernel::{CompiledPlan, RunState};
use rok_log::{LogBytes, PoolStore};
use rok_runner::{RunContext, ShardHandle};
use rok_vocabulary::RunId;
use std::sync::Arc;

/// What a claimed run needs besides its log.
#[derive(Debug)]
pub struct Outfit {
    /// Its plan.
    pub plan: Arc<CompiledPlan>,
    /// The rest, with the services of its own.
    pub context: RunContext,
}

/// Makes what claimed runs need, and hears how they go on. Called on the
/// thread of a shard: what takes long is done elsewhere.
pub trait Outfitter: Send + Sync {
    /// Makes what a run needs. The error says, for people, why it cannot be
    /// driven here: it is left alone for a while.
    fn outfit(
        &self,
        run: &RunId,
        log: &LogBytes,
        store: &dyn PoolStore,
        shard: &ShardHandle,
    ) -> Result<Outfit, String>;

    /// A run is closed, durably.
    fn ended(&self, run: &RunId, state: &RunState);

    /// A run is not in memory any more: it waits, it is closed, or it was lost.
    fn let_go(&self, run: &RunId);
}
