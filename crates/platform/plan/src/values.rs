//! Values against their declared types and bounds: inputs as they are given,
//! outputs as they are handed on, defaults as they are written.
//!
//! Messages name the value's place and what is allowed, never the value.

mod exact;
mod written;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_expr::Kind;
use rok_vocabulary::InputName;
use serde_json::{Map, Value};

use crate::fault::quoted;
use crate::model::{Bounds, InputSpec, Plan, Step, ValueKind};
use crate::nearest::Nearest;

pub use exact::inexact_number;
pub(crate) use written::{meant_bool, typed, untyped};

/// The longest text of one `--input`.
const MAX_INPUT_TEXT: usize = 1024 * 1024;

/// Said of a number that would be rounded.
const TOO_MANY_DIGITS: &str =
    "has more digits than 64 bits keep: declare text, and give it as text";

/// A value that is not what was declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueFault {
    /// What is wrong, without the value.
    pub message: String,
}

/// An input or output that is not what the plan declares.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {}: {message}", quoted(name))]
pub struct InputFault {
    /// `input` or `output`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// What is wrong, without the value.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl ValueFault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl From<ValueKind> for Kind {
    fn from(kind: ValueKind) -> Self {
        match kind {
            ValueKind::String => Self::String,
            ValueKind::Integer => Self::Integer,
            ValueKind::Number => Self::Number,
            ValueKind::Boolean => Self::Boolean,
            ValueKind::Array => Self::Array,
            ValueKind::Object => Self::Object,
        }
    }
}

impl ValueKind {
    /// Every type.
    pub const ALL: &'static [Self] = &[
        Self::String,
        Self::Integer,
        Self::Number,
        Self::Boolean,
        Self::Array,
        Self::Object,
    ];

    /// The JSON Schema word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// The type with its article.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "`true` or `false`",
            Self::Array => "a list",
            Self::Object => "an object",
        }
    }
}

/// 2^63: from here on a number is read as one with a fraction.
const LARGE: f64 = 9_223_372_036_854_775_808.0;

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number)
            if number
                .as_f64()
                .is_some_and(|n| number.is_f64() && n.abs() >= LARGE) =>
        {
            "a number too large for 64 bits"
        }
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a whole number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The value in the form that its type has everywhere after this: a `number`
/// is a JSON float, an `integer` a JSON integer.
pub(crate) fn of_kind(kind: ValueKind, value: Value) -> Result<Value, ValueFault> {
    let value = Kind::from(kind).coerce(value);
    let fits = match (kind, &value) {
        (ValueKind::String, Value::String(_))
        | (ValueKind::Boolean, Value::Bool(_))
        | (ValueKind::Array, Value::Array(_))
        | (ValueKind::Object, Value::Object(_)) => true,
        (ValueKind::Integer, Value::Number(number)) => {
            if number.is_u64() && !number.is_i64() {
                return Err(ValueFault::new("must fit into 64 bits with a sign"));
            }
            number.is_i64()
        }
        (ValueKind::Number, Value::Number(number)) => {
            // What is still whole is no double.
            if !number.is_f64() {
                return Err(ValueFault::new(TOO_MANY_DIGITS));
            }
            true
        }
        _ => false,
    };
    if fits {
        Ok(value)
    } else {
        Err(ValueFault::new(format!(
            "must be {}, and is {}",
            kind.title(),
            found(&value)
        )))
    }
}

impl Bounds {
    /// Every bound that a value of the right type breaks.
    pub(crate) fn broken_by(&self, value: &Value) -> Vec<ValueFault> {
        let mut faults = Vec::new();
        let mut broken = |message: String| faults.push(ValueFault::new(message));
        if let Some(allowed) = &self.one_of
            && !allowed.contains(value)
        {
            let list: Vec<_> = allowed
                .iter()
                .take(20)
                .map(|v| quoted(&v.to_string()))
                .collect();
            broken(format!("must be one of {}", list.join(", ")));
        }
        if let Some(number) = value.as_f64() {
            if let Some(least) = self.minimum.filter(|least| number < *least) {
                broken(format!("must be at least {least}"));
            }
            if let Some(most) = self.maximum.filter(|most| number > *most) {
                broken(format!("must be at most {most}"));
            }
        }
        if let Some(text) = value.as_str() {
            let length = text.chars().count() as u64;
            if let Some(least) = self.min_length.filter(|least| length < *least) {
                broken(format!("must have at least {least} characters"));
            }
            if let Some(most) = self.max_length.filter(|most| length > *most) {
                broken(format!("must have at most {most} characters"));
            }
        }
        faults
    }
}

/// Checks the inputs of a run against what the plan declares and fills in the
/// defaults. Whatever is not declared is refused.
pub fn check_inputs(
    plan: &Plan,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<InputFault>> {
    let mut faults = Vec::new();
    let fault = |name: &str, message: String, hint: Option<String>| InputFault {
        what: "input",
        name: name.to_string(),
        message,
        hint,
    };
    let nearest = Nearest::default();
    for name in given
        .keys()
        .filter(|name| !plan.inputs.contains_key(name.as_str()))
    {
        let near = nearest.of(name, plan.inputs.keys().map(InputName::as_str));
        let hint = match near {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None if plan.inputs.is_empty() => "the plan declares no inputs".to_string(),
            None => {
                let known: Vec<_> = plan
                    .inputs
                    .keys()
                    .take(20)
                    .map(|known| quoted(known.as_str()))
                    .collect();
                format!("the plan declares {}", known.join(", "))
            }
        };
        faults.push(fault(
            name,
            "the plan does not declare it".to_string(),
            Some(hint),
        ));
    }
    let mut accepted = Map::new();
    for (name, spec) in &plan.inputs {
        let name = name.as_str();
        match (given.get(name), &spec.default) {
            (None, None) => {
                let hint = format!("it is {}, and has no default", spec.kind.title());
                faults.push(fault(name, "is not given".to_string(), Some(hint)));
            }
            (None, Some(default)) => {
                accepted.insert(name.to_string(), default.clone());
            }
            (Some(value), _) => match accept(spec.kind, &spec.bounds, value.clone()) {
                Ok(value) => {
                    accepted.insert(name.to_string(), value);
                }
                Err(broken) => {
                    faults.extend(broken.into_iter().map(|f| fault(name, f.message, None)));
                }
            },
        }
    }
    if faults.is_empty() {
        Ok(accepted)
    } else {
        Err(faults)
    }
}

fn accept(kind: ValueKind, bounds: &Bounds, value: Value) -> Result<Value, Vec<ValueFault>> {
    let value = of_kind(kind, value).map_err(|fault| alloc::vec![fault])?;
    let broken = bounds.broken_by(&value);
    if broken.is_empty() {
        Ok(value)
    } else {
        Err(broken)
    }
}

/// Reads the text of `--input name=text` by the input's declared type. Text is
/// taken as it is; lists and objects are JSON. Bounds are
/// [`check_inputs`]'s business.
pub fn parse_input(spec: &InputSpec, text: &str) -> Result<Value, ValueFault> {
    if text.len() > MAX_INPUT_TEXT {
        return Err(ValueFault::new("is longer than 1 MiB; use an inputs file"));
    }
    if spec.kind == ValueKind::String {
        return Ok(Value::from(text));
    }
    let value: Value = serde_json::from_str(text).map_err(|_| {
        let json = if matches!(spec.kind, ValueKind::Array | ValueKind::Object) {
            " in JSON"
        } else {
            ""
        };
        ValueFault::new(format!("must be {}{json}", spec.kind.title()))
    })?;
    let value = of_kind(spec.kind, value)?;
    match inexact_number(text).as_deref() {
        None => Ok(value),
        Some("") => Err(ValueFault::new(TOO_MANY_DIGITS)),
        Some(place) => Err(ValueFault::new(format!(
            "the number at `{place}` {TOO_MANY_DIGITS}"
        ))),
    }
}

/// Checks what a step handed on against what it declares, and brings numbers
/// into the form that expressions read. A step that declares outputs must hand
/// on all of them and nothing else; one that declares none may hand on any
/// object. `null` stands for nothing handed on.
pub fn check_outputs(step: &Step, given: &Value) -> Result<Value, Vec<InputFault>> {
    let fault = |name: &str, message: String, hint: Option<String>| InputFault {
        what: "output",
        name: name.to_string(),
        message,
        hint,
    };
    let empty = Map::new();
    let given = match given {
        Value::Null => &empty,
        Value::Object(object) => object,
        other => {
            let message = format!("the outputs must be an object, and are {}", found(other));
            return Err(alloc::vec![fault("", message, None)]);
        }
    };
    if step.outputs.is_empty() {
        return Ok(Value::Object(given.clone()));
    }
    let nearest = Nearest::default();
    let mut faults = Vec::new();
    for name in given
        .keys()
        .filter(|name| !step.outputs.contains_key(name.as_str()))
    {
        let near = nearest.of(name, step.outputs.keys().map(String::as_str));
        let hint = near.map(|near| format!("did you mean {}?", quoted(near)));
        faults.push(fault(
            name,
            "the step does not declare it".to_string(),
            hint,
        ));
    }
    let mut accepted = Map::new();
    for (name, spec) in &step.outputs {
        match given.get(name) {
            None => {
                let hint = format!(
                    "write it to the file that ROK_OUTPUT names: it is {}",
                    spec.kind.title()
                );
                faults.push(fault(name, "was not handed on".to_string(), Some(hint)));
            }
            Some(value) => match accept(spec.kind, &spec.bounds, value.clone()) {
                Ok(value) => {
                    accepted.insert(name.clone(), value);
                }
                Err(broken) => {
                    faults.extend(broken.into_iter().map(|f| fault(name, f.message, None)));
                }
            },
        }
    }
    if faults.is_empty() {
        Ok(Value::Object(accepted))
    } else {
        Err(faults)
    }
}

#[cfg(test)]
mod tests;
