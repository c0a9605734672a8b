//! YAML that people read: bare where nothing can be misread, blocks for texts
//! of several lines, double quotes for the rest.

use alloc::string::String;
use core::fmt::Write as _;

/// A list is written on one line up to this many characters.
const LINE: usize = 100;

/// Writes a text as a value at an indentation.
pub fn text(text: &str, indent: usize, out: &mut String) {
    if is_block(text) {
        let chomp = match (text.ends_with('\n'), text.ends_with("\n\n")) {
            (false, _) => "-",
            (true, false) => "",
            (true, true) => "+",
        };
        let _ = write!(out, "|{chomp}");
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            out.push('\n');
            if !line.is_empty() {
                let _ = write!(out, "{:indent$}{line}", "", indent = indent + 2);
            }
        }
    } else {
        scalar(text, out);
    }
}

/// Writes a text on one line.
pub fn scalar(text: &str, out: &mut String) {
    if is_bare(text) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_shown(c) => out.push(c),
            c => {
                let _ = match u32::from(c) {
                    code @ ..=0xffff => write!(out, "\\u{code:04x}"),
                    code => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
}

/// Writes a list of texts: on one line if it is short.
pub fn list<'t>(items: impl IntoIterator<Item = &'t str> + Clone, indent: usize, out: &mut String) {
    let mut line = String::from("[");
    for item in items.clone() {
        line.push_str(if line.len() > 1 { ", " } else { "" });
        scalar(item, &mut line);
    }
    line.push(']');
    if line.chars().count() <= LINE && !items.clone().into_iter().any(is_block) {
        out.push_str(&line);
        return;
    }
    out.truncate(out.trim_end().len());
    for item in items {
        let _ = write!(out, "\n{:indent$}- ", "");
        text(item, indent, out);
    }
}

/// A comment on lines of its own.
pub fn comment(text: &str, out: &mut String) {
    for line in text.lines() {
        out.push_str("# ");
        out.extend(line.chars().map(|c| if is_shown(c) { c } else { ' ' }));
        out.push('\n');
    }
}

/// Whether a character is itself in a YAML file, in a plan and on a screen.
fn is_shown(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a1}'..='\u{1fff}' | '\u{2030}'..='\u{205f}' | '\u{2070}'..='\u{d7ff}' | '\u{1_0000}'..)
        && c != '\u{feff}'
}

/// Several lines that a block gives back to the letter.
fn is_block(text: &str) -> bool {
    let fits = |c| is_shown(c) || matches!(c, '\n' | '\t');
    let first = text.lines().find(|line| !line.is_empty());
    text.trim_end_matches('\n').contains('\n')
        && text.chars().all(fits)
        && first.is_some_and(|line| !line.starts_with([' ', '\t']))
        && !text.starts_with('\n')
        && !text
            .lines()
            .any(|line| line.trim().is_empty() && !line.is_empty())
}

/// Nothing that YAML, of whatever version, takes for something else.
fn is_bare(text: &str) -> bool {
    const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let word = text.to_ascii_lowercase();
    // `-e` and `./x` are, `-1`, `- x` and `.5` are not.
    let first = text.strip_prefix("./").unwrap_or(text);
    let first = first.strip_prefix('-').unwrap_or(first);
    first.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/'))
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " _-./=+@%".contains(c))
        && !text.ends_with(' ')
        && !WORDS.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec::Vec;
    use proptest::prelude::*;
    use rok_plan::Document;

    fn read_back(written: &str) -> Vec<String> {
        let document = Document::read(written.as_bytes(), "t.yaml")
            .unwrap_or_else(|e| panic!("{}", e.render()));
        let node = document.root().get("k").unwrap();
        match node.list() {
            Some(items) => items
                .iter()
                .map(|item| item.text().unwrap().to_string())
                .collect(),
            None => alloc::vec![node.text().unwrap().to_string()],
        }
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~]{0,20}",
            "\\PC{0,20}",
            "([ -~\t]{0,8}\n){0,5}[a-z ]{0,3}",
            "[\t\n\r \u{85}\u{2028}\u{feff}\u{7f}\u{80}\u{1b}\u{202e}\u{fffe}\u{10ffff}é'\":#\\\\-]{0,15}",
            "(yes|no|~|null|1e3|0x1f|- a|a: b|a #b|\\[a\\]|&a|\\*a|!a|%a|---|<<|=)",
        ]
        .prop_filter("plans have no NUL", |text| !text.contains('\0'))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_text_comes_back_to_the_letter(written in any_text()) {
            let mut out = String::from("k: ");
            text(&written, 0, &mut out);
            out.push('\n');
            prop_assert_eq!(read_back(&out), [written], "{}", out);
        }

        #[test]
        fn a_list_comes_back_to_the_letter(items in prop::collection::vec(any_text(), 1..6)) {
            let mut out = String::from("o:\n  x: y\nk: ");
            list(items.iter().map(String::as_str), 2, &mut out);
            out.push('\n');
            prop_assert_eq!(read_back(&out), items, "{}", out);
        }
    }

    #[test]
    fn comments_stay_comments() {
        let mut out = String::new();
        comment("one\ntwo\u{1b}[2J\u{2028}x", &mut out);
        assert_eq!(out, format!("# one\n# two [2J x\n"));
    }
}
