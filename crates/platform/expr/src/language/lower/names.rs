//! Names: roots, and what stands behind them.

use super::super::lexer::word_at;
use super::super::node::{Literal, Node, NodeKind, Read, RunField, StepField};
use super::Lowering;
use crate::fault::nearest;
use crate::reference::{Reference, Target};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use core::ops::Range;

/// The names that an expression may begin with.
pub(super) const ROOTS: &[&str] = &["inputs", "steps", "run", "item", "item_index", "secrets"];
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

/// One literal name after a root: `.name` or `['name']`.
pub(super) struct Segment<'e> {
    pub(super) name: &'e str,
    /// Where the name begins, in the expression's text.
    start: usize,
    /// Where it ends, bracket included.
    pub(super) end: usize,
    /// Whether `has()` asks for it.
    pub(super) test: bool,
}

impl Lowering<'_> {
    pub(super) fn name(&mut self, name: &str, span: &Range<usize>) -> Option<NodeKind> {
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
    pub(super) fn path<'e>(&self, tree: &'e IdedExpr) -> Option<(&'e str, Vec<Segment<'e>>)> {
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

    /// The root that it begins with, and the literal names behind.
    pub(super) fn rooted<'e>(&self, tree: &'e IdedExpr) -> Option<(&'e str, Vec<Segment<'e>>)> {
        let (root, segments) = self.path(tree)?;
        let shadowed = self.variables.iter().any(|variable| variable == root);
        (ROOTS.contains(&root) && !shadowed).then_some((root, segments))
    }

    pub(super) fn read_root(
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
            ("item_index", []) => (Target::ItemIndex, Read::ItemIndex, 0),
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
            ("item_index", _) => self.fault(
                span,
                "`item_index` is a number, and has nothing in it",
                "write item_index",
            ),
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
}

pub(super) fn root_id(tree: &IdedExpr) -> u64 {
    let mut at = tree;
    loop {
        match &at.expr {
            Expr::Select(select) => at = &select.operand,
            Expr::Call(call) if call.func_name == operators::INDEX && !call.args.is_empty() => {
                at = &call.args[0];
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
