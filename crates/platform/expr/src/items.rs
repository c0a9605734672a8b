//! The list of a fan-out: the `for_each` of a step.

use crate::condition::open_expression;
use crate::declarations::Declarations;
use crate::expression::{Expression, Use};
use crate::fault::{EvalError, Fault};
use crate::reference::Reference;
use crate::scope::Scope;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::Value;

/// A CEL expression that is a list: bare, or as one `${{ }}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Items {
    source: String,
    expression: Expression,
}

impl Items {
    /// The most items that a fan-out has.
    pub const MOST: usize = crate::bounds::MAX_ITEMS;

    /// Parses the expression.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        Ok(Self {
            source: text.to_string(),
            expression: open_expression(text, "`for_each`", "a secret is no list")?,
        })
    }

    /// The expression as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Everything that it reads.
    pub fn references(&self) -> Vec<Reference> {
        self.expression.references().to_vec()
    }

    /// Checks it against what the plan declares.
    pub fn check(&self, declarations: &dyn Declarations) -> Vec<Fault> {
        self.expression.check(declarations, Use::Items)
    }

    /// The items in this run, at most [`MOST`](Self::MOST).
    pub fn eval(&self, scope: &dyn Scope) -> Result<Vec<Value>, EvalError> {
        self.expression.items(scope)
    }
}
