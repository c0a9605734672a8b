//! Runs tests of plans: the real kernel and runner, stubs for steps, a virtual
//! clock, a store in memory.
//!
//! Never starts a process, writes a file or waits: time jumps to the next thing
//! that is due. A step that the test leaves open where the plan reads its
//! outputs breaks the test; it is never guessed.
//!
//! ```text
//! PlanTest ─▶ play: Shard ⇄ kernel ─▶ StubExecutor ─▶ reports, in virtual order
//!               │ nothing to do ─▶ VirtualClock jumps ─▶ timers, reports, commands
//!               ▼ log in memory ─▶ Replay ─▶ judge ─▶ mismatches
//! ```
//!
//! ```
//! use rok_facades::testing;
//! use rok_test_runner::TestRunner;
//! use std::sync::Arc;
//!
//! let runner = TestRunner::new(Arc::new(|_, _| Ok((testing::facades(), None))));
//! assert!(format!("{runner:?}").starts_with("TestRunner"));
//! ```

mod engine;
mod judge;
mod play;
mod reads;
mod stubs;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use engine::{FacadesFor, TestRunner};
