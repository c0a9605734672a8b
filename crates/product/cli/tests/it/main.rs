//! The terminal against an engine that says what it is told to say.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod fake;
mod hints;
mod import;
mod output;
mod parsing;
mod plans;
