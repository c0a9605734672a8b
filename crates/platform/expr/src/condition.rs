//! Conditions: the `if` of a step.

use crate::declarations::Declarations;
use crate::expression::Expression;
use crate::fault::{EvalError, Fault};
use crate::reference::Reference;
use crate::scope::Scope;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A CEL expression that is true or false: bare, or as one `${{ }}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    source: String,
    expression: Expression,
}

impl Condition {
    /// Parses a condition.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        Ok(Self { source: text.to_string(), expression: Expression::parse(text, 0)? })
    }

    /// The condition as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Everything that it reads.
    pub fn references(&self) -> Vec<Reference> {
        self.expression.references().to_vec()
    }

    /// Checks it against what the plan declares.
    pub fn check(&self, _declarations: &dyn Declarations) -> Vec<Fault> {
        Vec::new()
    }

    /// Whether it holds in this run.
    pub fn eval(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        let value = self.expression.eval(scope)?;
        value.as_bool().ok_or_else(|| EvalError::NotBool {
            expression: self.source.clone(),
            found: "dyn",
        })
    }
}
