//! Patterns of files: what makes one of a path, and what a value is in one.

use crate::model::ArtifactDecl;
use alloc::string::String;
use rok_expr::Template;

/// The characters that make a pattern of a path.
const SPECIAL: [char; 4] = ['*', '?', '[', '{'];

impl ArtifactDecl {
    /// Whether it stands for many files. Only what is written in the plan
    /// decides: a value cannot make a pattern of a path.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        is_pattern(&self.path)
    }
}

/// Whether a path of `reads` stands for many files.
#[must_use]
pub fn is_pattern(path: &Template) -> bool {
    path.texts().any(|text| text.contains(SPECIAL))
}

/// A value as it stands in a pattern: for itself.
#[must_use]
pub fn escape_pattern(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '*' | '?' | '[' | '{' | '}' => {
                out.push('[');
                out.push(c);
                out.push(']');
            }
            '\\' => out.push_str("\\\\"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("plain/name.txt", "plain/name.txt")]
    #[case("a*b?", "a[*]b[?]")]
    #[case("[x]{y}", "[[]x][{]y[}]")]
    #[case(r"a\b", r"a\\b")]
    fn values_stand_for_themselves(#[case] value: &str, #[case] escaped: &str) {
        assert_eq!(escape_pattern(value), escaped);
    }
}
