//! JSON writes characters beyond the basic plane as two escapes
//! (`\ud83d\ude00`), which YAML does not know. In a text that is JSON to the
//! last character they become one escape that both mean; every place found in
//! the new text is told in the old one.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::source::CharIndex;

/// `\ud83d\ude00`
const PAIR: usize = 12;

/// `\U0001F600`
const SINGLE: usize = 10;

/// The text that the parser reads.
#[derive(Debug)]
pub(super) struct Parsed<'s> {
    text: Cow<'s, str>,
    chars: CharIndex,
    /// Where each shortened escape ends in it, in bytes.
    shortened: Vec<usize>,
}

impl<'s> Parsed<'s> {
    pub(super) fn of(written: &'s str) -> Self {
        let pairs = pairs(written).unwrap_or_default();
        let mut shortened = Vec::with_capacity(pairs.len());
        let text = if pairs.is_empty() {
            Cow::Borrowed(written)
        } else {
            let mut text = String::with_capacity(written.len());
            let mut end = 0;
            for (at, c) in pairs {
                text.push_str(&written[end..at]);
                write!(text, "\\U{:08X}", u32::from(c)).expect("writing to a string cannot fail");
                shortened.push(text.len());
                end = at + PAIR;
            }
            text.push_str(&written[end..]);
            Cow::Owned(text)
        };
        Self {
            chars: CharIndex::new(&text),
            text,
            shortened,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The byte of the text as written that a character of this text stands for.
    pub(super) fn byte(&self, index: usize) -> usize {
        let byte = self.chars.byte(&self.text, index);
        let before = self.shortened.partition_point(|end| *end <= byte);
        byte + before * (PAIR - SINGLE)
    }
}

/// The pairs in a text that is JSON as far as its characters go; `None` for
/// any other, in which a backslash may stand for itself.
fn pairs(text: &str) -> Option<Vec<(usize, char)>> {
    if !text.contains("\\u") {
        return None;
    }
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut before = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => {
                // Anywhere else it is a character of a bare YAML text.
                before.filter(|b| matches!(b, b'{' | b'[' | b',' | b':'))?;
                at = string(text, at, &mut found)?;
            }
            b':' if before != Some(b'"') => return None,
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b'{' | b'}' | b'[' | b']' | b',' | b':' | b'+' | b'-' | b'.' => {}
            byte if byte.is_ascii_alphanumeric() => {}
            _ => return None,
        }
        before = Some(byte);
    }
    Some(found)
}

/// Reads to the end of a string that begins before `at`.
fn string(text: &str, mut at: usize, found: &mut Vec<(usize, char)>) -> Option<usize> {
    loop {
        match *text.as_bytes().get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match pair(text.get(at..at + PAIR)) {
                Some(c) => {
                    found.push((at, c));
                    at += PAIR;
                }
                None => at += 2,
            },
            b'\n' | b'\r' => return None,
            _ => at += 1,
        }
    }
}

fn pair(escapes: Option<&str>) -> Option<char> {
    let unit = |escape: &str| {
        let digits = escape.strip_prefix("\\u")?;
        let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| hex)
    };
    let (high, low) = escapes?.split_at_checked(PAIR / 2)?;
    let units = [unit(high)?, unit(low)?];
    let mut decoded = char::decode_utf16(units);
    match (decoded.next(), decoded.next()) {
        (Some(Ok(c)), None) => Some(c),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(r#"{"a": "\ud83d\ude00!"}"#, r#"{"a": "\U0001F600!"}"#)]
    #[case(
        r#"["\uD83D\uDE00\ud83d\ude00", 1e3]"#,
        r#"["\U0001F600\U0001F600", 1e3]"#
    )]
    #[case::one_alone(r#"{"a": "\ud83d"}"#, r#"{"a": "\ud83d"}"#)]
    #[case::wrong_way_round(r#"{"a": "\ude00\ud83d"}"#, r#"{"a": "\ude00\ud83d"}"#)]
    #[case::a_backslash_before(r#"{"a": "\\ud83d\ude00"}"#, r#"{"a": "\\ud83d\ude00"}"#)]
    #[case::block_yaml(r#"a: "\ud83d\ude00""#, r#"a: "\ud83d\ude00""#)]
    #[case::in_single_quotes(r#"{"a": '\ud83d\ude00'}"#, r#"{"a": '\ud83d\ude00'}"#)]
    #[case::in_bare_text(r#"{a:"\ud83d\ude00"}"#, r#"{a:"\ud83d\ude00"}"#)]
    #[case::after_bare_text(r#"{"a": b "\ud83d\ude00"}"#, r#"{"a": b "\ud83d\ude00"}"#)]
    #[case::after_a_comment(
        "{\"a\": 1 # \"\n, \"b\": \"\\ud83d\\ude00\"}",
        "{\"a\": 1 # \"\n, \"b\": \"\\ud83d\\ude00\"}"
    )]
    fn escapes(#[case] written: &str, #[case] text: &str) {
        assert_eq!(Parsed::of(written).text(), text);
    }

    #[test]
    fn places_are_those_of_the_text_as_written() {
        let written = r#"["\ud83d\ude00", "é\ud83d\ude00x", y]"#;
        let parsed = Parsed::of(written);
        for needle in ["[", "é", "x", "y", "]"] {
            let index = parsed
                .text()
                .split(needle)
                .next()
                .map(|s| s.chars().count());
            assert_eq!(Some(parsed.byte(index.unwrap())), written.find(needle));
        }
    }
}
