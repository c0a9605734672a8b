//! Opens the regular files that people name to `rok`, and puts whole ones in
//! their places.
//!
//! It never waits for a pipe's writer but of one that was handed in, never reads more than it is told to,
//! and never leaves half a file.
//!
//! ```text
//! path ─open─▶ regular file ─read─▶ at most so many bytes
//!        └───▶ anything else: "not a regular file: it is a pipe"
//! bytes ─create, replace─▶ durable under another name ─▶ in its place, in one step
//! ```
//!
//! ```
//! let fault = rok_files::open("/".as_ref()).unwrap_err();
//! assert_eq!(fault.to_string(), "not a regular file: it is a folder");
//! ```

mod regular;
mod whole;

pub use regular::{open, read, read_handed};
pub use whole::{create, remove, replace};
