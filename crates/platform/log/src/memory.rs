//! The memory store: for tests, for measuring the engine itself, and for runs
//! that may be forgotten.

mod queue;
mod retention;

use crate::{
    Answer, Command, Commit, CommitResult, EventReader, Fence, Inbox, Listener, LogBytes,
    Namespace, PoolStore, Records, Repair, RunEntry, RunFilter, RunIndex, RunRow, RunStore, Signal,
    Signals, StoreError, Subscription, Switchboard,
};
use queue::{Hold, Places, Queue};
use rok_chain::{ChainHash, Digest, Framing, LogFault, Seal, verify_log};
use rok_vocabulary::{CommandId, RunId, Seq, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store in memory. A clone is another handle on the same runs.
///
/// A handle reads, lists and claims in its own namespace; a commit names the
/// namespace that it goes to.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    namespace: Namespace,
    shared: Arc<Mutex<Shared>>,
    board: Arc<Switchboard>,
}

#[derive(Debug, Default)]
struct Shared {
    spaces: HashMap<Namespace, Space>,
}

#[derive(Debug, Default)]
struct Space {
    runs: HashMap<RunId, Run>,
    documents: HashMap<Digest, Arc<[u8]>>,
    records: HashMap<&'static str, BTreeMap<String, Vec<u8>>>,
    queue: Queue,
    places: Places,
}

#[derive(Debug)]
struct Run {
    /// In the pieces that it came in, so that nothing is copied to append.
    log: Vec<Vec<u8>>,
    head: ChainHash,
    next_seq: Seq,
    fence: Fence,
    hold: Option<Hold>,
    /// When it is to be claimed again, unless something happens before.
    due: Option<Timestamp>,
    /// Whether a pull found that it cannot be driven.
    broken: bool,
    row: RunRow,
    seal: Option<Seal>,
    /// Whether bytes came in past `commit`, so that a claim must look at them.
    suspect: bool,
    inbox: Vec<Command>,
    answers: HashMap<CommandId, Answer>,
    /// What is left of it, once it was collected.
    stub: Option<Vec<u8>>,
}

impl MemoryStore {
    /// An empty store; its handle works in the default namespace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another handle on the same runs, for `namespace`.
    #[must_use]
    pub fn in_namespace(&self, namespace: Namespace) -> Self {
        Self {
            namespace,
            shared: Arc::clone(&self.shared),
            board: Arc::clone(&self.board),
        }
    }

    /// Forgets a run, claimed or not.
    pub fn forget(&self, run: &RunId) {
        if let Some(space) = self.lock().spaces.get_mut(&self.namespace) {
            space.runs.remove(run);
            space.queue.set(run, None);
            space.places.leave(run);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic elsewhere leaves no commit half done: every check comes
        // before the first change.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(
        &self,
        run: &RunId,
        f: impl FnOnce(&mut Run) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut shared = self.lock();
        let space = shared.spaces.get_mut(&self.namespace);
        let found = space.and_then(|space| space.runs.get_mut(run));
        let found = found.ok_or_else(|| StoreError::Unknown { run: run.clone() })?;
        found.is_there(run)?;
        f(found)
    }

    /// The same, where the run may be due at another time afterwards.
    fn change<T>(
        &self,
        run: &RunId,
        f: impl FnOnce(&mut Run) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut shared = self.lock();
        let space = shared.spaces.get_mut(&self.namespace);
        let found = space.ok_or_else(|| StoreError::Unknown { run: run.clone() })?;
        found.change(run, f)
    }

    fn tell(&self, signal: &Signal) {
        self.board.tell(&self.namespace, signal);
    }
}

impl Shared {
    fn commit(&mut self, commit: &Commit) -> CommitResult {
        if !self.spaces.contains_key(&commit.namespace) {
            self.spaces
                .insert(commit.namespace.clone(), Space::default());
        }
        let space = self
            .spaces
            .get_mut(&commit.namespace)
            .expect("it was there or was put there");
        match space.runs.get_mut(&commit.run) {
            None if commit.creates() && commit.fence == Fence::UNCLAIMED => {
                let run = Run::new(commit);
                space.queue.set(&commit.run, run.ready_at());
                space.runs.insert(commit.run.clone(), run);
            }
            None => {
                return CommitResult::Stale {
                    next_seq: Seq(0),
                    fence: Fence::UNCLAIMED,
                };
            }
            Some(run) => {
                let current = run.next_seq == commit.expect_seq
                    && run.fence == commit.fence
                    && run.hold.is_some();
                if !current {
                    return CommitResult::Stale {
                        next_seq: run.next_seq,
                        fence: run.fence,
                    };
                }
                run.append(commit);
                space.queue.set(&commit.run, run.ready_at());
                if run.hold.as_ref().is_some_and(Hold::takes_a_place) {
                    space.places.follow(&commit.run, &run.row);
                }
            }
        }
        for document in &commit.documents {
            space
                .documents
                .entry(document.digest)
                .or_insert_with(|| document.bytes.clone());
        }
        for record in &commit.records {
            let table = space.records.entry(record.kind).or_default();
            table.insert(record.key.clone(), record.json.clone());
        }
        CommitResult::Committed {
            next_seq: commit.next_seq(),
        }
    }
}

impl Run {
    fn new(commit: &Commit) -> Self {
        Self {
            log: vec![commit.lines.clone()],
            head: commit.head,
            next_seq: commit.next_seq(),
            fence: commit.fence,
            hold: None,
            due: Some(commit.row.created_at),
            broken: false,
            row: commit.row.clone(),
            seal: commit.seal,
            suspect: false,
            inbox: Vec::new(),
            answers: HashMap::new(),
            stub: None,
        }
    }

    fn append(&mut self, commit: &Commit) {
        self.log.push(commit.lines.clone());
        self.head = commit.head;
        self.next_seq = commit.next_seq();
        self.row.clone_from(&commit.row);
        if commit.seal.is_some() {
            self.seal = commit.seal;
        }
    }

    /// The log up to the last whole decision.
    fn whole(&self, run: &RunId) -> Result<Vec<u8>, StoreError> {
        let mut log = self.log.concat();
        if !self.suspect {
            return Ok(log);
        }
        let framing = Framing::of(&log);
        if framing.unreadable.is_some() {
            let report = verify_log(run, &log, self.seal.as_ref());
            return Err(corrupt(run, report.fault));
        }
        log.truncate(framing.complete);
        Ok(log)
    }

    /// Drops a torn tail and checks the rest.
    fn recover(&mut self, run: &RunId) -> Result<Option<Repair>, StoreError> {
        if !self.suspect {
            return Ok(None);
        }
        let mut log = self.log.concat();
        let report = verify_log(run, &log, self.seal.as_ref());
        if report.fault.is_some() {
            return Err(corrupt(run, report.fault));
        }
        log.truncate(report.bytes as usize);
        self.log = vec![log];
        self.head = report.head;
        self.next_seq = Seq(report.events);
        self.row.next_seq = self.next_seq;
        self.suspect = false;
        Ok(report.torn_tail.map(|tail| Repair {
            dropped_bytes: tail.bytes as u64,
            dropped_lines: tail.lines as u64,
            at_seq: self.next_seq,
        }))
    }
}

fn corrupt(run: &RunId, fault: Option<LogFault>) -> StoreError {
    let fault = fault.expect("called with a report that has a fault");
    StoreError::corrupt(PathBuf::from(format!("run {run}")), &fault)
}

impl RunStore for MemoryStore {
    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<CommitResult>, StoreError> {
        for commit in commits {
            commit.check().map_err(|fault| StoreError::Invalid {
                run: commit.run.clone(),
                fault,
            })?;
        }
        let mut shared = self.lock();
        let results: Vec<_> = commits.iter().map(|commit| shared.commit(commit)).collect();
        drop(shared);
        for (commit, result) in commits.iter().zip(&results) {
            if matches!(result, CommitResult::Committed { .. }) {
                let tell = |signal: &Signal| self.board.tell(&commit.namespace, signal);
                tell(&Signal::Grown(commit.run.clone()));
                if commit.row.rests() {
                    tell(&Signal::Rests(commit.run.clone()));
                }
                if commit.creates() || commit.row.phase.is_terminal() {
                    tell(&Signal::Due);
                }
            }
        }
        Ok(results)
    }
}

impl EventReader for MemoryStore {
    fn read(&self, run: &RunId) -> Result<LogBytes, StoreError> {
        self.read_from(run, Seq(0))
    }

    fn read_from(&self, run: &RunId, seq: Seq) -> Result<LogBytes, StoreError> {
        self.with(run, |found| {
            Ok(LogBytes::from_line(&found.whole(run)?, seq))
        })
    }

    fn read_raw(&self, run: &RunId) -> Result<Vec<u8>, StoreError> {
        self.with(run, |found| Ok(found.log.concat()))
    }

    fn document(&self, run: &RunId, digest: Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.with(run, |_| Ok(()))?;
        let shared = self.lock();
        let space = shared.spaces.get(&self.namespace);
        Ok(space.and_then(|space| space.documents.get(&digest).cloned()))
    }

    fn seal(&self, run: &RunId) -> Result<Option<Seal>, StoreError> {
        let shared = self.lock();
        let space = shared.spaces.get(&self.namespace);
        let found = space.and_then(|space| space.runs.get(run));
        let found = found.ok_or_else(|| StoreError::Unknown { run: run.clone() })?;
        Ok(found.seal)
    }
}

impl RunIndex for MemoryStore {
    fn get(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        let shared = self.lock();
        let space = shared.spaces.get(&self.namespace);
        Ok(space
            .and_then(|space| space.runs.get(run))
            .map(|found| found.row.clone()))
    }

    fn list(&self, filter: &RunFilter) -> Result<Vec<RunEntry>, StoreError> {
        let shared = self.lock();
        let runs = shared
            .spaces
            .get(&self.namespace)
            .into_iter()
            .flat_map(|space| &space.runs);
        let found = runs.filter(|(run, found)| {
            filter.is_after(Some(found.row.created_at), run.as_str()) && filter.matches(&found.row)
        });
        let entry = |(run, found): (&RunId, &Run)| {
            let (run, row) = (run.clone(), found.row.clone());
            match found.stub {
                Some(_) => RunEntry::Collected { run, row },
                None => RunEntry::Run { run, row },
            }
        };
        Ok(filter.page(found.map(entry).collect()))
    }
}

impl Inbox for MemoryStore {
    fn put(&self, run: &RunId, command: &Command) -> Result<(), StoreError> {
        command.check()?;
        let new = self.change(run, |found| {
            let known = found.answers.contains_key(&command.id)
                || found.inbox.iter().any(|waiting| waiting.id == command.id);
            if !known {
                found.inbox.push(command.clone());
                found.broken = false;
            }
            Ok(!known)
        })?;
        if new {
            self.tell(&Signal::Command(run.clone()));
            self.tell(&Signal::Due);
        }
        Ok(())
    }

    fn take(&mut self, run: &RunId) -> Result<Vec<Command>, StoreError> {
        self.with(run, |found| {
            found.inbox.sort_by(|a, b| a.order().cmp(&b.order()));
            Ok(found.inbox.clone())
        })
    }

    fn done(&mut self, run: &RunId, id: &CommandId, answer: &Answer) -> Result<(), StoreError> {
        self.change(run, |found| {
            found.inbox.retain(|command| command.id != *id);
            found
                .answers
                .entry(id.clone())
                .or_insert_with(|| answer.clone());
            Ok(())
        })?;
        self.tell(&Signal::Answer(run.clone()));
        Ok(())
    }

    fn answer(&self, run: &RunId, id: &CommandId) -> Result<Option<Answer>, StoreError> {
        self.with(run, |found| Ok(found.answers.get(id).cloned()))
    }
}

impl Records for MemoryStore {
    fn records(
        &self,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let shared = self.lock();
        let space = shared.spaces.get(&self.namespace);
        let Some(table) = space.and_then(|space| space.records.get(kind)) else {
            return Ok(Vec::new());
        };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let records = table.range::<str, _>((start, Bound::Unbounded)).take(limit);
        Ok(records
            .map(|(key, json)| (key.clone(), json.clone()))
            .collect())
    }

    fn remove_record(&mut self, kind: &str, key: &str) -> Result<(), StoreError> {
        let mut shared = self.lock();
        let space = shared.spaces.get_mut(&self.namespace);
        if let Some(table) = space.and_then(|space| space.records.get_mut(kind)) {
            table.remove(key);
        }
        Ok(())
    }
}

impl Signals for MemoryStore {
    fn subscribe(&self, listener: Listener) -> Subscription {
        self.board.subscribe(self.namespace.clone(), listener)
    }
}

impl PoolStore for MemoryStore {
    fn another(&self) -> Box<dyn PoolStore> {
        Box::new(self.clone())
    }

    fn try_to_write(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(any(test, feature = "testing"))]
impl crate::Tear for MemoryStore {
    fn tear(&mut self, commit: &Commit, keep: usize) {
        let mut shared = self.lock();
        let space = shared.spaces.get_mut(&commit.namespace);
        let Some(run) = space.and_then(|space| space.runs.get_mut(&commit.run)) else {
            return;
        };
        if run.next_seq == commit.expect_seq && run.fence == commit.fence && run.hold.is_some() {
            run.log
                .push(commit.lines[..keep.min(commit.lines.len())].to_vec());
            run.suspect = true;
        }
    }
}

#[cfg(test)]
mod tests;
