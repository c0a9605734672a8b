//! What tells one state of a file from another without reading it.

use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A file at one moment: which one it is, and when it was last changed. The
/// change time cannot be set by whoever writes the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    dev: u64,
    ino: u64,
    bytes: u64,
    modified_ns: i64,
    changed_ns: i64,
}

impl Identity {
    /// The identity that metadata tells of.
    #[must_use]
    pub fn of(meta: &Metadata) -> Self {
        let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
        Self {
            dev: meta.dev(),
            ino: meta.ino(),
            bytes: meta.size(),
            modified_ns: ns(meta.mtime(), meta.mtime_nsec()),
            changed_ns: ns(meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// The identity of what a path leads to; `None` when that is nothing.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|meta| Self::of(&meta))
    }

    /// The identity of what stands at a path, a link itself included.
    #[must_use]
    pub fn of_entry(path: &Path) -> Option<Self> {
        let meta = std::fs::symlink_metadata(path).ok()?;
        Some(Self::of(&meta))
    }

    /// Size in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When it was last changed, in nanoseconds of the system's clock.
    #[must_use]
    pub const fn changed_ns(&self) -> i64 {
        self.changed_ns
    }
}
