//! Breakers in cells, by fingerprint: a component that is changed has a chance
//! again.

use crate::refusals;
use rok_component::{Admission, Breaker, BreakerRules, BreakerState, Component, Outcome};
use rok_facades::registry::{Asker, BreakerView, RegistryError};
use rok_log::Cells;
use rok_vocabulary::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The cells of breakers.
const BREAKERS: &str = "breakers";

/// Others may be faster so often, and not for ever.
const MAX_TURNS: usize = 1000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// For whoever looks into the file.
    component: String,
    breaker: Value,
}

/// The breakers, and the rules that they follow.
pub(crate) struct Breakers<'c> {
    pub(crate) cells: &'c dyn Cells,
    pub(crate) rules: &'c BreakerRules,
}

impl Breakers<'_> {
    /// How it stands.
    pub(crate) fn look(&self, component: &Component) -> Result<Breaker, RegistryError> {
        let seen = self.cell(component)?;
        read(component, seen.as_deref())
    }

    /// Asks for admission.
    pub(crate) fn admit(
        &self,
        component: &Component,
        who: &Asker<'_>,
        now: Timestamp,
    ) -> Result<Admission, RegistryError> {
        // What is no run's id was written by nobody who is there.
        let is_gone = |by: &str, since| by.parse().map_or(true, |run| (who.is_gone)(&run, since));
        self.turn(component, |breaker| {
            breaker.admit_by(who.run.as_str(), is_gone, now, self.rules)
        })
    }

    /// Takes in what came of an attempt.
    pub(crate) fn record(
        &self,
        component: &Component,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Breaker, RegistryError> {
        self.turn(component, |breaker| {
            let next = breaker.record(now, outcome, self.rules);
            (next.clone(), next)
        })
    }

    /// Closes it, whatever is stored.
    pub(crate) fn reset(&self, component: &Component) -> Result<(), RegistryError> {
        for _ in 0..MAX_TURNS {
            let seen = self.cell(component)?;
            if self.swap(component, seen.as_deref(), None)? {
                return Ok(());
            }
        }
        Err(contended(component))
    }

    /// Decides on what is stored, and stores what was decided, before anybody
    /// acts on it.
    fn turn<T>(
        &self,
        component: &Component,
        decide: impl Fn(&Breaker) -> (T, Breaker),
    ) -> Result<T, RegistryError> {
        for _ in 0..MAX_TURNS {
            let seen = self.cell(component)?;
            let breaker = read(component, seen.as_deref())?;
            let (answer, next) = decide(&breaker);
            if next == breaker {
                return Ok(answer);
            }
            let next = (next != Breaker::default()).then(|| write(component, &next));
            if self.swap(component, seen.as_deref(), next.as_deref())? {
                return Ok(answer);
            }
        }
        Err(contended(component))
    }

    fn cell(&self, component: &Component) -> Result<Option<Vec<u8>>, RegistryError> {
        let cell = self.cells.cell(BREAKERS, &component.fingerprint.to_hex());
        cell.map_err(|error| refusals::state(&error))
    }

    fn swap(
        &self,
        component: &Component,
        seen: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, RegistryError> {
        let key = component.fingerprint.to_hex();
        let swapped = self.cells.swap(BREAKERS, &key, seen, new);
        swapped.map_err(|error| refusals::state(&error))
    }
}

fn read(component: &Component, seen: Option<&[u8]>) -> Result<Breaker, RegistryError> {
    let Some(seen) = seen else {
        return Ok(Breaker::default());
    };
    let name = &component.name;
    let stored: Stored = serde_json::from_slice(seen)
        .map_err(|e| refusals::breaker(name, &format!("its breaker cannot be read: {e}")))?;
    let breaker = Breaker::parse(stored.breaker.to_string().as_bytes());
    breaker.map_err(|error| refusals::breaker(name, &error))
}

fn contended(component: &Component) -> RegistryError {
    refusals::breaker(&component.name, &"others keep changing its breaker")
}

fn write(component: &Component, breaker: &Breaker) -> Vec<u8> {
    let breaker = serde_json::from_str(&breaker.to_text());
    let stored = Stored {
        component: component.id().to_string(),
        breaker: breaker.expect("a breaker's text is JSON"),
    };
    serde_json::to_vec(&stored).expect("texts and numbers are JSON")
}

/// A breaker as it is shown.
pub(crate) fn view(breaker: &Breaker) -> BreakerView {
    let (since, until) = match breaker.state {
        BreakerState::Closed => (None, None),
        BreakerState::Open { since, until } | BreakerState::HalfOpen { since, until, .. } => {
            (Some(since), Some(until))
        }
    };
    BreakerView {
        state: breaker.state.as_str().to_owned(),
        failures: breaker.failures,
        since,
        until,
        by: breaker.by.clone(),
        last_failure_at: breaker.last.map(|(at, _)| at),
        last_failure_class: breaker.last.map(|(_, class)| class),
    }
}

/// A breaker that cannot be read, as it is shown.
pub(crate) fn unreadable() -> BreakerView {
    BreakerView {
        state: "unreadable".to_owned(),
        ..BreakerView::default()
    }
}
