//! Parser events to tree, within bounds.
//!
//! Nothing is built before it is counted: an alias costs one pointer here, and
//! its target's whole size in the count.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::bounds::{self, MAX_DEPTH, Weight, too_deep};
use super::surrogates::Parsed;
use super::{Entry, Node, Style, Value};
use crate::fault::{FaultCode, Finding, Findings, quoted};
use crate::source::Source;

/// The end of loading: the finding that stopped it.
type Stop = Finding;

/// Reads one document.
pub(super) fn load(source: &Source<'_>, findings: &mut Findings) -> Option<Rc<Node>> {
    let parsed = Parsed::of(source.text());
    let mut loader = Loader {
        source,
        parsed: &parsed,
        findings,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        total: Weight::default(),
        root: None,
        documents: 0,
    };
    let mut parser = Parser::new_from_str(parsed.text());
    while let Some(next) = parser.next_event() {
        let step = match next {
            Ok((event, span)) => loader.event(event, span),
            Err(error) => Err(loader.syntax(&error)),
        };
        if let Err(stop) = step {
            loader.findings.push(stop);
            return None;
        }
    }
    loader.root.take().filter(|root| !root.is_null())
}

/// A container whose end has not come yet.
struct Open {
    anchor: usize,
    start: usize,
    weight: Weight,
    content: Content,
}

enum Content {
    List(Vec<Rc<Node>>),
    Map {
        entries: Vec<Entry>,
        key: Option<(String, Range<usize>)>,
    },
}

struct Loader<'a, 's> {
    source: &'a Source<'s>,
    parsed: &'a Parsed<'s>,
    findings: &'a mut Findings,
    open: Vec<Open>,
    /// Finished anchored nodes by the parser's number.
    anchors: BTreeMap<usize, (Rc<Node>, Weight)>,
    total: Weight,
    root: Option<Rc<Node>>,
    documents: usize,
}

impl Loader<'_, '_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let span = self.parsed.byte(span.start.index())..self.parsed.byte(span.end.index());
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(explicit) => self.document(explicit, span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(tag.is_some(), &span);
                self.scalar(text.into_owned(), style, anchor, span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.is_some(), &span);
                self.begin(anchor, span, Content::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.is_some(), &span);
                self.begin(
                    anchor,
                    span,
                    Content::Map {
                        entries: Vec::new(),
                        key: None,
                    },
                )
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
        }
    }

    fn document(&mut self, explicit: bool, span: Range<usize>) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents > 1 {
            return Err(Finding::new(
                FaultCode::YamlFeature,
                span,
                "the file holds more than one document",
            )
            .hint("a plan is one document: put the other into a file of its own"));
        }
        let before = self.source.slice(&(0..span.start));
        if explicit
            && let Some(directive) = before.lines().find(|line| line.starts_with('%'))
            && directive.trim_end() != "%YAML 1.2"
        {
            let at = before.find(directive).unwrap_or(0);
            let span = at..at + directive.trim_end().len();
            return Err(Finding::new(
                FaultCode::YamlFeature,
                span,
                "the file has a YAML directive",
            )
            .hint("plans are YAML 1.2 without directives: remove the line"));
        }
        Ok(())
    }

    fn tag(&mut self, tagged: bool, span: &Range<usize>) {
        if tagged {
            let end = self
                .source
                .slice(span)
                .find(char::is_whitespace)
                .unwrap_or(span.len());
            let span = span.start..span.start + end;
            self.findings.push(
                Finding::new(
                    FaultCode::YamlFeature,
                    span,
                    "YAML tags have no place in a plan",
                )
                .hint("remove the tag: the format knows every value's type"),
            );
        }
    }

    fn scalar(
        &mut self,
        text: String,
        style: ScalarStyle,
        anchor: usize,
        span: Range<usize>,
    ) -> Result<(), Stop> {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        let weight = Weight::text(&text);
        self.total.count(weight, &span)?;
        if let Some(Content::Map {
            key: key @ None, ..
        }) = self.open.last_mut().map(|o| &mut o.content)
        {
            if style == Style::Plain && text == "<<" {
                self.findings.push(
                    Finding::new(
                        FaultCode::YamlFeature,
                        span.clone(),
                        "`<<` merges are not YAML 1.2",
                    )
                    .hint("use `defaults`, or write the keys out"),
                );
            } else if style == Style::Plain && text.is_empty() {
                return Err(Finding::new(
                    FaultCode::Syntax,
                    span,
                    "a key is missing here",
                ));
            }
            bounds::key(&text, &span)?;
            *key = Some((text, span));
            self.grow(weight);
            return Ok(());
        }
        let span = if text.is_empty() && style == Style::Plain {
            self.empty_at(span)
        } else {
            span
        };
        let node = Rc::new(Node {
            span,
            value: Value::Scalar { text, style },
        });
        self.finish(node, anchor, weight)
    }

    /// The parser places an empty value at the token after it; its key is
    /// where a person looks.
    fn empty_at(&self, span: Range<usize>) -> Range<usize> {
        match self.open.last().map(|open| &open.content) {
            Some(Content::Map {
                key: Some((_, key)),
                ..
            }) => key.clone(),
            _ => span,
        }
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<(), Stop> {
        if matches!(
            self.open.last().map(|o| &o.content),
            Some(Content::Map { key: None, .. })
        ) {
            return Err(no_key(span, "an alias"));
        }
        let Some((node, weight)) = self.anchors.get(&anchor) else {
            return Err(Finding::new(
                FaultCode::Limit,
                span,
                "the alias stands within what it names",
            )
            .hint("an alias can only repeat something that ends before it"));
        };
        let (node, weight) = (Rc::clone(node), *weight);
        if self.open.len() + weight.height > MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.total.count(weight, &span)?;
        self.finish(node, 0, weight)
    }

    fn begin(&mut self, anchor: usize, span: Range<usize>, content: Content) -> Result<(), Stop> {
        if matches!(
            self.open.last().map(|o| &o.content),
            Some(Content::Map { key: None, .. })
        ) {
            let what = if matches!(content, Content::List(_)) {
                "a list"
            } else {
                "a mapping"
            };
            return Err(no_key(span, what));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.total.count(Weight::CONTAINER, &span)?;
        self.open.push(Open {
            anchor,
            start: span.start,
            weight: Weight::CONTAINER,
            content,
        });
        Ok(())
    }

    fn end(&mut self, span: &Range<usize>) -> Result<(), Stop> {
        let Some(Open {
            anchor,
            start,
            weight,
            content,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { mut entries, .. } => {
                // Said at its place, and no key of anything.
                entries.retain(|entry| self.source.slice(&entry.span) != "<<");
                Value::Map(self.without_duplicates(entries))
            }
        };
        let text = self.source.slice(&(start..span.end.max(start)));
        let span = start..start + text.trim_end().len();
        self.finish(Rc::new(Node { span, value }), anchor, weight)
    }

    /// Hands a finished node to what holds it.
    fn finish(&mut self, node: Rc<Node>, anchor: usize, weight: Weight) -> Result<(), Stop> {
        if anchor > 0 {
            self.anchors.insert(anchor, (Rc::clone(&node), weight));
        }
        self.grow(weight);
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { entries, key }) => match key.take() {
                Some((key, span)) => entries.push(Entry { key, span, node }),
                None => return Err(no_key(node.span.clone(), "a list or a mapping")),
            },
        }
        Ok(())
    }

    /// Adds a finished part to the weight of what holds it.
    fn grow(&mut self, part: Weight) {
        if let Some(open) = self.open.last_mut() {
            open.weight.nodes = open.weight.nodes.saturating_add(part.nodes);
            open.weight.bytes = open.weight.bytes.saturating_add(part.bytes);
            open.weight.height = open.weight.height.max(part.height + 1);
        }
    }

    fn without_duplicates(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut first: BTreeMap<&str, &Range<usize>> = BTreeMap::new();
        let mut twice = false;
        for entry in &entries {
            if let Some(before) = first.get(entry.key.as_str()) {
                twice = true;
                let message = format!("{} is given twice", quoted(&entry.key));
                self.findings.push(
                    Finding::new(FaultCode::DuplicateKey, entry.span.clone(), message)
                        .hint("rename or remove one of the two")
                        .related((*before).clone(), "first given here"),
                );
            } else {
                first.insert(&entry.key, &entry.span);
            }
        }
        if !twice {
            return entries;
        }
        let keep: Vec<bool> = entries
            .iter()
            .map(|e| first.get(e.key.as_str()) == Some(&&e.span))
            .collect();
        entries
            .into_iter()
            .zip(keep)
            .filter(|(_, keep)| *keep)
            .map(|(entry, _)| entry)
            .collect()
    }

    fn syntax(&self, error: &ScanError) -> Finding {
        let at = self.parsed.byte(error.marker().index());
        let next = self.source.text()[at..]
            .chars()
            .next()
            .filter(|c| !c.is_control());
        let span = at..at + next.map_or(0, char::len_utf8);
        let (line, _) = self.source.position(at);
        let text = self.source.slice(&self.source.line_range(line));
        let indent = &text[..text.len() - text.trim_start().len()];
        let info = error.info();
        if info == "recursion limit exceeded" {
            return too_deep(span); // the parser's own limit, which looks further ahead
        }
        let hint = if indent.contains('\t') {
            "indent with spaces, never with tabs"
        } else if text.contains("${{") {
            "put a text that holds `${{ }}` in quotes where it stands within `{ }` or `[ ]`"
        } else if info.contains("mapping values are not allowed") {
            "put a text that holds `: ` in quotes"
        } else if info.contains("anchor") {
            "an alias needs its anchor (`&name`) before it"
        } else if info.contains("escape") || info.contains("Unicode") {
            "write the character itself, or use single quotes"
        } else {
            "check the indentation, the quotes and the brackets up to here"
        };
        Finding::new(FaultCode::Syntax, span, format!("this is not YAML: {info}")).hint(hint)
    }
}

fn no_key(span: Range<usize>, what: &str) -> Finding {
    Finding::new(
        FaultCode::WrongType,
        span,
        format!("{what} cannot be a key"),
    )
    .hint("a key is text; put a text that begins with `{`, `[` or `*` in quotes")
}
