//! The layer check: its rules on graphs written down here, its gathering on a
//! workspace made in a temporary folder, and the check of this workspace.

mod contracts;
mod exceptions;
mod gathering;
mod house;
mod matrix;
mod policies;
mod questions;
mod workspace;
