//! Artifacts: what a step made, by its content.
//!
//! [`Before`] remembers what stood where artifacts are declared, [`emit`] finds
//! what the step made of it, takes it into the [`ContentStore`] and names it,
//! [`quarantine`] puts aside what a failed step left. This crate never follows
//! a link out of the step's folder, never waits on a pipe or a device, and
//! deletes nothing but what the step itself made and what holds a secret.
//!
//! ```text
//! Before ──(step)──▶ emit ──▶ ContentStore: sha256/ab/cdef…   success
//!                └─▶ quarantine/STEP.ATTEMPT/…                failure
//! ```
//!
//! ```
//! use rok_artifacts::{Before, ContentStore, Declared, Roots, emit};
//! use rok_secrets::{Masker, Secrets};
//!
//! let dir = tempfile::tempdir()?;
//! let store = ContentStore::open(dir.path().join("store"), true);
//! let roots = Roots { cwd: dir.path().to_owned(), run: None };
//! let declared = [Declared { path: "out/*.json".into(), required: true, pattern: true }];
//!
//! let before = Before::look(&declared, &roots)?;
//! std::fs::create_dir(dir.path().join("out"))?;
//! std::fs::write(dir.path().join("out/report.json"), "{}")?;
//!
//! let secrets = Masker::new(&Secrets::none());
//! let made = emit(&declared, &roots, &before, &store, &secrets)?;
//! assert_eq!(made[0].path, "out/report.json");
//! assert!(store.path_of(&made[0].sha256).is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod before;
mod beneath;
mod declared;
mod digest;
mod emit;
mod identity;
mod pattern;
mod quarantine;
mod store;

pub use before::Before;
pub use declared::{Declared, Place, Roots, matches};
pub use digest::{ArtifactError, Digest, measure, measure_with, verify};
pub use emit::{EmitError, Emitted, MAX_ARTIFACTS, MAX_EMITTED_BYTES, emit};
pub use identity::Identity;
pub use pattern::{GLOB_CHARACTERS, is_pattern};
pub use quarantine::{Quarantined, quarantine, quarantine_at, quarantine_file, quarantined};
pub use store::{ContentStore, Pending, Sweeper, Swept};

#[cfg(test)]
mod outside_tests;
