//! Opens connections: the file is made, judged and brought up to date before
//! anybody works with it.

use crate::fault::{OpenError, Unopened};
use crate::schema::{APPLICATION, Header, VERSION, migrate};
use rok_log::{Durability, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long another process may keep the file to itself: it does so for one
/// transaction, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// All statements there are fit; each is compiled once a connection.
const STATEMENTS: usize = 96;

/// What the writer keeps of the file in memory, in KiB: the right edges of all
/// indexes of a store of millions.
const WRITER_CACHE: i64 = 32 * 1024;

/// From how many bytes on the log is copied into the file, so that pages that
/// are written often are copied once.
const PACE: u32 = 16 * 1024 * 1024;

/// How long the pages of a new file are, in bytes: a row of a log that has a
/// step's start and end is some 1.5 kB, of which five fit, and two fit half.
const PAGE: u32 = 8192;

/// Where the file is, and how connections to it are set up.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) durability: Durability,
    /// How long to wait for another process.
    pub(crate) patience: Duration,
    /// From how many bytes on the log is copied into the file.
    pub(crate) pace: u32,
    /// How many pages the file may have; 0 for any number.
    pub(crate) max_pages: Arc<AtomicU32>,
    identity: Identity,
}

/// Which file it is, whatever stands at its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

impl Place {
    /// The place of a file that is there or can be made.
    pub(crate) fn new(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        let made = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let failed = |operation, error| StoreError::from_io(operation, path, error);
        let is_new = match made {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(failed("create", error)),
        };
        // The same file by every name, whatever folder one is in later.
        let path = path.canonicalize().map_err(|e| failed("find", e))?;
        if is_new && let Some(folder) = path.parent() {
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(|error| StoreError::from_io("sync", folder, error))?;
        }
        let identity = Identity::of(&path).map_err(|e| failed("look at", e))?;
        Ok(Self {
            path,
            durability,
            patience: PATIENCE,
            pace: PACE,
            max_pages: Arc::default(),
            identity,
        })
    }

    /// Which file holds the log, as long as the file itself is in its place.
    pub(crate) fn log(&self) -> Result<Identity, Unopened> {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        match (Identity::of(&self.path), Identity::of(Path::new(&log))) {
            (Ok(file), Ok(log)) if file == self.identity => Ok(log),
            _ => Err(Unopened::Gone),
        }
    }

    fn connect(&self) -> Result<Connection, Unopened> {
        // Without CREATE: a file that vanished must not come back empty.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags)?;
        if !Identity::of(&self.path).is_ok_and(|file| file == self.identity) {
            return Err(Unopened::Gone);
        }
        db.busy_timeout(self.patience)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        // Else a statement with a limit is compiled anew whenever one is bound.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // What the file's schema says is not to be trusted with more than data.
        db.pragma_update(None, "trusted_schema", false)?;
        Ok(db)
    }

    /// The connection that writes. Makes the tables, or brings them up to date.
    pub(crate) fn writer(&self) -> Result<Connection, Unopened> {
        let mut db = self.connect()?;
        self.judge(&db)?;
        // Those of a file that has any stay as they are.
        db.pragma_update(None, "page_size", PAGE)?;
        self.use_log(&db)?;
        self.sync(&db)?;
        db.pragma_update(None, "cache_size", -WRITER_CACHE)?;
        // It is done beside it.
        db.pragma_update(None, "wal_autocheckpoint", 0)?;
        self.limit(&db)?;
        self.bring_up_to_date(&mut db)?;
        Ok(db)
    }

    fn sync(&self, db: &Connection) -> rusqlite::Result<()> {
        let synchronous = match self.durability {
            Durability::Fsync => "FULL",
            Durability::Flush => "OFF",
        };
        db.pragma_update(None, "synchronous", synchronous)
    }

    /// A connection that copies the log into the file: what it syncs is what
    /// makes the log superfluous.
    pub(crate) fn copier(&self) -> Result<Connection, Unopened> {
        let db = self.connect()?;
        self.sync(&db)?;
        Ok(db)
    }

    fn limit(&self, db: &Connection) -> rusqlite::Result<()> {
        match self.max_pages.load(Ordering::Relaxed) {
            0 => Ok(()),
            pages => {
                let set = format!("PRAGMA max_page_count = {pages}");
                db.query_row(&set, [], |_| Ok(()))
            }
        }
    }

    /// A connection that only reads.
    pub(crate) fn reader(&self) -> Result<Connection, Unopened> {
        let db = self.connect()?;
        db.pragma_update(None, "query_only", true)?;
        Ok(db)
    }

    /// Refuses what is not ours, before anything is changed.
    fn judge(&self, db: &Connection) -> Result<(), Unopened> {
        let foreign = |why: String| {
            let path = self.path.clone();
            Err(Unopened::Refused(OpenError::Foreign { path, why }))
        };
        let header = match Header::read(db) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                return foreign("it is not a database".into());
            }
            header => header?,
        };
        let is_new = header.is_empty && header.application == 0 && header.version == 0;
        if !is_new && header.application != APPLICATION {
            return foreign(format!(
                "it is a database of another program (application id {})",
                header.application
            ));
        }
        self.known(header.version)
    }

    /// Refuses what a later version wrote.
    pub(crate) fn known(&self, version: i64) -> Result<(), Unopened> {
        if version > VERSION {
            return Err(Unopened::Refused(OpenError::Newer {
                path: self.path.clone(),
                found: version,
                known: VERSION,
            }));
        }
        Ok(())
    }

    fn use_log(&self, db: &Connection) -> Result<(), Unopened> {
        let mode: String =
            db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode == "wal" {
            return Ok(());
        }
        let path = self.path.clone();
        Err(Unopened::Refused(OpenError::NoLog { path, mode }))
    }

    fn bring_up_to_date(&self, db: &mut Connection) -> Result<(), Unopened> {
        let version =
            |db: &Connection| db.pragma_query_value(None, "user_version", |row| row.get(0));
        if version(db)? == VERSION {
            return Ok(());
        }
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been faster.
        let from = version(&step)?;
        self.known(from)?;
        migrate(&step, from)?;
        Ok(step.commit()?)
    }
}
