//! The layer check: its rules on graphs written down here, its gathering on a
//! workspace made in a temporary folder, and the check of this workspace.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; a failure is a failed test"
)]

mod contracts;
mod exceptions;
mod formats;
mod gathering;
mod house;
mod matrix;
mod policies;
mod questions;
mod workspace;
