//! Findings of a run's services to one diagnosis.
//!
//! Services' answers become signals, rules make the first that matches the
//! primary cause, and what did not report lowers the confidence. It reads no
//! clock and no store, and never fails because a service did.
//!
//! ```text
//!  ServiceRunFacts ─signals─▶ [Signal] ─Rules (CEL table)─▶ Diagnosis
//!        └── who did not report ──────── confidence ──────────┘
//! ```
//!
//! ```
//! use rok_synthesis::Rules;
//!
//! assert_eq!(Rules::standard().ids().next(), Some("technical"));
//! let error = Rules::parse("[[rule]]\nid = 'a'\nwhen = 'inputs.'\nnext = 'b'\n").unwrap_err();
//! assert!(error.to_string().starts_with("rule `a`: "), "{error}");
//! ```

mod rules;

mod signals;

mod diagnosis;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use diagnosis::Synthesis;
pub use rules::{Rules, RulesError};
pub use signals::signals;
