//! From CEL's syntax tree to ours: names, functions and nesting are settled
//! here, so that evaluation meets nothing that it does not know.

use super::lexer::{admit, too_deep, too_many, word_at};
use super::node::{
    Binary, Each, EachKind, Function, Literal, Node, NodeKind, Read, RunField, StepField,
};
use crate::bounds::{MAX_COMPREHENSIONS, MAX_DEPTH, MAX_NODES, MAX_SOURCE};
use crate::fault::{Fault, nearest};
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
use rok_vocabulary::InputName;

/// What an expression turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Parsed {
    /// `secrets.NAME`, alone.
    Secret(InputName, Reference),
    /// A value, and what it reads.
    Value(Node, Vec<Reference>),
}

/// The names that an expression may begin with.
const ROOTS: &[&str] = &["inputs", "steps", "run", "item", "secrets"];
const TYPE_NAMES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];
/// What expands into a tree, and how it is written.
const MACROS: &[(&str, &str)] = &[
    ("has", "has(inputs.name)"),
    ("all", "list.all(x, condition)"),
    ("exists", "list.exists(x, condition)"),
    ("exists_one", "list.exists_one(x, condition)"),
    ("map", "list.map(x, value)"),
    ("filter", "list.filter(x, condition)"),
];

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
    let message = error
        .msg
        .strip_prefix("Syntax error: ")
        .unwrap_or(&error.msg);
    let fault = Fault::new(range.start + at..range.end + at, message.to_owned());
    match message.strip_prefix("reserved identifier: ") {
        Some(word) => fault.hint(format!(
            "`{word}` is a reserved word; a text stands in quotes: '{word}'"
        )),
        None => fault,
    }
}

/// One literal name after a root: `.name` or `['name']`.
struct Segment<'e> {
    name: &'e str,
    /// Where the name begins, in the expression's text.
    start: usize,
    /// Where it ends, bracket included.
    end: usize,
    /// Whether `has()` asks for it.
    test: bool,
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
        if let Some(read) = self.read(tree, depth) {
            return read;
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

    fn name(&mut self, name: &str, span: &Range<usize>) -> Option<NodeKind> {
        if let Some(index) = self.variables.iter().rposition(|variable| variable == name) {
            return Some(NodeKind::Variable(index));
        }
        if let Some(name) = TYPE_NAMES.iter().find(|known| **known == name) {
            return Some(NodeKind::TypeName(name));
        }
        if !self
            .hyphenated
            .iter()
            .any(|range| range.contains(&span.start))
        {
            let known = ROOTS
                .iter()
                .copied()
                .chain(self.variables.iter().map(String::as_str));
            let hint = match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "names begin with inputs, steps, run or item; a text stands in quotes: '{name}'"
                ),
            };
            self.fault(span.clone(), format!("unknown name `{name}`"), hint);
        }
        None
    }

    /// The literal names after a root, when there is nothing else in between.
    fn path<'e>(&self, tree: &'e IdedExpr) -> Option<(&'e str, Vec<Segment<'e>>)> {
        let mut segments = Vec::new();
        let mut at = tree;
        loop {
            match &at.expr {
                Expr::Select(select) => {
                    let dot = self.token(at.id).end;
                    let rest = &self.text[dot..];
                    let start = dot + (rest.len() - rest.trim_start().len());
                    let end = (start + select.field.len()).min(self.text.len());
                    segments.push(Segment {
                        name: &select.field,
                        start,
                        end,
                        test: select.test,
                    });
                    at = &select.operand;
                }
                Expr::Call(CallExpr {
                    func_name,
                    target: None,
                    args,
                }) if func_name == operators::INDEX => {
                    let [of, index] = args.as_slice() else {
                        return None;
                    };
                    let Expr::Literal(LiteralValue::String(name)) = &index.expr else {
                        return None;
                    };
                    let Range { start, end } = self.token(index.id);
                    let end = end + usize::from(self.text[end..].starts_with(']'));
                    segments.push(Segment {
                        name: name.inner(),
                        start,
                        end,
                        test: false,
                    });
                    at = of;
                }
                Expr::Ident(name) => {
                    segments.reverse();
                    if let Some((last, before)) =
                        segments.split_last_mut().filter(|(last, _)| last.test)
                    {
                        // The token of `has()` is the call's: look behind
                        // what it asks.
                        let from = before
                            .last()
                            .map_or(self.token(at.id).end, |segment| segment.end);
                        let rest = &self.text[from..];
                        let skipped = rest.trim_start_matches(|c: char| {
                            c.is_whitespace() || c == '.' || c == ')'
                        });
                        last.start = from + (rest.len() - skipped.len());
                        last.end = (last.start + last.name.len()).min(self.text.len());
                    }
                    return Some((name, segments));
                }
                _ => return None,
            }
        }
    }

    /// What begins with a root. The outer `None`: it does not.
    fn read(&mut self, tree: &IdedExpr, depth: usize) -> Option<Option<Node>> {
        let (root, segments) = self.path(tree)?;
        if self.variables.iter().any(|variable| variable == root) || !ROOTS.contains(&root) {
            return None;
        }
        Some(self.read_root(tree, root, &segments, depth))
    }

    fn read_root(
        &mut self,
        tree: &IdedExpr,
        root: &str,
        segments: &[Segment<'_>],
        depth: usize,
    ) -> Option<Node> {
        let start = self.token(root_id(tree)).start;
        let end = segments
            .last()
            .map_or(start + root.len(), |segment| segment.end);
        let span = start + self.at..end + self.at;
        let (target, read, used) = match (root, segments) {
            ("inputs", [input, ..]) => (
                Target::Input(input.name.to_owned()),
                Read::Input(input.name.to_owned()),
                1,
            ),
            ("run", [field, ..]) => {
                let Some(known) = RunField::parse(field.name) else {
                    let hint = one_of(field.name, RunField::ALL.iter().map(|field| field.as_str()));
                    self.fault(span, format!("a run has no `{}`", field.name), hint);
                    return None;
                };
                (Target::Run(field.name.to_owned()), Read::Run(known), 1)
            }
            ("item", _) => (Target::Item, Read::Item, 0),
            ("steps", [step, field, ..]) if !step.test => {
                let Some(known) = StepField::parse(field.name) else {
                    let hint = one_of(
                        field.name,
                        StepField::ALL.iter().map(|field| field.as_str()),
                    );
                    self.fault(span, format!("a step has no `{}`", field.name), hint);
                    return None;
                };
                let path = segments[1..]
                    .iter()
                    .map(|segment| segment.name.to_owned())
                    .collect();
                let target = Target::Step {
                    id: step.name.to_owned(),
                    path,
                };
                (target, Read::Step(step.name.to_owned(), known), 2)
            }
            _ => {
                self.incomplete(root, segments, span);
                return None;
            }
        };
        self.references.push(Reference {
            target,
            range: span.clone(),
        });
        let asked = used > 0 && segments[used - 1].test;
        let mut kind = match (asked, read) {
            (false, read) => NodeKind::Read(read),
            (true, Read::Input(name)) => NodeKind::HasInput(name),
            // Steps and runs have all their fields, always.
            (true, _) => NodeKind::Literal(Literal::Bool(true)),
        };
        let mut read_to = segments[..used]
            .last()
            .map_or(start + root.len(), |segment| segment.end);
        for (level, segment) in segments[used..].iter().enumerate() {
            self.count(tree.id, depth + level + 1)?;
            let of = Box::new(Node {
                span: span.start..read_to + self.at,
                kind,
            });
            let name = segment.name.to_owned();
            kind = if segment.test {
                NodeKind::Has(of, name)
            } else {
                NodeKind::Select(of, name)
            };
            read_to = segment.end;
        }
        Some(Node { span, kind })
    }

    /// A root that is not followed by what it needs.
    fn incomplete(&mut self, root: &str, segments: &[Segment<'_>], span: Range<usize>) {
        match (root, segments) {
            ("secrets", _) => self.fault(
                span,
                "a secret cannot be part of an operation",
                "it stands alone, text around it: `Bearer ${{ secrets.NAME }}`",
            ),
            ("steps", [step]) => {
                let word = word_at(self.text, step.start);
                if word.len() > step.name.len() && word.starts_with(step.name) && word.contains('-')
                {
                    let end = step.start + word.len();
                    let field = match self.text[end..].strip_prefix('.') {
                        Some(_) => word_at(self.text, end + 1),
                        None => "outputs",
                    };
                    self.hyphenated
                        .push(step.start + self.at..end + field.len() + 1 + self.at);
                    self.fault(
                        span.start..end + self.at,
                        format!("`steps.{word}` reads as a subtraction"),
                        format!("write steps['{word}'].{field}"),
                    );
                } else {
                    self.fault(
                        span,
                        format!("step `{}` as a whole is no value", step.name),
                        "write steps.ID.outputs.NAME, .state, .error_class or .attempt",
                    );
                }
            }
            ("steps", _) => {
                self.fault(
                    span,
                    "the steps as a whole are no value",
                    "write steps.ID.outputs.NAME, or steps['my-id'].state",
                );
            }
            ("run", _) => self.fault(
                span,
                "the run as a whole is no value",
                "write run.id, run.plan, run.epoch or run.labels",
            ),
            _ => self.fault(
                span,
                "the inputs as a whole are no value",
                "write inputs.NAME, with a literal name",
            ),
        }
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
        let predicate = predicate.map(|tree| self.node(tree, depth + 1));
        let result = result.map(|tree| self.node(tree, depth + 1));
        self.variables.pop();
        Some(Each {
            kind,
            range: range?,
            predicate: flip(predicate)?,
            result: flip(result)?,
        })
    }

    fn call(&mut self, call: &CallExpr, span: &Range<usize>, depth: usize) -> Option<NodeKind> {
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
                    None => {
                        let known = Function::ALL
                            .iter()
                            .map(|function| function.as_str())
                            .chain(MACROS.iter().map(|(name, _)| *name));
                        nearest(name, known).map_or_else(
                            || {
                                format!(
                                    "the functions are {}",
                                    Function::ALL
                                        .iter()
                                        .map(|function| function.as_str())
                                        .collect::<Vec<_>>()
                                        .join(", ")
                                )
                            },
                            |near| format!("did you mean `{near}`?"),
                        )
                    }
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

fn flip<T>(nested: Option<Option<T>>) -> Option<Option<T>> {
    match nested {
        None => Some(None),
        Some(inner) => inner.map(Some),
    }
}

fn root_id(tree: &IdedExpr) -> u64 {
    let mut at = tree;
    loop {
        match &at.expr {
            Expr::Select(select) => at = &select.operand,
            Expr::Call(call) if call.func_name == operators::INDEX && !call.args.is_empty() => {
                at = &call.args[0]
            }
            _ => return at.id,
        }
    }
}

fn one_of(word: &str, known: impl Iterator<Item = &'static str> + Clone) -> String {
    nearest(word, known.clone()).map_or_else(
        || format!("it has {}", known.collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    )
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
