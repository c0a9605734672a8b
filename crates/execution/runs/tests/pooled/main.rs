//! The engine over a store that many runs share, with a pool that drives them:
//! the same operations as over run folders, and nothing is lost when it dies.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod asking;
mod house;
mod operations;
mod storms;
mod subruns;
