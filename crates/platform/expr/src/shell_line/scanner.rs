//! The scanner: reads a line by the shell's quoting rules, once, and puts a
//! quoted variable where an expression stands.
//!
//! It keeps a stack of what is open. Only two stacks take an expression: the
//! command itself, and a `"…"` in it. Whatever `sh` and `bash` cut up
//! differently, or the scanner cannot follow, is remembered as unclear, and an
//! unclear line may hold no expression at all.

use super::here_doc::{Delimiter, HereDoc};
use super::lint::{self, Word};
use crate::fault::Fault;
use crate::language::{End, find_end};
use crate::template::{Template, never_closed};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

const HINT: &str = "put it in `env`, or use a list";

/// How far commands have been read.
#[derive(Debug, Default)]
struct Command {
    /// Open `(`, those of case patterns aside.
    parens: usize,
    /// Here-documents that begin at the next line.
    here_docs: Vec<HereDoc>,
    /// Where the current word began.
    word: Option<usize>,
}

/// What is open.
#[derive(Debug)]
enum Frame {
    /// Commands: the line itself at the bottom, `$( )` above it.
    Command(Command),
    /// `'…'`
    Single,
    /// `$'…'`, where bash lets a backslash escape a quote and sh does not.
    DollarSingle,
    /// `"…"`
    Double,
    /// Backquotes.
    Backquote,
    /// `${ }`, and whether it stands in `"…"`.
    Brace { quoted: bool },
    /// `$(( ))`, `(( ))` and bash's `$[ ]`: how many brackets are open.
    Arithmetic { bracket: u8, depth: usize },
}

impl Frame {
    /// How an expression in it is refused.
    fn refusal(&self) -> &'static str {
        match self {
            Self::Command(_) => "an expression cannot stand in `$( )`",
            Self::Single | Self::DollarSingle => "an expression cannot stand in `'…'`",
            Self::Double => "an expression cannot stand in quotes within a substitution",
            Self::Backquote => "an expression cannot stand in backquotes",
            Self::Brace { .. } => "an expression cannot stand in `${ }`",
            Self::Arithmetic { .. } => "an expression cannot stand in shell arithmetic",
        }
    }
}

pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    pub(super) script: String,
    pub(super) values: Vec<(String, Template)>,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
    stack: Vec<Frame>,
    /// The expressions in the current word.
    in_word: Vec<Range<usize>>,
    /// The words of the current simple command.
    words: Vec<Word>,
    /// Within `[[ ]]`, where bash evaluates numbers as code.
    in_test: bool,
    /// The first expression of the line.
    first: Option<Range<usize>>,
    /// What cannot be followed for sure.
    unclear: Option<&'static str>,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            script: String::with_capacity(text.len() + 32),
            values: Vec::new(),
            faults: Vec::new(),
            warnings: Vec::new(),
            stack: Vec::from([Frame::Command(Command::default())]),
            in_word: Vec::new(),
            words: Vec::new(),
            in_test: false,
            first: None,
            unclear: None,
        }
    }

    pub(super) fn run(&mut self) {
        while self.at < self.text.len() {
            if self.rest().starts_with("${{") {
                self.expression();
            } else if self.rest().starts_with("$${{") {
                self.literal();
            } else {
                self.step();
            }
        }
        self.end_command();
        let Some(first) = self.first.clone() else {
            return;
        };
        if let Some(open) = self.stack.get(1) {
            let what = match open {
                Frame::Single | Frame::DollarSingle | Frame::Double => "a quote is never closed",
                _ => "a substitution is never closed",
            };
            self.faults
                .push(Fault::new(first.clone(), format!("in this line, {what}")));
        }
        if let Some(unclear) = self.unclear {
            let message = format!("shells may read this line differently: {unclear}");
            self.faults.push(Fault::new(first, message).hint(HINT));
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Takes bytes over as they are, to the end of the last character.
    fn take(&mut self, bytes: usize) {
        let mut end = (self.at + bytes).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        self.script.push_str(&self.text[self.at..end]);
        self.at = end;
    }

    fn push(&mut self, frame: Frame, bytes: usize) {
        self.begin_word();
        self.stack.push(frame);
        self.take(bytes);
    }

    fn pop(&mut self, bytes: usize) {
        self.stack.pop();
        self.take(bytes);
    }

    fn unclear(&mut self, why: &'static str) {
        self.unclear.get_or_insert(why);
    }

    // Expressions.

    fn expression(&mut self) {
        let start = self.at;
        let End::Closed(length) = find_end(&self.text[start + 3..]) else {
            self.faults.push(never_closed(self.text, start));
            self.first.get_or_insert(start..self.text.len());
            self.at = self.text.len();
            return;
        };
        let range = start..start + 3 + length + 2;
        self.at = range.end;
        self.first.get_or_insert(range.clone());
        self.begin_word_at(start);
        self.in_word.push(range.clone());
        if let Some((message, hint)) = self.refusal(start) {
            self.faults.push(Fault::new(range, message).hint(hint));
            return;
        }
        match Template::expression(&self.text[range], start) {
            Ok(template) => {
                let name = format!("ROK_E{}", self.values.len());
                let quote = if self.stack.len() == 1 { "\"" } else { "" };
                for part in [quote, "${", &name, "}", quote] {
                    self.script.push_str(part);
                }
                self.values.push((name, template));
            }
            Err(mut faults) => self.faults.append(&mut faults),
        }
    }

    /// Why an expression may not stand here, and what to do.
    fn refusal(&self, start: usize) -> Option<(&'static str, &'static str)> {
        match self.stack.as_slice() {
            [] | [_] | [_, Frame::Double] => {}
            [.., top] => return Some((top.refusal(), HINT)),
        }
        if self.in_test {
            return Some(("bash evaluates numbers in `[[ ]]` as code", "use `[ ]`"));
        }
        let word = match self.stack.first() {
            Some(Frame::Command(command)) => &self.text[command.word.unwrap_or(start)..start],
            _ => "",
        };
        // `a[…` with no `]=` yet.
        let subscript = word.find('[').is_some_and(|open| {
            let name = &word[..open];
            name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && !word.contains("]=")
                && !word.contains("]+=")
        });
        subscript.then_some((
            "bash evaluates what stands in an array's `[ ]` as code",
            HINT,
        ))
    }

    /// `$${{` means `${{`, which opens a `${ }` for the shell.
    fn literal(&mut self) {
        self.at += 1;
        match self.stack.last() {
            Some(Frame::Single | Frame::DollarSingle | Frame::Backquote) => self.take(3),
            frame => {
                let quoted = matches!(frame, Some(Frame::Double | Frame::Brace { quoted: true }));
                self.push(Frame::Brace { quoted }, 2);
                self.take(1);
            }
        }
    }

    /// Text that the shell does not look into: comments, here-documents.
    fn raw(&mut self, end: usize, refusal: &'static str) {
        while self.at < end {
            if self.rest().starts_with("$${{") {
                self.at += 1;
                self.take(3);
            } else if self.rest().starts_with("${{") {
                let range = self.at..(self.at + 3);
                self.first.get_or_insert(range.clone());
                self.faults.push(Fault::new(range, refusal).hint(HINT));
                self.take(3);
            } else {
                self.take(1);
            }
        }
    }

    // Words of the bottom command.

    fn begin_word(&mut self) {
        self.begin_word_at(self.at);
    }

    fn begin_word_at(&mut self, at: usize) {
        if let Some(Frame::Command(command)) = self.stack.last_mut() {
            command.word.get_or_insert(at);
        }
    }

    fn at_word_start(&self) -> bool {
        matches!(self.stack.last(), Some(Frame::Command(command)) if command.word.is_none())
    }

    fn end_word(&mut self) {
        let Some(Frame::Command(command)) = self.stack.last_mut() else {
            return;
        };
        let Some(start) = command.word.take() else {
            return;
        };
        let text = &self.text[start..self.at];
        if self.stack.len() > 1 {
            // A word may be written over two lines.
            if text.replace("\\\n", "") == "case" {
                self.unclear("there is a `case` in `$( )`");
            }
            return;
        }
        let expressions = core::mem::take(&mut self.in_word);
        match text {
            "[[" => self.in_test = true,
            "]]" => self.in_test = false,
            _ => {}
        }
        let text = text.replace(['\'', '"', '\\'], "");
        self.words.push(Word { text, expressions });
    }

    fn end_command(&mut self) {
        self.end_word();
        if self.stack.len() == 1 {
            let words = core::mem::take(&mut self.words);
            self.warnings.append(&mut lint::check(&words));
        }
    }

    // One step of the scan.

    fn step(&mut self) {
        let byte = self.text.as_bytes()[self.at];
        if byte == b'\\' && !matches!(self.stack.last(), Some(Frame::Single)) {
            return self.backslash();
        }
        match self.stack.last() {
            Some(Frame::Single | Frame::DollarSingle) => {
                if byte == b'\'' {
                    self.pop(1);
                } else {
                    self.take(1);
                }
            }
            Some(Frame::Double) => match byte {
                b'"' => self.pop(1),
                b'$' => self.dollar(true),
                b'`' => self.push(Frame::Backquote, 1),
                _ => self.take(1),
            },
            Some(Frame::Backquote) => {
                if byte == b'`' {
                    self.pop(1);
                } else {
                    self.take(1);
                }
            }
            Some(Frame::Brace { quoted }) => {
                let quoted = *quoted;
                self.brace(byte, quoted);
            }
            Some(Frame::Arithmetic { .. }) => self.arithmetic(byte),
            Some(Frame::Command(_)) | None => self.command(byte),
        }
    }

    fn backslash(&mut self) {
        if self.text[self.at + 1..].starts_with("${{") {
            let range = self.at..self.at + 1;
            self.faults.push(
                Fault::new(range, "a backslash before `${{` has no meaning")
                    .hint("write `$${{` for the characters themselves"),
            );
            return self.take(1);
        }
        match (self.stack.last(), self.byte(1)) {
            (Some(Frame::DollarSingle), Some(b'\'')) => self.unclear("there is a `\\'` in `$'…'`"),
            (_, Some(b'\n')) => {
                // Joined lines: an operator may be cut in two.
                let before = self.text[..self.at].bytes().next_back();
                if before.is_some_and(|b| b"$<>&|([;".contains(&b)) {
                    self.unclear("a backslash at a line's end cuts an operator in two");
                }
                return self.take(2);
            }
            _ => {}
        }
        self.begin_word();
        self.take(2);
    }

    /// `$`, in everything but `'…'` and backquotes.
    fn dollar(&mut self, quoted: bool) {
        match (self.byte(1), self.byte(2)) {
            (Some(b'('), Some(b'(')) => {
                self.push(
                    Frame::Arithmetic {
                        bracket: b'(',
                        depth: 2,
                    },
                    3,
                );
            }
            (Some(b'('), _) => {
                self.push(Frame::Command(Command::default()), 2);
            }
            (Some(b'{'), _) => self.push(Frame::Brace { quoted }, 2),
            (Some(b'['), _) => {
                self.push(
                    Frame::Arithmetic {
                        bracket: b'[',
                        depth: 1,
                    },
                    2,
                );
            }
            (Some(b'\''), _) if !quoted => self.push(Frame::DollarSingle, 2),
            _ => {
                self.begin_word();
                self.take(1);
            }
        }
    }

    fn brace(&mut self, byte: u8, quoted: bool) {
        match byte {
            b'}' => self.pop(1),
            b'$' => self.dollar(quoted),
            b'`' => self.push(Frame::Backquote, 1),
            b'\'' | b'"' => {
                if quoted {
                    self.unclear("there is a quote in a `${ }` within quotes");
                }
                self.push(
                    if byte == b'"' {
                        Frame::Double
                    } else {
                        Frame::Single
                    },
                    1,
                );
            }
            _ => self.take(1),
        }
    }

    fn arithmetic(&mut self, byte: u8) {
        let before = self.text[..self.at].bytes().next_back();
        match byte {
            b'\'' => self.push(Frame::Single, 1),
            b'"' => self.push(Frame::Double, 1),
            b'`' => self.push(Frame::Backquote, 1),
            b'$' => self.dollar(false),
            b'\n' => {
                self.unclear("there is a line break in `$(( ))`, `(( ))` or `$[ ]`");
                self.take(1);
            }
            b'#' if matches!(before, Some(b' ' | b'\t')) => {
                self.unclear("there is a comment in `$(( ))`, `(( ))` or `$[ ]`");
                self.take(1);
            }
            b'c' if self.rest().starts_with("case") => {
                self.unclear("there is a `case` in `$(( ))` or `(( ))`");
                self.take(4);
            }
            b'(' | b')' | b'[' | b']' => self.bracket(byte),
            _ => self.take(1),
        }
    }

    fn bracket(&mut self, byte: u8) {
        let Some(Frame::Arithmetic { bracket, depth }) = self.stack.last_mut() else {
            return self.take(1);
        };
        let close = if *bracket == b'(' { b')' } else { b']' };
        *depth += usize::from(byte == *bracket);
        if byte != close {
            return self.take(1);
        }
        *depth -= 1;
        if *depth == 0 {
            self.pop(1);
        } else {
            self.take(1);
        }
    }

    fn command(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'>' => {
                self.end_word();
                self.take(1);
            }
            b'\n' => self.new_line(),
            b';' | b'&' | b'|' => {
                self.end_command();
                self.take(1);
            }
            b'#' if self.at_word_start() => {
                let end = self
                    .rest()
                    .find('\n')
                    .map_or(self.text.len(), |length| self.at + length);
                self.raw(end, "an expression cannot stand in a comment");
            }
            b'\'' => self.push(Frame::Single, 1),
            b'"' => self.push(Frame::Double, 1),
            b'`' => self.push(Frame::Backquote, 1),
            b'$' => self.dollar(false),
            b'<' => self.less(),
            b'(' | b')' => self.paren(byte),
            _ => {
                self.begin_word();
                self.take(1);
            }
        }
    }

    fn paren(&mut self, byte: u8) {
        self.end_command();
        if byte == b'(' && self.byte(1) == Some(b'(') {
            self.stack.push(Frame::Arithmetic {
                bracket: b'(',
                depth: 2,
            });
            return self.take(2);
        }
        let nested = self.stack.len() > 1;
        let Some(Frame::Command(command)) = self.stack.last_mut() else {
            return;
        };
        match (byte, command.parens) {
            (b'(', _) => command.parens += 1,
            (_, 0) if nested => {
                if !command.here_docs.is_empty() {
                    self.unclear("a here-document begins in `$( )` and ends outside");
                }
                return self.pop(1);
            }
            (_, 0) => {}
            _ => command.parens -= 1,
        }
        self.take(1);
    }

    /// `<`, `<<`, `<<<`.
    fn less(&mut self) {
        self.end_word();
        if !self.rest().starts_with("<<") {
            return self.take(1);
        }
        if self.rest().starts_with("<<<") {
            return self.take(3);
        }
        match HereDoc::delimiter(self.text, self.at + 2) {
            Delimiter::Found(here_doc, end) => {
                self.take(end - self.at);
                if let Some(Frame::Command(command)) = self.stack.last_mut() {
                    command.here_docs.push(here_doc);
                }
            }
            Delimiter::Unclear(end) => {
                self.unclear("a here-document has an unusual delimiter");
                self.take((end - self.at).max(2));
            }
        }
    }

    fn new_line(&mut self) {
        self.end_command();
        self.take(1);
        let Some(Frame::Command(command)) = self.stack.last_mut() else {
            return;
        };
        for here_doc in core::mem::take(&mut command.here_docs) {
            let (end, clear) = here_doc.body(self.text, self.at);
            if !clear {
                self.unclear("the end of a here-document is not sure");
            }
            self.raw(end, "an expression cannot stand in a here-document");
        }
    }
}
