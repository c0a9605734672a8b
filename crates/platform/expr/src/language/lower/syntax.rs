//! What the parser refuses, in our words: its own name tokens that nobody wrote.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

/// What is wrong, and how to mend it; `at` is the text that it concerns.
pub(super) fn in_words(message: &str, at: &str) -> (String, Option<String>) {
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    if let Some(word) = message.strip_prefix("reserved identifier: ") {
        let hint = format!("`{word}` is a reserved word; a text stands in quotes: '{word}'");
        return (message.to_owned(), Some(hint));
    }
    if let Some((found, expected)) = mismatch(message) {
        return match (found, expected) {
            ("<EOF>", "expression") => (
                "a value is missing at the end of the expression".into(),
                None,
            ),
            ("<EOF>", missing) => (
                format!("`{missing}` is missing at the end of the expression"),
                None,
            ),
            (found, "<EOF>") => (
                format!("the expression is over before `{found}`"),
                Some(after_the_end(found)),
            ),
            (found, expected) => (format!("`{found}` stands where `{expected}` is due"), None),
        };
    }
    match message {
        "unexpected token" => (format!("`{at}` cannot stand here"), None),
        "expected identifier after '.'" => ("a name is missing after `.`".into(), None),
        "expected ':' in conditional expression" => (
            "`:` is missing after `?`".into(),
            Some("a choice is written `condition ? this : that`".into()),
        ),
        "unable to unescape string" => (
            "the text has an escape that means nothing".into(),
            Some(r#"`\n`, `\t`, `\\`, `\'` and `\"` mean something"#.into()),
        ),
        "invalid int literal" => (
            format!("`{at}` is no whole number of 64 bits"),
            Some("write a double, such as 1e20".into()),
        ),
        _ => match quoted_after(message, "expected ") {
            Some(missing) => (format!("`{missing}` is missing here"), None),
            None => (message.replace("<EOF>", "the end of the expression"), None),
        },
    }
}

/// `mismatched input FOUND expecting EXPECTED`, without quotes.
fn mismatch(message: &str) -> Option<(&str, &str)> {
    let rest = message.strip_prefix("mismatched input ")?;
    let (found, expected) = rest.rsplit_once(" expecting ")?;
    Some((bare(found), bare(expected)))
}

fn bare(text: &str) -> &str {
    let inner = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\''));
    inner.unwrap_or(text)
}

fn quoted_after<'m>(message: &'m str, before: &str) -> Option<&'m str> {
    let rest = message.strip_prefix(before)?.strip_prefix('\'')?;
    rest.split_once('\'').map(|(word, _)| word)
}

fn after_the_end(found: &str) -> String {
    match found {
        "=" => "`==` compares; nothing is assigned".into(),
        "," => "a list stands in brackets: [1, 2]".into(),
        _ => "an operator is missing, or quotes around a text: 'like this'".into(),
    }
}
