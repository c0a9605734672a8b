//! `compensate`: what undoes a step.

use alloc::format;
use core::time::Duration;

use super::step::{ActionDraft, StepDraft};
use super::{Decoder, Defaults, read};
use crate::fault::{FaultCode, Finding, quoted};
use crate::keys::{KeySpec, Place};
use crate::model::Compensate;
use crate::tree::{Entry, Node};

/// A compensation whose expressions still know where they were written.
pub(super) struct CompensateDraft<'t> {
    pub(super) action: ActionDraft<'t>,
    timeout: Option<Duration>,
}

impl Decoder<'_> {
    /// The `compensate` of a step; `None` where it has none, or a faulty one.
    pub(super) fn compensate<'t>(
        &mut self,
        step: &'t Entry,
        defaults: &Defaults<'_>,
    ) -> Option<CompensateDraft<'t>> {
        let step_node: &'t Node = &step.node;
        let found: &'t Entry = step_node.entry("compensate")?;
        let node: &'t Node = &found.node;
        let entries = node.map()?;
        let owner = || format!("`compensate` of step {}", quoted(&step.key));
        let action = match (node.entry("run"), node.entry("call")) {
            (Some(run), Some(call)) => {
                let message = format!("{} has both `run` and `call`", owner());
                let finding = Finding::new(FaultCode::Conflict, call.span.clone(), message);
                self.findings.push(
                    finding
                        .hint("a compensation does one thing: remove one of the two")
                        .related(run.span.clone(), "the first one"),
                );
                return None;
            }
            (None, None) => {
                let known = |entry: &Entry| KeySpec::find(Place::Compensate, &entry.key).is_some();
                if entries.iter().all(known) {
                    let message = format!("{} does nothing", owner());
                    let finding = Finding::new(FaultCode::MissingKey, found.span.clone(), message);
                    self.findings.push(finding.hint("give it `run` or `call`"));
                }
                return None;
            }
            (Some(run), None) => {
                let shell = node.entry("shell");
                let own = shell.and_then(|_| read::shell(node));
                let read_by = own
                    .or_else(|| read::shell(step_node))
                    .unwrap_or(defaults.shell);
                self.command(&run.node, shell, read_by)?
            }
            (None, Some(call)) => {
                let shell = node.entry("shell");
                self.without_effect(shell, "on a `call`, which runs within this process");
                ActionDraft::Call(call.node.text()?.into())
            }
        };
        let timeout = read::duration(node, "timeout")
            .or_else(|| read::duration(step_node, "timeout"))
            .or(defaults.timeout);
        Some(CompensateDraft { action, timeout })
    }
}

impl CompensateDraft<'_> {
    pub(super) fn finish(self) -> Compensate {
        Compensate {
            action: self.action.finish(),
            timeout: self.timeout,
        }
    }
}

impl StepDraft<'_> {
    /// What the compensation reads, which may be the step's own outputs.
    pub(super) fn undo(&self) -> Option<&ActionDraft<'_>> {
        self.compensate.as_ref().map(|undo| &undo.action)
    }
}
