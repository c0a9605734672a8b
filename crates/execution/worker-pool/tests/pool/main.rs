//! Pools over one store, turned by hand on a virtual clock: who claims what,
//! who waits, and what is left when an owner dies.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod claims;
#[path = "../../../runner/tests/audit/hand.rs"]
#[expect(dead_code, reason = "the runner's tests use more of it")]
mod hand;
#[path = "../../../runner/tests/audit/logbook.rs"]
#[expect(dead_code, reason = "the runner's tests use more of it")]
mod logbook;
mod owners;
mod pressure;
mod storms;
mod threads;
mod waiting;
mod world;
