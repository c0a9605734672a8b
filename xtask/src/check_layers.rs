//! The layer check: `Graph + Policy + Date → Report`, and nothing else.
//!
//! Nothing in this module reads a file, runs a program or asks the time; the
//! shell in [`crate::gather`] does. So every rule is tested with a graph that a
//! test writes down.
//!
//! ```text
//! layers.toml ─parse─→ Policy ─┐
//! cargo metadata, syn → Graph ─┼─ check → Report ─→ human, json, github, sarif
//! HEAD's date ─────────────────┘
//! ```

mod answer;
mod contract;
mod date;
mod drawing;
mod engine;
mod graph;
mod machine;
mod policy;
mod render;
mod report;
mod selector;
mod selftest;

pub use answer::{Answer, AskError, Verdict, explain, why};
pub use contract::{Contract, Probe, Rule, Verdicts};
pub use date::{Date, DateError};
pub use drawing::{dot, mermaid, svg};
pub use engine::check;
pub use graph::{Claims, Crate, Edge, EdgeKind, Escape, Graph, Mention, Place, Unreadable};
pub use machine::{github, sarif};
pub use policy::{Exception, Layer, Planned, Policy, PolicyError};
pub use render::{human, json};
pub use report::{
    ContractResult, ExceptionResult, ExceptionState, LookedAt, Report, SelfTest, Status, Violation,
};
pub use selector::Selector;
