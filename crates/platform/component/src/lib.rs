//! Components of a registry: what their manifests say, which of them a
//! selection takes, what they require of each other, what a lock holds them
//! to, and when one that keeps failing is given a rest.
//!
//! Never opens a file, never reads a clock, never starts anything: whoever
//! has the bytes and the time gives them.
//!
//! ```text
//!  *.component.yaml ─parse─▶ Component ─select─▶ Selection ─resolve─▶ Resolution ─▶ steps of a plan
//!                      └── every fault of the file at once ──▶ PlanErrors
//!  components ─Lock::of─▶ Lock ─check─▶ Drift
//!  Breaker, now ─admit─▶ Admission            Breaker, result, now ─record─▶ Breaker
//! ```
//!
//! ```
//! use rok_component::{Selector, parse};
//!
//! let text = b"name: fmt\nversion: 1.2.0\ntype: validator\nstatus: active\nchannel: canary\n\
//!              tags: [pre-commit]\nentrypoint: { run: [cargo, fmt, --check] }\n";
//! let component = parse(text, "fmt.component.yaml")?;
//! assert_eq!(component.id().to_string(), "fmt@1.2.0");
//!
//! let selector = Selector::parse("type=validator,lifecycle=canary")?;
//! assert!(selector.admits(&component, false).is_ok());
//!
//! let errors = parse(b"name: fmt\nversion: '1'\ntype: validatr\n", "fmt.component.yaml").unwrap_err();
//! assert!(errors.to_string().contains("did you mean `validator`?"));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;

mod keys;
mod model;

mod decode;
mod schema;

mod name;
mod selector;

mod resolve;

mod lock;

mod breaker;

mod source;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use breaker::{Admission, Breaker, BreakerError, BreakerRules, BreakerState, Outcome};
pub use decode::{WARNINGS, parse};
pub use keys::{ENTRYPOINT, KEYS, KeySpec};
pub use lock::{Drift, Lock, LockError};
pub use model::{Component, ComponentId, Files};
pub use name::{NameError, NamePattern};
pub use resolve::{Resolution, ResolveFault, resolve};
pub use schema::json_schema;
pub use selector::{Left, Lifecycle, Selection, Selector, SelectorError};
pub use semver::{Version, VersionReq};
pub use source::{ManifestSource, Offer, SourceError};

/// How the names of manifest files end.
pub const SUFFIXES: &[&str] = &[
    ".component.yaml",
    ".component.yml",
    ".component.toml",
    ".component.json",
];
