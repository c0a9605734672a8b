//! Executors of somebody else's: one from nothing, one around rok's own.
//!
//! ```text
//! call: acme-…  ─▶ Desk     a thread per attempt; nothing of rok's behind it
//! run: …        ─▶ Stamped  ─▶ rok's ProcessExecutor
//! ```
//!
//! ```
//! use acme_executors::{Desk, Stamped};
//! use rok::Rok;
//! use serde_json::json;
//! use std::sync::Arc;
//!
//! # let dir = tempfile::tempdir()?;
//! let rok = Rok::in_folder(dir.path())
//!     .executor(Arc::new(Desk::new()))
//!     .executor(Arc::new(Stamped::new("berlin")?))
//!     .open()?;
//! let plan = "
//! plan: acme
//! steps:
//!   greet: { call: acme-greet, outputs: { text: { type: string } } }
//!   print: { needs: [greet], run: 'echo \"${{ steps.greet.outputs.text }} of $ACME_SITE\"' }
//! ";
//! let run = rok.run(plan, &json!({}))?;
//! assert_eq!(run.status, "succeeded");
//! assert!(rok.verify(&run.run_id)?.faults.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod desk;
mod stamped;

pub use desk::Desk;
pub use stamped::Stamped;
