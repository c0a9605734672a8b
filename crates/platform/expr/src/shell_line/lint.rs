//! What is allowed and unwise: values handed to something that reads them as
//! code.

use crate::fault::Fault;
use crate::template::Template;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// A word of a simple command, and the expressions in it.
#[derive(Debug, Default)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) expressions: Vec<Range<usize>>,
}

/// Commands that read every argument as code.
const READERS: &[&str] = &[
    "eval",
    "let",
    "trap",
    "alias",
    "source",
    ".",
    "declare",
    "typeset",
    "local",
    "unset",
    "read",
    "mapfile",
    "readarray",
    "getopts",
    "ssh",
];
/// Interpreters, and the letter of the option whose argument is code.
const INTERPRETERS: &[(&str, char)] = &[
    ("sh", 'c'),
    ("bash", 'c'),
    ("dash", 'c'),
    ("ash", 'c'),
    ("ksh", 'c'),
    ("zsh", 'c'),
    ("su", 'c'),
    ("python", 'c'),
    ("python3", 'c'),
    ("perl", 'e'),
    ("ruby", 'e'),
    ("node", 'e'),
    // A name that is evaluated as an array reference.
    ("test", 'v'),
    ("[", 'v'),
    ("printf", 'v'),
];
/// Words that may stand before a command.
const PREFIXES: &[&str] = &[
    "if", "then", "elif", "else", "while", "until", "do", "!", "{", "time", "command", "builtin",
    "exec", "env", "sudo", "nohup", "nice", "timeout",
];

/// How many words behind an interpreter its option may stand.
const NEAR: usize = 16;

/// Warnings about one simple command.
pub(super) fn check(words: &[Word]) -> Vec<Fault> {
    let mut warnings = Vec::new();
    if words.iter().all(|word| word.expressions.is_empty()) {
        return warnings;
    }
    let mut leading = true;
    for (index, word) in words.iter().enumerate() {
        let name = word.text.rsplit('/').next().unwrap_or("");
        if leading && READERS.contains(&name) {
            let fed = words[index + 1..].iter().flat_map(|word| &word.expressions);
            warnings.extend(fed.map(|range| warning(name, range)));
        }
        if let Some((_, letter)) = INTERPRETERS.iter().find(|(known, _)| *known == name) {
            let is_code = |word: &Word| {
                word.text.starts_with('-')
                    && !word.text.starts_with("--")
                    && word.text.ends_with(*letter)
            };
            if let Some(option) = words[index + 1..].iter().take(NEAR).position(is_code)
                && let Some(code) = words.get(index + option + 2)
            {
                warnings.extend(code.expressions.iter().map(|range| warning(name, range)));
            }
        }
        leading &=
            PREFIXES.contains(&name) || word.text.contains('=') || word.text.starts_with('-');
    }
    warnings
}

/// Warnings about an argument list: no shell sees it, and what it runs may be
/// one.
pub fn argument_warnings(words: &[Template]) -> Vec<Fault> {
    let words: Vec<Word> = words
        .iter()
        .map(|template| match template.as_literal() {
            Some(text) => Word {
                text: text.into(),
                expressions: Vec::new(),
            },
            None => Word {
                text: String::new(),
                expressions: alloc::vec![0..template.source().len()],
            },
        })
        .collect();
    check(&words)
}

fn warning(name: &str, range: &Range<usize>) -> Fault {
    Fault::new(range.clone(), format!("`{name}` reads this value as code"))
        .hint("hand it over as an argument of its own, or in `env`")
}
