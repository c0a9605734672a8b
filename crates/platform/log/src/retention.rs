//! Collecting: a closed run's log goes, and a stub of it stays in its place.

use crate::{Record, StoreError};
use rok_chain::ChainHash;
use rok_vocabulary::{RunId, Seq, Timestamp};

/// A run that is to be collected, as whoever judged it saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collect {
    /// The run.
    pub run: RunId,
    /// Where its log ended. One that went on since is not collected.
    pub next_seq: Seq,
    /// The hash of its log.
    pub head: ChainHash,
    /// What time it is: a claim that ran out by then keeps nobody.
    pub now: Timestamp,
    /// What stays of it; the store knows nothing of what it says.
    pub stub: Vec<u8>,
    /// Rows of the domains' tables that its log brought: they stay, and come
    /// where there are none of their keys.
    pub records: Vec<Record>,
}

/// What became of a [`Collect`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Collected {
    /// The log is gone, and the stub is in its place, durably.
    Done,
    /// Somebody has the run. Nothing was changed.
    Held {
        /// Its owner, in words for people.
        by: String,
    },
    /// The run is open, or its log is another than the one that was seen.
    /// Nothing was changed.
    Moved,
    /// A command waits for it. Nothing was changed.
    Asked,
}

/// Makes stubs of closed runs.
///
/// A stub is listed as [`RunEntry::Collected`](crate::RunEntry::Collected) and
/// keeps the run's row, its labels, its seal, and the domains' rows. Its log,
/// its commands and their answers are gone: whoever asks for them, or for a
/// claim, is told [`StoreError::Collected`]. Its name stays taken.
pub trait Retention {
    /// Puts a stub in the place of a run that nobody has, and that is what was
    /// seen: all of it in one transaction, or nothing. Its fence is raised, so
    /// that an owner that slept past its lease can append nothing.
    fn collect(&mut self, collect: &Collect) -> Result<Collected, StoreError>;

    /// The stub of a run that was collected; `None` for a run that was not.
    fn stub(&self, run: &RunId) -> Result<Option<Vec<u8>>, StoreError>;
}
