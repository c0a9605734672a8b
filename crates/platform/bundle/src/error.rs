//! What is wrong with a bundle, or in the way of one.

use std::io;
use std::path::PathBuf;

/// A bundle that cannot be written, or is none.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The operating system refuses.
    #[error("cannot {operation} {}", .path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
    /// The bundle itself cannot be read.
    #[error("cannot be read")]
    Unreadable {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file changed while it was packed.
    #[error("{} changed while it was packed", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// It is not zstd, not our tar, or its manifest cannot be read.
    #[error("is no bundle of rok's: {what}")]
    NotABundle {
        /// What is wrong, and where.
        what: String,
    },
    /// A name that no file of a bundle has.
    #[error("holds an entry `{name}`, and {why}")]
    Name {
        /// The name, cut.
        name: String,
        /// Why it is refused.
        why: &'static str,
    },
    /// Something that is no file.
    #[error("holds an entry `{name}` that is {kind}, not a file")]
    NoFile {
        /// Its name, cut.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// An entry that the manifest does not name there.
    #[error("holds an entry `{found}` where the manifest names `{due}`")]
    OtherEntry {
        /// What is due.
        due: String,
        /// What is there, cut.
        found: String,
    },
    /// A file's content is not what the manifest says.
    #[error("has another content in `{name}` than its manifest says")]
    Digest {
        /// The file.
        name: String,
    },
    /// It ends too early.
    #[error("ends within `{name}`: it was cut")]
    Cut {
        /// Where.
        name: String,
    },
    /// Something stands behind its end.
    #[error("goes on behind its end")]
    Trailing,
    /// It would take too much room.
    #[error("unpacks to {bytes} bytes, and {limit} are allowed")]
    TooLarge {
        /// How many.
        bytes: u64,
        /// How many are allowed.
        limit: u64,
    },
}

pub(crate) fn io_fault(
    operation: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> BundleError {
    let path = path.into();
    move |source| BundleError::Io {
        operation,
        path,
        source,
    }
}

/// A name as an error may show it.
pub(crate) fn shown(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.chars()
        .take(120)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
