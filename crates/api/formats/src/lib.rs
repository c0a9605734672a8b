//! Reports of orchestrated runs as text.
//!
//! It asks no terminal, environment or clock what it may show: that comes in as
//! a [`Look`]. Whatever a component wrote is cleaned of what a terminal, a page
//! or a CI system might obey.
//!
//! ```text
//!  RunReport ─▶ Formatters: name ─▶ function ─▶ text
//!               human json yaml junit sarif github, and yours
//! ```
//!
//! ```
//! use rok_formats::{FormatError, Formatters, Look};
//! use rok_orchestration::RunReport;
//! use rok_vocabulary::Timestamp;
//!
//! let at = Timestamp::from_millis(0);
//! let mut report: RunReport = RunReport::begun("ci", "CIOrchestrator", "r-1", at);
//! report.settle(None, at);
//!
//! let formatters = Formatters::standard();
//! let names: Vec<&str> = formatters.names().collect();
//! assert_eq!(names, ["github", "human", "json", "junit", "sarif", "yaml"]);
//! assert!(formatters.render("yaml", &report, Look::PLAIN)?.starts_with("status: success\n"));
//! assert!(matches!(
//!     formatters.render("jsn", &report, Look::PLAIN),
//!     Err(FormatError::Unknown { .. })
//! ));
//! # Ok::<(), FormatError>(())
//! ```
#![no_std]

extern crate alloc;

mod look;
mod registry;

mod data;
mod github;
mod human;
mod junit;
mod sarif;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use look::Look;
pub use registry::{FormatError, Formatter, Formatters};
