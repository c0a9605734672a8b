//! `mode`: which steps are given to agents. Nothing is given away that another
//! machine cannot have: files and folders of this one, and secrets.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use rok_expr::{Reference, Target, Template};
use rok_vocabulary::PlanMode;

use super::agent::AGENT_ONLY;
use super::step::{ActionDraft, EXECUTORS, StepDraft};
use super::{Decoder, Defaults, Written, read};
use crate::fault::{FaultCode, Finding, quoted};
use crate::model::{Away, StepPlace};
use crate::tree::{Entry, Node};

/// What an agent must be able to do that is given a process.
pub(crate) const RUN: &str = "run";

/// What the plan says about where its steps are done.
pub(super) struct Elsewhere {
    mode: PlanMode,
    secrets: bool,
    cwd: bool,
    sandbox: bool,
}

impl Elsewhere {
    pub(super) fn new(
        mode: PlanMode,
        env: &[(String, Written<'_, Template>)],
        defaults: &Defaults<'_>,
    ) -> Self {
        Self {
            mode,
            secrets: any_secret(env),
            cwd: defaults.cwd.is_some(),
            sandbox: defaults.sandbox.is_some(),
        }
    }

    /// What of a process cannot be given away.
    fn bound(&self, step: &StepDraft<'_>) -> Option<&'static str> {
        let of_work = match &step.action {
            Some(ActionDraft::Argv(words)) => words
                .iter()
                .any(|word| secret(word.expression.references())),
            Some(ActionDraft::Shell { line, .. }) => secret(line.expression.references()),
            _ => false,
        };
        let all = [
            (
                self.cwd || step.cwd.is_some(),
                "a `cwd`, a folder of this machine",
            ),
            (
                !step.artifacts.is_empty(),
                "`artifacts`, files of this machine",
            ),
            (!step.reads.is_empty(), "`reads`, files of this machine"),
            (step.cache, "`cache`, whose results are of this machine"),
            (
                self.sandbox || step.sandbox.is_some(),
                "a `sandbox`, which no agent can be held to",
            ),
            (
                step.compensate.is_some(),
                "`compensate`, which is done here",
            ),
            (
                self.secrets || of_work || any_secret(&step.env),
                "secrets, which never leave this machine",
            ),
        ];
        all.iter().find(|(has, _)| *has).map(|(_, what)| *what)
    }
}

fn secret(references: impl IntoIterator<Item = Reference>) -> bool {
    let mut references = references.into_iter();
    references.any(|reference| matches!(reference.target, Target::Secret(_)))
}

fn any_secret(env: &[(String, Written<'_, Template>)]) -> bool {
    env.iter()
        .any(|(_, value)| secret(value.expression.references()))
}

impl Decoder<'_> {
    /// Says of a step where it is done.
    pub(super) fn placed(
        &mut self,
        step: &mut StepDraft<'_>,
        entry: &Entry,
        elsewhere: &Elsewhere,
    ) {
        let node: &Node = &entry.node;
        let Some(entries) = node.map() else { return };
        let kind = |entry: &&Entry| EXECUTORS.contains(&entry.key.as_str());
        let Some(executor) = entries.iter().find(kind) else {
            return;
        };
        let said: Option<PlanMode> = read::parsed(node, "mode");
        let at = node.entry("mode").unwrap_or(executor);
        step.mode = said.unwrap_or(elsewhere.mode);
        match executor.key.as_str() {
            "agent" => {
                if matches!(said, Some(PlanMode::Local | PlanMode::Hybrid)) {
                    let message = "an `agent` step is done by agents, whatever its `mode`";
                    self.conflict(
                        at,
                        message.into(),
                        "remove `mode`; `federation` says which agents are preferred",
                    );
                }
                step.mode = elsewhere.mode;
            }
            "run" => self.process(step, entry, at, elsewhere),
            kind => {
                self.without_effect(
                    asks(entries),
                    "without `agent`, or a `run` that agents may do",
                );
                if matches!(said, Some(PlanMode::Distributed | PlanMode::Hybrid)) {
                    let message = format!("no agent does a step of `{kind}`");
                    self.conflict(
                        at,
                        message,
                        "remove `mode`: only what a `run` starts is given to agents",
                    );
                } else if step.mode == PlanMode::Distributed {
                    let message = format!(
                        "the plan's `default_mode` is `distributed`, and no agent does step {}, a `{kind}`",
                        quoted(&entry.key)
                    );
                    self.conflict(at, message, "say `mode: local` on it");
                }
            }
        }
    }

    fn process(
        &mut self,
        step: &mut StepDraft<'_>,
        entry: &Entry,
        at: &Entry,
        elsewhere: &Elsewhere,
    ) {
        let entries = entry.node.map().unwrap_or(&[]);
        if step.mode == PlanMode::Local {
            let whereon = "without `agent`, or a `mode` other than `local`";
            return self.without_effect(asks(entries), whereon);
        }
        match elsewhere.bound(step) {
            Some(what) if step.mode == PlanMode::Distributed => {
                let message = format!(
                    "step {} cannot be given to an agent: it has {what}",
                    quoted(&entry.key)
                );
                self.conflict(at, message, "say `mode: local` on it, or leave that out");
            }
            Some(what) => {
                let whereon = format!("on a step that stays here: it has {what}");
                self.without_effect(asks(entries), &whereon);
                step.place = StepPlace::Bound(what);
            }
            None => {
                let run = RUN.parse().ok();
                if let Some(ask) = self.asked(&entry.node, run) {
                    let or_here = step.mode == PlanMode::Hybrid;
                    step.place = StepPlace::Away(Box::new(Away { ask, or_here }));
                }
            }
        }
    }

    fn conflict(&mut self, at: &Entry, message: String, hint: &str) {
        let finding = Finding::new(FaultCode::Conflict, at.span.clone(), message);
        self.findings.push(finding.hint(hint));
    }
}

/// The keys that say which agents are asked.
fn asks(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    let named = |entry: &&Entry| AGENT_ONLY.contains(&entry.key.as_str());
    entries.iter().filter(named)
}
