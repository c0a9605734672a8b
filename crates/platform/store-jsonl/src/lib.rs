//! The run folder store: a folder of run folders, each with its log as JSON
//! lines, for one command on one machine.
//!
//! It never reads an event beyond what frames it and what a list shows, never
//! follows a symbolic link inside a run folder, and never writes without the
//! run's lock, the inbox aside.
//!
//! ```text
//! runs/
//!   RUN_ID/           0700, its files 0600, whatever the umask
//!     events.jsonl    the log: the only truth
//!     plan.json       the plan's canonical bytes, by digest
//!     seal.json       the last seal; durable before a terminal state is told
//!     lock            held by the owner; who that is, and the fence
//!     inbox/          ID.json waits, ID.answer was answered
//!     logs/  artifacts/  procs/     the executors'
//!   .TABLE~/KEY.json  small values, compared and replaced: schedules
//! ```
//!
//! ```
//! use rok_chain::ChainHash;
//! use rok_log::{Commit, Durability, EventReader, Lease, Owner, RunQueue, RunRow, RunStore};
//! use rok_store_jsonl::JsonlStore;
//! use rok_vocabulary::{RunId, Seq, Timestamp};
//! use std::time::Duration;
//!
//! let dir = tempfile::tempdir()?;
//! let mut store = JsonlStore::open(dir.path().join("runs"), Durability::Flush);
//! let run: RunId = "r".parse()?;
//! let head = ChainHash::genesis(&run);
//! let line = format!(
//!     r#"{{"event_id":"r:0","event_type":"run.created","run_id":"r","seq":0,"chain":"{}"}}"#,
//!     head.short_str(),
//! );
//! let row = RunRow::new("deploy".parse()?, Timestamp::from_millis(0));
//! let lines = format!("{line}\n").into_bytes();
//! let commit = Commit::new(run.clone(), Seq(0), lines, 1, head.next(line.as_bytes()), row);
//! store.commit(&[commit])?;
//! let lease = Lease::new(Timestamp::from_millis(0), Duration::from_secs(60));
//! let claim = store.claim(&run, &Owner::new("example"), lease)?;
//! assert_eq!((claim.fence.0, claim.next_seq), (1, Seq(1)));
//! assert_eq!(store.read(&run)?.lines().count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod beside;
mod cells;
mod claim;
mod collect;
mod create;
mod disk;
mod folder;
mod inbox;
mod index;
mod lock;
mod page;
mod process;
mod resolve;
mod store;
mod watch;

pub use cells::FolderCells;
pub use collect::Collecting;
#[cfg(any(test, feature = "testing"))]
pub use disk::DiskFault;
pub use lock::LockHolder;
pub use process::Process;
pub use resolve::{ResolveError, Resolved, resolve};
pub use store::JsonlStore;
pub use watch::{StopWatch, Watch, Woken};
