//! Templates: text with `${{ }}` in it.

use crate::declarations::Declarations;
use crate::expression::{Expression, Parse, Use};
use crate::fault::{EvalError, Fault};
use crate::language::{End, check_references, find_end};
use crate::reference::{Reference, Target};
use crate::scope::Scope;
use crate::secret_text::{Part, SecretText};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_vocabulary::InputName;
use serde_json::Value;

/// Where a template stands, which decides whether secrets may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// Secrets are refused.
    Plain,
    /// `${{ secrets.NAME }}` may stand: env, header, body, shell line.
    Secrets,
}

/// A scalar of a plan: text with `${{ }}` in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Expression(Expression),
    Secret(InputName, Reference),
}

/// What a scalar is cut into, before expressions are parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing more stands behind this offset.
    Rest,
    /// `$${{` stands at this offset, and means `${{`.
    Literal(usize),
    /// `${{` stands at the first offset, its `}}` ends at the second.
    Expression(usize, usize),
    /// `${{` stands at this offset, without its `}}`.
    Open(usize),
}

/// The next thing at or behind an offset that is not plain text.
pub(crate) fn next_cut(text: &str, from: usize) -> Cut {
    let Some(found) = text[from..].find("${{") else {
        return Cut::Rest;
    };
    let at = from + found;
    if at > from && text.as_bytes()[at - 1] == b'$' {
        return Cut::Literal(at - 1);
    }
    match find_end(&text[at + 3..]) {
        End::Closed(length) => Cut::Expression(at, at + 3 + length + 2),
        End::Missing => Cut::Open(at),
    }
}

pub(crate) fn never_closed(text: &str, at: usize) -> Fault {
    Fault::new(at..text.len(), "this `${{` is never closed")
        .hint("close it with `}}`, or write `$${{` for the characters themselves")
}

impl Template {
    /// Parses a scalar.
    pub fn parse(text: &str, site: Site) -> Result<Self, Vec<Fault>> {
        let mut pieces = Vec::new();
        let mut faults = Vec::new();
        let mut plain = String::new();
        let mut from = 0;
        loop {
            match next_cut(text, from) {
                Cut::Rest => break plain.push_str(&text[from..]),
                Cut::Literal(at) => {
                    plain.push_str(&text[from..at]);
                    plain.push_str("${{");
                    from = at + 4;
                }
                Cut::Open(at) => {
                    faults.push(never_closed(text, at));
                    break;
                }
                Cut::Expression(at, end) => {
                    plain.push_str(&text[from..at]);
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(core::mem::take(&mut plain)));
                    }
                    match piece(&text[at + 3..end - 2], at + 3, site) {
                        Ok(piece) => pieces.push(piece),
                        Err(mut found) => faults.append(&mut found),
                    }
                    from = end;
                }
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        if faults.is_empty() {
            Ok(Self {
                source: text.to_string(),
                pieces,
            })
        } else {
            Err(faults)
        }
    }

    /// A template whose one expression stands at an offset of a longer text,
    /// `${{` and `}}` included.
    pub(crate) fn expression(text: &str, at: usize) -> Result<Self, Vec<Fault>> {
        let piece = piece(&text[3..text.len() - 2], at + 3, Site::Secrets)?;
        Ok(Self {
            source: text.to_string(),
            pieces: Vec::from([piece]),
        })
    }

    /// A template that is just this text, whatever stands in it.
    pub fn literal(text: impl Into<String>) -> Self {
        let text = text.into();
        let source = text.replace("${{", "$${{");
        let pieces = if text.is_empty() {
            Vec::new()
        } else {
            Vec::from([Piece::Text(text)])
        };
        Self { source, pieces }
    }

    /// The text, when there is no expression in it.
    pub fn as_literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it is one expression, and so keeps that one's type.
    pub fn is_expression(&self) -> bool {
        matches!(self.pieces.as_slice(), [Piece::Expression(_)])
    }

    /// The scalar as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Everything that it reads.
    pub fn references(&self) -> Vec<Reference> {
        let mut all = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Expression(expression) => all.extend_from_slice(expression.references()),
                Piece::Secret(_, reference) => all.push(reference.clone()),
            }
        }
        all
    }

    /// Checks it against what the plan declares.
    pub fn check(&self, declarations: &dyn Declarations) -> Vec<Fault> {
        let used = if self.pieces.len() == 1 {
            Use::Value
        } else {
            Use::Text
        };
        self.check_as(declarations, used)
    }

    pub(crate) fn check_as(&self, declarations: &dyn Declarations, used: Use) -> Vec<Fault> {
        let mut faults = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Expression(expression) => {
                    faults.append(&mut expression.check(declarations, used));
                }
                Piece::Secret(_, reference) => {
                    faults.append(&mut check_references(
                        core::slice::from_ref(reference),
                        declarations,
                    ));
                }
            }
        }
        faults
    }

    /// Its text in this run, the parts joined: text as it is, numbers and
    /// booleans as CEL's `string()`, lists and maps as compact JSON; null is
    /// an error.
    pub fn text(&self, scope: &dyn Scope) -> Result<SecretText, EvalError> {
        let mut parts = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            parts.push(match piece {
                Piece::Text(text) => Part::Text(text.clone()),
                Piece::Expression(expression) => Part::Text(expression.text(scope)?),
                Piece::Secret(name, _) => Part::Secret(name.clone()),
            });
        }
        Ok(SecretText::from_parts(parts))
    }

    /// As [`Template::text`], with `escape` over everything that an expression
    /// gives: in a language of its own, a value must not mean more than itself.
    pub fn text_escaping(
        &self,
        scope: &dyn Scope,
        escape: impl Fn(&str) -> String,
    ) -> Result<SecretText, EvalError> {
        let mut parts = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            parts.push(match piece {
                Piece::Text(text) => Part::Text(text.clone()),
                Piece::Expression(expression) => Part::Text(escape(&expression.text(scope)?)),
                Piece::Secret(name, _) => Part::Secret(name.clone()),
            });
        }
        Ok(SecretText::from_parts(parts))
    }

    /// What is written in it outside of expressions, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Expression(_) | Piece::Secret(..) => None,
        })
    }

    /// What is written in it, with `instead` in each expression's place.
    pub fn texts_or<'t>(&'t self, instead: &'t str) -> impl Iterator<Item = &'t str> {
        self.pieces.iter().map(move |piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Expression(_) | Piece::Secret(..) => instead,
        })
    }

    /// Its text as far as it is known: an expression that reads something
    /// unknown stands as `‹expression›`, a secret as `‹secrets.NAME›`.
    pub fn preview(
        &self,
        scope: &dyn Scope,
        unknown: &dyn Fn(&Target) -> bool,
    ) -> Result<String, EvalError> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Expression(expression) => {
                    let reads = expression.references();
                    if reads.iter().any(|read| unknown(&read.target)) {
                        out.extend(["‹", expression.source(), "›"]);
                    } else {
                        out.push_str(&expression.text(scope)?);
                    }
                }
                Piece::Secret(name, _) => out.extend(["‹secrets.", name.as_str(), "›"]),
            }
        }
        Ok(out)
    }

    /// Its value in this run: a scalar that is one expression keeps its type,
    /// any other is text. A secret has no value.
    pub fn value(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        if let [Piece::Expression(expression)] = self.pieces.as_slice() {
            return expression.json(scope);
        }
        let text = self.text(scope)?;
        text.as_plain()
            .map(Value::from)
            .ok_or_else(|| EvalError::Secret {
                text: self.source.clone(),
            })
    }
}

/// What stands between `${{` and `}}`.
fn piece(inner: &str, at: usize, site: Site) -> Result<Piece, Vec<Fault>> {
    match (Expression::parse(inner, at)?, site) {
        (Parse::Value(expression), _) => Ok(Piece::Expression(expression)),
        (Parse::Secret(name, reference), Site::Secrets) => Ok(Piece::Secret(name, reference)),
        (Parse::Secret(_, reference), Site::Plain) => Err(Vec::from([Fault::new(
            reference.range,
            "a secret may not stand here",
        )
        .hint("secrets may stand in env, headers, bodies and shell lines")])),
    }
}
