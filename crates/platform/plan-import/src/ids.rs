//! Names of elsewhere as ids of ours.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;

/// Characters of a step id that are made of a name; a number may follow.
const MAX_STEP: usize = 120;

/// Characters of a plan id.
const MAX_PLAN: usize = 64;

/// Step ids, none of them twice.
#[derive(Debug, Default)]
pub(crate) struct StepIds(BTreeSet<String>);

impl StepIds {
    /// An id that is as close to a name as the pattern allows.
    pub(crate) fn unique(&mut self, name: &str) -> String {
        let mut id = String::new();
        for c in name.chars().take(MAX_STEP) {
            let fits = c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if id.is_empty() && !(c.is_ascii_alphabetic() || c == '_') {
                id.push('_');
            }
            if fits {
                id.push(c);
            } else if c != '_' && !id.ends_with('_') {
                id.push('_');
            }
        }
        if id.is_empty() {
            id.push('_');
        }
        let mut unique = id.clone();
        let mut number = 2_usize;
        while !self.0.insert(unique.clone()) {
            unique = format!("{id}-{number}");
            number += 1;
        }
        unique
    }
}

/// A plan id that is as close to a name as the pattern allows.
pub(crate) fn plan_id(name: &str) -> String {
    let mut id = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
        if id.len() == MAX_PLAN {
            break;
        }
    }
    let id = id.trim_end_matches('-');
    if id.is_empty() { "imported" } else { id }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("build", "build")]
    #[case("per-region_2", "per-region_2")]
    #[case("a.b/c  d", "a_b_c_d")]
    #[case("1st", "_1st")]
    #[case("-x", "_-x")]
    #[case("é", "_")]
    #[case("", "_")]
    fn steps(#[case] name: &str, #[case] id: &str) {
        assert_eq!(StepIds::default().unique(name), id);
    }

    #[test]
    fn no_id_comes_twice() {
        let mut ids = StepIds::default();
        assert_eq!(ids.unique("a b"), "a_b");
        assert_eq!(ids.unique("a-2"), "a-2");
        assert_eq!(ids.unique("a.b"), "a_b-2");
        assert_eq!(ids.unique("a_b-2"), "a_b-2-2");
        let long = "x".repeat(500);
        assert!(ids.unique(&long).len() <= 128 && ids.unique(&long).len() <= 128);
    }

    #[rstest]
    #[case("CI / Build & Test", "ci-build-test")]
    #[case("1000genome-20200401T153108Z-0", "1000genome-20200401t153108z-0")]
    #[case("  --", "imported")]
    fn plans(#[case] name: &str, #[case] id: &str) {
        assert_eq!(plan_id(name), id);
        assert!(plan_id(&name.repeat(40)).len() <= MAX_PLAN);
    }
}
