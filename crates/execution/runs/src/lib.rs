//! Runs in run folders: what a command line does with runs.
//!
//! The engine behind `RunsFacade`. It drives nothing itself (the runner does),
//! decides nothing about a run (the kernel does) and names no executor and no
//! other domain's engine: they are handed in.
//!
//! ```text
//! RunsFacade ─▶ Runs ─┬─ submit, resume, command ─▶ Shard (runner) ─▶ JsonlStore
//!                     └─ summary, explain, verify ◀─ Replay ◀──────── JsonlStore
//! ```
//!
//! ```
//! use rok_facades::{runs::{ListQuery, RunsEngine}, testing};
//! use rok_runner::Services;
//! use rok_runs::{Governed, Runs, RunsSetup};
//! use std::sync::Arc;
//!
//! let dir = tempfile::tempdir()?;
//! let setup = RunsSetup::new(dir.path().join("runs"), "user:ada".parse()?);
//! let services = |_: &_| {
//!     let services = Services::new(testing::facades());
//!     Ok(Governed { services, policies: None })
//! };
//! let runs = Runs::new(setup, Arc::new(services));
//! assert!(runs.list(&ListQuery::default())?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accepted;
mod asked;
mod attest;
mod batch;
mod begun;
mod cache;
mod changes;
mod checkpoint;
mod command;
mod dry_run;
mod engine;
mod events;
mod explain;
mod export;
mod fault;
mod fetch;
mod gates;
mod gc;
mod hold;
mod home;
mod identity;
mod import;
mod listing;
mod load;
mod logs;
mod places;
mod plan_book;
mod pooled;
mod proof;
mod rebuild;
mod record;
mod replay;
mod resume;
mod rollback;
mod service_run;
mod set_aside;
mod setup;
mod slots;
mod stub;
mod submit;
mod subruns;
mod summary;
mod tables;
mod timing;
mod verify;
mod vouched;
mod waits;

pub use attest::{KeySource, Signing};
pub use engine::Runs;
pub use events::line_of;
pub use home::SharedStore;
pub use pooled::RunsOutfitter;
pub use rebuild::{Difference, Differs, Told};
pub use set_aside::SetAside;
pub use setup::{Directory, Governed, Needs, RunsSetup, ServicesFor};
pub use summary::summarize;
pub use tables::DomainTables;
