//! `approvers`, `expires` and `overrides`.

use alloc::format;
use alloc::vec::Vec;

use super::{Decoder, read, twice};
use crate::approvers::{Approver, Approvers, Overrides};
use crate::fault::{FaultCode, Finding, quoted};
use crate::model::Gate;
use crate::tree::Node;

/// The keys that only a manual gate can obey.
const MANUAL_ONLY: &[&str] = &["approvers", "expires"];

impl Decoder<'_> {
    /// The approvers of a step.
    pub(super) fn approvers(&mut self, step: &Node, gate: Option<Gate>) -> Approvers {
        if gate != Some(Gate::Manual) {
            let keys = step.map().unwrap_or(&[]).iter();
            let keys = keys.filter(|entry| MANUAL_ONLY.contains(&entry.key.as_str()));
            self.without_effect(keys, "on a step that is no manual gate");
        }
        match step.get("approvers") {
            Some(node) => self.approvers_of(node),
            None => Approvers::default(),
        }
    }

    /// How often a failed hard gate may be overridden; absent: never.
    pub(super) fn overrides(&mut self, root: &Node) -> Option<Overrides> {
        let node = root.get("overrides")?;
        node.map()?;
        let default = Overrides::default();
        Some(Overrides {
            max: read::whole(node, "max").unwrap_or(default.max),
            expires: read::duration(node, "expires").unwrap_or(default.expires),
            by: self.approvers_of(node),
        })
    }

    fn approvers_of(&mut self, node: &Node) -> Approvers {
        let default = Approvers::default();
        let approvers = Approvers {
            any_of: self.any_of(node),
            count: read::whole(node, "count").unwrap_or(default.count),
            not_submitter: read::boolean(node, "not_submitter").unwrap_or(default.not_submitter),
        };
        let persons = approvers.any_of.len();
        let all_named = approvers
            .any_of
            .iter()
            .all(|one| matches!(one, Approver::User(_)));
        if let Some(count) = node.entry("count")
            && all_named
            && persons > 0
            && (persons as u64) < u64::from(approvers.count)
        {
            let message = format!(
                "{} approvals are asked for, and {persons} may give one",
                approvers.count
            );
            let finding = Finding::new(FaultCode::Conflict, count.span.clone(), message);
            self.findings
                .push(finding.hint("name more users, or a role, or lower `count`"));
        }
        approvers
    }

    fn any_of(&mut self, node: &Node) -> Vec<Approver> {
        let Some(list) = node.get("any_of") else {
            return Vec::new();
        };
        let Some(items) = list.list() else {
            return Vec::new();
        };
        if items.is_empty() {
            let message = "nobody may approve: `any_of` is empty";
            let finding = Finding::new(FaultCode::Conflict, list.span.clone(), message);
            self.findings
                .push(finding.hint("name somebody, or remove `any_of`: then anybody may"));
        }
        let mut found: Vec<(Approver, &Node)> = Vec::new();
        for item in items {
            let Some(text) = item.text() else { continue };
            match text.parse::<Approver>() {
                Ok(one) => match found.iter().find(|(known, _)| *known == one) {
                    Some((_, first)) => {
                        self.findings
                            .push(twice(text, "`any_of`", item, &first.span));
                    }
                    None => found.push((one, item)),
                },
                Err(_) => {
                    let message = format!("{} names no approver", quoted(text));
                    let finding = Finding::new(FaultCode::WrongValue, item.span.clone(), message);
                    self.findings
                        .push(finding.hint("write `user:NAME` or `role:NAME`"));
                }
            }
        }
        found.into_iter().map(|(one, _)| one).collect()
    }
}
