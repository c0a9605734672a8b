//! What keeps a runner from driving a run.

use rok_kernel::{KernelError, Rejected};
use rok_log::StoreError;
use rok_projections::ReplayError;
use rok_vocabulary::RunId;

/// A run that cannot be driven on. Its log is as it was after the last commit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// The store failed: nothing more is acknowledged, memory is dropped.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// Another owner has the run.
    #[error("run {run} was taken over by another owner")]
    Lost {
        /// The run.
        run: RunId,
    },
    /// The claims ran out before they were renewed: nothing is performed for
    /// them any more.
    #[error("the leases ran out before they could be renewed")]
    LeaseOver,
    /// The log cannot be folded.
    #[error("the log of run {run} cannot be replayed")]
    Replay {
        /// The run.
        run: RunId,
        /// What is wrong.
        source: ReplayError,
    },
    /// The kernel refuses the input.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The kernel broke its own rules.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The run is in this shard already.
    #[error("run {run} is driven here already")]
    Exists {
        /// The run.
        run: RunId,
    },
    /// The run is not in this shard.
    #[error("run {run} is not driven here")]
    Unknown {
        /// The run.
        run: RunId,
    },
    /// The run panicked the runner again while it was being closed for that.
    #[error("run {run} cannot be closed: {reason}")]
    Panicked {
        /// The run.
        run: RunId,
        /// The panic's text.
        reason: String,
    },
}
