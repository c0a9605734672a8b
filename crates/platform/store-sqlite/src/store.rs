//! A handle on the file, and the ports it keeps. What they do is told by the
//! modules that do it.

use crate::access::Access;
use crate::database::Database;
use crate::fault::{Failure, OpenError};
use crate::open::Place;
use crate::{commit, copier, inbox, list, logs, queue, records, retention};
use rok_chain::{ChainHash, Digest, Seal};
use rok_log::{
    Answer, Backlog, Claim, ClaimError, Collect, Collected, Command, Commit, CommitResult,
    Durability, EventReader, Fence, Inbox, Lease, Listener, LogBytes, Namespace, Owner, PoolStore,
    Pull, Pulled, Pulling, Record, Records, Retention, RunEntry, RunFilter, RunIndex, RunQueue,
    RunRow, RunStore, Signal, Signals, Standing, StoreError, Subscription, WorkQueue,
};
use rok_vocabulary::{CommandId, RunId, Seq, Timestamp};
use std::path::Path;
use std::sync::Arc;

/// A store in one SQLite file. A clone is another handle on the same runs,
/// served by the same writer.
///
/// A handle reads, lists and claims in its own namespace; a commit names the
/// namespace that it goes to. After a failed write nothing is acknowledged that
/// was not stored, and the store goes on as soon as the file can be written
/// again: its connection is opened anew. Whoever met the error folds its runs
/// again, as [`RunStore::commit`] says.
///
/// [`RunQueue::release`] does not wait: what was let go is so for every handle
/// of this process, and for another process with the next transaction.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pub(crate) namespace: Namespace,
    pub(crate) database: Arc<Database>,
}

impl SqliteStore {
    /// Opens a file, or makes it (0600, in a folder that is there). Brings the
    /// tables of an older version up to date; refuses those of a later one, and
    /// what is no store.
    ///
    /// Several processes may have the same file open. In one process, clone the
    /// handle instead: callers of one writer share transactions.
    pub fn open(path: impl AsRef<Path>, durability: Durability) -> Result<Self, OpenError> {
        Self::at(Place::new(path.as_ref(), durability)?)
    }

    pub(crate) fn at(place: Place) -> Result<Self, OpenError> {
        Ok(Self {
            namespace: Namespace::default(),
            database: Arc::new(Database::open(place)?),
        })
    }

    /// Another handle on the same runs, for `namespace`.
    #[must_use]
    pub fn in_namespace(&self, namespace: Namespace) -> Self {
        Self {
            namespace,
            database: Arc::clone(&self.database),
        }
    }

    /// What is wrong with the file's pages and indexes, a line each; nothing
    /// where it is sound. Reads all of it.
    pub fn faults(&self) -> Result<Vec<String>, StoreError> {
        self.database.read("check", |at| {
            let mut check = at.prepare("PRAGMA integrity_check(20)")?;
            let lines = check.query_map((), |row| row.get::<_, String>(0))?;
            let mut lines = lines.collect::<Result<Vec<_>, _>>()?;
            lines.retain(|line| line != "ok");
            Ok(lines)
        })
    }

    /// Where the table of labels says something else than the runs' rows.
    pub fn label_differences(&self) -> Result<Vec<String>, StoreError> {
        self.database.read("read", list::labels::differences)
    }

    /// Runs whose rows say of the queue what cannot be, in words. `lapsed` is when
    /// every lease of now has run out.
    pub fn queue_differences(
        &self,
        lapsed: Timestamp,
    ) -> Result<Vec<(String, &'static str)>, StoreError> {
        self.read("read", |at, space| queue::differences(at, space, lapsed))
    }

    /// Makes such rows say what holds.
    pub fn mend_queue(&self, lapsed: Timestamp) -> Result<(), StoreError> {
        let space = self.namespace.clone();
        self.database.write("mend the queue of", move |at| {
            queue::mend(at, &space, lapsed)
        })?;
        self.tell(&Signal::Due);
        Ok(())
    }

    /// Copies the whole log of the file (`-wal`) into it and empties it, so that
    /// a copy of the file alone has all that was written. False: somebody reads
    /// or writes just now, and a part of the log is left.
    pub fn copy_log(&self) -> Result<bool, StoreError> {
        // What nobody waits for is in line before this.
        self.database.write("copy the log of", |_| Ok(()))?;
        let place = &self.database.place;
        let db = place
            .copier()
            .map_err(|error| error.to_store("open", &place.path))?;
        let copied = copier::copy_whole(&db);
        copied.map_err(|error| Failure::from(error).into_store("copy the log of", &place.path))
    }

    /// Ids of rows of `kbase_events` that are not what their records say.
    pub fn kbase_differences(&self) -> Result<Vec<String>, StoreError> {
        self.database
            .read("read", |at| records::kbase_differences(at, &self.namespace))
    }

    /// Puts rows of the domains' tables there and takes others away, and fills
    /// the tables that are made of them anew, in one transaction.
    pub fn rebuild(
        &self,
        put: Vec<Record>,
        remove: Vec<(&'static str, String)>,
    ) -> Result<(), StoreError> {
        let space = self.namespace.clone();
        self.database.write("rebuild tables of", move |at| {
            records::rebuild(at, &space, &put, &remove)
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.database.place.path
    }

    /// The namespace that the handle reads, lists and claims in.
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    pub(crate) fn tell(&self, signal: &Signal) {
        self.database.board.tell(&self.namespace, signal);
    }

    fn read<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(Access<'_>, &Namespace) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let namespace = &self.namespace;
        self.database.read(operation, |at| work(at, namespace))
    }
}

impl RunStore for SqliteStore {
    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<CommitResult>, StoreError> {
        commit::commit(self, commits)
    }
}

impl EventReader for SqliteStore {
    fn read(&self, run: &RunId) -> Result<LogBytes, StoreError> {
        self.read_from(run, Seq(0))
    }

    fn read_from(&self, run: &RunId, seq: Seq) -> Result<LogBytes, StoreError> {
        self.read_page(run, seq, usize::MAX)
    }

    fn read_page(&self, run: &RunId, seq: Seq, most: usize) -> Result<LogBytes, StoreError> {
        let read = |at: Access<'_>, space: &Namespace| logs::read_page(at, space, run, seq, most);
        self.read("read", read)
    }

    fn next_seq(&self, run: &RunId) -> Result<Seq, StoreError> {
        self.read("read", |at, space| logs::next_seq(at, space, run))
    }

    fn ending(&self, run: &RunId) -> Result<(Seq, Option<ChainHash>), StoreError> {
        let ending = self.read("read", |at, space| logs::ending(at, space, run));
        ending.map(|(next, head)| (next, Some(head)))
    }

    fn read_raw(&self, run: &RunId) -> Result<Vec<u8>, StoreError> {
        self.read("read", |at, space| logs::read_raw(at, space, run))
    }

    fn document(&self, run: &RunId, digest: Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.read("read", |at, space| logs::document(at, space, run, digest))
    }

    fn seal(&self, run: &RunId) -> Result<Option<Seal>, StoreError> {
        self.read("read", |at, space| logs::seal(at, space, run))
    }
}

impl RunIndex for SqliteStore {
    fn get(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        self.read("read", |at, space| list::get(at, space, run))
    }

    fn list(&self, filter: &RunFilter) -> Result<Vec<RunEntry>, StoreError> {
        self.read("list", |at, space| list::list(at, space, filter))
    }

    fn label_faults(&self, run: &RunId) -> Result<Vec<String>, StoreError> {
        self.read("read", |at, space| list::labels::faults_of(at, space, run))
    }
}

impl RunQueue for SqliteStore {
    fn claim(&mut self, run: &RunId, owner: &Owner, lease: Lease) -> Result<Claim, ClaimError> {
        queue::claim(self, run, owner, lease)
    }

    fn renew(&mut self, held: &[(RunId, Fence)], lease: Lease) -> Result<Vec<RunId>, StoreError> {
        queue::renew(self, held, lease)
    }

    fn release(&mut self, run: &RunId, fence: Fence, due: Option<Timestamp>) {
        queue::release(self, run, fence, due);
    }
}

impl WorkQueue for SqliteStore {
    fn claim_due(&mut self, pull: &Pull) -> Result<Vec<Pulled>, StoreError> {
        queue::begin_claim(self, pull).wait()
    }

    fn begin_claim(&mut self, pull: &Pull) -> Pulling {
        queue::begin_claim(self, pull)
    }

    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let namespace = &self.namespace;
        let database = &self.database;
        database.read_queue("read", |at| queue::next_due(at, namespace))
    }

    fn owners(&self) -> Result<Vec<Owner>, StoreError> {
        let namespace = &self.namespace;
        let database = &self.database;
        database.read_queue("read", |at| queue::owners(at, namespace))
    }

    fn disown(&mut self, owner: &Owner, now: Timestamp) -> Result<usize, StoreError> {
        queue::disown(self, owner, now)
    }

    fn standing(&self, run: &RunId) -> Result<Option<Standing>, StoreError> {
        let (database, namespace) = (&self.database, &self.namespace);
        database.read_queue("read", |at| queue::standing(at, namespace, run))
    }

    fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError> {
        let namespace = &self.namespace;
        let database = &self.database;
        database.read_queue("read", |at| queue::backlog(at, namespace, now))
    }
}

impl Inbox for SqliteStore {
    fn put(&self, run: &RunId, command: &Command) -> Result<(), StoreError> {
        inbox::put(self, run, command)
    }

    fn take(&mut self, run: &RunId) -> Result<Vec<Command>, StoreError> {
        self.read("read", |at, space| inbox::take(at, space, run))
    }

    fn done(&mut self, run: &RunId, id: &CommandId, answer: &Answer) -> Result<(), StoreError> {
        inbox::done(self, run, id, answer)
    }

    fn answer(&self, run: &RunId, id: &CommandId) -> Result<Option<Answer>, StoreError> {
        self.read("read", |at, space| inbox::answer(at, space, run, id))
    }
}

impl Records for SqliteStore {
    fn records(
        &self,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.read("read", |at, space| {
            records::records(at, space, kind, after, limit)
        })
    }

    fn remove_record(&mut self, kind: &str, key: &str) -> Result<(), StoreError> {
        records::remove(self, kind, key)
    }
}

impl Retention for SqliteStore {
    fn collect(&mut self, collect: &Collect) -> Result<Collected, StoreError> {
        retention::collect(self, collect)
    }

    fn stub(&self, run: &RunId) -> Result<Option<Vec<u8>>, StoreError> {
        self.read("read", |at, space| retention::stub(at, space, run))
    }
}

impl Signals for SqliteStore {
    fn subscribe(&self, listener: Listener) -> Subscription {
        let subscription = self
            .database
            .board
            .subscribe(self.namespace.clone(), listener);
        self.database.watch();
        subscription
    }
}

impl PoolStore for SqliteStore {
    fn another(&self) -> Box<dyn PoolStore> {
        Box::new(self.clone())
    }

    fn try_to_write(&self) -> Result<(), StoreError> {
        records::try_to_write(self)
    }
}

#[cfg(test)]
mod tests;
