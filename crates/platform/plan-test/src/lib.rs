//! Tests of plans as files: stubs in place of steps, commands of people, and
//! what is expected of the run.
//!
//! Never runs anything, reads no file and no clock. An unknown key, step,
//! input or word is a fault with its place, and so is a test that expects
//! nothing: it could not fail.
//!
//! ```text
//!  bytes ─▶ TestFile (plan, policies) ─ with the plan at hand ─▶ PlanTest, …
//!              └── every fault of the file at once ──▶ PlanErrors
//! ```
//!
//! ```
//! use rok_plan_test::TestFile;
//!
//! let text = b"plan: p.yaml\ntests: { t: { steps: { bild: {} }, expect: { retries: 0 } } }\n";
//! let file = TestFile::new(text, "p.plantest.yaml")?;
//! let plan = rok_plan::parse(b"plan: p\nsteps: { build: { run: make } }\n", "p.yaml")?;
//! assert_eq!(
//!     file.tests(&plan).unwrap_err().to_string(),
//!     "p.plantest.yaml:2:24: unknown step `bild` (did you mean `build`?)"
//! );
//! # Ok::<(), rok_plan::PlanErrors>(())
//! ```
#![no_std]

extern crate alloc;

mod keys;
mod model;

mod decode;
mod read;

mod file;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use file::TestFile;
pub use keys::{KEYS, KeySpec, Place};
pub use model::{
    Answer, CommandLine, EventPattern, Expect, ExpectedStep, Fails, Held, IncidentExpect, PlanTest,
    Span, Stub, UndoStub, Verb,
};
