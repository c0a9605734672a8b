//! A connection that is lent for one piece of work.

use crate::fault::Failure;
use crate::known::Known;
use crate::retention::collected;
use rok_log::{Namespace, StoreError};
use rok_vocabulary::RunId;
use rusqlite::{Connection, OptionalExtension};
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A connection within a transaction, and the file that it is to.
#[derive(Clone, Copy)]
pub(crate) struct Access<'a> {
    db: &'a Connection,
    path: &'a Path,
    known: Option<&'a Known>,
}

impl Deref for Access<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.db
    }
}

impl<'a> Access<'a> {
    pub(crate) const fn new(db: &'a Connection, path: &'a Path) -> Self {
        Self {
            db,
            path,
            known: None,
        }
    }

    /// The same for the writer, which knows what it wrote last.
    pub(crate) const fn writing(db: &'a Connection, path: &'a Path, known: &'a Known) -> Self {
        Self {
            db,
            path,
            known: Some(known),
        }
    }

    pub(crate) const fn known(self) -> Option<&'a Known> {
        self.known
    }

    /// The number that the run's rows are found by; refused where only a stub
    /// is left of them.
    pub(crate) fn number(self, space: &Namespace, run: &RunId) -> Result<i64, Failure> {
        let (no, _) = self.log_of(space, run)?;
        Ok(no)
    }

    /// The same, and the seq that is due.
    pub(crate) fn log_of(self, space: &Namespace, run: &RunId) -> Result<(i64, i64), Failure> {
        let mut find = self.prepare_cached(
            "SELECT no, next_seq, collected FROM runs WHERE namespace = ?1 AND id = ?2",
        )?;
        let found = find
            .query_row([space.as_str(), run.as_str()], |row| {
                Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
            })
            .optional()?;
        match found {
            None => Err(unknown(run)),
            Some((_, true)) => Err(collected(run)),
            Some((log, false)) => Ok(log),
        }
    }

    /// What is stored of a run is not what was written.
    pub(crate) fn corrupt(self, run: &RunId, line: u64, what: impl Into<String>) -> Failure {
        corrupt(self.path, run, line, what)
    }

    /// An index gives its entries in another order than it says.
    pub(crate) fn disordered(self, operation: &'static str) -> Failure {
        Failure::Refused(StoreError::Damaged {
            operation,
            path: self.path.to_owned(),
            message: "an index is out of order".into(),
        })
    }

    pub(crate) const fn path(self) -> &'a Path {
        self.path
    }
}

/// Where a run is, in words for people.
pub(crate) fn place_of(path: &Path, run: &RunId) -> PathBuf {
    PathBuf::from(format!("{} (run {run})", path.display()))
}

/// What is stored of a run is not what was written.
pub(crate) fn corrupt(path: &Path, run: &RunId, line: u64, what: impl Into<String>) -> Failure {
    Failure::Refused(StoreError::Corrupt {
        path: place_of(path, run),
        line,
        byte: 0,
        what: what.into(),
    })
}

pub(crate) fn unknown(run: &RunId) -> Failure {
    Failure::Refused(StoreError::Unknown { run: run.clone() })
}
