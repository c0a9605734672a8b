//! What every engine of rok's plans does, as cases to hold one against.
//!
//! It gives an engine policies and agents that fail, and speaks to it through the door of runs alone, so an embedded one, a
//! database and a server are the same to it. It never looks into a store, and
//! passes nothing that it has not seen.
//!
//! ```text
//!  cases ─check─▶ Engine ─submit, drive─▶ RunsFacade
//!                   └─ laws of every run ◀─ events, summary, audit, verify
//!  conform ─▶ RunReport (a result per case) ─▶ any format of reports
//! ```
//!
//! ```
//! use rok_conformance::cases;
//!
//! let areas: std::collections::BTreeSet<&str> = cases().map(|case| case.area).collect();
//! assert!(areas.contains("chaos") && areas.contains("budget"));
//! ```

mod cases;
mod conform;
mod engine;
mod house;
mod laws;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use cases::{Case, cases, decided};
pub use conform::{assert_conforms, conform};
pub use engine::{Decides, Engine, Fault};
pub use house::{House, POLICIES};
