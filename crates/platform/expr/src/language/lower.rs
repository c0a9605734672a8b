//! From CEL's syntax tree to ours: names, functions and nesting are settled
//! here, so that evaluation meets nothing that it does not know.

mod calls;
mod names;
mod syntax;

use super::lexer::{admit, too_deep, too_many};
use super::node::{Each, EachKind, Literal, Node, NodeKind};
use crate::bounds::{MAX_COMPREHENSIONS, MAX_DEPTH, MAX_NODES, MAX_SOURCE};
use crate::fault::Fault;
use crate::reference::{Reference, Target};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators,
};
use cel::parser::{ParseError, PrattParser};
use core::ops::Range;
use names::{ROOTS, root_id};
use rok_vocabulary::InputName;

/// What an expression turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Parsed {
    /// `secrets.NAME`, alone.
    Secret(InputName, Reference),
    /// A value, and what it reads.
    Value(Node, Vec<Reference>),
}

/// Parses the expression `text`, which stands at offset `at` of its scalar.
pub(crate) fn parse(text: &str, at: usize) -> Result<Parsed, Vec<Fault>> {
    let whole = at..at + text.len();
    if text.trim().is_empty() {
        return Err(Vec::from([Fault::new(whole, "the expression is empty")]));
    }
    if text.len() > MAX_SOURCE {
        return Err(Vec::from([Fault::new(
            whole,
            format!("the expression is longer than {MAX_SOURCE} bytes"),
        )
        .hint("work it out in a step and read its outputs")]));
    }
    admit(text).map_err(|fault| Vec::from([shifted(fault, at)]))?;
    let tree = parser().parse(text).map_err(|errors| {
        let error = errors
            .errors
            .iter()
            .find(|error| error.pos.0 > 0)
            .or(errors.errors.first());
        Vec::from([error.map_or_else(
            || Fault::new(whole.clone(), "this is no expression"),
            |error| syntax_fault(error, text, at),
        )])
    })?;
    let mut lowering = Lowering {
        text,
        at,
        offsets: offsets(text),
        faults: Vec::new(),
        references: Vec::new(),
        variables: Vec::new(),
        hyphenated: Vec::new(),
        nodes: 0,
        stopped: false,
    };
    if let Some(secret) = lowering.secret(&tree) {
        return Ok(secret);
    }
    match lowering.node(&tree, 1) {
        Some(node) if lowering.faults.is_empty() => Ok(Parsed::Value(node, lowering.references)),
        _ if lowering.faults.is_empty() => {
            Err(Vec::from([Fault::new(whole, "this is no expression")]))
        }
        _ => Err(lowering.faults),
    }
}

fn parser() -> PrattParser {
    PrattParser::new()
        .max_recursion_depth(2 * MAX_DEPTH as u16)
        .max_expression_node_count(64 * MAX_NODES)
        .error_recovery_limit(1)
}

/// Where each node stands. The parser tells it only beside an error: hence the
/// bracket too many, behind all that has a node.
fn offsets(text: &str) -> Option<Arc<SourceInfo>> {
    let errors = parser().parse(&format!("{text}\n)")).err()?;
    errors
        .errors
        .into_iter()
        .find_map(|error| error.source_info)
}

fn shifted(mut fault: Fault, at: usize) -> Fault {
    fault.range = fault.range.start + at..fault.range.end + at;
    fault
}

fn syntax_fault(error: &ParseError, text: &str, at: usize) -> Fault {
    let range = error
        .source_info
        .as_ref()
        .and_then(|info| info.offset_for(error.expr_id))
        .map(|(start, stop)| start as usize..stop as usize)
        .filter(|range| text.get(range.clone()).is_some())
        .unwrap_or(0..text.len());
    let (message, hint) = syntax::in_words(&error.msg, text.get(range.clone()).unwrap_or(text));
    let fault = Fault::new(range.start + at..range.end + at, message);
    match hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

struct Lowering<'t> {
    text: &'t str,
    at: usize,
    offsets: Option<Arc<SourceInfo>>,
    faults: Vec<Fault>,
    references: Vec<Reference>,
    variables: Vec<String>,
    /// Ids that were read as a subtraction: what else is wrong inside them is
    /// not worth a word.
    hyphenated: Vec<Range<usize>>,
    nodes: usize,
    stopped: bool,
}

impl Lowering<'_> {
    fn fault(&mut self, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.faults.push(Fault::new(span, message).hint(hint));
    }

    /// The token that a node was made from, within the expression's text.
    fn token(&self, id: u64) -> Range<usize> {
        self.offsets
            .as_ref()
            .and_then(|offsets| offsets.offset_for(id))
            .map(|(start, stop)| start as usize..stop as usize)
            .filter(|range| self.text.get(range.clone()).is_some())
            .unwrap_or(0..self.text.len())
    }

    fn span(&self, id: u64) -> Range<usize> {
        let token = self.token(id);
        token.start + self.at..token.end + self.at
    }

    fn count(&mut self, id: u64, depth: usize) -> Option<()> {
        self.nodes += 1;
        if self.stopped {
            return None;
        }
        let fault = if depth > MAX_DEPTH {
            too_deep(self.span(id))
        } else if self.nodes > MAX_NODES {
            too_many(self.span(id))
        } else {
            return Some(());
        };
        self.stopped = true;
        self.faults.push(fault);
        None
    }

    /// `secrets.NAME`, when that is all of the expression.
    fn secret(&mut self, tree: &IdedExpr) -> Option<Parsed> {
        let (root, segments) = self.path(tree)?;
        let [segment] = segments.as_slice() else {
            return None;
        };
        if root != "secrets" || segment.test {
            return None;
        }
        let range = self.token(root_id(tree)).start + self.at..segment.end + self.at;
        let reference = Reference {
            target: Target::Secret(segment.name.to_owned()),
            range,
        };
        Some(Parsed::Secret(segment.name.parse().ok()?, reference))
    }

    fn node(&mut self, tree: &IdedExpr, depth: usize) -> Option<Node> {
        self.count(tree.id, depth)?;
        if let Some((root, segments)) = self.rooted(tree) {
            return self.read_root(tree, root, &segments, depth);
        }
        let span = self.span(tree.id);
        let kind = match &tree.expr {
            Expr::Literal(literal) => NodeKind::Literal(lower_literal(literal)),
            Expr::Ident(name) => self.name(name, &span)?,
            Expr::Select(select) => {
                let of = Box::new(self.node(&select.operand, depth + 1)?);
                let field = select.field.clone();
                if select.test {
                    NodeKind::Has(of, field)
                } else {
                    NodeKind::Select(of, field)
                }
            }
            Expr::List(list) => NodeKind::List(self.nodes(&list.elements, depth + 1)?),
            Expr::Map(map) => {
                let mut entries = Vec::new();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return None;
                    };
                    entries.push((
                        self.node(&entry.key, depth + 1)?,
                        self.node(&entry.value, depth + 1)?,
                    ));
                }
                NodeKind::Map(entries)
            }
            Expr::Comprehension(each) => NodeKind::Each(Box::new(self.each(each, &span, depth)?)),
            Expr::Call(call) => self.call(call, &span, depth)?,
            Expr::Struct(_) | Expr::Unspecified => {
                self.fault(span, "this is no value", "maps are written {'name': value}");
                return None;
            }
        };
        Some(Node {
            span: covering(span, &kind),
            kind,
        })
    }

    /// All of them, with the faults of all of them.
    fn nodes(&mut self, trees: &[IdedExpr], depth: usize) -> Option<Vec<Node>> {
        let lowered: Vec<Option<Node>> = trees.iter().map(|tree| self.node(tree, depth)).collect();
        lowered.into_iter().collect()
    }

    fn optional(&mut self, tree: Option<&IdedExpr>, depth: usize) -> Result<Option<Node>, ()> {
        tree.map(|tree| self.node(tree, depth).ok_or(()))
            .transpose()
    }

    fn each(
        &mut self,
        each: &ComprehensionExpr,
        span: &Range<usize>,
        depth: usize,
    ) -> Option<Each> {
        let range = self.node(&each.iter_range, depth + 1);
        if self.variables.len() >= MAX_COMPREHENSIONS {
            self.fault(
                span.clone(),
                format!("more than {MAX_COMPREHENSIONS} comprehensions in each other"),
                "work it out in a step and read its outputs",
            );
            return None;
        }
        if ROOTS.contains(&each.iter_var.as_str()) {
            self.fault(
                span.clone(),
                format!("`{}` already means something here", each.iter_var),
                "choose another name for the variable",
            );
            return None;
        }
        let Some((kind, predicate, result)) = parts(each) else {
            self.fault(
                span.clone(),
                "this comprehension is not known",
                "use all, exists, exists_one, map or filter",
            );
            return None;
        };
        self.variables.push(each.iter_var.clone());
        let predicate = self.optional(predicate, depth + 1);
        let result = self.optional(result, depth + 1);
        self.variables.pop();
        Some(Each {
            kind,
            range: range?,
            predicate: predicate.ok()?,
            result: result.ok()?,
        })
    }
}

/// A node's span: its own token and all of its children.
fn covering(mut span: Range<usize>, kind: &NodeKind) -> Range<usize> {
    let mut include = |node: &Node| {
        span = span.start.min(node.span.start)..span.end.max(node.span.end);
    };
    match kind {
        NodeKind::Select(of, _)
        | NodeKind::Has(of, _)
        | NodeKind::Not(of)
        | NodeKind::Negate(of) => include(of),
        NodeKind::List(nodes) | NodeKind::Call(_, nodes) => nodes.iter().for_each(include),
        NodeKind::Index(pair)
        | NodeKind::And(pair)
        | NodeKind::Or(pair)
        | NodeKind::Binary(_, pair) => {
            pair.iter().for_each(include);
        }
        NodeKind::Conditional(three) => three.iter().for_each(include),
        NodeKind::Map(entries) => entries.iter().for_each(|(key, value)| {
            include(key);
            include(value);
        }),
        NodeKind::Each(each) => {
            include(&each.range);
            each.predicate.iter().chain(&each.result).for_each(include);
        }
        _ => {}
    }
    span
}

fn lower_literal(literal: &LiteralValue) -> Literal {
    match literal {
        LiteralValue::Null => Literal::Null,
        LiteralValue::Boolean(b) => Literal::Bool(*b.inner()),
        LiteralValue::Int(i) => Literal::Int(*i.inner()),
        LiteralValue::UInt(u) => Literal::Uint(*u.inner()),
        LiteralValue::Double(d) => Literal::Double(*d.inner()),
        LiteralValue::String(s) => Literal::Text(s.inner().to_owned()),
        LiteralValue::Bytes(b) => Literal::Bytes(b.inner().to_vec()),
    }
}

type Parts<'e> = (EachKind, Option<&'e IdedExpr>, Option<&'e IdedExpr>);

/// Which macro a comprehension came from: its kind, predicate and result.
fn parts(each: &ComprehensionExpr) -> Option<Parts<'_>> {
    let is_accu =
        |tree: &IdedExpr| matches!(&tree.expr, Expr::Ident(name) if *name == each.accu_var);
    let Expr::Call(step) = &each.loop_step.expr else {
        return None;
    };
    match (step.func_name.as_str(), step.args.as_slice()) {
        (operators::LOGICAL_AND, [accu, body]) if is_accu(accu) => {
            Some((EachKind::All, Some(body), None))
        }
        (operators::LOGICAL_OR, [accu, body]) if is_accu(accu) => {
            Some((EachKind::Exists, Some(body), None))
        }
        (operators::ADD, _) => Some((EachKind::Collect, None, Some(appended(step)?))),
        (operators::CONDITIONAL, [predicate, then, accu]) if is_accu(accu) => {
            let Expr::Call(then) = &then.expr else {
                return None;
            };
            match appended(then) {
                Some(body) => Some((EachKind::Collect, Some(predicate), Some(body))),
                None => Some((EachKind::ExistsOne, Some(predicate), None)),
            }
        }
        _ => None,
    }
}

/// The `x` of `@result + [x]`.
fn appended(step: &CallExpr) -> Option<&IdedExpr> {
    let [_, added] = step.args.as_slice() else {
        return None;
    };
    let Expr::List(list) = &added.expr else {
        return None;
    };
    list.elements.first()
}
