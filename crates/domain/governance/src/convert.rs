//! JSON to Cedar values. Invariant: a value that Cedar cannot hold exactly never
//! turns into another value of the same type.
//!
//! | JSON | Cedar |
//! | --- | --- |
//! | null | absent |
//! | whole number | Long, or decimal where that is declared |
//! | other number, at most four decimals | decimal |
//! | any other number | its text: a policy that computes with it errs, which denies |
//! | list | Set (Cedar has no lists) |
//! | object | Record |

use crate::shapes::Shape;
use cedar_policy::RestrictedExpression;
use serde_json::{Number, Value};

/// Cedar evaluates recursively; inputs of plans are flat.
const MAX_DEPTH: u32 = 32;
/// Values in all.
const MAX_NODES: u32 = 10_000;
/// The longest text, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// Why a value was not converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConvertError {
    #[error("inputs are nested deeper than {MAX_DEPTH} levels, which no policy can look at")]
    Deep,
    #[error("inputs hold more than {MAX_NODES} values, which is too much for policies")]
    Many,
    #[error("inputs hold a text of {bytes} bytes; policies can look at {MAX_TEXT} at most")]
    Long { bytes: usize },
    #[error("inputs must be an object, not {found}")]
    NoObject { found: &'static str },
}

/// The inputs of a run: an object, or null for none.
pub(crate) fn inputs(inputs: &Value, shape: &Shape) -> Result<RestrictedExpression, ConvertError> {
    let found = match inputs {
        Value::Null => return Ok(record(Vec::new())),
        Value::Object(_) => {
            let mut left = MAX_NODES;
            let converted = value(inputs, shape, 0, &mut left)?;
            return Ok(converted.unwrap_or_else(|| record(Vec::new())));
        }
        Value::Array(_) => "a list",
        Value::String(_) => "a text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "a boolean",
    };
    Err(ConvertError::NoObject { found })
}

/// A record; its names come from a map, so none is there twice.
pub(crate) fn record(pairs: Vec<(String, RestrictedExpression)>) -> RestrictedExpression {
    RestrictedExpression::new_record(pairs).expect("names are unique")
}

fn value(
    json: &Value,
    shape: &Shape,
    depth: u32,
    left: &mut u32,
) -> Result<Option<RestrictedExpression>, ConvertError> {
    if depth > MAX_DEPTH {
        return Err(ConvertError::Deep);
    }
    *left = left.checked_sub(1).ok_or(ConvertError::Many)?;
    Ok(Some(match json {
        Value::Null => return Ok(None),
        Value::Bool(flag) => RestrictedExpression::new_bool(*flag),
        Value::Number(number) => self::number(number, shape),
        Value::String(text) => self::text(text)?,
        Value::Array(items) => {
            let mut set = Vec::with_capacity(items.len());
            for item in items {
                set.extend(value(item, shape.element(), depth + 1, left)?);
            }
            RestrictedExpression::new_set(set)
        }
        Value::Object(map) => {
            let mut pairs = Vec::with_capacity(map.len());
            for (name, item) in map {
                if name.len() > MAX_TEXT {
                    return Err(ConvertError::Long { bytes: name.len() });
                }
                if let Some(item) = value(item, shape.attribute(name), depth + 1, left)? {
                    pairs.push((name.clone(), item));
                }
            }
            record(pairs)
        }
    }))
}

fn text(text: &str) -> Result<RestrictedExpression, ConvertError> {
    if text.len() > MAX_TEXT {
        return Err(ConvertError::Long { bytes: text.len() });
    }
    Ok(RestrictedExpression::new_string(text.to_owned()))
}

fn number(number: &Number, shape: &Shape) -> RestrictedExpression {
    let whole = number.as_i64().or_else(|| {
        // Whole numbers up to 2^53 are exact as floats; larger ones are not.
        let float = number.as_f64()?;
        (number.is_f64() && float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0)
            .then_some(float as i64)
    });
    match (whole, shape) {
        (Some(whole), Shape::Decimal) if whole.unsigned_abs() < MAX_DECIMAL => {
            RestrictedExpression::new_decimal(format!("{whole}.0"))
        }
        (Some(whole), shape) if *shape != Shape::Decimal => RestrictedExpression::new_long(whole),
        _ => match number.as_f64().and_then(decimal) {
            Some(text) => RestrictedExpression::new_decimal(text),
            None => RestrictedExpression::new_string(number.to_string()),
        },
    }
}

/// Cedar's decimals are an i64 of ten-thousandths; the last whole number is left
/// out, as its decimals are not all there.
const MAX_DECIMAL: u64 = 922_337_203_685_477;

/// The shortest text that reads back as this float, if that is a Cedar decimal.
fn decimal(float: f64) -> Option<String> {
    if !float.is_finite() || float.abs() >= MAX_DECIMAL as f64 {
        return None;
    }
    let text = float.to_string();
    let decimals = text
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    match decimals {
        0 => Some(format!("{text}.0")),
        1..=4 => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
