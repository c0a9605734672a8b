//! Fallbacks: which step stands in for which, and what waits for it because of
//! that.

use alloc::format;
use alloc::vec::Vec;

use super::Reader;
use crate::fault::{FaultCode, Finding, quoted};
use crate::tree::{Entry, Node};

impl<'a> Reader<'a> {
    /// The `fallback` of every step.
    pub(super) fn fallbacks(&mut self) -> Vec<Option<usize>> {
        let mut owners: Vec<Option<usize>> = alloc::vec![None; self.entries.len()];
        let mut fallbacks = Vec::with_capacity(self.entries.len());
        for at in 0..self.entries.len() {
            let found = self.fallback(at).filter(|(other, node)| {
                let owner = owners[*other];
                match owner {
                    None => owners[*other] = Some(at),
                    Some(first) => self.owned_twice(node, first),
                }
                owner.is_none()
            });
            fallbacks.push(found.map(|(other, _)| other));
        }
        fallbacks
    }

    fn fallback(&mut self, at: usize) -> Option<(usize, &'a Node)> {
        let entry: &'a Entry = &self.entries[at];
        let node: &'a Node = entry.node.get("fallback")?;
        let text = node.text()?;
        let Some(&other) = self.index.get(text) else {
            self.unknown(text, node);
            return None;
        };
        let fault = self.misplaced(at, other);
        if let Some((message, hint)) = fault {
            let finding = Finding::new(FaultCode::Conflict, node.span.clone(), message);
            self.findings.push(finding.hint(hint));
            return None;
        }
        if let Some(required) = self.entries[other].node.entry("required") {
            let message = format!("`required` has no effect on {}, a fallback", quoted(text));
            let finding = Finding::new(FaultCode::Conflict, required.span.clone(), message);
            let owner = quoted(&entry.key);
            self.findings
                .push(finding.hint(format!("it is as required as {owner}: remove it")));
        }
        Some((other, node))
    }

    /// Why a step cannot have another one as its fallback.
    fn misplaced(&self, at: usize, other: usize) -> Option<(alloc::string::String, &'static str)> {
        let (step, fallback) = (&self.entries[at], &self.entries[other]);
        let (id, stand_in) = (quoted(&step.key), quoted(&fallback.key));
        let lists = |entry: &Entry, name: &str| {
            ["needs", "after"].iter().any(|key| {
                let items = entry.node.get(key).and_then(Node::list).unwrap_or(&[]);
                items.iter().any(|item| item.text() == Some(name))
            })
        };
        if other == at {
            let message = format!("step {id} cannot stand in for itself");
            return Some((message, "name another step"));
        }
        if step.node.get("gate").and_then(Node::text) == Some("hard") {
            let message = format!("the hard gate {id} cannot have a fallback");
            return Some((
                message,
                "the failure of a hard gate stops everything: remove `gate: hard` or `fallback`",
            ));
        }
        if lists(step, &fallback.key) {
            let message = format!("step {id} waits for {stand_in}, its own fallback");
            return Some((message, "a fallback runs only after the step has failed"));
        }
        if lists(fallback, &step.key) {
            let message = format!("the fallback {stand_in} names {id} among its edges");
            return Some((
                message,
                "it runs after the step has failed, and only then: remove the edge",
            ));
        }
        None
    }

    fn owned_twice(&mut self, node: &Node, first: usize) {
        let first = &self.entries[first];
        let text = quoted(node.text().unwrap_or_default());
        let message = format!("{text} is the fallback of {} already", quoted(&first.key));
        let mut finding = Finding::new(FaultCode::Conflict, node.span.clone(), message)
            .hint("a step stands in for one step alone: make another one");
        if let Some(key) = first.node.entry("fallback") {
            finding = finding.related(key.span.clone(), "named here");
        }
        self.findings.push(finding);
    }
}

/// What each step waits for because of fallbacks: the step that it stands in
/// for, and whatever stands in for a step that it waits for.
pub(super) fn implied(
    needs: &[Vec<usize>],
    after: &[Vec<usize>],
    fallback: &[Option<usize>],
) -> Vec<Vec<usize>> {
    let mut implied = alloc::vec![Vec::new(); fallback.len()];
    if fallback.iter().all(Option::is_none) {
        return implied;
    }
    for (owner, stand_in) in fallback.iter().enumerate() {
        if let Some(stand_in) = stand_in {
            implied[*stand_in].push(owner);
        }
    }
    for step in 0..fallback.len() {
        for before in needs[step].iter().chain(&after[step]) {
            // A chain that leads back to the step is a cycle, and found as one.
            let chain = core::iter::successors(fallback[*before], |at| fallback[*at]);
            implied[step].extend(chain.take(fallback.len()));
        }
    }
    implied
}
