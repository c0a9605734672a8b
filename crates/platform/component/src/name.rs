//! How people name components: a name or a glob, with or without a version.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use rok_vocabulary::ComponentName;
use semver::{Comparator, Op, Version, VersionReq};

use crate::model::Component;

/// A name as a person gives it: `fmt`, `check-*`, `fmt@1.2.0` (that version),
/// `fmt@^1` (a version that satisfies it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    /// What the name must be; `*` stands for any text, `?` for a character.
    glob: String,
    /// What the version must be.
    version: Option<VersionReq>,
    /// As it was given.
    given: String,
}

/// A text that names no component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No name and no glob of names.
    #[error(
        "`{text}` can name no component: a name is `[a-z][a-z0-9_-]{{0,63}}`, and `*` and `?` stand for others"
    )]
    Name {
        /// The text that was met.
        text: String,
    },
    /// What stands behind `@` is no version.
    #[error("`{text}`: {why}; write `name@1.2.0` or `name@^1.2`")]
    Version {
        /// The text that was met.
        text: String,
        /// What is wrong with it.
        why: String,
    },
}

impl NamePattern {
    /// The name alone, where it is one and no glob.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        (!self.glob.contains(['*', '?'])).then_some(self.glob.as_str())
    }

    /// Whether a component has such a name and version.
    #[must_use]
    pub fn matches(&self, component: &Component) -> bool {
        self.fits(component.name.as_str(), &component.version)
    }

    /// Whether these are such a name and version.
    #[must_use]
    pub fn fits(&self, name: &str, version: &Version) -> bool {
        let version_fits = |wanted: &VersionReq| wanted.matches(version);
        glob(self.glob.as_bytes(), name.as_bytes())
            && self.version.as_ref().is_none_or(version_fits)
    }
}

impl From<&ComponentName> for NamePattern {
    fn from(name: &ComponentName) -> Self {
        Self {
            glob: name.as_str().to_string(),
            version: None,
            given: name.as_str().to_string(),
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.given)
    }
}

impl FromStr for NamePattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let shown = || text.chars().take(80).collect::<String>();
        // Were each of its wildcards a letter, it would have to be a name.
        let as_name = name.replace(['*', '?'], "a");
        let bounded = name.len() <= 256 && !name.is_empty();
        let letters = as_name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        let fits = bounded && letters && as_name.starts_with(|c: char| c.is_ascii_lowercase());
        if !fits || (as_name == name && name.parse::<ComponentName>().is_err()) {
            return Err(NameError::Name { text: shown() });
        }
        let version = version.map(version_of).transpose();
        let version = version.map_err(|error| NameError::Version {
            text: shown(),
            why: error.to_string(),
        })?;
        Ok(Self {
            glob: name.to_string(),
            version,
            given: text.to_string(),
        })
    }
}

/// A whole version is that version; anything else is a requirement.
fn version_of(text: &str) -> Result<VersionReq, semver::Error> {
    let Ok(version) = Version::parse(text) else {
        return VersionReq::parse(text);
    };
    Ok(VersionReq {
        comparators: [Comparator {
            op: Op::Exact,
            major: version.major,
            minor: Some(version.minor),
            patch: Some(version.patch),
            pre: version.pre,
        }]
        .into(),
    })
}

/// Whether a text fits a glob of `*` and `?`: one pass, going back to the last
/// `*` only.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("fmt", "fmt", "1.0.0", true)]
    #[case("fmt", "fmt2", "1.0.0", false)]
    #[case("fmt*", "fmt2", "1.0.0", true)]
    #[case("*", "fmt", "1.0.0", true)]
    #[case("f?t", "fmt", "1.0.0", true)]
    #[case("f?t", "ft", "1.0.0", false)]
    #[case("a*b*c", "a-b-b-c", "1.0.0", true)]
    #[case("a*b*c", "a-b-b-d", "1.0.0", false)]
    #[case("fmt@1.2.0", "fmt", "1.2.0", true)]
    #[case("fmt@1.2.0", "fmt", "1.2.1", false)]
    #[case("fmt@1.2", "fmt", "1.9.0", true)]
    #[case("fmt@^1", "fmt", "2.0.0", false)]
    #[case("fmt@1.0.0-rc.1", "fmt", "1.0.0-rc.1", true)]
    fn names(#[case] given: &str, #[case] name: &str, #[case] version: &str, #[case] fits: bool) {
        let pattern: NamePattern = given.parse().unwrap();
        assert_eq!(pattern.fits(name, &version.parse().unwrap()), fits);
        assert_eq!(pattern.to_string(), given);
    }

    #[rstest]
    #[case("")]
    #[case("Fmt")]
    #[case("../fmt")]
    #[case("-fmt")]
    #[case("fmt@")]
    #[case("fmt@one")]
    #[case("@1.0.0")]
    fn no_names(#[case] given: &str) {
        assert!(given.parse::<NamePattern>().is_err());
    }

    #[test]
    fn a_glob_is_no_exact_name() {
        assert_eq!(
            "fmt@^1".parse::<NamePattern>().unwrap().exact(),
            Some("fmt")
        );
        assert_eq!("fm*".parse::<NamePattern>().unwrap().exact(), None);
    }

    proptest! {
        /// A simple recursive matcher says the same.
        #[test]
        fn globs_are_what_they_say(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            fn slow(p: &[u8], t: &[u8]) -> bool {
                match (p.split_first(), t.split_first()) {
                    (None, None) => true,
                    (Some((b'*', rest)), _) => {
                        slow(rest, t) || t.split_first().is_some_and(|(_, t)| slow(p, t))
                    }
                    (Some((p, rest)), Some((t, after))) => {
                        (*p == b'?' || p == t) && slow(rest, after)
                    }
                    _ => false,
                }
            }
            let (p, t) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(glob(p, t), slow(p, t));
        }
    }
}
