//! Nodes of a plan file as JSON values.

use alloc::format;
use alloc::string::ToString;
use serde_json::{Map, Number, Value};

use super::exact::is_exact;
use super::{ValueFault, of_kind};
use crate::fault::quoted;
use crate::model::ValueKind;
use crate::tree::{self, Node, Plain};

/// A value by its declared type: text is taken as written, so that `1.10`
/// stays what it is where a `string` was declared.
pub(crate) fn typed(node: &Node, kind: ValueKind) -> Result<Value, ValueFault> {
    if kind == ValueKind::String && !node.is_null() {
        let text = node.text().map(Value::from);
        return text
            .ok_or_else(|| ValueFault::new(format!("must be text, and is {}", node.describe())));
    }
    if node.is_null() {
        return Err(ValueFault::new(format!(
            "must be {}, and is nothing",
            kind.title()
        )));
    }
    if let (ValueKind::Boolean, Some((text, _))) = (kind, node.scalar())
        && !matches!(tree::resolve(text), Plain::Bool(_))
        && let Some(value) = meant_bool(text)
    {
        let why = format!("must be `true` or `false`: write `{value}` without quotes");
        return Err(ValueFault::new(why));
    }
    of_kind(kind, untyped(node)?)
}

/// What people write for a boolean elsewhere.
pub(crate) fn meant_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// A value by the YAML core schema: the insides of lists and objects, and what
/// is not declared.
pub(crate) fn untyped(node: &Node) -> Result<Value, ValueFault> {
    match &node.value {
        tree::Value::Scalar { text, .. } => match node.plain() {
            Some(value) => plain(value, text),
            None => Ok(Value::from(text.as_str())),
        },
        tree::Value::List(items) => items.iter().map(|item| untyped(item)).collect(),
        tree::Value::Map(entries) => {
            let mut object = Map::new();
            for entry in entries {
                object.insert(entry.key.clone(), untyped(&entry.node)?);
            }
            Ok(Value::Object(object))
        }
    }
}

fn plain(value: Plain, text: &str) -> Result<Value, ValueFault> {
    let too_large = || {
        ValueFault::new(format!(
            "holds {}, a number that does not fit into 64 bits",
            quoted(text)
        ))
    };
    match value {
        Plain::Null => Ok(Value::Null),
        Plain::Bool(value) => Ok(Value::Bool(value)),
        Plain::OddBool(value) => Err(ValueFault::new(format!(
            "holds {}: write `{value}`, or put it in quotes",
            quoted(text)
        ))),
        Plain::Integer(value) => i64::try_from(value)
            .map(Value::from)
            .map_err(|_| too_large()),
        Plain::Float(_) if !is_exact(text) => Err(ValueFault::new(format!(
            "holds {}, a number with more digits than 64 bits keep: put it in quotes",
            quoted(text)
        ))),
        Plain::Float(value) => Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(too_large),
        Plain::NoNumber => Err(too_large()),
        Plain::Text => Ok(Value::from(text.to_string())),
    }
}
