//! What people do.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_plan::{FaultCode, Item};

use serde_json::Value;

use super::tester;
use crate::keys::Place;
use crate::model::{Answer, CommandLine, Verb};
use crate::read::{Reader, check_keys};

/// The keys that say what is done.
const VERBS: &[&str] = &[
    "approve", "reject", "override", "cancel", "pause", "unpause", "resume", "rollback",
];

/// The reason of a command that gives none.
const REASON: &str = "plan test";

impl Reader<'_, '_, '_> {
    pub(super) fn commands(&mut self, item: Item<'_>) -> Vec<CommandLine> {
        match item.list() {
            Some(items) => items.filter_map(|item| self.command(item)).collect(),
            None => {
                self.faults.mistyped(item, "`commands`", "a list");
                Vec::new()
            }
        }
    }

    fn command(&mut self, item: Item<'_>) -> Option<CommandLine> {
        if !check_keys(item, Place::Command, "a command", self.faults) {
            return None;
        }
        let verb = self.verb(item)?;
        Some(CommandLine {
            at: item
                .get("at")
                .and_then(|item| self.faults.duration(item, "`at`")),
            verb,
            by: item
                .get("by")
                .and_then(|item| self.actor(item, "`by`"))
                .unwrap_or_else(tester),
            roles: item
                .get("roles")
                .and_then(|item| self.faults.texts(item, "`roles`")),
            reason: item
                .get("reason")
                .and_then(|item| self.faults.text(item, "`reason`"))
                .unwrap_or_else(|| REASON.to_string()),
            answer: item
                .get("answer")
                .and_then(|item| self.answer(item))
                .unwrap_or(Answer::Accepted),
        })
    }

    fn verb(&mut self, item: Item<'_>) -> Option<Verb> {
        let said: Vec<&str> = VERBS
            .iter()
            .copied()
            .filter(|verb| item.get(verb).is_some())
            .collect();
        let [verb] = said[..] else {
            let message = if said.is_empty() {
                String::from("the command says nothing to do")
            } else {
                format!("the command says {} at once", said.join(" and "))
            };
            let hint = format!("exactly one of {}", VERBS.join(", "));
            self.faults
                .tell_with_hint(FaultCode::Conflict, item.span(), message, hint);
            return None;
        };
        let value = item.get(verb)?;
        match verb {
            "approve" => self.step_id(value, "`approve`").map(Verb::Approve),
            "reject" => self.step_id(value, "`reject`").map(Verb::Reject),
            "override" => self.step_id(value, "`override`").map(Verb::Override),
            _ if value.json() != Ok(Value::Bool(true)) => {
                let message = format!("`{verb}` takes `true` and nothing else");
                self.faults
                    .tell(FaultCode::WrongValue, value.span(), message);
                None
            }
            "cancel" => Some(Verb::Cancel),
            "pause" => Some(Verb::Pause),
            "unpause" => Some(Verb::Unpause),
            "resume" => Some(Verb::Resume),
            _ => Some(Verb::Rollback),
        }
    }

    fn answer(&mut self, item: Item<'_>) -> Option<Answer> {
        let text = self.faults.text(item, "`answer`")?;
        let found = Answer::ALL.iter().find(|answer| answer.as_str() == text);
        if found.is_none() {
            let known = Answer::ALL.iter().map(|answer| answer.as_str());
            self.faults
                .unknown(FaultCode::WrongValue, item.span(), "answer", &text, known);
        }
        found.copied()
    }
}
