//! The crate's promises, by its public API alone.

mod checks;
mod expressions;
mod hostile;
mod oracle;
mod scanning;
mod shells;
mod world;
