//! Here-documents: their delimiters and bodies.

use alloc::string::String;
use alloc::vec::Vec;

/// A here-document whose body has not been met yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HereDoc {
    /// The line that ends it.
    delimiter: String,
    /// `<<-`: leading tabs do not count.
    tabs: bool,
    /// A quoted delimiter: a backslash at a line's end joins nothing.
    quoted: bool,
}

/// What was found behind `<<`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delimiter {
    /// A here-document, and where its delimiter ends.
    Found(HereDoc, usize),
    /// Something that shells read differently, and where it ends.
    Unclear(usize),
}

impl HereDoc {
    /// Reads the delimiter that stands behind `<<`, at `from`.
    pub(super) fn delimiter(text: &str, from: usize) -> Delimiter {
        let bytes = text.as_bytes();
        let tabs = bytes.get(from) == Some(&b'-');
        let mut at = from + usize::from(tabs);
        while matches!(bytes.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        let mut delimiter = String::new();
        let mut quoted = false;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => break,
                b'$' | b'`' => return Delimiter::Unclear(at),
                b'\'' | b'"' => {
                    let Some(length) = text[at + 1..].find(char::from(*byte)) else {
                        return Delimiter::Unclear(at);
                    };
                    let inner = &text[at + 1..at + 1 + length];
                    if inner.contains(['\\', '\n', '$', '`']) {
                        return Delimiter::Unclear(at);
                    }
                    delimiter.push_str(inner);
                    quoted = true;
                    at += length + 2;
                }
                b'\\' => {
                    let Some(next) = text[at + 1..].chars().next().filter(|c| *c != '\n') else {
                        return Delimiter::Unclear(at);
                    };
                    delimiter.push(next);
                    quoted = true;
                    at += 1 + next.len_utf8();
                }
                _ => {
                    let Some(next) = text[at..].chars().next() else {
                        break;
                    };
                    delimiter.push(next);
                    at += next.len_utf8();
                }
            }
        }
        if delimiter.is_empty() {
            return Delimiter::Unclear(at);
        }
        Delimiter::Found(
            Self {
                delimiter,
                tabs,
                quoted,
            },
            at,
        )
    }

    /// Where the body that begins at `from` ends, its last line included, and
    /// whether every shell agrees.
    pub(super) fn body(&self, text: &str, from: usize) -> (usize, bool) {
        let mut clear = true;
        let mut joined = false;
        let mut at = from;
        while at < text.len() {
            let end = text[at..]
                .find('\n')
                .map_or(text.len(), |length| at + length);
            let line = &text[at..end];
            let bare = if self.tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            // After a joined line, shells differ on whether this is the end.
            clear &= !(joined && bare.starts_with(self.delimiter.as_str()));
            if bare == self.delimiter {
                clear &= self.quoted || closed(&text[from..at]);
                return ((end + 1).min(text.len()), clear);
            }
            joined = !self.quoted && line.ends_with('\\');
            at = end + 1;
        }
        (text.len(), clear)
    }
}

/// Whether every substitution in a body ends in it, beyond doubt: some shells
/// look for the end of one behind the end of the here-document.
fn closed(body: &str) -> bool {
    let bytes = body.as_bytes();
    let mut open: Vec<u8> = Vec::new();
    let (mut backquotes, mut single, mut double) = (0, 0, 0);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'`' => backquotes += 1,
            b'$' => match bytes.get(at + 1) {
                Some(b'(') => open.push(b')'),
                Some(b'{') => open.push(b'}'),
                Some(b'[') => open.push(b']'),
                _ => {}
            },
            b'(' if !open.is_empty() && bytes[at - 1] != b'$' => open.push(b')'),
            b'\'' if !open.is_empty() => single += 1,
            b'"' if !open.is_empty() => double += 1,
            b')' | b'}' | b']' if open.last() == Some(byte) => {
                open.pop();
            }
            _ => {}
        }
        at += 1;
    }
    open.is_empty()
        && [backquotes, single, double]
            .iter()
            .all(|count| count % 2 == 0)
}
