//! The terminal against an engine that says what it is told to say.

mod commands;
mod fake;
mod hints;
mod output;
mod parsing;
mod plans;
