//! What is expected.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use rok_plan::{FaultCode, Item};
use rok_vocabulary::{
    ExpectationStatus, HoldReason, Outcome, ReconciliationStatus, RunPhase, Severity, StepState,
};

use serde_json::Value;

use super::stubs::CLASSES;
use crate::keys::Place;
use crate::model::{EventPattern, Expect, ExpectedStep, Held, IncidentExpect};
use crate::read::{Reader, Words, check_keys};

macro_rules! words {
    ($($name:ident = $what:literal, $type:ty;)+) => {
        $( const $name: Words = Words { what: $what, known: <$type>::WORDS }; )+
    };
}

words! {
    OUTCOMES = "outcome", Outcome;
    PHASES = "phase", RunPhase;
    STATES = "step state", StepState;
    RECONCILED = "reconciliation", ReconciliationStatus;
    DUTY_STATUS = "status of an expectation", ExpectationStatus;
    HOLDS = "hold reason", HoldReason;
    SEVERITIES = "severity", Severity;
}

impl Reader<'_, '_, '_> {
    pub(super) fn expect(&mut self, item: Item<'_>) -> Expect {
        if !check_keys(item, Place::Expect, "`expect`", self.faults) {
            return Expect::default();
        }
        if item.map().is_some_and(|entries| entries.len() == 0) {
            let message = "`expect` is empty, so the test cannot fail";
            self.faults
                .tell(FaultCode::WrongValue, item.span(), message);
        }
        for (key, item) in item.map().into_iter().flatten() {
            // Of these, to expect none is to expect something.
            if !matches!(key.text, "gate_failures" | "violated" | "held") {
                self.not_empty(item, &format!("`{}`", key.text));
            }
        }
        let get = |key| item.get(key);
        Expect {
            outcome: get("outcome").and_then(|item| self.word(item, &OUTCOMES)),
            phase: get("phase").and_then(|item| self.word(item, &PHASES)),
            error: get("error").and_then(|item| self.word(item, &CLASSES)),
            held: get("held").and_then(|item| self.held(item)),
            order: get("order").map(|i| self.order(i)).unwrap_or_default(),
            steps: get("steps")
                .map(|item| self.expected_steps(item))
                .unwrap_or_default(),
            retries: get("retries").and_then(|item| self.faults.whole(item, "`retries`")),
            gate_failures: get("gate_failures")
                .and_then(|item| self.steps(item, "`gate_failures`")),
            reconciliation: get("reconciliation").and_then(|item| self.word(item, &RECONCILED)),
            expectations: get("expectations")
                .map(|item| self.duties(item))
                .unwrap_or_default(),
            incident: get("incident").map(|item| self.incident(item)),
            duration: get("duration").and_then(|item| self.span(item, "`duration`")),
            events: get("events")
                .map(|item| self.events(item, "`events`"))
                .unwrap_or_default(),
            never: get("never")
                .map(|item| self.events(item, "`never`"))
                .unwrap_or_default(),
            violated: get("violated").and_then(|item| self.faults.texts(item, "`violated`")),
            artifacts: get("artifacts")
                .and_then(|item| self.faults.texts(item, "`artifacts`"))
                .unwrap_or_default(),
        }
    }

    /// An empty list or mapping expects nothing.
    fn not_empty(&mut self, item: Item<'_>, label: &str) {
        let length = match (item.list(), item.map()) {
            (Some(items), _) => items.len(),
            (None, Some(entries)) => entries.len(),
            (None, None) => return,
        };
        if length == 0 {
            let message = format!("{label} is empty, and expects nothing");
            self.faults
                .tell(FaultCode::WrongValue, item.span(), message);
        }
    }

    fn held(&mut self, item: Item<'_>) -> Option<Held> {
        let by = |steps| Held::By {
            reason: None,
            steps: Some(steps),
        };
        if item.json() == Ok(Value::Bool(false)) {
            return Some(Held::Not);
        }
        if item.list().is_some() {
            return self.steps(item, "`held`").map(by);
        }
        if item.map().is_none() {
            return self.step(item, "`held`").map(|step| by(vec![step]));
        }
        check_keys(item, Place::Held, "`held`", self.faults);
        Some(Held::By {
            reason: item.get("reason").and_then(|item| self.word(item, &HOLDS)),
            steps: item
                .get("steps")
                .and_then(|item| self.steps(item, "`steps`")),
        })
    }

    fn order(&mut self, item: Item<'_>) -> Vec<Vec<String>> {
        let Some(items) = item.list() else {
            self.faults.mistyped(item, "`order`", "a list of steps");
            return Vec::new();
        };
        items
            .map(|item| match item.list() {
                Some(group) => group.filter_map(|item| self.step(item, "a step")).collect(),
                None => self.step(item, "a step").into_iter().collect(),
            })
            .collect()
    }

    fn expected_steps(&mut self, item: Item<'_>) -> Vec<(String, ExpectedStep)> {
        let Some(entries) = item.map() else {
            self.faults.mistyped(item, "`steps`", "a mapping by step");
            return Vec::new();
        };
        let mut steps = Vec::new();
        for (key, item) in entries {
            if self.known_step(&key) {
                let label = format!("step `{}`", key.text);
                steps.push((key.text.to_string(), self.expected_step(item, &label)));
            }
        }
        steps
    }

    fn expected_step(&mut self, item: Item<'_>, label: &str) -> ExpectedStep {
        if item.text().is_some() {
            return ExpectedStep {
                state: self.word(item, &STATES),
                ..ExpectedStep::default()
            };
        }
        if item.is_null() {
            let message = format!("{label} is expected to be nothing");
            let hint = "write its state, `succeeded` for one";
            self.faults
                .tell_with_hint(FaultCode::WrongType, item.span(), message, hint);
        }
        if !check_keys(item, Place::ExpectStep, label, self.faults) {
            return ExpectedStep::default();
        }
        self.not_empty(item, label);
        ExpectedStep {
            state: item.get("state").and_then(|i| self.word(i, &STATES)),
            attempts: item
                .get("attempts")
                .and_then(|item| self.faults.whole(item, "`attempts`")),
            class: item.get("class").and_then(|i| self.word(i, &CLASSES)),
            reason: item
                .get("reason")
                .and_then(|item| self.faults.text(item, "`reason`")),
            outputs: item
                .get("outputs")
                .and_then(|item| self.faults.object(item, "`outputs`")),
            started: item
                .get("started")
                .and_then(|item| self.span(item, "`started`")),
            ended: item.get("ended").and_then(|i| self.span(i, "`ended`")),
        }
    }

    fn duties(&mut self, item: Item<'_>) -> Vec<(String, ExpectationStatus)> {
        let Some(entries) = item.map() else {
            self.faults
                .mistyped(item, "`expectations`", "a mapping by duty");
            return Vec::new();
        };
        entries
            .filter_map(|(key, item)| Some((key.text.to_string(), self.word(item, &DUTY_STATUS)?)))
            .collect()
    }

    fn incident(&mut self, item: Item<'_>) -> IncidentExpect {
        if !check_keys(item, Place::Incident, "`incident`", self.faults) {
            return IncidentExpect::default();
        }
        IncidentExpect {
            severity: item.get("severity").and_then(|i| self.word(i, &SEVERITIES)),
            status: item
                .get("status")
                .and_then(|item| self.faults.text(item, "`status`")),
            category: item
                .get("category")
                .and_then(|item| self.faults.text(item, "`category`")),
        }
    }

    fn events(&mut self, item: Item<'_>, label: &str) -> Vec<EventPattern> {
        let Some(items) = item.list() else {
            self.faults.mistyped(item, label, "a list of event types");
            return Vec::new();
        };
        let mut patterns = Vec::new();
        for item in items {
            let Some(text) = self.faults.text(item, "an event") else {
                continue;
            };
            let (event_type, step) = match text.split_once(' ') {
                Some((event_type, step)) => (event_type, Some(step.trim())),
                None => (text.as_str(), None),
            };
            if let Some(step) = step {
                let key = rok_plan::Key {
                    text: step,
                    span: item.span(),
                };
                self.known_step(&key);
            }
            patterns.push(EventPattern {
                event_type: event_type.to_string(),
                step: step.map(ToString::to_string),
            });
        }
        patterns
    }
}
