//! Calls: operators and functions.

use super::super::node::{Binary, Function, Node, NodeKind};
use super::Lowering;
use crate::fault::nearest;
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use cel::common::ast::{CallExpr, IdedExpr, operators};
use core::ops::Range;

/// What expands into a tree, and how it is written.
const MACROS: &[(&str, &str)] = &[
    ("has", "has(inputs.name)"),
    ("all", "list.all(x, condition)"),
    ("exists", "list.exists(x, condition)"),
    ("exists_one", "list.exists_one(x, condition)"),
    ("map", "list.map(x, value)"),
    ("filter", "list.filter(x, condition)"),
];

impl Lowering<'_> {
    pub(super) fn call(
        &mut self,
        call: &CallExpr,
        span: &Range<usize>,
        depth: usize,
    ) -> Option<NodeKind> {
        // The parser names operators by what no identifier holds.
        let identifier = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
        if call.target.is_none() && !call.func_name.bytes().all(identifier) {
            let lowered = self.nodes(&call.args, depth + 1)?;
            return operator(&call.func_name, lowered);
        }
        let trees: Vec<&IdedExpr> = call
            .target
            .iter()
            .map(|target| &**target)
            .chain(&call.args)
            .collect();
        let function = self.function(call, span);
        if function.is_none() && MACROS.iter().any(|(known, _)| *known == call.func_name) {
            // Its variable would be one more unknown name.
            return None;
        }
        let mut lowered = Vec::new();
        for tree in trees {
            lowered.push(self.node(tree, depth + 1));
        }
        let args: Option<Vec<Node>> = lowered.into_iter().collect();
        Some(NodeKind::Call(function?, args?))
    }

    fn function(&mut self, call: &CallExpr, span: &Range<usize>) -> Option<Function> {
        let name = call.func_name.as_str();
        let Some(function) = Function::parse(name) else {
            let hint = match name {
                "matches" => {
                    "regular expressions are not available; try contains, startsWith or endsWith"
                        .to_owned()
                }
                "timestamp" | "duration" | "now" => {
                    "an expression knows no time; let a step work it out".to_owned()
                }
                _ => match MACROS.iter().find(|(known, _)| *known == name) {
                    Some((_, usage)) => format!("it is written {usage}"),
                    None => nearest_function(name),
                },
            };
            let known = MACROS.iter().any(|(known, _)| *known == name);
            let message = if known {
                format!("`{name}` is not used like this")
            } else {
                format!("unknown function `{name}`")
            };
            self.fault(span.clone(), message, hint);
            return None;
        };
        let (global, member, arity) = function.shape();
        let given = call.args.len() + usize::from(call.target.is_some());
        let usage = match (global, arity) {
            (true, _) => format!("it is written {name}(x)"),
            (false, _) => format!("it is written x.{name}(y)"),
        };
        if (call.target.is_some() && !member) || (call.target.is_none() && !global) {
            self.fault(
                span.clone(),
                format!("`{name}` is not called like this"),
                usage,
            );
            return None;
        }
        if given != arity {
            let wanted = arity - usize::from(call.target.is_some());
            let message = format!(
                "`{name}` takes {wanted} argument(s), not {}",
                call.args.len()
            );
            self.fault(span.clone(), message, usage);
            return None;
        }
        Some(function)
    }
}

fn nearest_function(name: &str) -> String {
    let known = Function::ALL.iter().map(|function| function.as_str());
    let macros = MACROS.iter().map(|(name, _)| *name);
    nearest(name, known.clone().chain(macros)).map_or_else(
        || format!("the functions are {}", known.collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    )
}

fn pair(nodes: Vec<Node>) -> Option<Box<[Node; 2]>> {
    nodes.try_into().ok().map(Box::new)
}

/// The operators by the parser's names: `_+_`, `@in`, `_?_:_`.
fn operator(name: &str, mut nodes: Vec<Node>) -> Option<NodeKind> {
    if nodes.len() == 2
        && let Some(binary) = Binary::parse(name.trim_matches(['_', '@']))
    {
        return Some(NodeKind::Binary(binary, pair(nodes)?));
    }
    match (name, nodes.len()) {
        (operators::LOGICAL_AND, 2) => Some(NodeKind::And(pair(nodes)?)),
        (operators::LOGICAL_OR, 2) => Some(NodeKind::Or(pair(nodes)?)),
        (operators::INDEX, 2) => Some(NodeKind::Index(pair(nodes)?)),
        (operators::LOGICAL_NOT, 1) => Some(NodeKind::Not(Box::new(nodes.pop()?))),
        (operators::NEGATE, 1) => Some(NodeKind::Negate(Box::new(nodes.pop()?))),
        (operators::CONDITIONAL, 3) => {
            Some(NodeKind::Conditional(nodes.try_into().ok().map(Box::new)?))
        }
        _ => None,
    }
}
