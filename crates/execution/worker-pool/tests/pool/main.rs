//! Pools over one store, turned by hand on a virtual clock: who claims what,
//! who waits, and what is left when an owner dies.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod claims;
mod hand;
mod owners;
mod pressure;
mod storms;
mod threads;
mod waiting;
mod world;
