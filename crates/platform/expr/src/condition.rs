//! Conditions: the `if` of a step.

use crate::declarations::Declarations;
use crate::expression::{Expression, Parse, Use};
use crate::fault::{EvalError, Fault};
use crate::language::{End, find_end};
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
        Ok(Self {
            source: text.to_string(),
            expression: open_expression(text, "a condition", "a secret cannot decide")?,
        })
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
    pub fn check(&self, declarations: &dyn Declarations) -> Vec<Fault> {
        self.expression.check(declarations, Use::Condition)
    }

    /// Whether it holds in this run.
    pub fn eval(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        self.expression.bool(scope)
    }
}

/// One expression that reads no secret: `what` it stands for, and why a
/// secret does not, are told in the faults.
pub(crate) fn open_expression(
    text: &str,
    what: &str,
    no_secret: &'static str,
) -> Result<Expression, Vec<Fault>> {
    let (inner, at) = bare(text, what)?;
    match Expression::parse(inner, at)? {
        Parse::Value(expression) => Ok(expression),
        Parse::Secret(_, reference) => Err(Vec::from([Fault::new(reference.range, no_secret)
            .hint("let a step look at it and hand on an output")])),
    }
}

/// The expression without its `${{ }}`, and where it begins.
fn bare<'t>(text: &'t str, what: &str) -> Result<(&'t str, usize), Vec<Fault>> {
    let start = text.len() - text.trim_start().len();
    if !text[start..].starts_with("${{") {
        return Ok((text, 0));
    }
    let at = start + 3;
    let End::Closed(length) = find_end(&text[at..]) else {
        return Err(Vec::from([Fault::new(
            start..text.len(),
            "this `${{` is never closed",
        )
        .hint("close it with `}}`")]));
    };
    let rest = at + length + 2;
    if !text[rest..].trim().is_empty() {
        return Err(Vec::from([Fault::new(
            rest..text.len(),
            alloc::format!("{what} is one expression"),
        )
        .hint("write all of it within one `${{ }}`, or without any")]));
    }
    Ok((&text[at..at + length], at))
}
