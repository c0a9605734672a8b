//! Digests of artifacts: what a file is, by its content.
//!
//! [`measure`] reads a regular file once, in chunks, and gives its sha-256 and
//! size; [`measure_with`] lets another reader see the same bytes; [`verify`]
//! compares a file with what was recorded. This crate never writes, never
//! follows into a folder, and never waits on a pipe or a device.
//!
//! ```text
//! file ─chunks─▶ sha-256 ─▶ Digest { sha256, bytes }
//!          └───▶ tap (for example a secret detector)
//! ```
//!
//! ```
//! let dir = tempfile::tempdir()?;
//! let path = dir.path().join("report.json");
//! std::fs::write(&path, "{}")?;
//!
//! let digest = rok_artifacts::measure(&path)?;
//! assert_eq!(digest.bytes, 2);
//! assert!(digest.sha256.starts_with("44136fa355b3678a"));
//!
//! std::fs::write(&path, "{ }")?;
//! assert!(rok_artifacts::verify(&path, &digest).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod digest;

pub use digest::{ArtifactError, Digest, measure, measure_with, verify};
