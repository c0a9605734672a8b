//! TOML to tree, within the same bounds as YAML.
//!
//! The parser pushes events and recovers from errors, so every fault of the
//! syntax is said at once. Tables may be spread over the file; an entry stands
//! where its key is first named.

mod place;

use alloc::borrow::Cow;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;
use toml_parser::decoder::{Encoding, IntegerRadix, ScalarKind};
use toml_parser::parser::{EventReceiver, ValidateWhitespace, parse_document};
use toml_parser::{ErrorSink, Expected, ParseError, Raw, Source as Toml, Span};

use self::place::{Content, Key, Made, Slots};
use super::bounds;
use super::{Node, Style};
use crate::fault::{FaultCode, Finding, Findings, MAX_FAULTS, quoted};
use crate::source::Source;

/// Words and signs of a file, blanks and comments included: five for each
/// value that a plan may hold, and as much again for people.
const MAX_TOKENS: usize = 2_000_000;

/// Reads one document.
pub(super) fn load(source: &Source<'_>, findings: &mut Findings) -> Option<Rc<Node>> {
    let toml = Toml::new(source.text());
    let tokens: Vec<_> = toml.lex().take(MAX_TOKENS + 1).collect();
    if let Some(token) = tokens.get(MAX_TOKENS) {
        let span = token.span().start()..token.span().end();
        let finding = Finding::new(FaultCode::Limit, span, "the file has too many words");
        findings.push(finding.hint("split it, or keep the data in files that steps read"));
        return None;
    }
    let mut faults = Vec::new();
    let mut sink = |error: ParseError| {
        if faults.len() <= MAX_FAULTS {
            faults.push(error);
        }
    };
    let mut loader = Loader {
        toml,
        findings,
        slots: Slots::new(source.text().trim_end().len()),
        section: 0,
        open: Vec::new(),
        path: Vec::new(),
        dot: false,
        header: None,
        stop: None,
    };
    let mut checked = ValidateWhitespace::new(&mut loader, toml);
    parse_document(&tokens, &mut checked, &mut sink);
    let Loader { slots, stop, .. } = loader;
    if let Some(stop) = stop {
        findings.push(stop);
        return None;
    }
    if !faults.is_empty() {
        for error in faults {
            findings.push(syntax(&error, source));
        }
        return None;
    }
    slots.into_tree()
}

struct Loader<'a, 's> {
    toml: Toml<'s>,
    findings: &'a mut Findings,
    slots: Slots,
    /// The table that the last header names.
    section: usize,
    /// Arrays and inline tables whose end has not come yet.
    open: Vec<usize>,
    /// The dotted key that is being read.
    path: Vec<Key>,
    /// Whether a dot was the last thing of a key.
    dot: bool,
    /// The header that is being read: where it begins.
    header: Option<usize>,
    /// What ended the reading.
    stop: Option<Finding>,
}

impl Loader<'_, '_> {
    /// Does a part of the reading, unless it has ended.
    fn step(&mut self, part: impl FnOnce(&mut Self) -> Result<(), Finding>) -> bool {
        if self.stop.is_none() {
            self.stop = part(self).err();
        }
        self.stop.is_none()
    }

    fn key(
        &mut self,
        raw: Raw<'_>,
        span: Range<usize>,
        error: &mut dyn ErrorSink,
    ) -> Result<(), Finding> {
        let mut text = Cow::Borrowed("");
        raw.decode_key(&mut text, error);
        let text = text.into_owned();
        bounds::key(&text, &span)?;
        if !mem::take(&mut self.dot) {
            self.path.clear();
        }
        self.path.push(Key { text, span });
        Ok(())
    }

    /// A `[table]` or an `[[array of tables]]`.
    fn table(&mut self, end: usize, array: bool) -> Result<(), Finding> {
        let span = self.header.take().unwrap_or(end)..end;
        let path = mem::take(&mut self.path);
        let made = if array {
            self.slots.array_table(&path, &span)
        } else {
            self.slots.table(&path, &span)
        };
        self.section = match self.made(made)? {
            Some(table) => table,
            None => self.slots.detached(span)?,
        };
        Ok(())
    }

    /// Puts a value where it belongs.
    fn value(&mut self, span: Range<usize>, content: Content) -> Result<Option<usize>, Finding> {
        let parent = self.open.last().copied().unwrap_or(self.section);
        let made = if self.slots.is_list(parent) {
            self.slots.item(parent, span, content)
        } else {
            let path = mem::take(&mut self.path);
            self.slots.entry(parent, &path, span, content)
        };
        self.made(made)
    }

    /// Says what cannot be where it stands. What is within it is read all the
    /// same, for its own faults, and belongs nowhere.
    fn made<T>(&mut self, made: Result<T, Finding>) -> Result<Option<T>, Finding> {
        match made {
            Ok(made) => Ok(Some(made)),
            Err(finding) if finding.code == FaultCode::Limit => Err(finding),
            Err(finding) => {
                self.findings.push(finding);
                Ok(None)
            }
        }
    }

    fn scalar(
        &mut self,
        raw: Raw<'_>,
        span: Range<usize>,
        error: &mut dyn ErrorSink,
    ) -> Result<(), Finding> {
        let mut text = Cow::Borrowed("");
        let kind = raw.decode_scalar(&mut text, error);
        let (text, style) = match kind {
            ScalarKind::String => (text.into_owned(), Style::Quoted),
            ScalarKind::Boolean(value) => (value.to_string(), Style::Typed),
            ScalarKind::Integer(radix) => (integer(&text, radix), Style::Typed),
            ScalarKind::Float => (float(&text), Style::Typed),
            ScalarKind::DateTime => {
                let message = format!("{} is a date or a time of TOML", quoted(raw.as_str()));
                let finding = Finding::new(FaultCode::WrongType, span.clone(), message);
                self.findings
                    .push(finding.hint("a plan has no such type: put it in quotes"));
                (text.into_owned(), Style::Quoted)
            }
        };
        self.value(span, Content::Scalar(text, style)).map(|_| ())
    }

    fn begin(&mut self, span: &Span, content: Content) -> bool {
        let span = span.start()..span.end();
        self.step(|loader| {
            let slot = match loader.value(span.clone(), content)? {
                Some(slot) => slot,
                None => loader.slots.detached(span)?,
            };
            loader.open.push(slot);
            Ok(())
        })
    }

    fn end(&mut self, span: &Span) {
        self.step(|loader| {
            if let Some(slot) = loader.open.pop() {
                loader.slots.close(slot, span.end());
            }
            Ok(())
        });
    }
}

impl EventReceiver for Loader<'_, '_> {
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.header = Some(span.start());
        self.dot = false;
    }

    fn std_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.step(|loader| loader.table(span.end(), false));
    }

    fn array_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.header = Some(span.start());
        self.dot = false;
    }

    fn array_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.step(|loader| loader.table(span.end(), true));
    }

    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.begin(&span, Content::map(Made::Inline))
    }

    fn inline_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.end(&span);
    }

    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.begin(&span, Content::list(false))
    }

    fn array_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.end(&span);
    }

    fn simple_key(&mut self, span: Span, kind: Option<Encoding>, error: &mut dyn ErrorSink) {
        let raw = raw(self.toml, span, kind);
        self.step(|loader| loader.key(raw, span.start()..span.end(), error));
    }

    fn key_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.dot = true;
    }

    fn key_val_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.dot = false;
    }

    fn scalar(&mut self, span: Span, kind: Option<Encoding>, error: &mut dyn ErrorSink) {
        if span.is_empty() {
            error.report_error(ParseError::new("a value is missing here").with_unexpected(span));
            return;
        }
        let raw = raw(self.toml, span, kind);
        let place = span.start()..span.end();
        self.step(|loader| match (kind, raw.as_str()) {
            (Some(Encoding::MlLiteralString | Encoding::MlBasicString), text)
                if text.contains("\r\n") =>
            {
                // A line ends the same way wherever the file was written.
                let text = text.replace("\r\n", "\n");
                loader.scalar(Raw::new_unchecked(&text, kind, span), place, error)
            }
            _ => loader.scalar(raw, place, error),
        });
    }
}

/// The text of an event.
fn raw(toml: Toml<'_>, span: Span, kind: Option<Encoding>) -> Raw<'_> {
    let text = toml.input().get(span.start()..span.end());
    Raw::new_unchecked(text.unwrap_or_default(), kind, span)
}

/// As YAML writes it; the parser has taken sign, radix and underscores apart.
fn integer(digits: &str, radix: IntegerRadix) -> String {
    match radix {
        IntegerRadix::Dec => digits.to_string(),
        radix => match i128::from_str_radix(digits, radix.value()) {
            Ok(number) => number.to_string(),
            // Too large, and said so by what reads it as a number.
            Err(_) => format!("0x{}", "f".repeat(40)),
        },
    }
}

fn float(text: &str) -> String {
    match text.trim_start_matches(['+', '-']) {
        "inf" | "nan" => format!(".{}", text.trim_start_matches(['+', '-'])),
        _ => text.to_string(),
    }
}

fn syntax(error: &ParseError, source: &Source<'_>) -> Finding {
    let at = error.unexpected().or(error.context()).unwrap_or_default();
    let text = source.text();
    let start = text.floor_char_boundary(at.start().min(text.len()));
    let end = text.ceil_char_boundary(at.end().clamp(start, text.len()));
    let message = format!("this is not TOML: {}", error.description());
    let finding = Finding::new(FaultCode::Syntax, start..end, message);
    if error.description() == "string values must be quoted" {
        return finding.hint("put a text in quotes: `\"…\"`, or `'…'` where it holds backslashes");
    }
    let expected = error.expected().unwrap_or_default().iter();
    let expected: Vec<String> = expected
        .map(|expected| match expected {
            Expected::Literal("\n") => "the end of the line".to_string(),
            Expected::Literal(text) => quoted(text),
            Expected::Description(text) => (*text).to_string(),
            _ => "something else".to_string(),
        })
        .collect();
    if expected.is_empty() {
        finding
    } else {
        finding.hint(format!("expected {}", expected.join(" or ")))
    }
}
