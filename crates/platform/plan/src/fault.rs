//! What is wrong with a plan file: every fault with its place, and the plain
//! text in which it is shown.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::ops::Range;

use crate::source::Source;
use crate::tree::Syntax;

/// A fault list longer than this is cut; a plan with more is broken in one
/// way many times over.
pub(crate) const MAX_FAULTS: usize = 500;

/// Characters of a source line that are shown; longer lines are cut around
/// the fault, so that a one-line JSON file stays readable.
const SHOWN: usize = 120;

macro_rules! codes {
    ($( $(#[$doc:meta])* $variant:ident = $text:literal, )+) => {
        /// The kinds of fault that a plan file can have.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum FaultCode { $( $(#[$doc])* $variant, )+ }

        impl FaultCode {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];

            /// The stable word for this kind.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }
        }
    };
}

codes! {
    /// Not UTF-8, or a character that no plan may hold.
    Encoding = "encoding",
    /// Not YAML, JSON or TOML.
    Syntax = "syntax",
    /// Larger, deeper or longer than the bounds allow.
    Limit = "limit",
    /// YAML that plans do not use: tags, merge keys, several documents.
    YamlFeature = "yaml-feature",
    /// The same key twice in one mapping.
    DuplicateKey = "duplicate-key",
    /// A key that the format does not have here.
    UnknownKey = "unknown-key",
    /// A key that must be there.
    MissingKey = "missing-key",
    /// A list where a text was expected, and the like.
    WrongType = "wrong-type",
    /// The right type, and not a value that is allowed.
    WrongValue = "wrong-value",
    /// Part of the format whose execution comes later.
    NotSupported = "not-supported",
    /// A name that does not match its pattern.
    BadName = "bad-name",
    /// A step, input or secret that the plan does not have.
    UnknownName = "unknown-name",
    /// Steps that wait for each other.
    Cycle = "cycle",
    /// Two things that cannot both hold.
    Conflict = "conflict",
    /// An expression that is wrong.
    Expression = "expression",
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One fault of a plan file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its kind.
    pub code: FaultCode,
    /// The line it begins on, from 1.
    pub line: usize,
    /// The column it begins at, in characters from 1.
    pub column: usize,
    /// The bytes of [`PlanErrors::source`] that it concerns.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// Other places that belong to it, such as the first of two equal keys.
    pub related: Vec<Related>,
}

/// Another place that belongs to a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The line it begins on, from 1.
    pub line: usize,
    /// The column it begins at, in characters from 1.
    pub column: usize,
    /// The bytes of [`PlanErrors::source`] that it concerns.
    pub span: Range<usize>,
    /// What is there.
    pub label: String,
}

/// All faults of a plan file, in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanErrors {
    /// The file's name, as it was given.
    pub file: String,
    /// The file's text, without a byte order mark; bytes that are not UTF-8
    /// are replaced. Empty when the file is larger than a plan may be.
    pub source: String,
    /// The faults, at most 500; never empty.
    pub faults: Vec<Fault>,
    /// How many more there are.
    pub omitted: usize,
}

impl core::error::Error for PlanErrors {}

/// A line a fault: `file:line:col: message (hint)`.
impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            if at > 0 {
                f.write_char('\n')?;
            }
            write!(
                f,
                "{}:{}:{}: {}",
                self.file, fault.line, fault.column, fault.message
            )?;
            for related in &fault.related {
                write!(
                    f,
                    " ({} at {}:{})",
                    related.label, related.line, related.column
                )?;
            }
            if let Some(hint) = &fault.hint {
                write!(f, " ({hint})")?;
            }
        }
        match self.omitted {
            0 => Ok(()),
            more => write!(f, "\n{}: and {more} more faults", self.file),
        }
    }
}

impl PlanErrors {
    /// The faults with the offending text underlined, as plain text without
    /// colours. Ends in a line that counts them.
    #[must_use]
    pub fn render(&self) -> String {
        let source = Source::new(&self.source);
        let mut out = String::new();
        for fault in &self.faults {
            self.render_fault(&mut out, &source, fault)
                .expect("writing to a string cannot fail");
        }
        let count = self.faults.len() + self.omitted;
        let noun = if count == 1 { "fault" } else { "faults" };
        writeln!(out, "{}: {count} {noun}", self.file).expect("writing to a string cannot fail");
        out
    }

    fn render_fault(&self, out: &mut String, source: &Source<'_>, fault: &Fault) -> fmt::Result {
        writeln!(out, "error[{}]: {}", fault.code, fault.message)?;
        let last = fault
            .related
            .iter()
            .map(|r| r.line)
            .chain([fault.line])
            .max()
            .unwrap_or(1);
        let margin = last.to_string().len();
        writeln!(
            out,
            "{:margin$}--> {}:{}:{}",
            "", self.file, fault.line, fault.column
        )?;
        let mut marks: Vec<(usize, &Range<usize>, char, &str)> = fault
            .related
            .iter()
            .map(|r| (r.line, &r.span, '-', r.label.as_str()))
            .collect();
        marks.push((fault.line, &fault.span, '^', ""));
        marks.sort_by_key(|(line, span, ..)| (*line, span.start));
        let mut shown = None;
        for (line, span, underline, label) in marks {
            match shown {
                None => writeln!(out, "{:margin$} |", "")?,
                Some(before) if line > before + 1 => writeln!(out, "{:margin$}...", "")?,
                Some(_) => {}
            }
            shown = Some(line);
            let window = Window::around(source, line, span);
            writeln!(out, "{line:margin$} | {}", window.text)?;
            let indent = window.indent;
            let marked: String = core::iter::repeat_n(underline, window.width).collect();
            let space = if label.is_empty() { "" } else { " " };
            writeln!(out, "{:margin$} | {:indent$}{marked}{space}{label}", "", "")?;
        }
        if let Some(hint) = &fault.hint {
            writeln!(out, "{:margin$} = help: {hint}", "")?;
        }
        out.push('\n');
        Ok(())
    }
}

/// The part of a source line that is shown for a span.
struct Window {
    text: String,
    indent: usize,
    width: usize,
}

impl Window {
    fn around(source: &Source<'_>, line: usize, span: &Range<usize>) -> Self {
        let range = source.line_range(line);
        let text = &source.text()[range.clone()];
        let start = span.start.clamp(range.start, range.end) - range.start;
        let end = span.end.clamp(range.start + start, range.end) - range.start;
        let before = text[..start].chars().count();
        let width = text[start..end].chars().count().max(1);
        let skipped = if before + width > SHOWN {
            before.saturating_sub(SHOWN / 3)
        } else {
            0
        };
        let mut shown = String::new();
        let mut indent = before - skipped;
        if skipped > 0 {
            shown.push_str("... ");
            indent += 4;
        }
        let rest = text.chars().skip(skipped);
        shown.extend(
            rest.take(SHOWN)
                .map(|c| if c.is_control() { ' ' } else { c }),
        );
        if text.chars().count() > skipped + SHOWN {
            shown.push_str(" ...");
        }
        let room = (SHOWN + 4).saturating_sub(indent).max(1);
        Self {
            text: shown,
            indent,
            width: width.min(room),
        }
    }
}

/// A fault whose place is still a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) code: FaultCode,
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) related: Vec<(Range<usize>, String)>,
}

impl Finding {
    pub(crate) fn new(code: FaultCode, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code,
            span,
            message: message.into(),
            hint: None,
            related: Vec::new(),
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    pub(crate) fn related(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }
}

/// Collects findings, at most so many; the rest are counted. What an alias
/// brings in twice is said once.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    syntax: Syntax,
    list: Vec<Finding>,
    said: BTreeSet<(usize, usize, FaultCode, String)>,
    omitted: usize,
}

impl Findings {
    /// None yet, of a file in this syntax.
    pub(crate) fn of(syntax: Syntax) -> Self {
        Self {
            syntax,
            ..Self::default()
        }
    }

    /// What the file is written in, and hints as well.
    pub(crate) fn syntax(&self) -> Syntax {
        self.syntax
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        // The message names its step, which an alias changes; the hint does not.
        let text = finding.hint.as_ref().unwrap_or(&finding.message).clone();
        let key = (finding.span.start, finding.span.end, finding.code, text);
        if self.said.contains(&key) {
            return;
        }
        if self.list.len() < MAX_FAULTS {
            self.said.insert(key);
            self.list.push(finding);
        } else {
            self.omitted += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The errors, sorted by place.
    pub(crate) fn into_errors(mut self, file: &str, source: &Source<'_>) -> PlanErrors {
        self.list
            .sort_by_key(|finding| (finding.span.start, finding.span.end));
        let faults = self.list.into_iter().map(|finding| {
            let (line, column) = source.position(finding.span.start);
            Fault {
                code: finding.code,
                line,
                column,
                span: finding.span,
                message: finding.message,
                hint: finding.hint,
                related: finding
                    .related
                    .into_iter()
                    .map(|(span, label)| {
                        let (line, column) = source.position(span.start);
                        Related {
                            line,
                            column,
                            span,
                            label,
                        }
                    })
                    .collect(),
            }
        });
        PlanErrors {
            file: printable(file, 256),
            faults: faults.collect(),
            source: source.text().to_owned(),
            omitted: self.omitted,
        }
    }
}

/// `text` in backquotes, cut to a readable length and without control
/// characters, which a terminal might obey.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", printable(text, 80))
}

fn printable(text: &str, max: usize) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == max {
            out.push_str("...");
            break;
        }
        if is_harmful(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Control characters, and the ones that turn the direction of text.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
