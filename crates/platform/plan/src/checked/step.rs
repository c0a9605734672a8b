//! A step within another file of this notation: what says how a component is
//! started, for one. It is decoded as the only step of a plan, so that there is
//! one validator, and its faults are told at their places.

use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use super::{Faults, Item};
use crate::decode::decode;
use crate::model::Plan;
use crate::tree::{Entry, Node, Style, Value};

/// The plan that the step is the only one of; in no message.
const PLAN: &str = "step";

/// What a step is put together from.
#[derive(Debug, Clone, Copy)]
pub struct StepParts<'t> {
    /// Its id.
    pub id: &'t str,
    /// Where to point when something is missing.
    pub named: &'t Range<usize>,
    /// A mapping that holds its executor; its keys have been looked at.
    pub action: Item<'t>,
    /// Whether it may be repeated where its keys do not say.
    pub idempotent: bool,
    /// Further keys of the step, with their values.
    pub keys: &'t [(&'t str, Item<'t>)],
    /// Further keys of the plan, such as `inputs`.
    pub of_plan: &'t [(&'t str, Item<'t>)],
}

impl Faults<'_> {
    /// The plan whose only step this is; `None` where the file has faults.
    pub fn step(&mut self, parts: &StepParts<'_>) -> Option<Plan> {
        let at = parts.named.clone();
        // What says nothing has been told with its key.
        let of_action = parts.action.0.map()?.iter();
        let of_action = of_action.filter(|entry| !entry.node.is_null());
        let mut step: Vec<Entry> = of_action.map(share).collect();
        step.extend(entries(parts.keys));
        let step = made(&at, Value::Map(step));
        let steps = made(&at, Value::Map(Vec::from([of(parts.id, &at, step)])));
        let plain = |text: &str| {
            let (text, style) = (text.to_string(), Style::Plain);
            made(&at, Value::Scalar { text, style })
        };
        let idempotent = plain(if parts.idempotent { "true" } else { "false" });
        let defaults = Value::Map(Vec::from([of("idempotent", &at, idempotent)]));
        let mut root = Vec::from([
            of("plan", &at, plain(PLAN)),
            of("defaults", &at, made(&at, defaults)),
        ]);
        root.extend(entries(parts.of_plan));
        root.push(of("steps", &at, steps));
        let root = made(&at, Value::Map(root));
        decode(&root, self.source, &mut self.findings)
    }
}

fn made(span: &Range<usize>, value: Value) -> Rc<Node> {
    Rc::new(Node {
        span: span.clone(),
        value,
    })
}

fn of(key: &str, span: &Range<usize>, node: Rc<Node>) -> Entry {
    Entry {
        key: String::from(key),
        span: span.clone(),
        node,
    }
}

fn entries(keys: &[(&str, Item<'_>)]) -> impl Iterator<Item = Entry> {
    let given = keys.iter().filter(|(_, item)| !item.is_null());
    given.map(|(key, item)| of(key, &item.span(), Rc::clone(item.0)))
}

fn share(entry: &Entry) -> Entry {
    of(&entry.key, &entry.span, Rc::clone(&entry.node))
}
