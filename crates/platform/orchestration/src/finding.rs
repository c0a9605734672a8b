//! What a component found, and where; read from what tools print.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is wrong.
    #[default]
    Error,
    /// It may be wrong.
    Warning,
    /// It is worth knowing.
    Note,
}

/// What a component found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// What is wrong.
    pub message: String,
    /// How bad it is.
    #[serde(default)]
    pub level: Level,
    /// The file, as the component names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The rule that is broken, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl Finding {
    /// Something that is wrong, at no place.
    #[must_use]
    pub fn error(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            ..Self::default()
        }
    }

    /// `file:line:column`, as far as it is known.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        let mut place = self.file.clone()?;
        for number in [self.line, self.column].into_iter().map_while(|n| n) {
            place.push(':');
            place.push_str(&number.to_string());
        }
        Some(place)
    }

    /// What stands in the output of a tool, up to so many: lines of the form
    /// `file:line[:column]: [error|warning|note:] message` (the GNU form, that
    /// of compilers and linters), a compiler's `--> file:line:column` below its
    /// message, and rustfmt's `Diff in file:line:`.
    #[must_use]
    pub fn all_in(output: &str, most: usize) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut headline: Option<Self> = None;
        for line in output.lines() {
            if found.len() >= most {
                break;
            }
            let line = line.trim();
            if let Some(place) = line.strip_prefix("--> ") {
                if let (Some(finding), Some(place)) = (headline.take(), Place::read(place, true)) {
                    found.push(place.of(finding));
                }
                continue;
            }
            if let Some(finding) = of_compiler(line) {
                headline = Some(finding);
            } else if let Some(finding) = of_rustfmt(line).or_else(|| of_gnu(line))
                && found.last() != Some(&finding)
            {
                found.push(finding);
            }
        }
        found
    }
}

/// `file:line:column`.
struct Place<'t> {
    file: &'t str,
    line: u32,
    column: Option<u32>,
    rest: &'t str,
}

impl<'t> Place<'t> {
    /// Reads a place at the beginning of a text; `whole`: nothing may follow.
    fn read(text: &'t str, whole: bool) -> Option<Self> {
        let (file, rest) = text.split_once(':')?;
        let (line, rest) = number(rest)?;
        let (column, rest) = match rest.strip_prefix(':').and_then(number) {
            Some((column, rest)) => (Some(column), rest),
            None => (None, rest),
        };
        let is_file = !file.is_empty()
            && !file.contains(|c: char| c.is_whitespace() || matches!(c, '(' | '"' | '<' | '='))
            && file.contains(['.', '/'])
            && !file.starts_with("http")
            && line > 0;
        let place = Self {
            file,
            line,
            column,
            rest,
        };
        (is_file && (!whole || rest.is_empty())).then_some(place)
    }

    fn of(&self, finding: Finding) -> Finding {
        Finding {
            file: Some(self.file.to_owned()),
            line: Some(self.line),
            column: self.column,
            ..finding
        }
    }
}

fn number(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number = text[..end].parse().ok()?;
    Some((number, &text[end..]))
}

/// `file:line:column: message`.
fn of_gnu(line: &str) -> Option<Finding> {
    let place = Place::read(line, false)?;
    let message = place.rest.strip_prefix(':')?.trim();
    let (level, message) = level(message);
    (!message.is_empty()).then(|| {
        place.of(Finding {
            level,
            message: message.to_owned(),
            ..Finding::default()
        })
    })
}

/// `error[E0308]: mismatched types`: its place comes on a later line.
fn of_compiler(line: &str) -> Option<Finding> {
    let (head, message) = line.split_once(": ")?;
    let (word, rule) = match head.split_once('[') {
        Some((word, rule)) => (word, Some(rule.strip_suffix(']')?)),
        None => (head, None),
    };
    Some(Finding {
        level: word_level(word)?,
        message: message.trim().to_owned(),
        rule: rule.map(str::to_owned),
        ..Finding::default()
    })
}

/// `Diff in file:line:`.
fn of_rustfmt(line: &str) -> Option<Finding> {
    let place = Place::read(line.strip_prefix("Diff in ")?, false)?;
    Some(place.of(Finding {
        message: "not formatted".to_owned(),
        rule: Some("rustfmt".to_owned()),
        ..Finding::default()
    }))
}

/// The level that a message begins with, and what follows it.
fn level(message: &str) -> (Level, &str) {
    let split = message.split_once(':');
    match split.and_then(|(word, rest)| Some((word_level(word)?, rest))) {
        Some((level, rest)) => (level, rest.trim()),
        None => (Level::Error, message),
    }
}

fn word_level(word: &str) -> Option<Level> {
    match word.to_ascii_lowercase().as_str() {
        "error" | "fatal" | "fatal error" => Some(Level::Error),
        "warning" | "warn" => Some(Level::Warning),
        "note" | "info" | "help" => Some(Level::Note),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
