//! The registry of components: manifests in folders and from elsewhere, what
//! of them may run under a lock, changes that break nothing, breakers.
//!
//! It keeps nothing in memory: each question is answered from what the roots
//! hold. It never runs a component, and never takes a manifest that has a
//! fault for one that is not there.
//!
//! ```text
//!  folders ──┐
//!  sources ──┴─ look ─▶ Snapshot ─ select, resolve, lock ─▶ Found
//!                          └── troubles ─▶ RegistryReport; a change that adds one is refused
//!  Cells ── breakers, manifests from elsewhere by fingerprint
//! ```
//!
//! ```
//! use rok_facades::registry::{RegistryEngine as _, RegistryQuery};
//! use rok_log::MemoryCells;
//! use rok_registry::{Registry, Root};
//! use std::sync::Arc;
//!
//! # let dir = tempfile::tempdir()?;
//! let folder = dir.path().join("components");
//! std::fs::create_dir(&folder)?;
//! std::fs::write(
//!     folder.join("fmt.component.yaml"),
//!     "name: fmt\nversion: 1.0.0\ntype: validator\nstatus: active\nentrypoint: { run: [cargo, fmt] }\n",
//! )?;
//! let registry = Registry::new(vec![Root::folder(folder)], dir.path().join("components.lock"))
//!     .state(Arc::new(MemoryCells::new()));
//! let found = registry.find(&RegistryQuery::default())?;
//! assert_eq!(found.components[0].component.id().to_string(), "fmt@1.0.0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod roots;

mod snapshot;

mod refusals;
mod troubles;

mod breakers;

mod change;
mod engine;
mod views;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use engine::Registry;
pub use roots::Root;
