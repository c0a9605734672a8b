//! The registry over folders and sources, as those behind its door see it.

mod bench;
mod breakers;
mod changes;
mod finding;
mod locks;
mod sources;
