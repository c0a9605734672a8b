//! "Did you mean": the nearest of the known names, within a budget, so that a
//! file full of nonsense costs no more than one with a slip of the pen.

use alloc::string::String;
use core::cell::Cell;

/// Names longer than this are no slips of the pen.
const MAX_LENGTH: usize = 128;

/// Comparisons for one file: 20 unknown names among 10,000 steps.
const BUDGET: usize = 200_000;

/// Finds nearest names for one file.
#[derive(Debug)]
pub(crate) struct Nearest {
    left: Cell<usize>,
}

impl Default for Nearest {
    fn default() -> Self {
        Self {
            left: Cell::new(BUDGET),
        }
    }
}

impl Nearest {
    /// The nearest name, if one is near enough to be meant.
    pub(crate) fn of<'n>(
        &self,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Option<&'n str> {
        if name.is_empty() || name.len() > MAX_LENGTH {
            return None;
        }
        let folded = fold(name);
        let allowed = (folded.chars().count() / 3).clamp(1, 3);
        let mut best: Option<(usize, &'n str)> = None;
        for candidate in known {
            let left = self.left.get();
            if left == 0 {
                break;
            }
            self.left.set(left - 1);
            if candidate.len().abs_diff(name.len()) > allowed {
                continue;
            }
            let distance = strsim::damerau_levenshtein(&folded, &fold(candidate));
            if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, candidate));
            }
        }
        best.map(|(_, name)| name)
    }
}

/// The nearest of the known names, if one is near enough to be meant.
#[must_use]
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    Nearest::default().of(name, known)
}

/// Case and the kind of dash are the commonest slips.
fn fold(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c == '-' {
                '_'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("time_out", Some("timeout"))]
    #[case("Timeout", Some("timeout"))]
    #[case("kill-grace", Some("kill_grace"))]
    #[case("nedes", Some("needs"))]
    #[case("fi", Some("if"))]
    #[case("zebra", None)]
    #[case("", None)]
    fn near_names(#[case] name: &str, #[case] expected: Option<&str>) {
        let known = ["timeout", "needs", "if", "kill_grace"];
        assert_eq!(Nearest::default().of(name, known), expected);
    }

    #[test]
    fn a_file_full_of_nonsense_runs_out_of_hints() {
        let nearest = Nearest::default();
        let known: alloc::vec::Vec<&str> = core::iter::repeat_n("needs", BUDGET).collect();
        assert_eq!(nearest.of("zzzzz", known.iter().copied()), None);
        assert_eq!(nearest.of("need", ["needs"]), None);
    }
}
