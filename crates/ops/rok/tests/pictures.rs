//! Pictures of real runs: by the terminal, and in a real browser.

mod support;

#[path = "pictures/browser.rs"]
mod browser;
#[path = "pictures/commands.rs"]
mod commands;
