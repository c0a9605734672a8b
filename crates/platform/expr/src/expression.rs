//! One expression: parsing, checking and evaluation in one place.

use crate::bounds::MAX_ITEMS;
use crate::declarations::Declarations;
use crate::fault::{EvalError, Fault};
use crate::language::{
    Checker, Evaluation, Node, Parsed, Stop, Type, Value, check_references, parse, scalar_text,
};
use crate::reference::Reference;
use crate::scope::Scope;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_vocabulary::InputName;
use serde_json::Value as Json;

/// One expression that is a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expression {
    source: String,
    node: Node,
    references: Vec<Reference>,
}

/// What stands between `${{` and `}}`.
pub(crate) enum Parse {
    Value(Expression),
    Secret(InputName, Reference),
}

/// What the place of an expression makes of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// It keeps its type.
    Value,
    /// It becomes text.
    Text,
    /// It decides.
    Condition,
    /// It is fanned out over.
    Items,
}

impl Expression {
    pub(crate) fn parse(text: &str, at: usize) -> Result<Parse, Vec<Fault>> {
        Ok(match parse(text, at)? {
            Parsed::Secret(name, reference) => Parse::Secret(name, reference),
            Parsed::Value(node, references) => Parse::Value(Self {
                source: text.trim().to_string(),
                node,
                references,
            }),
        })
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn references(&self) -> &[Reference] {
        &self.references
    }

    pub(crate) fn check(&self, declarations: &dyn Declarations, used: Use) -> Vec<Fault> {
        let mut faults = check_references(&self.references, declarations);
        let mut checker = Checker::new(declarations);
        match used {
            Use::Condition => {
                checker.expect(&self.node, &[Type::Bool], "a condition");
            }
            Use::Items => {
                checker.expect(&self.node, &[Type::List], "`for_each`");
            }
            Use::Text => {
                let found = checker.infer(&self.node);
                if matches!(found, Type::Null | Type::Bytes | Type::Meta) {
                    let message =
                        alloc::format!("a value of type {} cannot stand in text", found.as_str());
                    faults.push(Fault::new(self.node.span.clone(), message));
                }
            }
            Use::Value => {
                checker.infer(&self.node);
            }
        }
        faults.append(&mut checker.faults);
        faults
    }

    fn error(&self, stop: Stop) -> EvalError {
        let expression = self.source.clone();
        match stop {
            Stop::Failed(message) => EvalError::Failed {
                expression,
                message,
            },
            Stop::Bound(bound) => EvalError::Bound { expression, bound },
        }
    }

    pub(crate) fn json(&self, scope: &dyn Scope) -> Result<Json, EvalError> {
        let mut evaluation = Evaluation::new(scope);
        evaluation
            .value(&self.node)
            .and_then(|value| evaluation.json(&value))
            .map_err(|stop| self.error(stop))
    }

    /// The value as text: scalars by CEL's `string()`, lists and maps as
    /// compact JSON; null has none.
    pub(crate) fn text(&self, scope: &dyn Scope) -> Result<String, EvalError> {
        let mut evaluation = Evaluation::new(scope);
        let value = evaluation
            .value(&self.node)
            .map_err(|stop| self.error(stop))?;
        if let Some(text) = scalar_text(&value) {
            return Ok(text);
        }
        match value {
            Value::List(_) | Value::Map(_) => evaluation
                .json(&value)
                .map(|json| json.to_string())
                .map_err(|stop| self.error(stop)),
            other => Err(EvalError::NoText {
                expression: self.source.clone(),
                found: other.kind(),
            }),
        }
    }

    pub(crate) fn items(&self, scope: &dyn Scope) -> Result<Vec<Json>, EvalError> {
        let mut evaluation = Evaluation::new(scope);
        let value = evaluation
            .value(&self.node)
            .map_err(|stop| self.error(stop))?;
        let expression = || self.source.clone();
        let Value::List(list) = &value else {
            let found = value.kind();
            let expression = expression();
            return Err(EvalError::NotList { expression, found });
        };
        if list.len() > MAX_ITEMS {
            return Err(EvalError::TooManyItems {
                expression: expression(),
                found: list.len(),
                most: MAX_ITEMS,
            });
        }
        match evaluation.json(&value).map_err(|stop| self.error(stop))? {
            Json::Array(items) => Ok(items),
            _ => Err(EvalError::NotList {
                expression: expression(),
                found: "no list",
            }),
        }
    }

    pub(crate) fn bool(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        let mut evaluation = Evaluation::new(scope);
        match evaluation
            .value(&self.node)
            .map_err(|stop| self.error(stop))?
        {
            Value::Bool(b) => Ok(b),
            other => Err(EvalError::NotBool {
                expression: self.source.clone(),
                found: other.kind(),
            }),
        }
    }
}
