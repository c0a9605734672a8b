//! The ports. All are synchronous and object-safe.

use crate::{
    Answer, ClaimError, Command, Commit, CommitResult, Fence, RunEntry, RunFilter, RunRow,
    StoreError,
};
use rok_chain::{ChainHash, Digest, Seal};
use rok_vocabulary::{CommandId, RunId, Seq};
use std::fmt;
use std::sync::Arc;

/// The write port.
pub trait RunStore: Send {
    /// Commits all of `commits`, in order, with one sync for all of them, and
    /// returns one result each, in the same order.
    ///
    /// A commit is appended when its run's seq *and* fence are what it
    /// expects and the run is claimed; a commit at seq 0 with
    /// [`Fence::UNCLAIMED`] creates its run. Otherwise it is stale, nothing of
    /// it is written, and the others go on.
    ///
    /// An error acknowledges none of them. After an error other than
    /// [`StoreError::Invalid`] the store is poisoned: drop it, open it again,
    /// and read what there is.
    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<CommitResult>, StoreError>;
}

/// Lines of a log, as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBytes {
    /// The seq of the first line.
    pub first_seq: Seq,
    /// Lines of whole decisions, each with its newline.
    pub bytes: Vec<u8>,
}

impl LogBytes {
    /// The lines of `log` from line `seq` on: seqs are gap-free, so that the
    /// n-th line is event n.
    pub fn from_line(log: &[u8], seq: Seq) -> Self {
        let at = match usize::try_from(seq.0).unwrap_or(usize::MAX) {
            0 => 0,
            n => memchr::memchr_iter(b'\n', log)
                .nth(n - 1)
                .map_or(log.len(), |at| at + 1),
        };
        Self {
            first_seq: seq,
            bytes: log[at..].to_vec(),
        }
    }

    /// The lines, each without its newline.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes
            .split_inclusive(|b| *b == b'\n')
            .map(|line| &line[..line.len() - 1])
    }
}

/// Reads logs, documents and seals. Needs no claim, and repairs nothing.
pub trait EventReader {
    /// The whole log, up to the last whole decision.
    fn read(&self, run: &RunId) -> Result<LogBytes, StoreError>;

    /// The log from line `seq` on; empty where it has not come so far.
    fn read_from(&self, run: &RunId, seq: Seq) -> Result<LogBytes, StoreError>;

    /// Every byte of the log as it is stored, a torn tail too: for
    /// [`rok_chain::verify_log`].
    fn read_raw(&self, run: &RunId) -> Result<Vec<u8>, StoreError>;

    /// A document that the run's events name; `None` when the store has none
    /// of that digest. Its bytes are checked against the digest.
    fn document(&self, run: &RunId, digest: Digest) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// The run's last seal, if it was ever sealed.
    fn seal(&self, run: &RunId) -> Result<Option<Seal>, StoreError>;
}

/// Finds runs by what their rows say.
pub trait RunIndex {
    /// The run's row; `None` when there is no such run.
    fn get(&self, run: &RunId) -> Result<Option<RunRow>, StoreError>;

    /// The runs that `filter` asks for, sorted by id, and what is broken.
    fn list(&self, filter: &RunFilter) -> Result<Vec<RunEntry>, StoreError>;
}

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
    fn claim(&mut self, run: &RunId, owner: &Owner) -> Result<Claim, ClaimError>;

    /// Lets a run go. A commit with its claim's fence is stale from now on.
    /// Nothing happens where this handle has no claim on it.
    fn release(&mut self, run: &RunId);
}

/// Commands to a run that someone else may be driving.
pub trait Inbox {
    /// Lays a command into the run's inbox and wakes its owner. Putting the
    /// same id again changes nothing, answered or not.
    fn put(&self, run: &RunId, command: &Command) -> Result<(), StoreError>;

    /// The commands that wait, oldest first. They wait until they are `done`:
    /// an owner that dies between its commit and `done` is shown them again,
    /// and absorbs them by id.
    fn take(&mut self, run: &RunId) -> Result<Vec<Command>, StoreError>;

    /// Answers a command and removes it from the inbox. The first answer
    /// stands.
    fn done(&mut self, run: &RunId, id: &CommandId, answer: &Answer) -> Result<(), StoreError>;

    /// The answer to a command, once there is one.
    fn answer(&self, run: &RunId, id: &CommandId) -> Result<Option<Answer>, StoreError>;
}

/// All of the ports at once.
pub trait Store: RunStore + EventReader + RunIndex + RunQueue + Inbox {}

impl<S: RunStore + EventReader + RunIndex + RunQueue + Inbox> Store for S {}
