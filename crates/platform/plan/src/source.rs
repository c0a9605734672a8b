//! The text of a plan file and the way from its bytes to lines and columns.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use crate::fault::{FaultCode, Finding, is_harmful};

/// The largest plan file: 10,000 long steps fit, and a parse stays well under
/// a second.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// How many characters lie between two known byte offsets.
const STRIDE: usize = 64;

/// A text with the starts of its lines.
#[derive(Debug)]
pub(crate) struct Source<'s> {
    text: &'s str,
    lines: Lines,
}

/// Where the lines of a text begin.
#[derive(Debug)]
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let starts = bytes
            .iter()
            .enumerate()
            .filter_map(|(at, byte)| match byte {
                b'\n' => Some(at + 1),
                b'\r' if bytes.get(at + 1) != Some(&b'\n') => Some(at + 1),
                _ => None,
            });
        Self(core::iter::once(0).chain(starts).collect())
    }

    /// Line and column of a byte of the text, both from 1, the column in
    /// characters.
    pub(crate) fn position(&self, text: &str, byte: usize) -> (usize, usize) {
        let byte = byte.min(text.len());
        let line = self.0.partition_point(|start| *start <= byte);
        let start = self.0[line - 1];
        let column = text
            .get(start..byte)
            .map_or(1, |text| text.chars().count() + 1);
        (line, column)
    }
}

impl<'s> Source<'s> {
    pub(crate) fn new(text: &'s str) -> Self {
        Self {
            text,
            lines: Lines::of(text),
        }
    }

    pub(crate) fn text(&self) -> &'s str {
        self.text
    }

    /// The text of a range; empty when the range is no part of the text.
    pub(crate) fn slice(&self, range: &Range<usize>) -> &'s str {
        self.text.get(range.clone()).unwrap_or("")
    }

    /// Line and column, both from 1, the column in characters.
    pub(crate) fn position(&self, byte: usize) -> (usize, usize) {
        self.lines.position(self.text, byte)
    }

    /// The bytes of a line, from 1, without its line break.
    pub(crate) fn line_range(&self, line: usize) -> Range<usize> {
        let Some(&start) = self.lines.0.get(line.wrapping_sub(1)) else {
            return self.text.len()..self.text.len();
        };
        let end = self.lines.0.get(line).copied().unwrap_or(self.text.len());
        let text = self.text[start..end].trim_end_matches(['\n', '\r']);
        start..start + text.len()
    }
}

/// Turns an index in characters of a text, which the parser counts in, into
/// one in bytes.
#[derive(Debug)]
pub(crate) struct CharIndex {
    /// The byte offset of every [`STRIDE`]th character; empty for ASCII.
    known: Vec<usize>,
}

impl CharIndex {
    pub(crate) fn new(text: &str) -> Self {
        let known = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices()
                .step_by(STRIDE)
                .map(|(byte, _)| byte)
                .collect()
        };
        Self { known }
    }

    /// The byte of a character of the text that this was made of.
    pub(crate) fn byte(&self, text: &str, index: usize) -> usize {
        let Some(&base) = self.known.get(index / STRIDE) else {
            return if self.known.is_empty() {
                index.min(text.len())
            } else {
                text.len()
            };
        };
        let rest = &text[base..];
        rest.char_indices()
            .nth(index % STRIDE)
            .map_or(text.len(), |(byte, _)| base + byte)
    }
}

/// The file's bytes as text: UTF-8 without a byte order mark, of a bounded
/// size, without characters that YAML forbids. The text comes back for the
/// messages even when there is a fault.
pub(crate) fn read(bytes: &[u8], holds: Holds) -> (String, Option<Finding>) {
    if bytes.len() > MAX_BYTES {
        let message = "the file is larger than 16 MiB";
        let finding = Finding::new(FaultCode::Limit, 0..0, message)
            .hint("keep data in files that steps read, and the plan small");
        return (String::new(), Some(finding));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let finding =
            Finding::new(FaultCode::Encoding, 0..0, "the file is UTF-16").hint("save it as UTF-8");
        return (String::new(), Some(finding));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match core::str::from_utf8(bytes) {
        Ok(text) => {
            let finding = forbidden(text, holds);
            (text.to_string(), finding)
        }
        Err(error) => {
            let at = error.valid_up_to();
            let finding = Finding::new(
                FaultCode::Encoding,
                at..at,
                "the file is not UTF-8 from here on",
            )
            .hint("save it as UTF-8");
            (String::from_utf8_lossy(bytes).into_owned(), Some(finding))
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// What will run: a reviewer must see it.
    Code,
    /// Values, which may be any text.
    Data,
}

/// YAML's printable set, of code less the characters that turn the direction
/// of text.
fn forbidden(text: &str, holds: Holds) -> Option<Finding> {
    let allowed = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{85}' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        c if holds == Holds::Data => !c.is_control(),
        c => !is_harmful(c),
    };
    let (at, c) = text.char_indices().find(|(_, c)| !allowed(*c))?;
    let message = alloc::format!("the file holds the character U+{:04X}", u32::from(c));
    let finding = Finding::new(FaultCode::Encoding, at..at + c.len_utf8(), message);
    Some(finding.hint("write it as an escape in a double-quoted text, or remove it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, (1, 1))]
    #[case(2, (1, 3))]
    #[case(3, (2, 1))]
    #[case(5, (2, 2))]
    #[case(8, (3, 1))]
    #[case(9, (4, 1))]
    #[case(99, (4, 2))]
    fn positions(#[case] byte: usize, #[case] place: (usize, usize)) {
        let source = Source::new("ab\n\u{e9}x\r\n\rz");
        assert_eq!(source.position(byte), place);
    }

    #[test]
    fn lines_come_without_their_breaks() {
        let source = Source::new("ab\r\ncd");
        assert_eq!(source.slice(&source.line_range(1)), "ab");
        assert_eq!(source.slice(&source.line_range(2)), "cd");
        assert_eq!(source.slice(&source.line_range(9)), "");
    }

    #[rstest]
    #[case(b"a\0b", "U+0000")]
    #[case(b"a\x1b[31m", "U+001B")]
    #[case("a: \u{202e}b".as_bytes(), "U+202E")]
    #[case("a: \u{80}b".as_bytes(), "U+0080")]
    #[case(b"plan: \xff", "not UTF-8")]
    #[case(b"\xff\xfep\0", "UTF-16")]
    fn bytes_that_are_no_text(#[case] bytes: &[u8], #[case] message: &str) {
        let finding = read(bytes, Holds::Code).1.unwrap();
        assert!(finding.message.contains(message), "{finding:?}");
    }

    #[test]
    fn a_byte_order_mark_is_dropped() {
        assert_eq!(
            read(b"\xef\xbb\xbfplan: a", Holds::Code),
            ("plan: a".to_string(), None)
        );
    }

    proptest! {
        #[test]
        fn characters_and_bytes_agree(text in "(\\PC|\n){0,300}") {
            let index = CharIndex::new(&text);
            for (at, (byte, _)) in text.char_indices().enumerate() {
                prop_assert_eq!(index.byte(&text, at), byte);
            }
            prop_assert_eq!(index.byte(&text, text.chars().count() + 7), text.len());
        }
    }
}
