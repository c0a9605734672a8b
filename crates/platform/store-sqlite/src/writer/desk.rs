//! What it takes to write: the connection, and what is known without asking it.
//! Whoever has the desk does all that waits in one transaction.

use super::work::{Answered, Work};
use crate::access::Access;
use crate::copier::{self, Copier};
use crate::fault::{Failure, OpenError, Unopened, sort};
use crate::known::Known;
use crate::open::{Identity, Place};
use rok_log::{Durability, Signal, StoreError, Switchboard};
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// How many times the pace of copying the log may be long before whoever
/// writes copies what is left of it.
const LONG: i32 = 2;

/// Which part of that pace is left by then: little, since who commits waits.
const REST: i32 = 8;

/// What it takes to write.
pub(super) struct Desk {
    place: Place,
    board: Arc<Switchboard>,
    /// None after a failure: it is opened again for the next transaction.
    db: Option<Connection>,
    /// Whether its commits wait for the disk.
    syncs: bool,
    /// How long the log is, in pages.
    pages: Arc<AtomicI32>,
    /// From how many pages on it is copied into the file.
    pace: i32,
    /// How long it was when it was last to be copied.
    copied: i32,
    /// Who copies it, once it is long.
    copier: Option<Copier>,
    /// Changes when another process writes.
    others: i64,
    /// Where commits go. Were it removed, they would be lost.
    log: Option<Identity>,
    known: Known,
}

impl Desk {
    /// Opens the file for writing.
    pub(super) fn open(place: Place, board: Arc<Switchboard>) -> Result<Self, OpenError> {
        let mut desk = Self {
            board,
            db: None,
            syncs: true,
            pages: Arc::default(),
            pace: 0,
            copied: 0,
            copier: None,
            others: 0,
            log: None,
            known: Known::default(),
            place,
        };
        desk.ready()
            .map_err(|error| error.into_open(&desk.place.path))?;
        Ok(desk)
    }

    /// Does all of it in one transaction, and answers each.
    pub(super) fn turn(&mut self, mut batch: Vec<Box<dyn Work>>) {
        let results = match self.transaction(&mut batch) {
            Ok(results) => results,
            Err(error) => {
                // What is in memory may not be what is on the disk: begin anew.
                self.db = None;
                self.known.forget();
                for work in batch {
                    let error = error.store(work.operation(), &self.place.path);
                    work.end(Err(error));
                }
                return;
            }
        };
        for (work, result) in batch.into_iter().zip(results) {
            let operation = work.operation();
            work.end(result.map_err(|failure| failure.into_store(operation, &self.place.path)));
        }
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.copied {
            // The log began anew.
            self.copied = 0;
        }
        self.copy(pages);
    }

    /// One transaction. An error means that nothing of it came about.
    fn transaction(
        &mut self,
        batch: &mut [Box<dyn Work>],
    ) -> Result<Vec<Result<(), Failure>>, Broken> {
        self.ready()?;
        let mut answered = batch.iter().map(|work| work.answered());
        self.sync(answered.any(|answered| answered == Answered::Durable))?;
        let db = self.db.as_ref().expect("it was opened above");
        let mut others = self.begin(db)?;
        let at = Access::writing(db, &self.place.path, &self.known);
        let results = match together(at, batch)? {
            Some(results) => results,
            // It is rare, and to keep them apart costs each of them as much as
            // a row: hence only now.
            None => {
                db.prepare_cached("ROLLBACK")?.execute([])?;
                self.known.forget();
                others = self.begin(db)?;
                let each = batch.iter_mut().map(|work| apart(at, work.as_mut()));
                each.collect::<Result<_, _>>()?
            }
        };
        if self.log != Some(self.place.log()?) {
            return Err(Unopened::Gone.into());
        }
        db.prepare_cached("COMMIT")?.execute([])?;
        if others != self.others {
            self.others = others;
            self.board.tell_all(&Signal::Any);
        }
        Ok(results)
    }

    /// Begins a transaction. Says which commits of others it comes after.
    fn begin(&self, db: &Connection) -> Result<i64, Broken> {
        db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let others = data_version(db)?;
        if others != self.others {
            let version = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
            self.place.known(version)?;
            self.known.forget();
        }
        Ok(others)
    }

    fn ready(&mut self) -> Result<(), Unopened> {
        if self.db.is_some() {
            return Ok(());
        }
        let mut db = self.place.writer()?;
        let pages = Arc::clone(&self.pages);
        db.wal_hook(Some(move |_: &mut Wal, count| {
            pages.store(count, Ordering::Relaxed);
            Ok(())
        }))?;
        // Another connection counts differently: whoever listens looks again.
        self.others = data_version(&db)?;
        let page: u32 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        self.pace = i32::try_from(self.place.pace / page).unwrap_or(i32::MAX);
        self.log = Some(self.place.log()?);
        self.known.forget();
        self.board.tell_all(&Signal::Any);
        self.db = Some(db);
        self.syncs = true;
        Ok(())
    }

    /// Says whether the next commit waits for the disk.
    fn sync(&mut self, syncs: bool) -> rusqlite::Result<()> {
        let Some(db) = self.db.as_ref().filter(|_| self.syncs != syncs) else {
            return Ok(());
        };
        if self.place.durability == Durability::Fsync {
            // Takes hold when it is compiled: it must not be cached.
            db.pragma_update(None, "synchronous", if syncs { "FULL" } else { "NORMAL" })?;
        }
        self.syncs = syncs;
        Ok(())
    }

    /// Has the log copied into the file, beside what is written meanwhile. It
    /// begins anew only once all of it is copied, so that what the other thread
    /// has left is copied here when the log is long.
    fn copy(&mut self, pages: i32) {
        let pace = self.pace;
        let since = pages - self.copied;
        if since >= pace {
            if self.copier.is_none() {
                self.copier = Copier::start(self.place.clone());
            }
            if let Some(copier) = &self.copier {
                copier.order();
                self.copied = pages;
                return;
            }
        }
        let is_long = pages >= LONG * pace && since >= pace / REST;
        if since < pace && !is_long {
            return;
        }
        let Some(db) = &self.db else { return };
        match copier::copy(db) {
            Ok(log) => self.copied = log.max(0),
            // What was answered is in the log, and stays there.
            Err(_) => self.db = None,
        }
    }

    /// Tells those who listen if another process has written.
    pub(super) fn look(&mut self) {
        let Some(db) = &self.db else { return };
        if let Ok(version) = data_version(db)
            && version != self.others
        {
            self.others = version;
            self.board.tell_all(&Signal::Any);
        }
    }
}

/// Does the work of all of them, one after the other. None: one failed that had
/// changed something by then, so that all of it is to be undone.
fn together(
    at: Access<'_>,
    batch: &mut [Box<dyn Work>],
) -> Result<Option<Vec<Result<(), Failure>>>, Broken> {
    let mut results = Vec::with_capacity(batch.len());
    for work in batch {
        let before = at.total_changes();
        let result = work.run(at);
        match &result {
            Ok(()) => {}
            Err(failure) if failure.spares_connection() && !at.is_autocommit() => {
                if at.total_changes() != before {
                    return Ok(None);
                }
            }
            Err(_) => return result.map(|()| None).map_err(Broken::Work),
        }
        results.push(result);
    }
    Ok(Some(results))
}

/// Does one caller's work so that its failure undoes nothing else.
fn apart(at: Access<'_>, work: &mut dyn Work) -> Result<Result<(), Failure>, Broken> {
    at.prepare_cached("SAVEPOINT work")?.execute([])?;
    let result = work.run(at);
    match &result {
        Ok(()) => {}
        Err(failure) if failure.spares_connection() && !at.is_autocommit() => {
            at.prepare_cached("ROLLBACK TO work")?.execute([])?;
            if let Some(known) = at.known() {
                known.forget();
            }
        }
        Err(_) => return result.map(Ok).map_err(Broken::Work),
    }
    at.prepare_cached("RELEASE work")?.execute([])?;
    Ok(result)
}

/// Changes when another connection has written.
fn data_version(db: &Connection) -> rusqlite::Result<i64> {
    let mut ask = db.prepare_cached("PRAGMA data_version")?;
    ask.query_row([], |row| row.get(0))
}

/// Why a whole transaction did not come about.
enum Broken {
    Open(Unopened),
    Work(Failure),
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        Self::Work(error.into())
    }
}

impl From<Unopened> for Broken {
    fn from(error: Unopened) -> Self {
        Self::Open(error)
    }
}

impl Broken {
    /// The error for one of those who took part.
    fn store(&self, operation: &'static str, path: &Path) -> StoreError {
        match self {
            Self::Open(error) => error.to_store(operation, path),
            Self::Work(Failure::Sql(error)) => sort(operation, path, error),
            Self::Work(Failure::Refused(error)) => StoreError::Database {
                operation,
                message: error.to_string(),
            },
        }
    }
}
