//! JSON from outside: a key that is given twice has no meaning that all readers
//! share, and a number that is rounded is another one, so both are refused.

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::HashSet;
use std::fmt;

/// Reads one JSON value in which no object has a key twice, and every number is
/// kept as it is written.
///
/// # Errors
/// If it is no JSON, a key is given twice, or a number has more digits than 64
/// bits keep; the error says where.
pub fn strict_json(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Unique>(bytes)?;
    let value = serde_json::from_slice(bytes)?;
    let place = str::from_utf8(bytes)
        .ok()
        .and_then(rok_plan::inexact_number);
    match place.as_deref() {
        None => Ok(value),
        Some(place) => {
            let at = if place.is_empty() { "it" } else { place };
            Err(Error::custom(format_args!(
                "the number at `{at}` has more digits than 64 bits keep: write it as text, in quotes"
            )))
        }
    }
}

/// Any value, of which nothing is kept.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            entries.next_value::<Self>()?;
            if let Some(key) = keys.replace(key) {
                return Err(A::Error::custom(format_args!("key `{key}` is given twice")));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        r#"{"a": [1, -1, 1.5, "x", null, true, {"a": {"b": 1}}], "b": {"b": 1}}"#,
        ""
    )]
    #[case(r#"{"a": 1, "a": 1}"#, "key `a` is given twice at line 1")]
    #[case(
        "{\"a\": [\n{\"b\": 1, \"\\u0062\": 2}]}",
        "key `b` is given twice at line 2"
    )]
    #[case("{", "EOF while parsing")]
    #[case("{} {}", "trailing characters")]
    fn reads(#[case] text: &str, #[case] fault: &str) {
        match strict_json(text.as_bytes()) {
            Ok(value) => {
                assert_eq!(fault, "");
                assert_eq!(value, text.parse::<Value>().unwrap());
            }
            Err(error) => {
                let told = error.to_string();
                assert!(!fault.is_empty() && told.contains(fault), "{told}");
            }
        }
    }
}
