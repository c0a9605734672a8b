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

/// What is written in a path, an `x` for each expression.
fn written(path: &Template) -> String {
    path.texts_or("x").collect()
}

/// Why a path, or a pattern, can never name a file; `None` if it may.
pub(crate) fn flaw(path: &Template) -> Option<(&'static str, &'static str)> {
    if !is_pattern(path) {
        return None;
    }
    let text = written(path);
    if text.split('/').any(|name| name == "..") {
        return Some((
            "`..` cannot stand in a pattern",
            "write a path, or a pattern below the step's folder",
        ));
    }
    flaw_of_pattern(&text)
}

/// Whether a path lies outside of the folder that it starts from, whatever its
/// values are.
pub(crate) fn leaves(path: &Template) -> bool {
    let mut depth = 0_i32;
    for name in written(path).split('/') {
        match name {
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    path.source().starts_with('/')
}

/// What keeps a text from being a pattern, as those who look for files read it.
fn flaw_of_pattern(text: &str) -> Option<(&'static str, &'static str)> {
    const LITERAL: &str = "for the character itself write `[[]`, `[{]` or `[}]`";
    let mut chars = text.chars();
    let mut open = 0_u32;
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next().is_none() => {
                return Some(("the pattern ends in `\\`", "for a backslash write `\\\\`"));
            }
            '[' if !skip_class(&mut chars) => {
                return Some(("`[` is never closed in the pattern", LITERAL));
            }
            '{' => open += 1,
            '}' if open == 0 => return Some(("`}` closes nothing in the pattern", LITERAL)),
            '}' => open -= 1,
            _ => {}
        }
    }
    (open > 0).then_some(("`{` is never closed in the pattern", LITERAL))
}

/// Goes behind the `]` that closes a class; false where none does. A `]` in the
/// first place stands for itself.
fn skip_class(chars: &mut core::str::Chars<'_>) -> bool {
    if chars.as_str().starts_with(['!', '^']) {
        chars.next();
    }
    chars.next();
    chars.any(|c| c == ']')
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
    use proptest::prelude::*;
    use rok_expr::Site;
    use rstest::rstest;

    #[rstest]
    #[case::folder("out/*.txt", None)]
    #[case::class("out/[]a]*", None)]
    #[case::not_in_class("out/[!]]*", None)]
    #[case::values("out/${{ inputs.a }}[0-9]", None)]
    #[case::no_pattern("../out}", None)]
    #[case::nested("{a,{b,c}}/[{]", None)]
    #[case::escaped(r"*\[", None)]
    #[case::up("../*", Some("`..` cannot stand in a pattern"))]
    #[case::class_open("out/[abc", Some("`[` is never closed in the pattern"))]
    #[case::class_begins_with_its_end("out/[]", Some("`[` is never closed in the pattern"))]
    #[case::choice_open("out/{a,b", Some("`{` is never closed in the pattern"))]
    #[case::choice_closed("out/*}", Some("`}` closes nothing in the pattern"))]
    #[case::backslash("*\\", Some("the pattern ends in `\\`"))]
    fn flaws(#[case] path: &str, #[case] expected: Option<&str>) {
        let template = Template::parse(path, Site::Plain).expect(path);
        assert_eq!(flaw(&template).map(|(message, _)| message), expected);
    }

    proptest! {
        /// What is refused here is what a walk would refuse, a range that runs
        /// backwards aside, which only the walk looks at.
        #[test]
        fn a_flaw_is_one_to_those_who_look(text in r"[*?{}\[\]\\!,a-c/-]{1,12}") {
            let built = globset::GlobBuilder::new(&text)
                .literal_separator(true)
                .backslash_escape(true)
                .build();
            let known = match &built {
                Err(error) => !matches!(error.kind(), globset::ErrorKind::InvalidRange(..)),
                Ok(_) => false,
            };
            if built.is_ok() || known {
                prop_assert_eq!(flaw_of_pattern(&text).is_some(), known, "{:?}", built);
            }
        }
    }

    #[rstest]
    #[case("out/a.txt", false)]
    #[case("out/../a.txt", false)]
    #[case("${{ inputs.a }}/x", false)]
    #[case("../a.txt", true)]
    #[case("out/../../a", true)]
    #[case("/tmp/a", true)]
    fn who_leaves_the_folder(#[case] path: &str, #[case] expected: bool) {
        let template = Template::parse(path, Site::Plain).expect(path);
        assert_eq!(leaves(&template), expected);
    }

    #[rstest]
    #[case("plain/name.txt", "plain/name.txt")]
    #[case("a*b?", "a[*]b[?]")]
    #[case("[x]{y}", "[[]x][{]y[}]")]
    #[case(r"a\b", r"a\\b")]
    fn values_stand_for_themselves(#[case] value: &str, #[case] escaped: &str) {
        assert_eq!(escape_pattern(value), escaped);
    }
}
