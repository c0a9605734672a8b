//! Finds where an expression ends, and refuses what must not reach the
//! parser: its recursion and copying are bounded by what is let through here.

use crate::bounds::{MAX_DEPTH, MAX_NODES};
use crate::fault::Fault;
use alloc::format;
use alloc::vec::Vec;

/// Where the expression that begins a text ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At this offset stands its `}}`.
    Closed(usize),
    /// Nowhere in the text.
    Missing,
}

/// Finds the `}}` of the expression that begins at the start of `text`, by
/// lexing CEL: not in a string, and not that of a map.
pub(crate) fn find_end(text: &str) -> End {
    let mut braces = 0_usize;
    let mut lexer = Lexer { text, at: 0 };
    while let Some(token) = lexer.next() {
        match token.kind {
            Kind::Punctuation(b'{') => braces += 1,
            Kind::Punctuation(b'}') if braces > 0 => braces -= 1,
            Kind::Punctuation(b'}') if text[token.end..].starts_with('}') => {
                return End::Closed(token.start);
            }
            _ => {}
        }
    }
    End::Missing
}

/// Refuses an expression that the parser could not take within its bounds.
pub(crate) fn admit(text: &str) -> Result<(), Fault> {
    // One entry per open bracket: how many `?` wait in a row at that level.
    let mut levels: Vec<usize> = Vec::from([0]);
    let mut nodes = 0;
    let mut lexer = Lexer { text, at: 0 };
    while let Some(token) = lexer.next() {
        let range = token.start..token.end;
        match token.kind {
            Kind::Unclosed => return Err(Fault::new(range, "this quote is never closed")),
            Kind::Foreign => {
                return Err(Fault::new(
                    range,
                    format!("`{}` has no meaning here", &text[token.start..token.end]),
                )
                .hint("texts stand in quotes: 'like this'"));
            }
            Kind::Punctuation(b'(' | b'[' | b'{') => levels.push(0),
            Kind::Punctuation(b')' | b']' | b'}') => {
                levels.pop();
            }
            Kind::Punctuation(b',') => {
                if let Some(ternaries) = levels.last_mut() {
                    *ternaries = 0;
                }
            }
            Kind::Punctuation(b'?') => {
                nodes += 1;
                if let Some(ternaries) = levels.last_mut() {
                    *ternaries += 1;
                }
            }
            Kind::Punctuation(b'.' | b':') => {}
            Kind::Word | Kind::Number | Kind::Text | Kind::Punctuation(_) => nodes += 1,
        }
        if levels.len() > MAX_DEPTH + 1 || levels.last().is_some_and(|n| *n > MAX_DEPTH) {
            return Err(too_deep(range));
        }
        // Two-byte operators count twice, hence the margin: the tree itself
        // is counted again.
        if nodes > 2 * MAX_NODES {
            return Err(too_many(range));
        }
    }
    Ok(())
}

pub(crate) fn too_deep(range: core::ops::Range<usize>) -> Fault {
    Fault::new(
        range,
        format!("the expression is nested deeper than {MAX_DEPTH} levels"),
    )
    .hint("work it out in a step and read its outputs")
}

pub(crate) fn too_many(range: core::ops::Range<usize>) -> Fault {
    Fault::new(
        range,
        format!("the expression has more than {MAX_NODES} nodes"),
    )
    .hint("work it out in a step and read its outputs")
}

/// The longest name, hyphens included, that begins at an offset.
pub(crate) fn word_at(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or("");
    let end = rest
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || b == b'_' || b == b'-'))
        .unwrap_or(rest.len());
    &rest[..end]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A name or keyword, in backquotes too.
    Word,
    Number,
    /// A string or bytes literal.
    Text,
    /// A quote without its end.
    Unclosed,
    /// One byte of an operator or bracket.
    Punctuation(u8),
    /// A character that CEL does not know.
    Foreign,
}

struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

/// CEL's tokens, as far as strings, comments, names and brackets go.
struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<Token> {
        let bytes = self.text.as_bytes();
        self.skip_blank();
        let start = self.at;
        let first = *bytes.get(start)?;
        let kind = match first {
            b'\'' | b'"' => self.string(false),
            b'`' => match self.text[start + 1..].find('`') {
                Some(length) => {
                    self.at = start + length + 2;
                    Kind::Word
                }
                None => self.unclosed(),
            },
            b'0'..=b'9' => {
                self.word();
                Kind::Number
            }
            b if b.is_ascii_alphabetic() || b == b'_' => {
                if let Some((length, raw)) = self.prefix() {
                    self.at += length;
                    self.string(raw)
                } else {
                    self.word();
                    Kind::Word
                }
            }
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' | b'.' | b':' | b'?' | b'+' | b'-'
            | b'*' | b'/' | b'%' | b'!' | b'=' | b'<' | b'>' | b'&' | b'|' => {
                self.at += 1;
                Kind::Punctuation(first)
            }
            _ => {
                self.at += self.text[start..].chars().next().map_or(1, char::len_utf8);
                Kind::Foreign
            }
        };
        Some(Token {
            kind,
            start,
            end: self.at,
        })
    }

    /// Blanks and `//` comments.
    fn skip_blank(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(b) = bytes.get(self.at) {
            match b {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'/' if bytes.get(self.at + 1) == Some(&b'/') => {
                    let rest = &self.text[self.at..];
                    self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
                }
                _ => return,
            }
        }
    }

    fn word(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest
            .iter()
            .position(|b| !(b.is_ascii_alphanumeric() || *b == b'_'))
            .unwrap_or(rest.len());
    }

    /// The length of a string prefix (`r`, `b`, `rb`, `br`) that stands before
    /// a quote, and whether it makes the string raw.
    fn prefix(&self) -> Option<(usize, bool)> {
        let rest = &self.text.as_bytes()[self.at..];
        let quote = |at: usize| matches!(rest.get(at), Some(b'\'' | b'"'));
        match (
            rest.first()?.to_ascii_lowercase(),
            rest.get(1).map(u8::to_ascii_lowercase),
        ) {
            (b'r', Some(b'b')) | (b'b', Some(b'r')) if quote(2) => Some((2, true)),
            (b'r', _) if quote(1) => Some((1, true)),
            (b'b', _) if quote(1) => Some((1, false)),
            _ => None,
        }
    }

    /// A string whose opening quote stands here.
    fn string(&mut self, raw: bool) -> Kind {
        let bytes = self.text.as_bytes();
        let quote = bytes[self.at];
        let triple = bytes[self.at..].starts_with(&[quote; 3]);
        let width = if triple { 3 } else { 1 };
        let mut at = self.at + width;
        while at < bytes.len() {
            if !raw && bytes[at] == b'\\' {
                at += 2;
            } else if bytes[at] == quote && (!triple || bytes[at..].starts_with(&[quote; 3])) {
                self.at = at + width;
                return Kind::Text;
            } else {
                at += 1;
            }
        }
        self.unclosed()
    }

    fn unclosed(&mut self) -> Kind {
        self.at = self.text.len();
        Kind::Unclosed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(" a }} tail", Some(3))]
    #[case("{'a': {'b': 1}}}}", Some(15))]
    #[case("'}}' }}", Some(5))]
    #[case(r"'\'}}' }}", Some(7))]
    #[case(r"r'\' }}", Some(5))]
    #[case("'''a'}}''' }}", Some(11))]
    #[case("\"}}\"}}", Some(4))]
    #[case("a // }}\n }}", Some(9))]
    #[case("{ }} }}", Some(5))]
    #[case("a }", None)]
    #[case("'}}", None)]
    #[case("a // }}", None)]
    #[case("é'}}' }}", Some(7))]
    fn ends(#[case] text: &str, #[case] end: Option<usize>) {
        assert_eq!(
            find_end(text),
            end.map_or(End::Missing, End::Closed),
            "{text:?}"
        );
    }
}
