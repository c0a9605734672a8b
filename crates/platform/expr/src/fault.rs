//! What can be wrong with an expression: faults found at load, which carry
//! their place, and errors of evaluation, which fail a step.

use alloc::string::String;
use core::ops::Range;

/// A fault found at load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Byte offsets within the scalar's text.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault at a place.
    pub fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into(), hint: None }
    }

    /// The same fault with a way to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An expression that has no value in this run. Fails its step as
/// `config_error`. Names what was read, never the value that was found there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// An operation failed.
    #[error("`${{{{ {expression} }}}}`: {message}")]
    Failed {
        /// The expression, as written.
        expression: String,
        /// What went wrong.
        message: String,
    },
    /// A bound on work, items or size was passed.
    #[error("`${{{{ {expression} }}}}` takes too much: {bound}")]
    Bound {
        /// The expression, as written.
        expression: String,
        /// The bound that was passed.
        bound: String,
    },
    /// A condition that is neither true nor false.
    #[error("`{expression}` must be true or false, and is of type {found}")]
    NotBool {
        /// The expression, as written.
        expression: String,
        /// The type of its value.
        found: &'static str,
    },
    /// A value that cannot stand in text.
    #[error("`{text}` holds a value of type {found}, which has no text form")]
    NoText {
        /// The scalar, as written.
        text: String,
        /// The type of the value.
        found: &'static str,
    },
    /// A value that cannot travel in the environment.
    #[error("a value of the shell line `{text}` {reason}; read it from the file that ROK_INPUTS names")]
    NoEnvironment {
        /// The expression, as written.
        text: String,
        /// Why it cannot.
        reason: &'static str,
    },
}
