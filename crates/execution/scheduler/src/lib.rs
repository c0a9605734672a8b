//! Which step of a DAG may start next, which must be skipped, and when a
//! failed one is tried again.
//!
//! The crate starts nothing and knows no clock and no phases: nodes are
//! numbers, results come in, readiness comes out. Work is linear in nodes and
//! edges over the whole run.
//!
//! ```text
//! Graph (edges, lanes) ──▶ Schedule ──pop_ready──▶ node
//!                             ▲  └────pop_doomed──▶ (node, why)
//!                          finish
//! ```
//!
//! ```
//! use rok_scheduler::{Doom, Edge, Finish, Graph, Schedule};
//!
//! // 0 ─needs─▶ 1, 1 ─after─▶ 2
//! let graph = Graph::new(3, [Edge::needs(0, 1), Edge::after(1, 2)], |_| 0)?;
//! let mut schedule = Schedule::new(&graph);
//! assert_eq!(schedule.pop_ready(&graph, |_| true), Some(0));
//! assert_eq!(schedule.pop_ready(&graph, |_| true), None);
//!
//! schedule.finish(&graph, 0, Finish::Failed);
//! assert_eq!(schedule.pop_doomed(), Some((1, Doom::Failure)));
//! schedule.finish(&graph, 1, Finish::Skipped(Doom::Failure));
//! assert_eq!(schedule.pop_ready(&graph, |_| true), Some(2));
//! # Ok::<(), rok_scheduler::GraphError>(())
//! ```
#![no_std]

extern crate alloc;

mod fan;
mod graph;
mod retry;
mod schedule;

pub use fan::Fan;
pub use graph::{Edge, Graph, GraphError, LANES};
pub use retry::retry_delay;
pub use schedule::{Doom, Finish, Schedule};
