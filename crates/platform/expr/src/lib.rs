//! CEL expressions, `${{ }}` templates and the injection-safe shell line of
//! rok plans.
//!
//! Everything is parsed and checked once, at load, with all faults and their
//! places; in a run it is only evaluated. No expression runs long, whatever it
//! says: its size, depth, items and work are bounded. It never reads a clock,
//! a file or the environment, never sees a secret's value, and never puts a
//! value into a script.
//!
//! ```text
//!  text ──parse──▶ Template, Condition, ShellLine ──check(Declarations)──▶ faults
//!                     │
//!                     └──text, value, eval, resolve(Scope)──▶ SecretText, JSON, bool
//!                                                                 │ reveal (executor)
//!  `echo ${{ x }}`  ─▶  `echo "${ROK_E0}"`  +  ROK_E0=value  ◀────┘
//! ```
//!
//! ```
//! use rok_expr::{Condition, RunView, Scope, ShellLine, Site, StepView, Template};
//! use serde_json::{Value, json};
//! use std::collections::BTreeMap;
//!
//! struct Run { region: Value, labels: BTreeMap<String, String> }
//!
//! impl Scope for Run {
//!     fn input(&self, name: &str) -> Option<&Value> {
//!         (name == "region").then_some(&self.region)
//!     }
//!     fn step(&self, _id: &str) -> Option<StepView<'_>> { None }
//!     fn run(&self) -> RunView<'_> {
//!         let epoch = rok_vocabulary::Epoch::FIRST;
//!         RunView { id: "run_1", plan: "deploy", epoch, labels: &self.labels }
//!     }
//! }
//!
//! let run = Run { region: json!("eu; rm -rf /"), labels: BTreeMap::new() };
//!
//! let template = Template::parse("to ${{ inputs.region }}", Site::Plain).unwrap();
//! assert_eq!(template.text(&run)?.as_plain(), Some("to eu; rm -rf /"));
//!
//! let condition = Condition::parse("inputs.region.startsWith('eu')").unwrap();
//! assert!(condition.eval(&run)?);
//!
//! // The value travels in the environment, and never becomes code.
//! let line = ShellLine::parse("./deploy.sh ${{ inputs.region }}").unwrap();
//! assert_eq!(line.script(), "./deploy.sh \"${ROK_E0}\"");
//! assert_eq!(line.resolve(&run)?[0].1.as_plain(), Some("eu; rm -rf /"));
//!
//! // Faults say what, where and how to mend it.
//! let fault = &Condition::parse("steps.per-region.state == 'failed'").unwrap_err()[0];
//! assert_eq!(fault.message, "`steps.per-region` reads as a subtraction");
//! assert_eq!(fault.hint.as_deref(), Some("write steps['per-region'].state"));
//! # Ok::<(), rok_expr::EvalError>(())
//! ```
#![no_std]

extern crate alloc;

mod bounds;
mod condition;
mod declarations;
mod expression;
mod fault;
mod items;
mod language;
mod reference;
mod scope;
mod secret_text;
mod shell_line;
mod template;

pub use condition::Condition;
pub use declarations::{Declarations, Kind, StepDecl};
pub use fault::{EvalError, Fault};
pub use items::Items;
pub use reference::{Reference, Target};
pub use scope::{RunView, Scope, StepView};
pub use secret_text::{MissingSecret, Part, SecretText};
pub use shell_line::{ShellLine, argument_warnings, environment_misfit};
pub use template::{Site, Template};
