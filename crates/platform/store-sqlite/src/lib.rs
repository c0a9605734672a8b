//! The SQLite store: many runs in one file, for one node.
//!
//! One writes at a time, whoever waits first, and takes what many callers bring
//! into one transaction and one sync; readers have connections of their own and
//! never wait for it.
//! It never reads a clock or an event beyond what frames it, never answers
//! before the transaction is durable, and never opens a file that is not its
//! own or is newer than itself.
//!
//! ```text
//!  shards ── commit ──┐            ┌ BEGIN IMMEDIATE
//!  pool ──── claim ───┼─▶ line ────┤   all of them, one after another; kept apart if one fails
//!  anyone ── put ─────┘ (one leads) └ COMMIT: synced, then all are answered
//!                            │ after that: is the log to be copied (thread),
//!                            │ has another process written?
//!                            ▼
//!            FILE ◀─ WAL ─▶ readers: read, list, next_due, backlog
//! ```
//!
//! ```
//! use rok_chain::ChainHash;
//! use rok_log::{Commit, Durability, EventReader, Lease, Owner, RunQueue, RunRow, RunStore};
//! use rok_store_sqlite::SqliteStore;
//! use rok_vocabulary::{RunId, Seq, Timestamp};
//! use std::time::Duration;
//!
//! let dir = tempfile::tempdir()?;
//! let mut store = SqliteStore::open(dir.path().join("rok.db"), Durability::Flush)?;
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

mod access;
mod cells;
mod commit;
mod copier;
mod database;
mod fault;
mod inbox;
mod known;
mod list;
mod logs;
mod open;
mod queue;
mod readers;
mod records;
mod retention;
mod row;
mod schema;
mod store;
mod workers;
mod writer;

pub use fault::OpenError;
pub use store::SqliteStore;
