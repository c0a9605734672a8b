//! Declarations of inputs and outputs: a type and its bounds.

use alloc::format;
use alloc::vec::Vec;

use super::{Decoder, read};
use crate::fault::{FaultCode, Finding, quoted};
use crate::model::{Bounds, InputSpec, OutputSpec, ValueKind};
use crate::tree::{Entry, Node};
use crate::values::{ValueFault, typed};

/// Which bounds go with which types.
const BOUNDS: &[(&str, &[ValueKind])] = &[
    ("minimum", &[ValueKind::Integer, ValueKind::Number]),
    ("maximum", &[ValueKind::Integer, ValueKind::Number]),
    ("minLength", &[ValueKind::String]),
    ("maxLength", &[ValueKind::String]),
];

impl Decoder<'_> {
    /// `None` when the declaration is broken.
    pub(super) fn input(&mut self, entry: &Entry) -> Option<InputSpec> {
        let node = &entry.node;
        let kind = ValueKind::from_word(node.get("type")?.text()?)?;
        let bounds = self.bounds(node, kind);
        let default = match node.get("default") {
            None => None,
            Some(default) => self.default(entry, default, kind, &bounds),
        };
        let description = read::text(node, "description");
        Some(InputSpec {
            kind,
            default,
            description,
            bounds,
        })
    }

    pub(super) fn output(&mut self, entry: &Entry) -> Option<OutputSpec> {
        let node = &entry.node;
        let kind = ValueKind::from_word(node.get("type")?.text()?)?;
        let bounds = self.bounds(node, kind);
        Some(OutputSpec {
            kind,
            description: read::text(node, "description"),
            bounds,
        })
    }

    fn default(
        &mut self,
        entry: &Entry,
        node: &Node,
        kind: ValueKind,
        bounds: &Bounds,
    ) -> Option<serde_json::Value> {
        if node.is_null() {
            return None; // the shape has said so
        }
        match typed(node, kind) {
            Ok(value) => {
                for fault in bounds.broken_by(&value) {
                    self.misfit(entry, "`default`", node, &fault);
                }
                Some(value)
            }
            Err(fault) => {
                self.misfit(entry, "`default`", node, &fault);
                None
            }
        }
    }

    fn misfit(&mut self, entry: &Entry, what: &str, node: &Node, fault: &ValueFault) {
        let message = format!("{what} of {} {}", quoted(&entry.key), fault.message);
        self.findings.push(Finding::new(
            FaultCode::WrongValue,
            node.span.clone(),
            message,
        ));
    }

    fn bounds(&mut self, node: &Node, kind: ValueKind) -> Bounds {
        for (key, kinds) in BOUNDS {
            if let Some(entry) = node.entry(key).filter(|_| !kinds.contains(&kind)) {
                let message = format!("{} says nothing about {}", quoted(key), kind.title());
                let list: Vec<_> = kinds.iter().map(|kind| quoted(kind.as_str())).collect();
                let hint = format!("it goes with the type {}", list.join(" or "));
                self.findings.push(
                    Finding::new(FaultCode::Conflict, entry.span.clone(), message).hint(hint),
                );
            }
        }
        let bounds = Bounds {
            one_of: self.one_of(node, kind),
            minimum: read::number(node, "minimum"),
            maximum: read::number(node, "maximum"),
            min_length: read::whole(node, "minLength"),
            max_length: read::whole(node, "maxLength"),
        };
        self.order(
            node,
            "minimum",
            "maximum",
            bounds.minimum > bounds.maximum && bounds.maximum.is_some(),
        );
        self.order(
            node,
            "minLength",
            "maxLength",
            bounds.min_length > bounds.max_length && bounds.max_length.is_some(),
        );
        bounds
    }

    fn one_of(&mut self, node: &Node, kind: ValueKind) -> Option<Vec<serde_json::Value>> {
        let entry = node.entry("enum")?;
        let items = entry.node.list()?;
        if items.is_empty() {
            let finding = Finding::new(
                FaultCode::WrongValue,
                entry.span.clone(),
                "`enum` allows no value",
            );
            self.findings
                .push(finding.hint("list the values that are allowed, or remove it"));
        }
        let mut values = Vec::new();
        for item in items.iter().filter(|item| !item.is_null()) {
            match typed(item, kind) {
                Ok(value) => values.push(value),
                Err(fault) => self.misfit(entry, "an item", item, &fault),
            }
        }
        Some(values)
    }

    fn order(&mut self, node: &Node, least: &str, most: &str, reversed: bool) {
        if let (true, Some(low), Some(high)) = (reversed, node.entry(least), node.entry(most)) {
            let message = format!("{} is above {}", quoted(least), quoted(most));
            let finding = Finding::new(FaultCode::Conflict, low.span.clone(), message)
                .hint("no value can be within both")
                .related(high.span.clone(), "the other bound");
            self.findings.push(finding);
        }
    }
}
