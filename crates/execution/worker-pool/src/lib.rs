//! Drives many runs at once: claims what is due in a store, a thread a shard.
//!
//! A pool decides nothing about a run and finishes none: it only feeds inputs
//! to kernels, so that no run can be finalized past its governance check. It
//! never drives a run that it has no claim on, and stops what it started before
//! its claim may run out.
//!
//! ```text
//!             ┌──────────────── Worker (a thread a shard) ────────────────┐
//! WorkQueue ──┤ renew ─▶ claim ─▶ Shard::turn (ONE commit) ─▶ let go       │
//!             └───────▲──────────────────────────────────────────┬────────┘
//!  Outfitter ── plan, context, services          waits (a time, a person), or closed
//! ```
//!
//! A run that waits leaves the memory: its row says when it is due, and a
//! command in its inbox makes it due at once. It costs no thread and no task.
//!
//! ```
//! use rok_worker_pool::PoolSettings;
//! use rok_log::Owner;
//!
//! let settings = PoolSettings::new(Owner::new("host/4711"));
//! assert!(settings.shards >= 1 && settings.in_flight >= settings.shards);
//! assert!(settings.lease > settings.glance);
//! ```

mod common;
mod event;
mod outfit;
mod pool;
mod post;
mod rates;
mod settings;
mod stats;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod trouble;
mod worker;

pub use common::Monotonic;
pub use event::{PoolEvent, PoolLog};
pub use outfit::{Outfit, Outfitter};
pub use pool::{PoolBuilder, WorkerPool};
pub use settings::{PoolSettings, Rate, Rates};
pub use stats::PoolStats;
