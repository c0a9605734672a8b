//! Schedules: what their files say, when they are due on the clock of any time
//! zone, and what each firing's run is.
//!
//! Never reads a clock, a file or the machine's time zones, and never draws
//! lots: jitter and run ids are derived, so every node comes to the same.
//!
//! ```text
//!  bytes ─parse─▶ Schedule ─next_due─▶ due time ─▶ Firing (+ item) ─▶ key, run id, RunSpec
//!                    └── every fault of the file at once ──▶ PlanErrors
//!
//!  Schedule, State, now, items ─decide─▶ State: cursor, outbox, what waits, what runs, records
//! ```
//!
//! ```
//! use rok_schedule::{Cause, Firing};
//! use rok_vocabulary::Timestamp;
//!
//! let text = b"schedule: nightly\nplan: p.yaml\ncron: 30 2 * * *\ntimezone: Europe/Berlin\n";
//! let schedule = rok_schedule::parse(text, "nightly.yaml")?;
//! // That night the clock goes from 02:00 to 03:00: it is served at 03:00.
//! let due = schedule.next_due(Timestamp::parse_rfc3339("2024-03-30T12:00:00Z").unwrap()).unwrap();
//! assert_eq!(schedule.zone.local(due), "2024-03-31T03:00:00+02:00");
//!
//! let firing = Firing::new(due, None, Cause::Due);
//! assert_eq!(firing.key(&schedule.id), "schedule/nightly/due/2024-03-31T01:00:00.000Z");
//! assert_eq!(firing.run_id(&schedule.id), firing.run_id(&schedule.id));
//! # Ok::<(), rok_plan::PlanErrors>(())
//! ```
#![no_std]

extern crate alloc;

mod item;
mod keys;
mod model;

mod cron;

mod decode;
mod firing;

mod decide;
mod state;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use cron::{Cron, CronError, Pace, Zone};
pub use decide::{
    BackfillError, MAX_BACKFILL, backfill, decide, each, next_due_times, pause, proceed, trigger,
    unpause,
};
pub use decode::parse;
pub use firing::{Asked, Cause, Firing, RunSpec};
pub use item::{Item, MAX_ITEMS, parse_items};
pub use keys::{KEYS, KeySpec};
pub use model::{CatchUp, ForEach, Input, Overlap, Schedule};
pub use state::{
    Done, Effect, MAX_WAITING, NAMED, Pause, RECENT, Record, Running, State, What, Why,
};
