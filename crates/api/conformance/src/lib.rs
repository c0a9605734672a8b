//! What every engine of rok's plans does, and every executor, as cases to hold
//! one against.
//!
//! It gives an engine policies and agents that fail, and speaks to it through
//! the door of runs alone, so an embedded one and a server are the same to it;
//! an executor is given work that answers, fails, stays and blabs. It never
//! looks into a store, has no rule about executors of its own (they are those of
//! `rok_executor::contract`), and passes nothing that it has not seen.
//!
//! ```text
//!  cases ─check─▶ Engine ─submit, drive─▶ RunsFacade
//!                   └─ laws of every run ◀─ events, summary, audit, verify
//!  executor_cases ─check─▶ ExecutorBench (executor, work) ◀─ Stand (loopback)
//!  conform, conform_executor ─▶ RunReport (a result per case) ─▶ any format
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
mod laws;

mod executors;
mod stand;
mod tasks;

mod house;
mod loopback;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use cases::{Case, cases, decided};
pub use conform::{assert_conforms, conform, demand, demand_all};
pub use engine::{Decides, Engine, Fault};
pub use executors::{ExecutorBench, ExecutorCase, conform_executor, executor_cases};
pub use house::{House, POLICIES};
pub use rok_executor::contract::Deed;
pub use stand::{ExecutorKind, NoSuchExecutor, Stand};
pub use tasks::AgentTasks;
