//! Typed values of a document: each says at its place what is wrong with it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;
use core::time::Duration;
use rok_plan::{FaultCode, Faults, Item, Key, Plan};
use rok_vocabulary::{Actor, StepId};

use crate::keys::{KeySpec, Place};
use crate::model::Span;

/// A mapping whose keys are checked against the table, and the things that
/// every reader needs.
pub(crate) struct Reader<'f, 's, 'p> {
    pub(crate) faults: &'f mut Faults<'s>,
    pub(crate) plan: &'p Plan,
}

/// Closed words, as the vocabulary's enums have them.
pub(crate) struct Words {
    pub(crate) what: &'static str,
    pub(crate) known: &'static [&'static str],
}

/// Tells unknown keys; false where the item is no mapping at all.
pub(crate) fn check_keys(item: Item<'_>, place: Place, label: &str, faults: &mut Faults) -> bool {
    let known: Vec<_> = KeySpec::of(place).map(|spec| spec.key).collect();
    faults.check_keys(item, label, place.title(), &known)
}

impl Reader<'_, '_, '_> {
    pub(crate) fn word<T: FromStr>(&mut self, item: Item<'_>, words: &Words) -> Option<T> {
        self.faults.word(item, words.what, words.known)
    }

    pub(crate) fn span(&mut self, item: Item<'_>, label: &str) -> Option<Span> {
        if item.map().is_none() {
            return self.faults.duration(item, label).map(Span::exactly);
        }
        check_keys(item, Place::Span, label, self.faults);
        let (min, max) = (item.get("min"), item.get("max"));
        let min = min.map(|item| self.faults.duration(item, "`min`"));
        let max = max.map(|item| self.faults.duration(item, "`max`"));
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

    /// What is used up: nobody gives back.
    pub(crate) fn amount(&mut self, item: Item<'_>, label: &str) -> Option<f64> {
        let number = item.json().ok().and_then(|value| value.as_f64());
        match number {
            None => self.faults.mistyped(item, label, "a number"),
            Some(number) if number < 0.0 => {
                let message = format!("{label} cannot be {number}");
                self.faults
                    .tell(FaultCode::WrongValue, item.span(), message);
                return None;
            }
            Some(_) => {}
        }
        number
    }

    pub(crate) fn actor(&mut self, item: Item<'_>, label: &str) -> Option<Actor> {
        match self.faults.text(item, label)?.parse() {
            Ok(actor) => Some(actor),
            Err(error) => {
                self.faults
                    .tell(FaultCode::BadName, item.span(), format!("{error}"));
                None
            }
        }
    }

    /// The name of a step of the plan, or of a child of one.
    pub(crate) fn step(&mut self, item: Item<'_>, label: &str) -> Option<String> {
        let text = self.faults.text(item, label)?;
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
            self.faults.mistyped(item, label, "a list of steps");
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
