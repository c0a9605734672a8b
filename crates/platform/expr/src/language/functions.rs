//! Operators and functions: CEL's standard ones without regex and time.

use super::budget::Budget;
use super::eval::{Stop, scalar_text};
use super::node::{Binary, Function};
use super::order::compare;
use super::value::{Bytes, Key, List, Text, Value};
use crate::bounds::MAX_ITEMS;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

type Result<T> = core::result::Result<T, Stop>;

const OVERFLOW: &str = "the number does not fit its type";

/// A binary operator.
pub(crate) fn binary<'a>(
    operator: Binary,
    left: &Value<'a>,
    right: &Value<'a>,
    budget: &mut Budget,
) -> Result<Value<'a>> {
    match operator {
        Binary::Equal => Ok(Value::Bool(left.equals(right, budget)?)),
        Binary::NotEqual => Ok(Value::Bool(!left.equals(right, budget)?)),
        Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => {
            let Some(order) = order(operator, left, right, budget)? else {
                return Ok(Value::Bool(false));
            };
            Ok(Value::Bool(match operator {
                Binary::Less => order.is_lt(),
                Binary::LessEqual => order.is_le(),
                Binary::Greater => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
        Binary::In => contained(left, right, budget),
        Binary::Add => add(left, right, budget),
        _ => arithmetic(operator, left, right),
    }
}

fn unsupported(operator: &str, left: &Value<'_>, right: &Value<'_>) -> Stop {
    Stop::failed(format!(
        "no `{operator}` between {} and {}",
        left.kind(),
        right.kind()
    ))
}

/// `None` where one of them is not a number: nothing holds then.
fn order(
    operator: Binary,
    left: &Value<'_>,
    right: &Value<'_>,
    budget: &mut Budget,
) -> Result<Option<Ordering>> {
    if let (Some(a), Some(b)) = (left.number(), right.number()) {
        return Ok(compare(a, b));
    }
    match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => Ok(Some(a.cmp(b))),
        (Value::Text(a), Value::Text(b)) => {
            budget.pay_bytes(a.len().min(b.len()))?;
            Ok(Some((**a).cmp(&**b)))
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            budget.pay_bytes(a.len().min(b.len()))?;
            Ok(Some((**a).cmp(&**b)))
        }
        _ => Err(unsupported(operator.as_str(), left, right)),
    }
}

fn contained<'a>(item: &Value<'a>, of: &Value<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    match of {
        Value::List(list) => {
            for candidate in list.iter() {
                if candidate.equals(item, budget)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        Value::Map(map) => match (Key::of(item, budget), item) {
            (Ok(key), _) => Ok(Value::Bool(map.get(&key).is_some())),
            // No key is such a number, so it is not found.
            (Err(Stop::Failed(_)), Value::Double(_)) => Ok(Value::Bool(false)),
            (Err(stop), _) => Err(stop),
        },
        _ => Err(unsupported("in", item, of)),
    }
}

fn add<'a>(left: &Value<'a>, right: &Value<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => {
            budget.pay_bytes(a.len() + b.len())?;
            let mut text = String::with_capacity(a.len() + b.len());
            text.push_str(a);
            text.push_str(b);
            Ok(Value::made(text))
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            budget.pay_bytes(a.len() + b.len())?;
            Ok(Value::Bytes(Bytes::Made([&**a, &**b].concat().into())))
        }
        (Value::List(a), Value::List(b)) => {
            if a.len() + b.len() > MAX_ITEMS {
                return Err(Stop::ITEMS);
            }
            budget.pay(a.len() + b.len())?;
            let items: Vec<_> = a.iter().chain(b.iter()).collect();
            Ok(Value::List(List::made(items)?))
        }
        _ => arithmetic(Binary::Add, left, right),
    }
}

fn arithmetic<'a>(operator: Binary, left: &Value<'a>, right: &Value<'a>) -> Result<Value<'a>> {
    let zero = matches!(right, Value::Int(0) | Value::Uint(0));
    if zero && matches!(operator, Binary::Divide | Binary::Modulo) {
        return Err(Stop::failed("division by zero"));
    }
    let overflow = || Stop::failed(OVERFLOW);
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => match operator {
            Binary::Add => a.checked_add(*b),
            Binary::Subtract => a.checked_sub(*b),
            Binary::Multiply => a.checked_mul(*b),
            Binary::Divide => a.checked_div(*b),
            Binary::Modulo => a.checked_rem(*b),
            _ => return Err(unsupported(operator.as_str(), left, right)),
        }
        .map(Value::Int)
        .ok_or_else(overflow),
        (Value::Uint(a), Value::Uint(b)) => match operator {
            Binary::Add => a.checked_add(*b),
            Binary::Subtract => a.checked_sub(*b),
            Binary::Multiply => a.checked_mul(*b),
            Binary::Divide => a.checked_div(*b),
            Binary::Modulo => a.checked_rem(*b),
            _ => return Err(unsupported(operator.as_str(), left, right)),
        }
        .map(Value::Uint)
        .ok_or_else(overflow),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(match operator {
            Binary::Add => a + b,
            Binary::Subtract => a - b,
            Binary::Multiply => a * b,
            Binary::Divide => a / b,
            _ => return Err(unsupported(operator.as_str(), left, right)),
        })),
        _ => Err(unsupported(operator.as_str(), left, right)),
    }
}

/// Unary minus.
pub(crate) fn negate<'a>(value: &Value<'a>) -> Result<Value<'a>> {
    match value {
        Value::Int(i) => i
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| Stop::failed(OVERFLOW)),
        Value::Double(d) => Ok(Value::Double(-d)),
        other => Err(Stop::failed(format!("{} cannot be negated", other.kind()))),
    }
}

/// `of[index]`. An index that is not there is not repeated in the error: it
/// may be data.
pub(crate) fn index<'a>(
    of: &Value<'a>,
    index: &Value<'a>,
    budget: &mut Budget,
) -> Result<Value<'a>> {
    match of {
        Value::Map(map) => {
            let key = Key::of(index, budget)?;
            map.get(&key)
                .ok_or_else(|| Stop::failed("the map has no such key"))
        }
        Value::List(list) => {
            let at = match Key::of(index, budget)? {
                Key::Int(i) => usize::try_from(i).ok(),
                Key::Uint(u) => usize::try_from(u).ok(),
                _ => {
                    return Err(Stop::failed(format!(
                        "a list has no index of type {}",
                        index.kind()
                    )));
                }
            };
            at.and_then(|at| list.get(at)).ok_or_else(|| {
                Stop::failed(match list.len() {
                    0 => "the list is empty".into(),
                    1 => "the index is outside the list, whose only item is 0".into(),
                    n => format!(
                        "the index is outside the list, whose items are 0 to {}",
                        n - 1
                    ),
                })
            })
        }
        other => Err(Stop::failed(format!("{} has no items", other.kind()))),
    }
}

/// A function, whose arguments are as many as it takes.
pub(crate) fn call<'a>(
    function: Function,
    args: &[Value<'a>],
    budget: &mut Budget,
) -> Result<Value<'a>> {
    match (function, args) {
        (Function::Size, [of]) => size(of, budget),
        (Function::Contains | Function::StartsWith | Function::EndsWith, [text, part]) => {
            search(function, text, part, budget)
        }
        (Function::Dyn, [value]) => Ok(value.clone()),
        (Function::Type, [value]) => Ok(Value::Type(value.kind())),
        (_, [value]) => convert(function, value, budget),
        _ => Err(Stop::failed(format!(
            "`{}` takes other arguments",
            function.as_str()
        ))),
    }
}

fn size<'a>(of: &Value<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    let size = match of {
        Value::Text(text) => {
            budget.pay_bytes(text.len())?;
            text.chars().count()
        }
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        other => return Err(Stop::failed(format!("{} has no size", other.kind()))),
    };
    i64::try_from(size)
        .map(Value::Int)
        .map_err(|_| Stop::failed(OVERFLOW))
}

fn search<'a>(
    function: Function,
    text: &Value<'a>,
    part: &Value<'a>,
    budget: &mut Budget,
) -> Result<Value<'a>> {
    let (Value::Text(text), Value::Text(part)) = (text, part) else {
        return Err(Stop::failed(format!(
            "`{}` looks for text in text, not for {} in {}",
            function.as_str(),
            part.kind(),
            text.kind()
        )));
    };
    budget.pay_bytes(text.len() + part.len())?;
    Ok(Value::Bool(match function {
        Function::StartsWith => text.starts_with(&**part),
        Function::EndsWith => text.ends_with(&**part),
        _ => text.contains(&**part),
    }))
}

/// The conversions. A text that is no number is not repeated in the error.
fn convert<'a>(function: Function, value: &Value<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    if let Value::Text(text) = value {
        budget.pay_bytes(text.len())?;
    }
    let converted = match function {
        Function::Int => int(value),
        Function::Uint => uint(value),
        Function::Double => double(value),
        Function::Bool => bool(value),
        Function::Text => return text(value, budget),
        Function::Bytes => match value {
            Value::Bytes(_) => Some(value.clone()),
            Value::Text(Text::Borrowed(text)) => {
                Some(Value::Bytes(Bytes::Borrowed(text.as_bytes())))
            }
            Value::Text(text) => Some(Value::Bytes(Bytes::Made(text.as_bytes().into()))),
            _ => None,
        },
        _ => None,
    };
    converted.ok_or_else(|| {
        Stop::failed(format!(
            "this {} has no {} form",
            value.kind(),
            function.as_str()
        ))
    })
}

fn int<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    Some(Value::Int(match value {
        Value::Int(i) => *i,
        Value::Uint(u) => i64::try_from(*u).ok()?,
        // 2^63 is the first double that is too large; cel-go and others leave
        // out -2^63 as well.
        Value::Double(d)
            if *d > -9_223_372_036_854_775_808.0 && *d < 9_223_372_036_854_775_808.0 =>
        {
            *d as i64
        }
        Value::Text(text) => text.parse().ok()?,
        _ => return None,
    }))
}

fn uint<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    Some(Value::Uint(match value {
        Value::Uint(u) => *u,
        Value::Int(i) => u64::try_from(*i).ok()?,
        // 2^64 is the first double that is too large.
        Value::Double(d) if *d >= 0.0 && *d < 18_446_744_073_709_551_616.0 => *d as u64,
        Value::Text(text) => text.parse().ok()?,
        _ => return None,
    }))
}

fn double<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    Some(Value::Double(match value {
        Value::Double(d) => *d,
        Value::Int(i) => *i as f64,
        Value::Uint(u) => *u as f64,
        Value::Text(text) => text.parse().ok()?,
        _ => return None,
    }))
}

fn bool<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    Some(Value::Bool(match value {
        Value::Bool(b) => *b,
        Value::Text(text) => match &**text {
            "1" | "t" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "false" | "FALSE" | "False" => false,
            _ => return None,
        },
        _ => return None,
    }))
}

fn text<'a>(value: &Value<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    match value {
        Value::Text(_) => Ok(value.clone()),
        Value::Bytes(bytes) => {
            budget.pay_bytes(bytes.len())?;
            core::str::from_utf8(bytes)
                .map(Value::made)
                .map_err(|_| Stop::failed("the bytes are not UTF-8"))
        }
        other => scalar_text(other)
            .map(Value::made)
            .ok_or_else(|| Stop::failed(format!("{} has no string form", other.kind()))),
    }
}
