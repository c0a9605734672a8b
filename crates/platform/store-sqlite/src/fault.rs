//! What goes wrong with a database, in the words of the ports.

use rok_log::StoreError;
use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use std::io;
use std::path::{Path, PathBuf};

/// A file that cannot be opened as a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is something else. It was not changed.
    #[error("{} is no store of rok: {why}; name another file, or one that is not there yet", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// It was written by a later version. It was not changed.
    #[error(
        "{} has schema {found}, and this version of rok knows schemas up to {known}: use the \
         version that wrote it, or a later one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The last schema that is known here.
        known: i64,
    },
    /// Its file system cannot share it between a writer and readers.
    #[error(
        "{} cannot be opened with a write-ahead log (it stays in mode `{mode}`): put it on a \
         local disk",
        path.display()
    )]
    NoLog {
        /// The file.
        path: PathBuf,
        /// The journal mode that it has.
        mode: String,
    },
    /// It could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a connection did not come about.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// The file was judged and refused.
    Refused(OpenError),
    /// Another file is there, or none.
    Gone,
    /// The database says so.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Unopened {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Unopened {
    pub(crate) fn into_open(self, path: &Path) -> OpenError {
        match self {
            Self::Refused(error) => error,
            Self::Gone => gone(path).into(),
            Self::Sql(error) => sort("open", path, &error).into(),
        }
    }

    pub(crate) fn to_store(&self, operation: &'static str, path: &Path) -> StoreError {
        match self {
            Self::Sql(error) => sort(operation, path, error),
            Self::Gone => gone(path),
            Self::Refused(error) => StoreError::Database {
                operation,
                message: error.to_string(),
            },
        }
    }
}

/// What was written to a file that nobody finds again would be lost.
fn gone(path: &Path) -> StoreError {
    StoreError::Poisoned {
        cause: format!(
            "{} was removed or replaced while it was open",
            path.display()
        ),
    }
}

/// Why a piece of work did not come about.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The database says so.
    Sql(rusqlite::Error),
    /// The work itself does; the database is sound.
    Refused(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl Failure {
    pub(crate) fn into_store(self, operation: &'static str, path: &Path) -> StoreError {
        match self {
            Self::Sql(error) => sort(operation, path, &error),
            Self::Refused(error) => error,
        }
    }

    /// Whether the connection it came by may go on: what failed is the work,
    /// not the file under it.
    pub(crate) fn spares_connection(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Sql(error) => error
                .sqlite_error_code()
                .is_none_or(|code| matches!(code, ErrorCode::ConstraintViolation)),
        }
    }
}

/// Sorts what the database says.
pub(crate) fn sort(operation: &'static str, path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    let message = error.to_string();
    let Some(code) = error.sqlite_error_code() else {
        return StoreError::Database {
            operation,
            message: format!("{message} ({})", path.display()),
        };
    };
    let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
    let io = |kind| io::Error::new(kind, message.clone());
    match code {
        ErrorCode::DiskFull => full(operation, path, io(io::ErrorKind::StorageFull)),
        // The index of the log could not grow.
        ErrorCode::SystemIoFailure if extended == SQLITE_IOERR_SHMSIZE => {
            full(operation, path, io(io::ErrorKind::StorageFull))
        }
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            let source = io(io::ErrorKind::PermissionDenied);
            StoreError::from_io(operation, path, source)
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy { operation, path },
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Damaged {
            operation,
            path,
            message,
        },
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => {
            StoreError::from_io(operation, path, io(io::ErrorKind::Other))
        }
        _ => StoreError::Database {
            operation,
            message: format!("{message} ({})", path.display()),
        },
    }
}

const fn full(operation: &'static str, path: PathBuf, source: io::Error) -> StoreError {
    StoreError::Full {
        operation,
        path,
        source,
    }
}
