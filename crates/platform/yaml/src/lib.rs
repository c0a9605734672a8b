//! YAML that people read: texts, lists and whole values.
//!
//! It never reads YAML, and never writes what another reader, of whatever
//! version of YAML, would take for something else.
//!
//! ```text
//!  a JSON value ─document─▶ block style, anchors for what repeats
//!  a text ──────scalar, text─▶ bare, quoted, or a block of lines
//! ```
//!
//! ```
//! use serde_json::json;
//!
//! let text = rok_yaml::document(&json!({ "on": true, "answer": "no", "steps": ["a", "b"] }));
//! assert_eq!(text, "\"on\": true\nanswer: \"no\"\nsteps:\n  - a\n  - b\n");
//! ```
#![no_std]

extern crate alloc;

mod document;
mod scalars;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use document::document;
pub use scalars::{comment, list, scalar, text};
