//! Stubs.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use rok_plan::{FaultCode, Item};
use rok_vocabulary::ErrorClass;

use crate::keys::Place;
use crate::model::{Fails, Stub, UndoStub};
use crate::read::{Reader, Words, check_keys};

pub(super) const CLASSES: Words = Words {
    what: "error class",
    known: ErrorClass::WORDS,
};

/// The reason of a stub that gives none.
const REASON: &str = "stubbed failure";

impl Reader<'_, '_, '_> {
    pub(super) fn stubs(&mut self, item: Item<'_>) -> BTreeMap<String, Stub> {
        let Some(entries) = item.map() else {
            self.faults.mistyped(item, "`steps`", "a mapping by step");
            return BTreeMap::new();
        };
        let mut stubs = BTreeMap::new();
        for (key, item) in entries {
            if self.known_step(&key) {
                let stub = self.stub(item, &format!("the stub of `{}`", key.text));
                self.refuse_undo(key.text, item);
                stubs.insert(key.text.to_string(), stub);
            }
        }
        stubs
    }

    fn stub(&mut self, item: Item<'_>, label: &str) -> Stub {
        if !check_keys(item, Place::Stub, label, self.faults) {
            return Stub::default();
        }
        let mut stub = Stub {
            outputs: item
                .get("outputs")
                .and_then(|item| self.faults.object(item, "`outputs`")),
            delay: item
                .get("delay")
                .and_then(|item| self.faults.duration(item, "`delay`")),
            fails: item.get("fails").and_then(|item| self.fails(item)),
            artifacts: item
                .get("artifacts")
                .map(|item| self.made(item))
                .unwrap_or_default(),
            exit_code: item
                .get("exit_code")
                .and_then(|item| self.faults.whole(item, "`exit_code`")),
            compensate: item.get("compensate").map(|item| self.undo(item)),
            ..Stub::default()
        };
        if let Some(item) = item.get("usage")
            && check_keys(item, Place::Usage, "`usage`", self.faults)
        {
            stub.cpu = item
                .get("cpu")
                .and_then(|i| self.faults.duration(i, "`cpu`"));
            stub.max_rss_kib = item
                .get("max_rss_kib")
                .and_then(|i| self.faults.whole::<u64>(i, "`max_rss_kib`"));
            stub.cost_usd = item
                .get("cost_usd")
                .and_then(|i| self.amount(i, "`cost_usd`"));
            stub.tokens = item
                .get("tokens")
                .and_then(|i| self.faults.whole::<u64>(i, "`tokens`"));
            stub.energy_kwh = item
                .get("energy_kwh")
                .and_then(|i| self.amount(i, "`energy_kwh`"));
        }
        stub
    }

    /// What no run asks would be tested by nobody.
    fn refuse_undo(&mut self, id: &str, item: Item<'_>) {
        let step = id.split('[').next().unwrap_or(id);
        let mut steps = self.plan.steps.iter();
        let undone = steps.any(|s| s.id.as_str() == step && s.compensate.is_some());
        if let Some(item) = item.get("compensate").filter(|_| !undone) {
            let message = format!("step `{step}` has no `compensate` for the stub to stand for");
            let hint = "leave it out, or say in the plan what undoes the step";
            self.faults
                .tell_with_hint(FaultCode::Conflict, item.span(), message, hint);
        }
    }

    fn undo(&mut self, item: Item<'_>) -> UndoStub {
        if !check_keys(item, Place::Compensate, "`compensate`", self.faults) {
            return UndoStub::default();
        }
        UndoStub {
            delay: item
                .get("delay")
                .and_then(|item| self.faults.duration(item, "`delay`")),
            fails: item.get("fails").and_then(|item| self.fails(item)),
        }
    }

    fn fails(&mut self, item: Item<'_>) -> Option<Fails> {
        if item.map().is_none() {
            return Some(Fails {
                class: self.word(item, &CLASSES)?,
                reason: REASON.to_string(),
                times: None,
            });
        }
        check_keys(item, Place::Fails, "`fails`", self.faults);
        let Some(class) = item.get("class") else {
            let message = "`class` is missing in `fails`";
            let hint = "it decides about retries: `transient_io`, `validation_failed`, …";
            self.faults
                .tell_with_hint(FaultCode::MissingKey, item.span(), message, hint);
            return None;
        };
        Some(Fails {
            class: self.word(class, &CLASSES)?,
            reason: item
                .get("reason")
                .and_then(|item| self.faults.text(item, "`reason`"))
                .unwrap_or_else(|| REASON.to_string()),
            times: item
                .get("times")
                .and_then(|item| self.faults.whole(item, "`times`")),
        })
    }

    fn made(&mut self, item: Item<'_>) -> BTreeMap<String, Option<String>> {
        let Some(entries) = item.map() else {
            self.faults
                .mistyped(item, "`artifacts`", "a mapping by path");
            return BTreeMap::new();
        };
        entries
            .filter_map(|(key, item)| {
                let content = if item.is_null() {
                    None
                } else {
                    Some(
                        self.faults
                            .text(item, &format!("artifact `{}`", key.text))?,
                    )
                };
                Some((key.text.to_string(), content))
            })
            .collect()
    }
}

impl Stub {
    /// This stub, with another behind what it does not say.
    pub(super) fn over(self, below: Self) -> Self {
        let mut artifacts = below.artifacts;
        artifacts.extend(self.artifacts);
        Self {
            outputs: self.outputs.or(below.outputs),
            delay: self.delay.or(below.delay),
            fails: self.fails.or(below.fails),
            artifacts,
            cpu: self.cpu.or(below.cpu),
            max_rss_kib: self.max_rss_kib.or(below.max_rss_kib),
            cost_usd: self.cost_usd.or(below.cost_usd),
            tokens: self.tokens.or(below.tokens),
            energy_kwh: self.energy_kwh.or(below.energy_kwh),
            compensate: self.compensate.or(below.compensate),
            exit_code: self.exit_code.or(below.exit_code),
        }
    }
}
