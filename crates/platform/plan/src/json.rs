//! JSON that keeps the order it is given: a plan's steps and variables are in
//! file order, which a sorted map would lose.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::Value;

/// A JSON value whose objects keep their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    /// Anything without an order to keep.
    Value(Value),
    /// A list.
    List(Vec<Self>),
    /// An object, in this order.
    Object(Vec<(String, Self)>),
}

impl Json {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Value(Value::String(text.into()))
    }

    /// Compact JSON that a YAML parser reads as well: whatever YAML would not
    /// take bare is escaped.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Value(value) => write_value(value, out),
            Self::List(items) => {
                write_all(out, ['[', ']'], items.iter(), Self::write);
            }
            Self::Object(entries) => {
                write_all(out, ['{', '}'], entries.iter(), |(key, value), out| {
                    write_text(key, out);
                    out.push(':');
                    value.write(out);
                });
            }
        }
    }
}

fn write_all<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(T, &mut String),
) {
    out.push(open);
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => write_text(text, out),
        Value::Array(items) => write_all(out, ['[', ']'], items.iter(), write_value),
        Value::Object(object) => {
            // Sorted here, so that no build feature of the map can change it.
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            write_all(out, ['{', '}'], entries.into_iter(), |(key, value), out| {
                write_text(key, out);
                out.push(':');
                write_value(value, out);
            });
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if must_escape(c) => {
                let code = u32::from(c);
                out.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    out.push(char::from_digit(code >> shift & 0xf, 16).unwrap_or('0'));
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Characters below U+10000 that a plan file may not hold bare, or that YAML
/// takes for line breaks.
fn must_escape(c: char) -> bool {
    u32::from(c) < 0x1_0000
        && (crate::fault::is_harmful(c)
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}'))
}
