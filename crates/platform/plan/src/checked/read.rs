//! Typed values of other files in the notation of plan files: each says at its
//! place what is wrong with it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;
use core::time::Duration;
use rok_vocabulary::parse_duration;
use serde_json::{Map, Value};

use super::{Faults, Item};
use crate::FaultCode;

impl Faults<'_> {
    /// Tells unknown keys of a mapping, and keys that say nothing; false where
    /// the item is no mapping at all. `label` is what the item is called,
    /// `place` what holds the keys: "a test".
    pub fn check_keys(&mut self, item: Item<'_>, label: &str, place: &str, known: &[&str]) -> bool {
        let Some(entries) = item.map() else {
            self.mistyped(item, label, "a mapping");
            return false;
        };
        for (key, value) in entries {
            if !known.contains(&key.text) {
                let what = format!("key in {place}");
                let known = known.iter().copied();
                self.unknown(FaultCode::UnknownKey, key.span, &what, key.text, known);
            } else if value.is_null() {
                let message = format!("`{}` says nothing", key.text);
                let hint = "give it a value, or remove the key";
                self.tell_with_hint(FaultCode::WrongType, key.span, message, hint);
            }
        }
        true
    }

    /// The value of a key that must be there.
    pub fn present<'t>(&mut self, root: Item<'t>, key: &str) -> Option<Item<'t>> {
        let found = root.get(key);
        if found.is_none() {
            let at = root.span().start;
            let hint = format!("add `{key}: …`");
            let message = format!("`{key}` is missing");
            self.tell_with_hint(FaultCode::MissingKey, at..at, message, hint);
        }
        found
    }

    /// Tells that a value is of another type than `expected`: "a mapping".
    pub fn mistyped(&mut self, item: Item<'_>, label: &str, expected: &str) {
        // What says nothing has been told with its key.
        if !item.is_null() {
            let message = format!("{label} must be {expected}, and is {}", item.describe());
            self.tell(FaultCode::WrongType, item.span(), message);
        }
    }

    /// Text, as written.
    pub fn text(&mut self, item: Item<'_>, label: &str) -> Option<String> {
        let text = item.text().map(ToString::to_string);
        if text.is_none() {
            self.mistyped(item, label, "text");
        }
        text
    }

    /// A list of texts.
    pub fn texts(&mut self, item: Item<'_>, label: &str) -> Option<Vec<String>> {
        let Some(items) = item.list() else {
            self.mistyped(item, label, "a list");
            return None;
        };
        let label = format!("an item of {label}");
        Some(items.filter_map(|item| self.text(item, &label)).collect())
    }

    /// One of a closed set of words; `what` it is, for example "profile".
    pub fn word<T: FromStr>(
        &mut self,
        item: Item<'_>,
        what: &str,
        known: &[&'static str],
    ) -> Option<T> {
        let text = self.text(item, what)?;
        let word = text.parse().ok();
        if word.is_none() {
            let known = known.iter().copied();
            self.unknown(FaultCode::WrongValue, item.span(), what, &text, known);
        }
        word
    }

    /// A duration with its unit.
    pub fn duration(&mut self, item: Item<'_>, label: &str) -> Option<Duration> {
        match parse_duration(&self.text(item, label)?) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.tell(FaultCode::WrongValue, item.span(), error.to_string());
                None
            }
        }
    }

    /// A whole number of a type.
    pub fn whole<T: TryFrom<i64>>(&mut self, item: Item<'_>, label: &str) -> Option<T> {
        let number = item.json().ok().and_then(|value| value.as_i64());
        match number {
            None => self.mistyped(item, label, "a whole number"),
            Some(number) => match T::try_from(number) {
                Ok(number) => return Some(number),
                Err(_) => {
                    let message = format!("{label} cannot be {number}");
                    self.tell(FaultCode::WrongValue, item.span(), message);
                }
            },
        }
        None
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, item: Item<'_>, label: &str) -> Option<bool> {
        let value = item.json().ok().and_then(|value| value.as_bool());
        if value.is_none() {
            self.mistyped(item, label, "`true` or `false`");
        }
        value
    }

    /// A JSON object.
    pub fn object(&mut self, item: Item<'_>, label: &str) -> Option<Map<String, Value>> {
        if item.map().is_none() {
            self.mistyped(item, label, "a mapping");
            return None;
        }
        match item.json() {
            Ok(Value::Object(object)) => Some(object),
            Ok(_) => None,
            Err(fault) => {
                let message = format!("{label} {fault}");
                self.tell(FaultCode::WrongValue, item.span(), message);
                None
            }
        }
    }
}
