//! One run as one file: a deterministic tar under zstd.
//!
//! The manifest comes first and says what follows: each file in order, with
//! its digest and size. All else (headers, padding, end) follows from it, so a
//! reader compares instead of interpreting. What a run is, this crate does not
//! know; it never overwrites a file and never leaves the folder it is given.
//!
//! ```text
//! pack:   contents ─measure─▶ manifest ─▶ tar ─▶ zstd ─▶ FILE.tar.zst
//! unpack: FILE ─▶ zstd ─▶ manifest ─▶ for each file: header as due? content as its digest says?
//! ```
//!
//! ```
//! use rok_bundle::{Content, DEFAULT_LIMIT, pack, unpack};
//!
//! let dir = tempfile::tempdir()?;
//! let file = dir.path().join("r.tar.zst");
//! pack(&"r".parse()?, &[Content::bytes("events.jsonl", *b"{}\n")], &file)?;
//! let manifest = unpack(&file, dir.path(), DEFAULT_LIMIT)?;
//! assert_eq!(manifest.files[0].path, "events.jsonl");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod manifest;
mod pack;
mod unpack;

pub use error::BundleError;
pub use manifest::{FileEntry, MANIFEST, Manifest, content_path, plan_path};
pub use pack::{Content, pack};
pub use unpack::{DEFAULT_LIMIT, is_bundle, unpack};
