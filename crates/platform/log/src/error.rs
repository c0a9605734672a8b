//! What can go wrong with a store.

use crate::{CommandError, Namespace};
use rok_chain::{Digest, LogFault};
use rok_vocabulary::{RunId, Seq};
use std::io;
use std::path::PathBuf;

/// A commit whose parts do not agree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitFault {
    /// There are no lines, or the last one has no newline.
    #[error("its lines do not end in a newline")]
    Unended,
    /// The lines are not as many as it says.
    #[error("it says {events} events and has {lines} lines")]
    Count {
        /// What it says.
        events: u32,
        /// What there is.
        lines: usize,
    },
    /// The row is not the one after the last line.
    #[error("its row says next_seq {row}, its lines end at {lines}")]
    Row {
        /// What the row says.
        row: Seq,
        /// What the lines say.
        lines: Seq,
    },
    /// The seal is not about the last line.
    #[error("its seal, of seq {seq}, is not about its last line")]
    Seal {
        /// The seq that the seal names.
        seq: Seq,
    },
    /// The last line says that its decision goes on: recovery would drop it.
    #[error("its last line says that its decision goes on")]
    Unfinished,
    /// A seal without a sealing event, or the other way round.
    #[error("{}", if *is_seal { "its last line seals the run, and it brings no seal" } else { "it brings a seal, and its last line is no run.sealed" })]
    Unsealed {
        /// Whether the last line is a `run.sealed`.
        is_seal: bool,
    },
    /// A document's bytes are not those of its digest.
    #[error("its document {digest} has other bytes")]
    Document {
        /// The digest that was claimed.
        digest: Digest,
    },
    /// The store does not hold that namespace.
    #[error("this store holds namespace {held} only, and the run is of {namespace}")]
    Namespace {
        /// The commit's namespace.
        namespace: Namespace,
        /// The store's.
        held: Namespace,
    },
}

/// A store that cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such run.
    #[error("there is no run {run}")]
    Unknown {
        /// The run that was asked for.
        run: RunId,
    },
    /// The run's content was collected: what is left of it is a stub.
    #[error("the content of run {run} was collected; what is left is a stub of it")]
    Collected {
        /// The run.
        run: RunId,
    },
    /// An earlier write or sync failed: nothing more is acknowledged.
    #[error(
        "the store is closed because a write failed ({cause}): open it again and read what is there"
    )]
    Poisoned {
        /// What failed.
        cause: String,
    },
    /// The commit contradicts itself. Nothing was written.
    #[error("the commit to run {run} is refused: {fault}")]
    Invalid {
        /// The commit's run.
        run: RunId,
        /// What is wrong with it.
        fault: CommitFault,
    },
    /// The command contradicts itself. Nothing was written.
    #[error("the command is refused")]
    Command(#[from] CommandError),
    /// The storage is full.
    #[error("no space is left to {operation} {}", path.display())]
    Full {
        /// What was being done, for example `write`.
        operation: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The system does not permit it.
    #[error("not permitted to {operation} {}", path.display())]
    Denied {
        /// What was being done.
        operation: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Any other failure of the file system.
    #[error("could not {operation} {}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A database failed.
    #[error("the database could not {operation}: {message}")]
    Database {
        /// What was being done.
        operation: &'static str,
        /// What the database says.
        message: String,
    },
    /// Another program kept the database to itself for too long.
    #[error(
        "could not {operation} {}: another program kept it locked for too long; end that program, \
         or try again",
        path.display()
    )]
    Busy {
        /// What was being done.
        operation: &'static str,
        /// The database.
        path: PathBuf,
    },
    /// The database's file is not what was written.
    #[error(
        "could not {operation} {}: the file is damaged ({message}); put a copy in its place, or \
         save what can be read with `sqlite3 FILE .recover`",
        path.display()
    )]
    Damaged {
        /// What was being done.
        operation: &'static str,
        /// The database.
        path: PathBuf,
        /// What the database says.
        message: String,
    },
    /// A file is not what was written.
    #[error("{}: line {line} (byte {byte}) {what}", path.display())]
    Corrupt {
        /// The file, or the run where there is none.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The byte, from 0.
        byte: u64,
        /// What is wrong there.
        what: String,
    },
    /// What stands there is no run.
    #[error("{} is no run folder: {why}", path.display())]
    NotARun {
        /// What was looked at.
        path: PathBuf,
        /// Why it is none.
        why: &'static str,
    },
    /// Another process took the run away while this one held it.
    #[error("the lock of run {run} is gone from under its owner")]
    LockLost {
        /// The run.
        run: RunId,
    },
}

impl StoreError {
    /// Sorts a failure of the file system.
    pub fn from_io(operation: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let path = path.into();
        match source.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Self::Full {
                operation,
                path,
                source,
            },
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Self::Denied {
                operation,
                path,
                source,
            },
            _ => Self::Io {
                operation,
                path,
                source,
            },
        }
    }

    /// A log that is not what was written.
    pub fn corrupt(path: impl Into<PathBuf>, fault: &LogFault) -> Self {
        Self::Corrupt {
            path: path.into(),
            line: fault.line,
            byte: fault.byte,
            what: fault.what.to_string(),
        }
    }

    /// Whether the store goes on after this error: nothing was written.
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Invalid { .. } | Self::Command(_) | Self::Unknown { .. } | Self::Collected { .. }
        )
    }
}

/// A run that cannot be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another owner has it.
    #[error("run {run} is driven by {by}")]
    Held {
        /// The run.
        run: RunId,
        /// Its owner, in words for people.
        by: String,
    },
    /// The store failed, there is no such run, or its log is not what was
    /// written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
