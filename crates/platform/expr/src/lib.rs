//! CEL expressions, `${{ }}` templates and the injection-safe shell line.
#![no_std]

extern crate alloc;

mod bounds;
mod condition;
mod declarations;
mod expression;
mod fault;
mod language;
mod reference;
mod scope;
mod secret_text;
mod shell_line;
mod template;

pub use condition::Condition;
pub use declarations::{Declarations, Kind, StepDecl};
pub use fault::{EvalError, Fault};
pub use reference::{Reference, Target};
pub use scope::{RunView, Scope, StepView};
pub use secret_text::{MissingSecret, Part, SecretText};
pub use shell_line::ShellLine;
pub use template::{Site, Template};
