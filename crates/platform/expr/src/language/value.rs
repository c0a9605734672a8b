//! Values during evaluation. They borrow from the scope and the expression;
//! what is made anew is shared, never copied.

use super::budget::Budget;
use super::eval::Stop;
use super::order::{Number, compare};
use crate::bounds::MAX_ITEMS;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Deref;
use serde_json::Value as Json;

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Text<'a>),
    Bytes(Bytes<'a>),
    List(List<'a>),
    Map(Map<'a>),
    Type(&'static str),
}

#[derive(Debug, Clone)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Made(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Bytes<'a> {
    Borrowed(&'a [u8]),
    Made(Rc<[u8]>),
}

impl Deref for Bytes<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum List<'a> {
    Json(&'a [Json]),
    Made(Rc<[Value<'a>]>),
}

impl<'a> List<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Json(items) => items.get(index).map(Value::from_json),
            Self::Made(items) => items.get(index).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// A list from items; too many are refused.
    pub(crate) fn made(items: Vec<Value<'a>>) -> Result<Self, Stop> {
        if items.len() > MAX_ITEMS {
            return Err(Stop::ITEMS);
        }
        Ok(Self::Made(items.into()))
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Map<'a> {
    Json(&'a serde_json::Map<String, Json>),
    Labels(&'a BTreeMap<String, String>),
    Made(Rc<BTreeMap<Key, Value<'a>>>),
}

impl<'a> Map<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(map) => map.len(),
            Self::Labels(map) => map.len(),
            Self::Made(map) => map.len(),
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<Value<'a>> {
        match self {
            Self::Json(map) => map.get(name).map(Value::from_json),
            Self::Labels(map) => map.get(name).map(|label| Value::text(label)),
            Self::Made(map) => map.get(&Key::Text(name.to_owned())).cloned(),
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Value<'a>> {
        match (self, key) {
            (Self::Made(map), key) => map.get(key).cloned(),
            (_, Key::Text(name)) => self.field(name),
            _ => None,
        }
    }

    /// The keys, in order, as values.
    pub(crate) fn keys(&self) -> Vec<Value<'a>> {
        match self {
            Self::Json(map) => map.keys().map(|key| Value::text(key)).collect(),
            Self::Labels(map) => map.keys().map(|key| Value::text(key)).collect(),
            Self::Made(map) => map.keys().map(Key::value).collect(),
        }
    }
}

/// A key of a map that an expression wrote.
#[derive(Debug, Clone)]
pub(crate) enum Key {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Text(String),
}

impl Key {
    pub(crate) fn of(value: &Value<'_>, budget: &mut Budget) -> Result<Self, Stop> {
        Ok(match value {
            Value::Bool(b) => Self::Bool(*b),
            Value::Int(i) => Self::Int(*i),
            Value::Uint(u) => Self::Uint(*u),
            // 2^53: up to here every whole double is exactly one integer.
            Value::Double(d)
                if d % 1.0 == 0.0
                    && (-9_007_199_254_740_992.0..=9_007_199_254_740_992.0).contains(d) =>
            {
                Self::Int(*d as i64)
            }
            Value::Text(text) => {
                budget.pay_bytes(text.len())?;
                Self::Text((**text).to_owned())
            }
            other => {
                return Err(Stop::failed(alloc::format!(
                    "{} cannot be a key",
                    other.kind()
                )));
            }
        })
    }

    fn value<'a>(&self) -> Value<'a> {
        match self {
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(i) => Value::Int(*i),
            Self::Uint(u) => Value::Uint(*u),
            Self::Text(text) => Value::made(text.clone()),
        }
    }

    fn rank(&self) -> (u8, i128) {
        match self {
            Self::Bool(b) => (0, i128::from(*b)),
            Self::Int(i) => (1, i128::from(*i)),
            Self::Uint(u) => (1, i128::from(*u)),
            Self::Text(_) => (2, 0),
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl<'a> Value<'a> {
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(Text::Borrowed(text))
    }

    pub(crate) fn made(text: impl Into<Rc<str>>) -> Self {
        Self::Text(Text::Made(text.into()))
    }

    /// A JSON value as CEL sees it: integers are `int` (or `uint` where that
    /// is too small), every other number is a `double`.
    pub(crate) fn from_json(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(i), ..) => Self::Int(i),
                (_, Some(u), _) => Self::Uint(u),
                (.., Some(d)) => Self::Double(d),
                _ => Self::Null,
            },
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::List(List::Json(items)),
            Json::Object(map) => Self::Map(Map::Json(map)),
        }
    }

    /// The name of its type.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Text(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Type(_) => "type",
        }
    }

    pub(crate) const fn number(&self) -> Option<Number> {
        match self {
            Self::Int(i) => Some(Number::Int(*i)),
            Self::Uint(u) => Some(Number::Uint(*u)),
            Self::Double(d) => Some(Number::Double(*d)),
            _ => None,
        }
    }

    /// CEL's `==`: numbers by value, everything else by type and value.
    pub(crate) fn equals(&self, other: &Self, budget: &mut Budget) -> Result<bool, Stop> {
        budget.pay(1)?;
        if let (Some(a), Some(b)) = (self.number(), other.number()) {
            return Ok(compare(a, b) == Some(Ordering::Equal));
        }
        Ok(match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Type(a), Self::Type(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => {
                budget.pay_bytes(a.len().min(b.len()))?;
                **a == **b
            }
            (Self::Bytes(a), Self::Bytes(b)) => {
                budget.pay_bytes(a.len().min(b.len()))?;
                **a == **b
            }
            (Self::List(a), Self::List(b)) if a.len() == b.len() => {
                for (a, b) in a.iter().zip(b.iter()) {
                    if !a.equals(&b, budget)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Map(a), Self::Map(b)) if a.len() == b.len() => {
                budget.pay(a.len())?;
                for key in a.keys() {
                    let key = Key::of(&key, budget)?;
                    match (a.get(&key), b.get(&key)) {
                        (Some(a), Some(b)) if a.equals(&b, budget)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            _ => false,
        })
    }

    /// The value as JSON.
    pub(crate) fn to_json(&self, budget: &mut Budget) -> Result<Json, Stop> {
        budget.pay(1)?;
        Ok(match self {
            Self::Null => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Int(i) => Json::from(*i),
            Self::Uint(u) => Json::from(*u),
            Self::Double(d) => serde_json::Number::from_f64(*d)
                .map(Json::Number)
                .ok_or_else(|| Stop::failed("JSON has no form for a number that is not finite"))?,
            Self::Text(text) => {
                budget.pay_bytes(text.len())?;
                Json::String((**text).to_owned())
            }
            Self::List(list) => Json::Array(
                list.iter()
                    .map(|item| item.to_json(budget))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Map(map) => {
                let mut object = serde_json::Map::new();
                for key in map.keys() {
                    let key = Key::of(&key, budget)?;
                    let value = map.get(&key).unwrap_or(Self::Null).to_json(budget)?;
                    object.insert(key.name(), value);
                }
                Json::Object(object)
            }
            Self::Bytes(_) | Self::Type(_) => {
                return Err(Stop::failed(alloc::format!(
                    "JSON has no form for {}",
                    self.kind()
                )));
            }
        })
    }
}

impl Key {
    fn name(self) -> String {
        match self {
            Self::Bool(b) => b.to_string(),
            Self::Int(i) => i.to_string(),
            Self::Uint(u) => u.to_string(),
            Self::Text(text) => text,
        }
    }
}
