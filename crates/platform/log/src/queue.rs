//! The queue: claims by lease, and which run is due next. Time comes in with
//! each call; no store reads a clock.

use crate::{ClaimError, Fence, LogBytes, StoreError};
use rok_chain::ChainHash;
use rok_vocabulary::{RunId, Seq, Timestamp};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Who claims a run, in words for people: for example `host/4711`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner(Arc<str>);

impl Owner {
    /// The owner of that name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The owner's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// For how long a claim keeps others away.
///
/// From `until` on another owner may take the run, with a higher fence. Until
/// one does, the claim is as good as before: a commit compares the fence, never
/// the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The time at the owner: who claims now may take what ran out before.
    pub now: Timestamp,
    /// When this claim runs out.
    pub until: Timestamp,
}

impl Lease {
    /// A lease from `now` on, for so long.
    pub fn new(now: Timestamp, length: Duration) -> Self {
        Self {
            now,
            until: now.after(length),
        }
    }
}

/// What a claim had to drop: what a writer that died left after the last whole
/// decision. The owner writes `log.repaired` with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    /// How many bytes were dropped.
    pub dropped_bytes: u64,
    /// How many lines; a last one without a newline counts.
    pub dropped_lines: u64,
    /// The seq that is due where they began.
    pub at_seq: Seq,
}

/// A run that is now this owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The fence to commit with.
    pub fence: Fence,
    /// The seq that is due.
    pub next_seq: Seq,
    /// The hash of the log so far.
    pub head: ChainHash,
    /// What was dropped from the log's end, if anything was.
    pub repaired: Option<Repair>,
    /// Whether the seal beside the log was missing or old, and was written
    /// again from the log.
    pub resealed: bool,
}

/// Hands runs to owners, one at a time.
pub trait RunQueue {
    /// Claims a run: raises its fence, repairs its log, and checks all of it.
    /// Refused while another claim holds: it was neither let go nor, where the
    /// store has leases, did it run out by `lease.now`.
    ///
    /// A store whose locks die with their owners (run folders) has no leases:
    /// there a claim holds until it is let go or its process ends.
    fn claim(&mut self, run: &RunId, owner: &Owner, lease: Lease) -> Result<Claim, ClaimError>;

    /// Prolongs claims, and returns those that are lost: let go, or taken by
    /// another owner. Their owner stops what it does for them.
    fn renew(&mut self, held: &[(RunId, Fence)], lease: Lease) -> Result<Vec<RunId>, StoreError>;

    /// Lets a run go that was claimed with this fence, and says when it is to
    /// be claimed again: at `due`, or with `None` only when a command comes.
    /// Where a command waits in its inbox, the run is due at once. A commit
    /// with this fence is stale from now on. Nothing happens where the claim
    /// is lost.
    fn release(&mut self, run: &RunId, fence: Fence, due: Option<Timestamp>);
}

/// What a pool asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Who will own the runs.
    pub owner: Owner,
    /// For how long, and what time it is.
    pub lease: Lease,
    /// At most so many runs.
    pub limit: usize,
    /// So long a wait counts as much as one more of priority: nobody waits for
    /// ever behind those that are more urgent. Zero: priority alone decides.
    pub aging: Duration,
}

impl Pull {
    /// Where a run stands among those that are due: least first. Among equals
    /// the one that is due longer.
    pub fn rank(&self, priority: i8, due: Timestamp) -> (i64, Timestamp) {
        let step = i64::try_from(self.aging.as_millis()).unwrap_or(i64::MAX);
        let ahead = i64::from(priority).saturating_mul(step);
        match step {
            0 => (-i64::from(priority), due),
            _ => (due.as_millis().saturating_sub(ahead), due),
        }
    }
}

/// A run that a pool was given.
#[derive(Debug)]
pub struct Pulled {
    /// The run.
    pub run: RunId,
    /// Its claim, or why it cannot be driven. Such a run is due to nobody until
    /// a command comes for it.
    pub claim: Result<Claim, StoreError>,
    /// False where the run waits behind others with its key and was given for
    /// its commands only: answer them, and let it go. It holds no place then.
    pub may_begin: bool,
    /// Whether a command waited for it when it was claimed. One that comes
    /// later is told of.
    pub asked: bool,
    /// Its log, where the store has read it to prove it.
    pub log: Option<LogBytes>,
}

/// A pull that was begun.
#[must_use]
pub struct Pulling(Box<dyn FnOnce() -> Result<Vec<Pulled>, StoreError> + Send>);

impl Pulling {
    /// One that is waited for by this.
    pub fn new(wait: impl FnOnce() -> Result<Vec<Pulled>, StoreError> + Send + 'static) -> Self {
        Self(Box::new(wait))
    }

    /// One that is over.
    pub fn done(result: Result<Vec<Pulled>, StoreError>) -> Self {
        Self::new(|| result)
    }

    /// Waits until it is known what was claimed.
    pub fn wait(self) -> Result<Vec<Pulled>, StoreError> {
        (self.0)()
    }
}

impl fmt::Debug for Pulling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulling").finish_non_exhaustive()
    }
}

/// How much waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Runs that a pull at that time would consider.
    pub due: u64,
    /// Runs that are due later.
    pub later: u64,
    /// Runs that wait for others with their concurrency key.
    pub behind: u64,
    /// Runs that an owner has.
    pub claimed: u64,
}

/// How a run stands in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It has an owner, whose claim others respect until then.
    Claimed {
        /// The owner.
        owner: Owner,
        /// When the claim runs out.
        until: Timestamp,
    },
    /// Nobody has it.
    Free {
        /// From when on it may be claimed; `None`: only once a command comes.
        due: Option<Timestamp>,
    },
}

/// Hands out what is due.
///
/// A run is due
///
/// - from its creation on;
/// - from when its owner said so in [`RunQueue::release`];
/// - when the lease of an owner ran out that did not let it go;
/// - at once when a command waits for it and nobody has it, closed or not.
///
/// Else a closed run is never due. A run with a [`Concurrency`] key that never
/// was claimed waits while as many as its limit hold a place; a run holds its
/// place from its first claim until it is closed. One that waits so is given all
/// the same when a command waits for it, see [`Pulled::may_begin`].
///
/// [`Concurrency`]: crate::Concurrency
pub trait WorkQueue {
    /// Claims what is due, in the order of [`Pull::rank`]; each claim is as
    /// good as one by [`RunQueue::claim`].
    fn claim_due(&mut self, pull: &Pull) -> Result<Vec<Pulled>, StoreError>;

    /// The same, begun: whoever has something to commit meanwhile need not wait
    /// for both. What was begun is to be waited for, since what it claims is
    /// due to nobody else.
    fn begin_claim(&mut self, pull: &Pull) -> Pulling {
        Pulling::done(self.claim_due(pull))
    }

    /// The earliest moment at which something is due, as things stand; past
    /// where something is due now. `None`: not before something happens.
    fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Who has claims, whether or not they have run out.
    fn owners(&self) -> Result<Vec<Owner>, StoreError>;

    /// Takes all claims of an owner who is known to be gone, so that its runs
    /// are due at that time, and says how many. Their fences are raised: were
    /// the owner not gone after all, it could commit nothing more.
    fn disown(&mut self, owner: &Owner, now: Timestamp) -> Result<usize, StoreError>;

    /// How a run stands; `None` where there is no such run.
    fn standing(&self, run: &RunId) -> Result<Option<Standing>, StoreError>;

    /// How much waits at that time.
    fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError>;
}
