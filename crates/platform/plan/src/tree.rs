//! The file as a tree in which everything knows its place: scalars keep the
//! text and style they were written in, and decide nothing about types.
//!
//! Aliases share their target, they are never copied; what they would expand
//! to is counted before anything walks it.

mod load;

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

pub(crate) use load::load;

/// A value with its place.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its bytes in the source.
    pub(crate) span: Range<usize>,
    /// What it is.
    pub(crate) value: Value,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum Value {
    /// Text, as written.
    Scalar {
        /// The text, escapes and folding undone.
        text: String,
        /// How it was written.
        style: Style,
    },
    /// A list.
    List(Vec<Rc<Node>>),
    /// A mapping, in file order, without duplicate keys.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The key's text.
    pub(crate) key: String,
    /// The key's place.
    pub(crate) span: Range<usize>,
    /// The value.
    pub(crate) node: Rc<Node>,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Bare: `text`.
    Plain,
    /// `'text'` or `"text"`.
    Quoted,
    /// `|` or `>`.
    Block,
}

/// A bare scalar by the YAML 1.2 core schema.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    /// `True`, `FALSE` and the like: booleans to YAML, not to plans.
    OddBool(bool),
    Integer(i128),
    Float(f64),
    /// An infinity, no number, or more digits than fit.
    NoNumber,
    Text,
}

impl Node {
    /// What a person would call it.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.value {
            Value::Map(_) => "a mapping",
            Value::List(_) => "a list",
            Value::Scalar {
                text,
                style: Style::Plain,
            } => match resolve(text) {
                Plain::Null => "nothing",
                Plain::Bool(_) | Plain::OddBool(_) => "a boolean",
                Plain::Float(_) => "a number with a fraction",
                Plain::Integer(_) | Plain::NoNumber => "a number",
                Plain::Text => "text",
            },
            Value::Scalar { .. } => "text",
        }
    }

    /// The scalar's text and style.
    pub(crate) fn scalar(&self) -> Option<(&str, Style)> {
        match &self.value {
            Value::Scalar { text, style } => Some((text, *style)),
            _ => None,
        }
    }

    /// The text of a scalar that says something: not an empty value, `null` or `~`.
    pub(crate) fn text(&self) -> Option<&str> {
        self.scalar()
            .filter(|_| !self.is_null())
            .map(|(text, _)| text)
    }

    /// Whether it is a bare `null`, `~` or an empty value.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, style: Style::Plain } if resolve(text) == Plain::Null)
    }

    /// The list's items.
    pub(crate) fn list(&self) -> Option<&[Rc<Self>]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The mapping's entries.
    pub(crate) fn map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entry of a key; `None` also when this is no mapping.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.map()?.iter().find(|entry| entry.key == key)
    }

    /// The value of a key; `None` also when this is no mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &*entry.node)
    }
}

/// Reads a bare scalar by the core schema.
pub(crate) fn resolve(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" => return Plain::Bool(true),
        "false" => return Plain::Bool(false),
        "True" | "TRUE" => return Plain::OddBool(true),
        "False" | "FALSE" => return Plain::OddBool(false),
        ".nan" | ".NaN" | ".NAN" => return Plain::NoNumber,
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Plain::NoNumber;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|c| c.is_digit(radix))
        {
            return i128::from_str_radix(digits, radix).map_or(Plain::NoNumber, Plain::Integer);
        }
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_or(Plain::NoNumber, Plain::Integer);
    }
    if is_float(unsigned) {
        return match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Plain::Float(number),
            _ => Plain::NoNumber,
        };
    }
    Plain::Text
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_mantissa =
        digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let has_exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    has_mantissa && has_exponent
}

#[cfg(test)]
mod tests;
