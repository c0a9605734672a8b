//! One CEL expression: bounded parsing, checking and evaluation.

use crate::fault::{EvalError, Fault};
use crate::reference::Reference;
use crate::scope::Scope;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::Value;

/// One CEL expression, and where it stands in its scalar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expression {
    source: String,
    references: Vec<Reference>,
}

impl Expression {
    pub(crate) fn parse(source: &str, at: usize) -> Result<Self, Vec<Fault>> {
        if source.trim().is_empty() {
            return Err(alloc::vec![Fault::new(at..at + source.len(), "the expression is empty")]);
        }
        Ok(Self { source: source.trim().into(), references: Vec::new() })
    }

    pub(crate) fn references(&self) -> &[Reference] {
        &self.references
    }

    pub(crate) fn eval(&self, _scope: &dyn Scope) -> Result<Value, EvalError> {
        Err(EvalError::Failed {
            expression: self.source.clone(),
            message: "expressions are not evaluated".into(),
        })
    }
}
