//! The store itself: commits, claims and reading.

use crate::claim::{self, Owned};
use crate::create;
use crate::disk::Disk;
use crate::folder::{CONTENTS, Folder, PLAN, SEAL};

use crate::lock::LockHolder;
use rok_chain::{Digest, LogReport, Seal, verify_log};
use rok_log::{
    Claim, ClaimError, Commit, CommitFault, CommitResult, Durability, EventReader, Fence, Lease,
    LogBytes, Namespace, Owner, RunQueue, RunStore, StoreError,
};
use rok_vocabulary::{RunId, Seq, Timestamp};
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of run folders.
///
/// A handle owns what it claimed until it lets it go or is dropped. Reading,
/// listing and putting commands needs no claim: a second handle does, in this
/// process or another. The folder holds the default namespace.
///
/// [`Commit::records`] are not kept: a domain's rows are computed from the
/// events that they travel with, and a folder keeps the events.
#[derive(Debug)]
pub struct JsonlStore {
    pub(crate) root: PathBuf,
    pub(crate) disk: Disk,
    owned: HashMap<RunId, Owned>,
    poisoned: Option<String>,
}

impl JsonlStore {
    /// The store in `root`, which is made when the first run is created.
    pub fn open(root: impl Into<PathBuf>, durability: Durability) -> Self {
        Self {
            root: root.into(),
            disk: Disk::new(durability),
            owned: HashMap::new(),
            poisoned: None,
        }
    }

    /// The folder of run folders.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How durable a commit is.
    pub const fn durability(&self) -> Durability {
        self.disk.durability()
    }

    /// The folder of contents that all runs share; its name is no run's.
    pub fn contents_dir(&self) -> PathBuf {
        self.root.join(CONTENTS)
    }

    /// The run's folder, whether or not there is one.
    pub fn run_dir(&self, run: &RunId) -> PathBuf {
        self.root.join(run.as_str())
    }

    /// Judges a run's log against its seal. Writes nothing.
    pub fn verify(&self, run: &RunId) -> Result<LogReport, StoreError> {
        let folder = Folder::get(&self.root, run)?;
        Ok(verify_log(run, &folder.raw()?, folder.seal()?.as_ref()))
    }

    /// Who drives the run, or drove it last; `None` when nobody ever did.
    pub fn holder(&self, run: &RunId) -> Result<Option<LockHolder>, StoreError> {
        LockHolder::read(&Folder::get(&self.root, run)?)
    }

    /// Who drives a run now; `None` when nobody does.
    pub fn driver(&self, run: &RunId) -> Result<Option<LockHolder>, StoreError> {
        LockHolder::live(&Folder::get(&self.root, run)?)
    }

    /// Lets one of the next changes of the disk fail.
    #[cfg(any(test, feature = "testing"))]
    pub fn fail_at(&self, fault: Option<crate::DiskFault>) {
        self.disk.fail(fault);
    }

    /// Whether the fault has struck, or none was set.
    #[cfg(any(test, feature = "testing"))]
    pub fn has_failed(&self) -> bool {
        self.disk.has_failed()
    }

    fn writable(&self) -> Result<(), StoreError> {
        match &self.poisoned {
            None => Ok(()),
            Some(cause) => Err(StoreError::Poisoned {
                cause: cause.clone(),
            }),
        }
    }

    fn check(commit: &Commit) -> Result<(), StoreError> {
        let held = Namespace::default();
        let fault = if commit.namespace == held {
            commit.check().err()
        } else {
            Some(CommitFault::Namespace {
                namespace: commit.namespace.clone(),
                held,
            })
        };
        match fault {
            None => Ok(()),
            Some(fault) => Err(StoreError::Invalid {
                run: commit.run.clone(),
                fault,
            }),
        }
    }

    /// Writes every commit that is not stale, then syncs each log once, then
    /// lays seals beside them.
    fn commit_all(&mut self, commits: &[Commit]) -> Result<Vec<CommitResult>, StoreError> {
        let mut results = Vec::with_capacity(commits.len());
        let mut appended: Vec<&Commit> = Vec::new();
        for commit in commits {
            let result = if commit.creates() && commit.fence == Fence::UNCLAIMED {
                self.create(commit)?
            } else {
                self.append(commit)?
            };
            if matches!(result, CommitResult::Committed { .. }) && !commit.creates() {
                appended.push(commit);
            }
            results.push(result);
        }
        for (n, commit) in appended.iter().enumerate() {
            if appended[..n].iter().all(|before| before.run != commit.run) {
                let owned = &self.owned[&commit.run];
                self.disk.sync(&owned.log, &owned.log_path)?;
            }
        }
        for commit in appended {
            let owned = self.owned.get_mut(&commit.run).expect("it was appended to");
            if let Some(seal) = &commit.seal {
                self.disk
                    .replace(&owned.folder.path, SEAL, seal.to_json().as_bytes())?;
            }
        }
        Ok(results)
    }

    fn create(&self, commit: &Commit) -> Result<CommitResult, StoreError> {
        match create::create(&self.root, commit, &self.disk)? {
            None => self.stale(&commit.run),
            Some(_) => Ok(CommitResult::Committed {
                next_seq: commit.next_seq(),
            }),
        }
    }

    fn append(&mut self, commit: &Commit) -> Result<CommitResult, StoreError> {
        let owned = match self.owned.get_mut(&commit.run) {
            Some(owned)
                if owned.next_seq == commit.expect_seq && owned.lock.fence == commit.fence =>
            {
                owned
            }
            _ => return self.stale(&commit.run),
        };
        owned.check()?;
        for document in &commit.documents {
            let kept = Disk::read(&owned.folder.file(PLAN))?.map(|bytes| Digest::of(&bytes));
            if kept.is_none() {
                self.disk
                    .replace(&owned.folder.path, PLAN, &document.bytes)?;
            } else if kept != Some(document.digest) {
                owned.folder.document(document.digest)?;
            }
        }
        self.disk
            .write(&owned.log, &owned.log_path, &commit.lines)?;
        owned.len += commit.lines.len() as u64;
        owned.next_seq = commit.next_seq();
        owned.head = commit.head;
        Ok(CommitResult::Committed {
            next_seq: owned.next_seq,
        })
    }

    fn stale(&self, run: &RunId) -> Result<CommitResult, StoreError> {
        if let Some(owned) = self.owned.get(run) {
            let (next_seq, fence) = (owned.next_seq, owned.lock.fence);
            return Ok(CommitResult::Stale { next_seq, fence });
        }
        let Some(folder) = Folder::find(&self.root, run)? else {
            return Ok(CommitResult::Stale {
                next_seq: Seq(0),
                fence: Fence::UNCLAIMED,
            });
        };
        let next_seq = match folder.stub()? {
            Some(stub) => folder.row_of_stub(&stub)?.next_seq,
            None => Seq(folder.lines_from(Seq(0))?.lines().count() as u64),
        };
        let fence = LockHolder::read(&folder)?.map_or(Fence::UNCLAIMED, |holder| holder.fence);
        Ok(CommitResult::Stale { next_seq, fence })
    }
}

impl Owned {
    /// Whether the log and the lock are still as this owner left them.
    fn check(&self) -> Result<(), StoreError> {
        self.lock.check(&self.folder)?;
        let metadata = self
            .log
            .metadata()
            .map_err(|error| StoreError::from_io("look at", &self.log_path, error))?;
        if metadata.nlink() > 0 && metadata.len() == self.len {
            return Ok(());
        }
        Err(StoreError::Corrupt {
            path: self.log_path.clone(),
            line: self.next_seq.0 + 1,
            byte: self.len,
            what: format!(
                "is not where the log ends: someone else changed the file, which has {} bytes",
                metadata.len()
            ),
        })
    }
}

impl RunStore for JsonlStore {
    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<CommitResult>, StoreError> {
        self.writable()?;
        commits.iter().try_for_each(Self::check)?;
        let results = self.commit_all(commits);
        if let Err(error) = &results {
            self.poisoned = Some(error.to_string());
        }
        results
    }
}

impl RunQueue for JsonlStore {
    /// A lock holds as long as its owner lives: there are no leases.
    fn claim(&mut self, run: &RunId, owner: &Owner, _: Lease) -> Result<Claim, ClaimError> {
        self.writable()?;
        let folder = Folder::get(&self.root, run)?;
        let (owned, claim) = claim::claim(folder, owner, &self.disk)?;
        self.owned.insert(run.clone(), owned);
        Ok(claim)
    }

    /// Those whose lock or log is gone from under this handle are lost.
    fn renew(&mut self, held: &[(RunId, Fence)], _: Lease) -> Result<Vec<RunId>, StoreError> {
        let is_held = |(run, fence): &&(RunId, Fence)| {
            let owned = self.owned.get(run);
            owned.is_some_and(|owned| owned.lock.fence == *fence && owned.check().is_ok())
        };
        let lost = held.iter().filter(|claim| !is_held(claim));
        Ok(lost.map(|(run, _)| run.clone()).collect())
    }

    /// Nobody waits for a run folder to be due.
    fn release(&mut self, run: &RunId, fence: Fence, _: Option<Timestamp>) {
        if self
            .owned
            .get(run)
            .is_some_and(|owned| owned.lock.fence == fence)
        {
            // Closing the lock's file gives it back.
            self.owned.remove(run);
        }
    }
}

impl EventReader for JsonlStore {
    fn read(&self, run: &RunId) -> Result<LogBytes, StoreError> {
        self.read_from(run, Seq(0))
    }

    fn read_from(&self, run: &RunId, seq: Seq) -> Result<LogBytes, StoreError> {
        Folder::get(&self.root, run)?.lines_from(seq)
    }

    fn read_page(&self, run: &RunId, seq: Seq, most: usize) -> Result<LogBytes, StoreError> {
        Folder::get(&self.root, run)?.page(seq, most)
    }

    fn next_seq(&self, run: &RunId) -> Result<Seq, StoreError> {
        Folder::get(&self.root, run)?.due()
    }

    fn read_raw(&self, run: &RunId) -> Result<Vec<u8>, StoreError> {
        Folder::get(&self.root, run)?.raw()
    }

    fn document(&self, run: &RunId, digest: Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        Folder::get(&self.root, run)?.document(digest)
    }

    fn seal(&self, run: &RunId) -> Result<Option<Seal>, StoreError> {
        Folder::get(&self.root, run)?.seal()
    }
}

#[cfg(test)]
mod tests;
