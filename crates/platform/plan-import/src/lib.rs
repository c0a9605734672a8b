//! Foreign workflows as plan files: bytes in, YAML out, or a list of all that
//! cannot be carried over, each with its place.
//!
//! It never guesses and never leaves out in silence: what would change what a
//! workflow means refuses the whole of it; what means nothing outside its
//! system is left out and noted. What comes out is a valid plan. Nothing is
//! opened, run or downloaded.
//!
//! ```text
//!  WfFormat JSON ──read──▶ tasks ─┐                        ┌─▶ Imported: YAML text, notes
//!                                 ├▶ Draft ─write, parse ──┤
//!  GitHub YAML ──tree────▶ jobs ──┘                        └─▶ ImportError: every refusal
//! ```
//!
//! ```
//! use rok_plan_import::{Options, github};
//!
//! let workflow = b"name: CI\non: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make test\n        shell: sh\n";
//! let plan = github(workflow, "ci.yaml", &Options::default())?;
//! assert!(plan.text.ends_with("  test:\n    run: make test\n    shell: sh\n"));
//! assert_eq!(rok_plan::parse(plan.text.as_bytes(), "ci.yaml").unwrap().steps.len(), 1);
//!
//! let workflow = b"on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v5\n";
//! let error = github(workflow, "ci.yaml", &Options::default()).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "ci.yaml:6:9: `uses` runs an action (a plan runs in its folder, where the files are: remove the step)"
//! );
//! # Ok::<(), rok_plan_import::ImportError>(())
//! ```
#![no_std]

extern crate alloc;

mod error;
mod options;

mod draft;
mod ids;
mod order;

mod github;
mod wfformat;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use error::{ImportError, Refusal};
pub use github::github;
pub use options::{Imported, Options, Tasks};
pub use wfformat::wfformat;
