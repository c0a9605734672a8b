//! The ports. All are synchronous and object-safe.

use crate::{
    Answer, Command, Commit, CommitResult, Retention, RunEntry, RunFilter, RunQueue, RunRow,
    Signals, StoreError, WorkQueue,
};
use rok_chain::{ChainHash, Digest, Seal};
use rok_vocabulary::{CommandId, RunId, Seq};
use std::sync::Arc;

/// The write port.
pub trait RunStore: Send {
    /// Commits all of `commits`, in order, with one sync for all of them, and
    /// returns one result each, in the same order.
    ///
    /// A commit is appended when its run's seq *and* fence are what it
    /// expects and the run is claimed; a commit at seq 0 with
    /// [`Fence::UNCLAIMED`](crate::commit::Fence::UNCLAIMED) creates its run. Otherwise it is stale, nothing of
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

    /// Keeps the first lines alone.
    #[must_use]
    pub fn first_lines(mut self, most: usize) -> Self {
        let end = match most {
            0 => Some(0),
            n => { memchr::memchr_iter(b'\n', &self.bytes) }
                .nth(n - 1)
                .map(|at| at + 1),
        };
        self.bytes.truncate(end.unwrap_or(self.bytes.len()));
        self
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

    /// At most so many lines of the log from line `seq` on. A store that finds
    /// a line without those before it reads no more than these.
    fn read_page(&self, run: &RunId, seq: Seq, most: usize) -> Result<LogBytes, StoreError> {
        Ok(self.read_from(run, seq)?.first_lines(most))
    }

    /// How many lines the log has, and so the seq that is due.
    fn next_seq(&self, run: &RunId) -> Result<Seq, StoreError> {
        Ok(Seq(self.read(run)?.lines().count() as u64))
    }

    /// How many lines the log has, and its head, where the store keeps that
    /// beside it.
    fn ending(&self, run: &RunId) -> Result<(Seq, Option<ChainHash>), StoreError> {
        Ok((self.next_seq(run)?, None))
    }

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

    /// The runs that `filter` asks for, in its order, and what is broken.
    fn list(&self, filter: &RunFilter) -> Result<Vec<RunEntry>, StoreError>;

    /// Where the table by which lists find runs by label says something else of
    /// this one than its row, in words; nothing where the store has no such
    /// table.
    fn label_faults(&self, run: &RunId) -> Result<Vec<String>, StoreError> {
        let _ = run;
        Ok(Vec::new())
    }
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

/// The table of what service runs tell, as SQL reads it.
pub const KBASE: &str = "kbase_events";

/// The table of what is to be sent: each row says `url` and `event`, and goes
/// once that was delivered.
pub const OUTBOX: &str = "outbox";

/// The domains' tables, as commits filled them.
pub trait Records {
    /// At most `limit` records of a table, by key, from behind `after` on.
    fn records(
        &self,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// Removes a record, durably: what an outbox held was delivered. Nothing
    /// happens where there is none.
    fn remove_record(&mut self, kind: &str, key: &str) -> Result<(), StoreError>;
}

/// What drives one run: all that any store can do.
pub trait Store: RunStore + EventReader + RunIndex + RunQueue + Inbox {}

impl<S: RunStore + EventReader + RunIndex + RunQueue + Inbox> Store for S {}

/// What drives many: a store that hands out what is due, tells what changed,
/// and gives back the space of what is over.
pub trait PoolStore: Store + WorkQueue + Signals + Records + Retention {
    /// Another handle on the same runs, for another thread.
    fn another(&self) -> Box<dyn PoolStore>;

    /// Writes as a commit does, durably, and leaves nothing behind: whether one
    /// could be made now.
    fn try_to_write(&self) -> Result<(), StoreError>;
}
