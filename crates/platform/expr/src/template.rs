//! Templates: text with `${{ }}` in it.

use crate::declarations::Declarations;
use crate::expression::Expression;
use crate::fault::{EvalError, Fault};
use crate::reference::Reference;
use crate::scope::Scope;
use crate::secret_text::{Part, SecretText};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_vocabulary::InputName;
use serde_json::Value;

/// Where a template stands, which decides whether secrets may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// Secrets are refused.
    Plain,
    /// `${{ secrets.NAME }}` may stand: env, header, body, shell line.
    Secrets,
}

/// A scalar of a plan: text with `${{ }}` in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    source: String,
    parts: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Expression(Expression),
    Secret(InputName, Reference),
}

impl Template {
    /// Parses a scalar.
    pub fn parse(text: &str, _site: Site) -> Result<Self, Vec<Fault>> {
        Ok(Self::literal(text))
    }

    /// A template that is just this text, whatever stands in it.
    pub fn literal(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { source: text.replace("${{", "$${{"), parts: alloc::vec![Piece::Text(text)] }
    }

    /// The text, when there is no expression in it.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The scalar as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Everything that it reads.
    pub fn references(&self) -> Vec<Reference> {
        let mut all = Vec::new();
        for piece in &self.parts {
            match piece {
                Piece::Text(_) => {}
                Piece::Expression(expression) => all.extend_from_slice(expression.references()),
                Piece::Secret(_, reference) => all.push(reference.clone()),
            }
        }
        all
    }

    /// Checks it against what the plan declares.
    pub fn check(&self, _declarations: &dyn Declarations) -> Vec<Fault> {
        Vec::new()
    }

    /// Its text in this run: the parts joined.
    pub fn text(&self, scope: &dyn Scope) -> Result<SecretText, EvalError> {
        let mut parts = Vec::new();
        for piece in &self.parts {
            parts.push(match piece {
                Piece::Text(text) => Part::Text(text.clone()),
                Piece::Expression(expression) => Part::Text(expression.eval(scope)?.to_string()),
                Piece::Secret(name, _) => Part::Secret(name.clone()),
            });
        }
        Ok(SecretText::from_parts(parts))
    }

    /// Its value in this run: a scalar that is one expression keeps its type,
    /// any other is text.
    pub fn value(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        if let [Piece::Expression(expression)] = self.parts.as_slice() {
            return expression.eval(scope);
        }
        let text = self.text(scope)?;
        text.as_plain().map(Value::from).ok_or_else(|| EvalError::NoText {
            text: self.source.clone(),
            found: "secret",
        })
    }
}
