//! The store ports: one write port, three read ports, an inbox, and the
//! memory store.
//!
//! A store carries bytes and rows, never typed events, so that it stays below
//! whoever decides what an event means. It never computes a row, never reads a
//! clock, and never acknowledges what is not as durable as it was asked to be.
//!
//! ```text
//!                 ┌ RunStore::commit   seq and fence compared, whole decisions
//!  runner ────────┤ RunQueue::claim    one owner at a time, each with a higher fence
//!                 └ Inbox::take, done  commands for a run that someone drives
//!
//!                 ┌ WorkQueue          what is due, by lease
//!  pool ──────────┤ Signals            who is to look, and where
//!                 └ Records            the domains' tables, the outbox
//!
//!  gc ──────────── Retention          a stub in the place of a closed run
//!
//!  ticker ──────── Cells              small values, compared and replaced
//!
//!  desk ────────── Book               what people did, chained, over Cells
//!
//!                 ┌ EventReader        bytes, documents, seals
//!  everyone ──────┤ RunIndex           rows
//!                 └ Inbox::put, answer
//! ```
//!
//! ```
//! use rok_chain::ChainHash;
//! use rok_log::{Commit, CommitResult, EventReader, MemoryStore, RunRow, RunStore};
//! use rok_vocabulary::{Seq, Timestamp};
//!
//! let mut store = MemoryStore::new();
//! let run = "r".parse()?;
//! let head = ChainHash::genesis(&run);
//! let line = format!(
//!     r#"{{"event_id":"r:0","event_type":"run.created","run_id":"r","seq":0,"chain":"{}"}}"#,
//!     head.short_str(),
//! );
//! let row = RunRow::new("deploy".parse()?, Timestamp::from_millis(0));
//! let commit = Commit::new(run, Seq(0), format!("{line}\n").into_bytes(), 1, head.next(line.as_bytes()), row);
//! let results = store.commit(std::slice::from_ref(&commit))?;
//! assert_eq!(results, [CommitResult::Committed { next_seq: Seq(1) }]);
//! assert_eq!(store.read(&commit.run)?.bytes, commit.lines);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod book;
mod cells;
mod commit;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod error;
mod inbox;
mod memory;
mod ports;
mod queue;
mod retention;
mod row;
mod signals;
#[cfg(any(test, feature = "testing"))]
mod testing;
mod workers;

pub use book::{Book, BookEntry, BookError, BookEvent, BookFault, Pages, Written};
pub use cells::{Cells, MemoryCells};
pub use commit::{
    Commit, CommitResult, Document, DocumentKind, Durability, Fence, Namespace, NamespaceError,
    Record,
};
pub use error::{ClaimError, CommitFault, StoreError};
pub use inbox::{Answer, Command, CommandError, CommandKind, REASON_MAX, Verdict};
pub use memory::MemoryStore;
pub use ports::{
    EventReader, Inbox, KBASE, LogBytes, OUTBOX, PoolStore, Records, RunIndex, RunStore, Store,
};
pub use queue::{
    Backlog, Claim, Lease, Owner, Pull, Pulled, Pulling, Repair, RunQueue, Standing, WorkQueue,
};
pub use retention::{Collect, Collected, Retention};
pub use row::{Concurrency, Cursor, CursorError, Labels, RunEntry, RunFilter, RunOrder, RunRow};
pub use signals::{Listener, Signal, Signals, Subscription, Switchboard};
#[cfg(any(test, feature = "testing"))]
pub use testing::{Fault, FaultyStore, SCRIPT_LEASE, SCRIPT_START, Script, Tear};
pub use workers::{WorkerBook, WorkerFailures};
