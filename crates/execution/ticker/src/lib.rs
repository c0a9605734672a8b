//! Keeps schedules: decides what is due, once, and has each firing's run
//! created, once, through crashes and beside other tickers.
//!
//! It decides nothing itself (`rok-schedule` does), drives runs only where it is
//! asked to, a few at once, and has no thread or timer per schedule.
//!
//! ```text
//!           ┌ read ─▶ decide ─▶ swap: cursor, outbox, records ┐   ONE step, or nothing
//!  Ticker ──┤                                                 │
//!           └ swap: struck out ◀── Submit: run ids derived ◀──┘   may be done again
//!
//!  Schedules (the engine) = Ticker + clock + runs: commands, serve, work
//! ```
//!
//! ```
//! use rok_facades::schedules::{ScheduleFile, SchedulesEngine as _};
//! use rok_log::MemoryCells;
//! use rok_runner::VirtualClock;
//! use rok_ticker::{Schedules, testing::Recorder};
//! use rok_vocabulary::Timestamp;
//! use std::sync::Arc;
//!
//! let at = |text| Timestamp::parse_rfc3339(text).unwrap();
//! let clock = Arc::new(VirtualClock::new(at("2026-03-01T08:05:00Z")));
//! let runs = Recorder::default();
//! let schedules = Schedules::new(Box::new(MemoryCells::new()), Box::new(runs.clone()), clock.clone());
//! let file = ScheduleFile {
//!     text: b"schedule: s\nplan: p.yaml\ncron: '*/10 * * * *'\n".to_vec(),
//!     name: "s.yaml".into(),
//!     path: "/plans/s.yaml".into(),
//! };
//! schedules.add(&file, &"user:ada".parse()?)?;
//! assert_eq!(schedules.tick()?.wake_at, Some(at("2026-03-01T08:10:00Z")));
//! clock.advance(std::time::Duration::from_secs(300));
//! schedules.tick()?;
//! schedules.tick()?;
//! assert_eq!(runs.keys(), ["schedule/s/due/2026-03-01T08:10:00.000Z"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod entry;
mod submit;

mod ticker;

mod commands;
mod engine;
mod view;
mod work;

mod runs;

pub mod testing;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use commands::schedules_in;
pub use engine::Schedules;
pub use runs::FacadeSubmit;
pub use submit::{Order, Standing, Submit, SubmitError};
pub use ticker::{Ticked, Ticker};
