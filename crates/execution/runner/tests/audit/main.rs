//! The audit contract and the run model, with the real kernel, shard and memory
//! store, on a clock that moves only when it is told to. Whatever a test is
//! about, every log that it leaves is held against the rules of `logbook`.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod ahead;
mod contract;
mod decisions;
mod endings;
mod hand;
mod house;
mod logbook;
mod owners;
mod panics;
mod random;
mod stores;
mod switched_off;
mod transitions;
