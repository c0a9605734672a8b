//! Texts that came from elsewhere: measured, shortened, made harmless.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use unicode_width::UnicodeWidthChar as _;

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextOptions {
    /// Columns.
    pub width: usize,
    /// Only ASCII is shown rightly.
    pub ascii: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            width: 100,
            ascii: false,
        }
    }
}

/// Control characters, what turns the direction of text, and what XML forbids.
fn harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// A text on one line, without what a terminal or a page might obey.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let text = text.trim_end();
    if !text.chars().any(harmful) {
        return Cow::Borrowed(text);
    }
    let safe = |c| match c {
        '\n' | '\r' | '\t' => ' ',
        c if harmful(c) => '\u{fffd}',
        c => c,
    };
    Cow::Owned(text.chars().map(safe).collect())
}

/// How many columns a text takes.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(1)).sum()
}

/// A text cleaned, and shortened in its middle: ids that are alike differ at
/// their ends.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    shorten_with(text, max, "…")
}

/// The same with another sign for what was left out.
#[must_use]
pub fn shorten_with(text: &str, max: usize, sign: &str) -> String {
    let text = clean(text);
    if columns(&text) <= max {
        return text.into_owned();
    }
    let room = max.saturating_sub(columns(sign));
    let head = take(text.chars(), room - room / 2);
    let tail: String = take(text.chars().rev(), room / 2).chars().rev().collect();
    let mut short = head;
    short.push_str(if max == 0 { "" } else { sign });
    short.push_str(&tail);
    short
}

fn take(chars: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(1);
            used <= room
        })
        .collect()
}

/// Lines of a text, broken between words.
pub(crate) fn wrap(text: &str, max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in clean(text).split_whitespace() {
        let word = shorten(word, max);
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(&word) <= max => {
                line.push(' ');
                line.push_str(&word);
            }
            // The end of a line separates as well.
            Some(_) if word == "·" => {}
            _ => lines.push(word),
        }
    }
    lines
}

/// A text as it stands in XML and HTML, between tags or in quotes.
pub(crate) struct Xml<'a>(pub(crate) &'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(c)?,
                c if harmful(c) => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use std::string::ToString as _;

    #[rstest]
    #[case("short", 10, "short")]
    #[case("individuals_ID0000001", 12, "indivi…00001")]
    #[case("个体个体个体", 7, "个…体")]
    #[case("abc", 1, "…")]
    #[case("abc", 0, "")]
    #[case("a\u{1b}[31m\nb", 20, "a\u{fffd}[31m b")]
    fn shortening_keeps_both_ends(#[case] text: &str, #[case] max: usize, #[case] short: &str) {
        assert_eq!(shorten(text, max), short);
    }

    #[test]
    fn markup_stays_text() {
        let hostile = "</title><script>alert('1')</script>&\u{0}\u{202e}\"";
        assert_eq!(
            Xml(hostile).to_string(),
            "&lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;\u{fffd}\u{fffd}&quot;"
        );
    }

    proptest! {
        #[test]
        fn a_short_text_fits_and_gives_no_orders(text in ".*", max in 0_usize..60) {
            let short = shorten(&text, max);
            prop_assert!(columns(&short) <= max);
            prop_assert!(!short.chars().any(harmful));
        }
    }
}
