//! From a place in a scalar's text to the place in the file, through quotes,
//! escapes, folding and indentation.

use core::ops::Range;

use crate::source::Source;
use crate::tree::Node;

/// The bytes of the file that hold a range of a scalar's text; the whole
/// scalar when escapes hide where that is.
pub(super) fn of(source: &Source<'_>, node: &Node, range: &Range<usize>) -> Range<usize> {
    let Some((text, _)) = node.scalar() else {
        return node.span.clone();
    };
    let written = source.slice(&node.span);
    match align(text, written, range) {
        Some(found) => node.span.start + found.start..node.span.start + found.end,
        None => node.span.clone(),
    }
}

/// Walks text and file side by side. The file has more than the text: quotes,
/// indentation, backslashes; and white space that is folded to another kind.
fn align(text: &str, written: &str, range: &Range<usize>) -> Option<Range<usize>> {
    let mut file = written.char_indices().peekable();
    let mut start = None;
    for (at, c) in text.char_indices() {
        if at >= range.end && start.is_some() {
            break;
        }
        if c.is_whitespace() {
            // A space may stand for a line break and the other way round.
            if file.peek().is_some_and(|(_, f)| f.is_whitespace()) {
                let (place, _) = file.next()?;
                if at >= range.start && start.is_none() {
                    start = Some(place);
                }
            }
            continue;
        }
        let place = loop {
            let (place, f) = file.next()?;
            if f == c {
                break place;
            }
            if !(f.is_whitespace() || matches!(f, '"' | '\'' | '\\' | '|' | '>' | '-' | '+')) {
                return None;
            }
        };
        if at >= range.start && start.is_none() {
            start = Some(place);
        }
    }
    let start = start.unwrap_or(written.len());
    let end = match file.peek() {
        Some((place, _)) => *place,
        None => written.len(),
    };
    Some(start..end.max(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("abc def", "abc def", 4..7, "def")]
    #[case("abc def", "\"abc def\"", 4..7, "def")]
    #[case("abc def", "abc\n    def", 4..7, "def")]
    #[case("one\ntwo x\n", "one\n    two x\n", 8..9, "x")]
    #[case("say \"hi\" x", "\"say \\\"hi\\\" x\"", 9..10, "x")]
    #[case("it's x", "'it''s x'", 5..6, "x")]
    #[case("abc", "abc", 3..3, "")]
    fn places(
        #[case] text: &str,
        #[case] written: &str,
        #[case] range: Range<usize>,
        #[case] found: &str,
    ) {
        let place = align(text, written, &range).unwrap();
        assert_eq!(&written[place], found);
    }

    #[test]
    fn an_escape_hides_the_place() {
        assert_eq!(align("\u{e9}x", "\"\\u00e9x\"", &(2..3)), None);
    }
}
