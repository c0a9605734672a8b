//! The file as a tree in which everything knows its place: scalars keep the
//! text and style they were written in, and decide nothing about types.
//!
//! Aliases share their target, they are never copied; what they would expand
//! to is counted before anything walks it.

mod bounds;
mod surrogates;
mod toml;
mod yaml;

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::fault::Findings;
use crate::source::Source;

/// What a plan file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Syntax {
    /// YAML, and JSON as a part of it.
    #[default]
    Yaml,
    /// TOML.
    Toml,
}

impl Syntax {
    /// What a file of this name is written in: TOML where it ends in `.toml`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name.rsplit_once('.') {
            Some((_, extension)) if extension.eq_ignore_ascii_case("toml") => Self::Toml,
            _ => Self::Yaml,
        }
    }

    /// A key with a value, for hints.
    pub(crate) fn pair(self, key: &str, value: &str) -> String {
        match self {
            Self::Yaml => format!("{key}: {value}"),
            Self::Toml => format!("{key} = {value}"),
        }
    }
}

/// Reads one document. `None` where it is empty, or where what is wrong leaves
/// no tree; the findings then say why.
pub(crate) fn load(source: &Source<'_>, findings: &mut Findings) -> Option<Rc<Node>> {
    match findings.syntax() {
        Syntax::Yaml => yaml::load(source, findings),
        Syntax::Toml => toml::load(source, findings),
    }
}

/// A value with its place.
#[derive(Debug)]
pub struct Node {
    /// Its bytes in the source.
    pub span: Range<usize>,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug)]
pub enum Value {
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
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// The key's place.
    pub span: Range<usize>,
    /// The value.
    pub node: Rc<Node>,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Bare: `text`.
    Plain,
    /// `'text'` or `"text"`.
    Quoted,
    /// `|` or `>`.
    Block,
    /// A number or a boolean of TOML, as YAML would write it: never a text.
    Typed,
}

/// A bare or typed scalar by the YAML 1.2 core schema.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Plain {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// `True`, `FALSE` and the like: booleans to YAML, not to plans.
    OddBool(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// An infinity, no number, or more digits than fit.
    NoNumber,
    /// Anything else.
    Text,
}

impl Node {
    /// What a person would call it.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match &self.value {
            Value::Map(_) => "a mapping",
            Value::List(_) => "a list",
            Value::Scalar { .. } => match self.plain() {
                Some(Plain::Null) => "nothing",
                Some(Plain::Bool(_) | Plain::OddBool(_)) => "a boolean",
                Some(Plain::Float(_)) => "a number with a fraction",
                Some(Plain::Integer(_) | Plain::NoNumber) => "a number",
                Some(Plain::Text) | None => "text",
            },
        }
    }

    /// The scalar's text and style.
    #[must_use]
    pub fn scalar(&self) -> Option<(&str, Style)> {
        match &self.value {
            Value::Scalar { text, style } => Some((text, *style)),
            _ => None,
        }
    }

    /// The text of a scalar that says something: not an empty value, `null` or
    /// `~`, and no number or boolean of TOML.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.scalar()
            .filter(|(_, style)| *style != Style::Typed && !self.is_null())
            .map(|(text, _)| text)
    }

    /// What a scalar without quotes stands for.
    #[must_use]
    pub fn plain(&self) -> Option<Plain> {
        match self.scalar()? {
            (text, Style::Plain | Style::Typed) => Some(resolve(text)),
            (_, Style::Quoted | Style::Block) => None,
        }
    }

    /// Whether it is a bare `null`, `~` or an empty value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.plain() == Some(Plain::Null)
    }

    /// The list's items.
    #[must_use]
    pub fn list(&self) -> Option<&[Rc<Self>]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The mapping's entries.
    #[must_use]
    pub fn map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entry of a key; `None` also when this is no mapping.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.map()?.iter().find(|entry| entry.key == key)
    }

    /// The value of a key; `None` also when this is no mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
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
