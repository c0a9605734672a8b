//! The terminal of rok: commands, progress, summaries, exit codes.
//!
//! It names no engine, store or setting: it turns flags into use cases of
//! `rok-service` and views into text. Standard output carries the result only;
//! progress, hints and errors go to standard error.
//!
//! ```text
//! argv ─args─▶ commands ─▶ Service / RunHandle ─views─▶ render ─▶ stdout
//!                 │  ▲ StopSignal ◀─ signals (Ctrl-C, SIGTERM)      Exit (one table)
//!                 └──┴─ Observer  ─▶ progress ─▶ stderr
//! ```
//!
//! ```
//! use rok_cli::{Terminal, run_on};
//! use rok_service::Wiring;
//!
//! let wiring = Wiring::new(|_| unreachable!("a schema needs no runs")).in_environment("/", [("ROK_USER", "ada")]);
//! let (mut terminal, output) = Terminal::in_memory();
//! assert_eq!(run_on(["rok", "plan", "schema"], wiring, &mut terminal), 0);
//! assert!(output.stdout().contains("\"title\": \"rok plan\""));
//! ```

mod args;

mod exit;
mod failure;
mod terminal;

mod progress;
mod signals;

mod render;

mod commands;

mod app;

pub use app::{run, run_on};
pub use exit::{EXIT_CODES, Exit};
pub use render::summary_text;
pub use terminal::{Captured, Terminal};
