//! Policies that are injected into runs when they are created: what they
//! require, deny and limit, of a plan, a step, a submitter or everything.
//!
//! It judges data and nothing else: it reads no file, starts nothing, and never
//! passes over what it does not know: an unknown key is an error. What is
//! forbidden under a condition is said in Cedar instead.
//!
//! ```text
//!  file ─serde─▶ ExecutionPolicy ─check─▶ recorded in run.created
//!                                           │ judge: the plan, before it starts ─▶ Breach…
//!                                           │ judge_work: a step, before it starts ─▶ Breach…
//!                                           │ judge_use: what was used, as it runs ─▶ Breach…
//!                                           └ tightened: the sandbox of its processes
//! ```
//!
//! ```
//! use rok_execution_policy::{ExecutionPolicy, RunFacts, judge};
//! use rok_vocabulary::SandboxMode;
//! use std::collections::BTreeMap;
//!
//! let policies: Vec<ExecutionPolicy> = serde_json::from_str(r#"[{
//!     "type": "governance", "scope": "org", "enforcement_level": "strict",
//!     "payload": { "id": "owned", "require": { "labels": { "owner": null } } }
//! }]"#).unwrap();
//! let plan = rok_plan::parse(b"plan: p\nsteps: { a: { run: echo } }\n", "p.yaml").unwrap();
//! let (labels, submitter, sandbox) = (BTreeMap::new(), "user:ada", SandboxMode::Asked);
//! let breaches = judge(&policies, &RunFacts { plan: &plan, labels: &labels, submitter, sandbox });
//! assert_eq!(breaches[0].to_string(), "policy `owned`: the run has no label `owner`");
//! ```
#![no_std]

extern crate alloc;

mod judge;
mod policy;
mod sandbox;
mod spent;
mod work;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use judge::{Breach, RunFacts, judge, judge_step};
pub use policy::{
    BudgetCaps, Deny, ExecutionPolicy, Payload, PolicyError, Require, ScopeFault, check_parts,
};
pub use sandbox::{SandboxBounds, bounds_of, demands, tightened};
pub use spent::{UseFacts, judge_use};
pub use work::{WorkFacts, judge_work};
