//! Which crates a contract speaks of: every key that is given must match.

use std::fmt;

use serde::Deserialize;

use super::graph::{Crate, EdgeKind};

/// A set of crates, by layer, role, name and domain. Keys that are absent
/// match anything; a key's words are alternatives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// Layers, such as `L4`.
    #[serde(default)]
    pub layer: Vec<String>,
    /// Roles, such as `engine`.
    #[serde(default)]
    pub role: Vec<String>,
    /// Package names.
    #[serde(default)]
    pub name: Vec<String>,
    /// Package names that are left out.
    #[serde(default)]
    pub not_name: Vec<String>,
    /// How the target's domain stands to the importer's.
    pub domain: Option<Relation>,
    /// By which kinds of dependency; for targets only.
    #[serde(default)]
    pub edges: Vec<EdgeKind>,
}

/// How a target's domain stands to the importer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// The importer's own domain.
    Same,
    /// Any other domain.
    Other,
}

impl Selector {
    /// Whether `candidate`, seen from `importer`, is in the set.
    pub fn matches(&self, importer: &Crate, candidate: &Crate) -> bool {
        let any =
            |words: &[String], word: &str| words.is_empty() || words.iter().any(|w| w == word);
        any(&self.layer, candidate.layer())
            && any(&self.role, candidate.role())
            && any(&self.name, &candidate.name)
            && !self.not_name.contains(&candidate.name)
            && match self.domain {
                None => true,
                Some(Relation::Same) => importer.domain() == candidate.domain(),
                Some(Relation::Other) => importer.domain() != candidate.domain(),
            }
    }

    /// The same for a dependency of this kind.
    pub fn matches_edge(&self, importer: &Crate, candidate: &Crate, kind: EdgeKind) -> bool {
        (self.edges.is_empty() || self.edges.contains(&kind)) && self.matches(importer, candidate)
    }

    /// The names that it uses, in or out.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.name.iter().chain(&self.not_name)
    }

    /// Whether every key is absent, so that it matches any crate.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether any of `set` matches.
pub(super) fn any_matches(set: &[Selector], importer: &Crate, candidate: &Crate) -> bool {
    set.iter().any(|s| s.matches(importer, candidate))
}

/// The set in words.
pub(super) fn in_words(set: &[Selector]) -> String {
    let parts: Vec<String> = set.iter().map(ToString::to_string).collect();
    parts.join("; ")
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_everything() {
            return f.write_str("any crate");
        }
        let mut words = Vec::new();
        for list in [&self.name, &self.layer, &self.role] {
            if !list.is_empty() {
                words.push(list.join("|"));
            }
        }
        match self.domain {
            Some(Relation::Same) => words.push("of its own domain".into()),
            Some(Relation::Other) => words.push("of another domain".into()),
            None => {}
        }
        if !self.not_name.is_empty() {
            words.push(format!("but not {}", self.not_name.join("|")));
        }
        for kind in &self.edges {
            words.push(format!("as {kind}-dependency"));
        }
        f.write_str(&words.join(" "))
    }
}
