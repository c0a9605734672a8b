//! Drives runs: a shard turns, effects are performed, results come back.
//!
//! The runner holds no business `if`: what happens is the kernel's decision,
//! whether it lasts is the store's. A turn is: drain the inputs, let each run's
//! kernel decide, make all decisions durable in ONE commit, then perform the
//! effects. Nothing is performed before its decision is durable.
//!
//! ```text
//! messages, timers ─▶ Shard::turn ─▶ kernels ─▶ ONE commit ─▶ effects
//!        ▲                                                       │
//!        └──────────── facades, executors (ReportSink) ◀─────────┘
//! ```
//!
//! ```
//! use rok_runner::{Clock, VirtualClock};
//! use std::time::Duration;
//!
//! let clock = VirtualClock::new(rok_vocabulary::Timestamp::from_millis(0));
//! clock.advance(Duration::from_secs(5));
//! assert_eq!(clock.now().as_millis(), 5_000);
//! ```

mod cache;
mod clock;
mod driver;
mod error;
mod facts;
mod made;
mod recorded;
mod row;
mod run_runner;
mod services;
mod shard;
mod stage;
mod stock;

pub use cache::{CacheAnswer, CacheHit, InputsBase, StepCache};
pub use clock::{Clock, SystemClock, VirtualClock};
pub use driver::{Driven, Go, drive};
pub use error::RunnerError;
pub use recorded::{Recorded, RecordedEnd, RecordedFailure};
pub use row::{newborn, row_of};
pub use run_runner::{RunContext, RunRunner};
pub use services::Services;
pub use shard::{
    Attempts, CLAIM_LEASE, CommandOutcome, Found, Message, RecoverError, Shard, ShardHandle, Turn,
    repair_of,
};
pub use stage::{Files, LostFiles, StepFiles, Upstream, results};
pub use stock::{Stock, Unmendable};
