//! The list of a fan-out: the `for_each` of a step.

use crate::condition::bare;
use crate::declarations::Declarations;
use crate::expression::{Expression, Parse, Use};
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
        let (inner, at) = bare(text, "`for_each`")?;
        match Expression::parse(inner, at)? {
            Parse::Value(expression) => Ok(Self {
                source: text.to_string(),
                expression,
            }),
            Parse::Secret(_, reference) => Err(Vec::from([Fault::new(
                reference.range,
                "a secret is no list",
            )
            .hint("let a step look at it and hand on an output")])),
        }
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
