//! The workspace's own commands: `cargo xtask check-layers`, `test`, `ci`,
//! `bench`, `docs`, `parity` and `new-crate`.
//!
//! [`check_layers`] is a pure library: a graph, a policy and a date make a
//! report. Nothing in it reads a file or runs a program; [`gather()`] does, and
//! the commands around it do. No other crate depends on this one.
//!
//! ```text
//! main ─→ cli ─┬─→ gather ─→ check_layers ─→ text, exit code
//!              └─→ ci, test, bench, docs, new-crate ─→ cargo
//! ```
//!
//! ```
//! use xtask::check_layers::{Graph, Policy, Status, check};
//!
//! let policy = Policy::parse(r#"
//!     schema = 1
//!     [[layer]]
//!     id = "L6"
//!     name = "platform"
//!     folders = ["crates/platform/*"]
//!     roles = ["library"]
//!     imports_anything = "there is no other floor here"
//!     [[contract]]
//!     id = "LYR001"
//!     title = "every crate says its layer, role and domain"
//!     kind = "classified"
//!     why = "a rule needs a place"
//!     instead = "add the metadata"
//! "#)?;
//! let report = check(&Graph::default(), &policy, None);
//! assert_eq!(report.status, Status::BadPolicy, "a contract that can match nothing");
//! # Ok::<(), xtask::check_layers::PolicyError>(())
//! ```

pub mod check_layers;
pub mod cli;

mod bench;
mod ci;
mod deny;
mod docs;
mod examples;
mod gather;
mod needs;
mod new_crate;
mod parity;
mod shell;
mod test;
mod third_party;
mod verifier;

pub use gather::{GatherError, Gathered, gather, graph};
