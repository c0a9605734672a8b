//! The plan file: YAML, JSON or TOML to a valid [`Plan`], or every fault of the file
//! at once, each with its place and a hint.
//!
//! Never reads a file, a clock or an environment; never guesses: an unknown
//! key, an ambiguous value or a part of the format that is not carried out yet
//! is a fault, not a warning.
//!
//! ```text
//!  bytes ─source─▶ text ─tree─▶ spanned tree ─shape (key table)─▶ decode ─graph─▶ Plan
//!                                    └── every stage adds to one list of faults ──▶ PlanErrors
//!  PlanBuilder ─JSON─▶ parse          Plan ─canonical JSON─▶ parse ─▶ the same Plan
//! ```
//!
//! ```
//! let plan = rok_plan::parse(b"plan: hello\nsteps:\n  greet: { run: echo hello }\n", "hello.yaml")?;
//! assert_eq!(plan.steps[0].id.as_str(), "greet");
//! assert_eq!(rok_plan::parse(&plan.to_canonical_json(), "plan.json")?, plan);
//!
//! let errors = rok_plan::parse(b"plan: hello\nstep: {}\n", "hello.yaml").unwrap_err();
//! assert_eq!(
//!     errors.to_string(),
//!     "hello.yaml:1:1: `steps` is missing (add `steps: …`)\n\
//!      hello.yaml:2:1: unknown key `step` (did you mean `steps`?)"
//! );
//! # Ok::<(), rok_plan::PlanErrors>(())
//! ```
#![no_std]

extern crate alloc;

mod approvers;
mod budget;
mod expect;
mod model;
mod sandbox;

mod keys;

mod fault;
mod nearest;
mod source;
mod tree;

mod shape;

mod decode;
mod graph;
mod values;

mod checked;
mod document;
mod parse;
mod pattern;

mod lint;

mod builder;
mod builtin;
mod canonical;
mod http;
mod json;
mod schema;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use approvers::{Approver, ApproverError, Approvers, NotEntitled, Overrides};
pub use budget::{Budget, OnExceeded};
pub use builder::{PlanBuilder, StepBuilder};
pub use builtin::{builtin, builtin_ids, template};
pub use checked::{CheckedFile, Faults, Item, Key, StepParts};
pub use document::Document;
pub use expect::{Expect, Expected};
pub use fault::{Fault, FaultCode, PlanErrors, Related};
pub use http::{HttpBody, HttpRequest, JsonTemplate, Redirects, ResolvedBody, ResolvedRequest};
pub use keys::{KEYS, KeySpec, Place, Support};
pub use lint::Warning;
pub use model::{
    Action, AgentAction, ArtifactDecl, Away, Bounds, Compensate, Concurrency, Gate, InputSpec,
    OnFailure, OnLimit, Order, OutputSpec, Plan, Recipient, Retry, Shell, Step, StepPlace,
    SuccessRule, ValueKind,
};
pub use nearest::nearest;
pub use parse::{parse, parse_input_list, parse_inputs};
pub use pattern::{escape_pattern, is_pattern};
pub use sandbox::{Network, Sandbox};
pub use schema::json_schema;
pub use tree::{Entry, Node, Plain, Style, Syntax, Value as NodeValue};
pub use values::{
    InputFault, ValueFault, check_inputs, check_outputs, inexact_number, parse_input,
};
