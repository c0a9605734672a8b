//! Where runs are: their record in a store, their files in a folder each.
//!
//! A folder of run folders is both at once. Any other store holds the record
//! alone: a run's logs, artifacts and notes lie in a folder of the data
//! directory then, which is made once a run has something to put there.

use crate::changes::{Bulletin, Changes};
use crate::plan_book::PlanBook;
use rok_chain::{LogFault, LogReport, verify_log};
use rok_facades::runs::{ErrorKind, QueuedView, RunsError};
use rok_log::{
    Cursor, Durability, LogBytes, Owner, PoolStore, RunEntry, RunFilter, Standing, Store,
    StoreError,
};
use rok_runner::{Clock as _, SystemClock};
use rok_store_jsonl::JsonlStore;
use rok_vocabulary::{RunId, Seq};
use std::io::Write as _;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The folders that every run with files has.
const DIRS: [&str; 3] = ["logs", "artifacts", "procs"];

/// The log of a run that has a folder.
const LOG: &str = "events.jsonl";

/// How many handles wait to be used again.
const IDLE: usize = 16;

/// A store that all runs share, with the handles on it that nobody uses now.
#[derive(Clone)]
pub struct SharedStore {
    idle: Arc<Mutex<Vec<Box<dyn PoolStore>>>>,
    bulletin: Bulletin,
    plans: Arc<PlanBook>,
    gone: fn(&Owner) -> bool,
}

impl SharedStore {
    /// A store, by a handle on it.
    #[must_use]
    pub fn new(handle: Box<dyn PoolStore>) -> Self {
        let bulletin = Bulletin::of(&*handle);
        Self {
            idle: Arc::new(Mutex::new(vec![handle])),
            bulletin,
            plans: Arc::default(),
            gone: |_| false,
        }
    }

    /// The same, with who tells of an owner that it is gone for certain: without,
    /// its leases are believed until they end.
    #[must_use]
    pub fn gone(mut self, gone: fn(&Owner) -> bool) -> Self {
        self.gone = gone;
        self
    }

    /// The plans of its runs, as far as they were read.
    pub(crate) fn plans(&self) -> &PlanBook {
        &self.plans
    }

    /// A handle that nobody else will use.
    #[must_use]
    pub fn another(&self) -> Box<dyn PoolStore> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // The first is never lent: it is what others come of.
        idle.first().expect(FIRST).another()
    }

    fn lend(&self) -> Lent {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = if idle.len() > 1 {
            idle.pop().expect(FIRST)
        } else {
            idle.first().expect(FIRST).another()
        };
        drop(idle);
        Lent {
            handle: Some(handle),
            of: self.clone(),
        }
    }
}

const FIRST: &str = "the handle that came with it stays";

impl std::fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedStore").finish_non_exhaustive()
    }
}

/// A handle that goes back when it is done with.
struct Lent {
    handle: Option<Box<dyn PoolStore>>,
    of: SharedStore,
}

const LENT: &str = "it is taken once, by value";

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else {
            return;
        };
        let mut idle = self.of.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(handle);
        }
    }
}

/// What came of proving a log.
pub(crate) enum Proven {
    /// It is what was written.
    Intact(LogBytes),
    /// It is not.
    Broken(LogFault),
}

/// A handle on the record, and where the files are.
pub(crate) struct Home {
    files: JsonlStore,
    shared: Option<Lent>,
}

impl Home {
    /// A folder of run folders.
    pub(crate) fn folders(root: impl Into<PathBuf>, durability: Durability) -> Self {
        Self {
            files: JsonlStore::open(root, durability),
            shared: None,
        }
    }

    /// A shared store, with files below a folder.
    pub(crate) fn shared(
        root: impl Into<PathBuf>,
        durability: Durability,
        store: &SharedStore,
    ) -> Self {
        Self {
            files: JsonlStore::open(root, durability),
            shared: Some(store.lend()),
        }
    }

    /// The folder of run folders.
    pub(crate) fn root(&self) -> &Path {
        self.files.root()
    }

    pub(crate) const fn durability(&self) -> Durability {
        self.files.durability()
    }

    pub(crate) fn contents_dir(&self) -> PathBuf {
        self.files.contents_dir()
    }

    pub(crate) fn run_dir(&self, run: &RunId) -> PathBuf {
        self.files.run_dir(run)
    }

    pub(crate) const fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// The plans that were read already, where many runs have the same.
    pub(crate) fn plans(&self) -> Option<&PlanBook> {
        self.shared.as_ref().map(|lent| lent.of.plans())
    }

    /// A log that was proven, as it stands.
    pub(crate) fn proven(&self, run: &RunId) -> Result<Proven, StoreError> {
        if self.shared.is_none() {
            let report = self.verify(run)?;
            return Ok(match report.fault {
                Some(fault) => Proven::Broken(fault),
                None => Proven::Intact(self.read(run)?),
            });
        }
        // The seal first: a log may be sealed meanwhile, and is never cut.
        let seal = self.seal(run)?;
        let bytes = self.read_raw(run)?;
        let report = verify_log(run, &bytes, seal.as_ref());
        if let Some(fault) = report.fault {
            return Ok(Proven::Broken(fault));
        }
        let (next, head) = self.ending(run)?;
        if report.events == next.0 && head.is_some_and(|head| head != report.head) {
            return Err(StoreError::Corrupt {
                path: PathBuf::from(format!("the log of run {run}")),
                line: next.0,
                byte: 0,
                what: "is not the one that the run's row says is the last".into(),
            });
        }
        // Where it went on meanwhile, or is not whole, the store says so.
        if report.events != next.0 || report.torn_tail.is_some() {
            return self.read(run).map(Proven::Intact);
        }
        Ok(Proven::Intact(LogBytes {
            first_seq: Seq::FIRST,
            bytes,
        }))
    }

    /// The run folders.
    pub(crate) const fn files(&self) -> &JsonlStore {
        &self.files
    }

    /// Whether there is such a run, or anything in its place.
    pub(crate) fn exists(&self, run: &RunId) -> Result<bool, StoreError> {
        match self.shared {
            Some(_) => Ok(self.get(run)?.is_some()),
            None => Ok(self.run_dir(run).exists()),
        }
    }

    /// Writes to a shared store as a commit does.
    pub(crate) fn try_to_write(&self) -> Result<(), StoreError> {
        match &self.shared {
            Some(lent) => lent.handle.as_ref().expect(LENT).try_to_write(),
            None => Ok(()),
        }
    }

    /// Judges a run's log against its seal. Writes nothing.
    pub(crate) fn verify(&self, run: &RunId) -> Result<LogReport, StoreError> {
        match self.shared {
            Some(_) => Ok(verify_log(
                run,
                &self.read_raw(run)?,
                self.seal(run)?.as_ref(),
            )),
            None => self.files.verify(run),
        }
    }

    /// Who drives a run now, in words; `None` when nobody does.
    pub(crate) fn driver(&self, run: &RunId) -> Result<Option<String>, StoreError> {
        let Some(lent) = &self.shared else {
            return Ok(self.files.driver(run)?.map(|driver| driver.to_string()));
        };
        Ok(match lent.handle.as_ref().expect(LENT).standing(run)? {
            Some(Standing::Claimed { owner, until })
                if until > SystemClock.now() && !(lent.of.gone)(&owner) =>
            {
                Some(owner.to_string())
            }
            _ => None,
        })
    }

    /// How a run waits that nobody drives: in a shared store it is taken up by
    /// whoever serves that. `None` in a folder of run folders, where nobody does.
    pub(crate) fn queued(&self, run: &RunId) -> Result<Option<QueuedView>, StoreError> {
        let Some(lent) = &self.shared else {
            return Ok(None);
        };
        Ok(match lent.handle.as_ref().expect(LENT).standing(run)? {
            Some(Standing::Claimed { owner, until }) => {
                let is_left = until <= SystemClock.now() || (lent.of.gone)(&owner);
                is_left.then(|| QueuedView {
                    due: None,
                    left_by: Some(owner.to_string()),
                    lease_until: Some(until),
                })
            }
            Some(Standing::Free { due }) => Some(QueuedView {
                due: due.filter(|due| *due > SystemClock.now()),
                left_by: None,
                lease_until: None,
            }),
            None => None,
        })
    }

    /// What is left of a run that was collected.
    pub(crate) fn stub(&self, run: &RunId) -> Result<Option<Vec<u8>>, StoreError> {
        match &self.shared {
            Some(lent) => lent.handle.as_ref().expect(LENT).stub(run),
            None => self.files.stub(run),
        }
    }

    /// Another handle on a shared store; `None` in a folder of run folders.
    pub(crate) fn another(&self) -> Option<Box<dyn PoolStore>> {
        self.shared.as_ref().map(|lent| lent.of.another())
    }

    /// Whether there is a log of a run, however broken it is.
    pub(crate) fn has_log(&self, run: &RunId) -> Result<bool, StoreError> {
        match self.shared {
            Some(_) => match self.next_seq(run) {
                Ok(_) => Ok(true),
                Err(StoreError::Unknown { .. } | StoreError::Collected { .. }) => Ok(false),
                Err(error) => Err(error),
            },
            None => Ok(self.run_dir(run).join(LOG).exists()),
        }
    }

    /// What grows with a run's log: its bytes, or its lines in a shared store.
    pub(crate) fn length(&self, run: &RunId) -> Result<u64, StoreError> {
        match self.shared {
            Some(_) => Ok(self.next_seq(run)?.0),
            None => {
                let log = self.run_dir(run).join(LOG);
                Ok(std::fs::metadata(log).map_or(0, |found| found.len()))
            }
        }
    }

    /// Removes what a stub's run has left in its folder, but for the files to
    /// keep; gives the bytes.
    pub(crate) fn clear_stub(&self, run: &RunId, keep: &[&str]) -> Result<u64, StoreError> {
        match self.shared {
            Some(_) => self.files.clear_files(run, keep),
            None => self.files.clear_stub(run, keep),
        }
    }

    /// Bytes of a run's folder, and of its log of so many where that is
    /// elsewhere.
    pub(crate) fn size(&self, run: &RunId, log: u64) -> u64 {
        let files = self.files.size(run);
        if self.is_shared() { files + log } else { files }
    }

    /// A file beside a run's log.
    pub(crate) fn read_beside(
        &self,
        run: &RunId,
        file: &'static str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if self.shared.is_none() {
            return self.files.read_beside(run, file);
        }
        let path = self.run_dir(run).join(file);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::from_io("read", path, error)),
        }
    }

    /// Lays a file beside a run's log, in place of the one before.
    pub(crate) fn lay_beside(
        &self,
        run: &RunId,
        file: &'static str,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        if !self.is_shared() {
            return self.files.lay_beside(run, file, bytes);
        }
        self.make_dirs(run)?;
        let dir = self.run_dir(run);
        let (new, path) = (dir.join(format!("{file}.new~")), dir.join(file));
        let laid = || -> std::io::Result<()> {
            let mut made = std::fs::File::create(&new)?;
            made.write_all(bytes)?;
            made.sync_all()?;
            std::fs::rename(&new, &path)?;
            std::fs::File::open(&dir)?.sync_all()
        };
        laid().map_err(|error| StoreError::from_io("write", path.clone(), error))
    }

    /// Makes the folders that a run's steps write to; a folder of run folders
    /// has made them with the run.
    pub(crate) fn make_dirs(&self, run: &RunId) -> Result<(), StoreError> {
        if !self.is_shared() {
            return Ok(());
        }
        let dir = self.run_dir(run);
        DIRS.iter().try_for_each(|name| make_dir(dir.join(name)))
    }

    /// Makes the folder of a shared store's files, which comes with the first
    /// of them.
    pub(crate) fn make_root(&self) -> Result<(), StoreError> {
        if !self.is_shared() {
            return Ok(());
        }
        make_dir(self.root().to_owned())
    }

    /// Wakes whoever drives a run when a command comes in.
    pub(crate) fn watch(&self, run: &RunId) -> Result<Changes, StoreError> {
        match &self.shared {
            Some(lent) => Ok(Changes::Shared(lent.of.bulletin.listen(run))),
            None => Ok(Changes::Folder(self.files.watch(run)?)),
        }
    }

    /// Wakes whoever put a command when one is answered.
    pub(crate) fn watch_answers(&self, run: &RunId) -> Result<Changes, StoreError> {
        match &self.shared {
            Some(lent) => Ok(Changes::Shared(lent.of.bulletin.listen(run))),
            None => Ok(Changes::Folder(self.files.watch_answers(run)?)),
        }
    }

    /// Wakes whoever follows a log when it grows.
    pub(crate) fn watch_log(&self, run: &RunId) -> Result<Changes, StoreError> {
        match &self.shared {
            Some(lent) => Ok(Changes::Shared(lent.of.bulletin.listen(run))),
            None => Ok(Changes::Folder(self.files.watch_log(run)?)),
        }
    }

    /// A handle for a shard: what it claims is let go when it is dropped.
    pub(crate) fn into_store(self) -> Box<dyn Store> {
        match self.shared {
            Some(mut lent) => lent.handle.take().expect(LENT),
            None => Box::new(self.files),
        }
    }
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Home")
            .field("root", &self.root())
            .finish_non_exhaustive()
    }
}

fn make_dir(path: PathBuf) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut made = std::fs::DirBuilder::new();
    let made = made.mode(0o700).recursive(true).create(&path);
    made.map_err(|error| StoreError::from_io("create", path, error))
}

/// The run that a text names in a shared store: its id, or the beginning of
/// one id alone.
pub(crate) fn find(home: &Home, text: &str) -> Result<RunId, RunsError> {
    let failed = |error: StoreError| crate::fault::store(&error);
    if let Ok(run) = text.parse::<RunId>() {
        match home.get(&run) {
            Ok(None) => {}
            // One whose row is none is there all the same.
            Ok(Some(_)) | Err(StoreError::Corrupt { .. }) => return Ok(run),
            Err(error) => return Err(failed(error)),
        }
    }
    let page = RunFilter {
        after: Some(Cursor {
            created_at: None,
            name: text.to_owned(),
        }),
        limit: Some(2),
        ..RunFilter::default()
    };
    let entries = home.list(&page).map_err(failed)?;
    let names: Vec<&str> = entries.iter().map(RunEntry::name).collect();
    let mut like = names.iter().filter(|name| name.starts_with(text));
    match (text.is_empty(), like.next(), like.next()) {
        (false, Some(only), None) => only.parse().map_err(|_| unknown(text)),
        (false, Some(_), Some(_)) => Err(RunsError::new(
            ErrorKind::Usage,
            "ROK0102",
            format!("`{text}` is short for several runs: {}", names.join(", ")),
        )
        .help("write more of the run's id")),
        _ => Err(unknown(text)),
    }
}

fn unknown(text: &str) -> RunsError {
    RunsError::new(
        ErrorKind::Usage,
        "ROK0101",
        format!("there is no run `{text}`"),
    )
    .help("`rok ls` lists the runs")
}

impl Deref for Home {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        match &self.shared {
            Some(lent) => &**lent.handle.as_ref().expect(LENT),
            None => &self.files,
        }
    }
}

impl DerefMut for Home {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match &mut self.shared {
            Some(lent) => &mut **lent.handle.as_mut().expect(LENT),
            None => &mut self.files,
        }
    }
}
