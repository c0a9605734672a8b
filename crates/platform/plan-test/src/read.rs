//! Typed values of a document: each says at its place what is wrong with it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;
use core::time::Duration;
use rok_plan::{FaultCode, Faults, Item, Key, Plan};
use rok_vocabulary::{Actor, StepId, parse_duration};
use serde_json::{Map, Value};

use crate::keys::{KeySpec, Place};
use crate::model::Span;

/// A mapping whose keys are checked against the table, and the things that
/// every reader needs.
pub(crate) struct Reader<'f, 'p> {
    pub(crate) faults: &'f mut Faults,
    pub(crate) plan: &'p Plan,
}

/// Closed words, as the vocabulary's enums have them.
pub(crate) struct Words {
    pub(crate) what: &'static str,
    pub(crate) known: &'static [&'static str],
}

/// Tells unknown keys; false where the item is no mapping at all.
pub(crate) fn check_keys(item: Item<'_>, place: Place, label: &str, faults: &mut Faults) -> bool {
    let Some(entries) = item.map() else {
        mistyped(item, label, "a mapping", faults);
        return false;
    };
    for (key, value) in entries {
        let known = KeySpec::of(place).map(|spec| spec.key);
        if !{ known }.any(|known| known == key.text) {
            let known = KeySpec::of(place).map(|spec| spec.key);
            let what = format!("key in {}", place.title());
            faults.unknown(FaultCode::UnknownKey, key.span, &what, key.text, known);
        } else if value.is_null() {
            let message = format!("`{}` says nothing", key.text);
            let hint = "give it a value, or remove the key";
            faults.tell_with_hint(FaultCode::WrongType, key.span, message, hint);
        }
    }
    true
}

pub(crate) fn mistyped(item: Item<'_>, label: &str, expected: &str, faults: &mut Faults) {
    // What says nothing has been told with its key.
    if !item.is_null() {
        let message = format!("{label} must be {expected}, and is {}", item.describe());
        faults.tell(FaultCode::WrongType, item.span(), message);
    }
}

impl Reader<'_, '_> {
    pub(crate) fn text(&mut self, item: Item<'_>, label: &str) -> Option<String> {
        let text = item.text().map(ToString::to_string);
        if text.is_none() {
            mistyped(item, label, "text", self.faults);
        }
        text
    }

    pub(crate) fn texts(&mut self, item: Item<'_>, label: &str) -> Option<Vec<String>> {
        let Some(items) = item.list() else {
            mistyped(item, label, "a list", self.faults);
            return None;
        };
        Some(
            items
                .filter_map(|item| self.text(item, &format!("an item of {label}")))
                .collect(),
        )
    }

    pub(crate) fn word<T: FromStr>(&mut self, item: Item<'_>, words: &Words) -> Option<T> {
        let text = self.text(item, words.what)?;
        let word = text.parse().ok();
        if word.is_none() {
            let known = words.known.iter().copied();
            self.faults
                .unknown(FaultCode::WrongValue, item.span(), words.what, &text, known);
        }
        word
    }

    pub(crate) fn duration(&mut self, item: Item<'_>, label: &str) -> Option<Duration> {
        match parse_duration(&self.text(item, label)?) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.faults
                    .tell(FaultCode::WrongValue, item.span(), error.to_string());
                None
            }
        }
    }

    pub(crate) fn span(&mut self, item: Item<'_>, label: &str) -> Option<Span> {
        if item.map().is_none() {
            return self.duration(item, label).map(Span::exactly);
        }
        check_keys(item, Place::Span, label, self.faults);
        let (min, max) = (item.get("min"), item.get("max"));
        let min = min.map(|item| self.duration(item, "`min`"));
        let max = max.map(|item| self.duration(item, "`max`"));
        let span = match (min, max) {
            (None, None) => {
                let message = format!("{label} has neither `min` nor `max`");
                self.faults
                    .tell(FaultCode::MissingKey, item.span(), message);
                return None;
            }
            (min, max) => Span {
                min: min.unwrap_or(Some(Duration::ZERO))?,
                max: max.unwrap_or(Some(Duration::MAX))?,
            },
        };
        if span.min > span.max {
            let message = format!("{label} is empty: `min` is above `max`");
            self.faults.tell(FaultCode::Conflict, item.span(), message);
        }
        Some(span)
    }

    /// A whole number of a type.
    pub(crate) fn whole<T: TryFrom<i64>>(&mut self, item: Item<'_>, label: &str) -> Option<T> {
        let number = item.json().ok().and_then(|value| value.as_i64());
        match number {
            None => mistyped(item, label, "a whole number", self.faults),
            Some(number) => match T::try_from(number) {
                Ok(number) => return Some(number),
                Err(_) => {
                    let message = format!("{label} cannot be {number}");
                    self.faults
                        .tell(FaultCode::WrongValue, item.span(), message);
                }
            },
        }
        None
    }

    pub(crate) fn number(&mut self, item: Item<'_>, label: &str) -> Option<f64> {
        let number = item.json().ok().and_then(|value| value.as_f64());
        if number.is_none() {
            mistyped(item, label, "a number", self.faults);
        }
        number
    }

    pub(crate) fn actor(&mut self, item: Item<'_>, label: &str) -> Option<Actor> {
        match self.text(item, label)?.parse() {
            Ok(actor) => Some(actor),
            Err(error) => {
                self.faults
                    .tell(FaultCode::BadName, item.span(), format!("{error}"));
                None
            }
        }
    }

    /// A JSON object.
    pub(crate) fn object(&mut self, item: Item<'_>, label: &str) -> Option<Map<String, Value>> {
        if item.map().is_none() {
            mistyped(item, label, "a mapping", self.faults);
            return None;
        }
        match item.json() {
            Ok(Value::Object(object)) => Some(object),
            Ok(_) => None,
            Err(fault) => {
                let message = format!("{label} {fault}");
                self.faults
                    .tell(FaultCode::WrongValue, item.span(), message);
                None
            }
        }
    }

    /// The name of a step of the plan, or of a child of one.
    pub(crate) fn step(&mut self, item: Item<'_>, label: &str) -> Option<String> {
        let text = self.text(item, label)?;
        let key = Key {
            text: &text,
            span: item.span(),
        };
        self.known_step(&key).then(|| text.clone())
    }

    /// Whether a key names a step of the plan, or a child of one; tells where not.
    pub(crate) fn known_step(&mut self, key: &Key<'_>) -> bool {
        let whole = match key.text.split_once('[') {
            Some((step, index)) if index.strip_suffix(']').is_some_and(is_index) => step,
            _ => key.text,
        };
        let steps = &self.plan.steps;
        let known = steps.iter().any(|step| step.id.as_str() == whole);
        if !known {
            let names = steps.iter().map(|step| step.id.as_str());
            self.faults.unknown(
                FaultCode::UnknownName,
                key.span.clone(),
                "step",
                key.text,
                names,
            );
        }
        known
    }

    pub(crate) fn steps(&mut self, item: Item<'_>, label: &str) -> Option<Vec<String>> {
        let Some(items) = item.list() else {
            mistyped(item, label, "a list of steps", self.faults);
            return None;
        };
        Some(items.filter_map(|item| self.step(item, "a step")).collect())
    }

    /// The id of a step of the plan.
    pub(crate) fn step_id(&mut self, item: Item<'_>, label: &str) -> Option<StepId> {
        let text = self.step(item, label)?;
        match text.parse() {
            Ok(id) => Some(id),
            Err(error) => {
                let error: rok_vocabulary::IdError = error;
                self.faults
                    .tell(FaultCode::BadName, item.span(), error.to_string());
                None
            }
        }
    }
}

fn is_index(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
