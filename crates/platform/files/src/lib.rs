//! Opens the regular files that people name to `rok`, and nothing else.
//!
//! It never waits for a pipe's writer, and never reads more than it is told to.
//!
//! ```text
//! path ─open─▶ regular file ─read─▶ at most so many bytes
//!        └───▶ anything else: "not a regular file: it is a pipe"
//! ```
//!
//! ```
//! let fault = rok_files::open("/".as_ref()).unwrap_err();
//! assert_eq!(fault.to_string(), "not a regular file: it is a folder");
//! ```

mod regular;

pub use regular::{open, read};
