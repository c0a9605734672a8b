//! What the runs of all test binaries come to, read from what they print.

use std::collections::VecDeque;
use std::fmt;

/// More lines of one binary's failures than this are cut from their middle.
const KEPT: usize = 120;

/// Fed with every line that `cargo test` prints; shown, it says again what
/// failed, and the sums.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    binaries: usize,
    passed: u64,
    failed: u64,
    ignored: u64,
    failures: Vec<Failures>,
    /// The section of failures that is being read.
    open: Option<Failures>,
}

/// A binary's own section of its failures.
#[derive(Debug, Default)]
struct Failures {
    first: Vec<String>,
    cut: usize,
    last: VecDeque<String>,
}

impl Summary {
    /// Takes the next line.
    pub(crate) fn read(&mut self, line: &str) {
        let result = line.strip_prefix("test result: ");
        if let Some(section) = &mut self.open {
            section.push(line);
        } else if line == "failures:" {
            self.open = Some(Failures::default());
        }
        let Some(result) = result else { return };
        self.failures.extend(self.open.take());
        self.binaries += 1;
        for part in result.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let sum = match what {
                "passed" => &mut self.passed,
                "failed" => &mut self.failed,
                "ignored" => &mut self.ignored,
                _ => continue,
            };
            *sum += count.parse::<u64>().unwrap_or_default();
        }
    }
}

impl Failures {
    fn push(&mut self, line: &str) {
        if self.first.len() < KEPT / 2 {
            self.first.push(line.to_owned());
            return;
        }
        self.last.push_back(line.to_owned());
        if self.last.len() > KEPT / 2 {
            self.last.pop_front();
            self.cut += 1;
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A binary that died in the middle of its failures has no result.
        for section in self.failures.iter().chain(&self.open) {
            writeln!(f, "\nfailures, once more:")?;
            for line in &section.first {
                writeln!(f, "{line}")?;
            }
            if section.cut > 0 {
                writeln!(f, "... {} lines, above ...", section.cut)?;
            }
            for line in &section.last {
                writeln!(f, "{line}")?;
            }
        }
        writeln!(
            f,
            "\nall tests: {} passed; {} failed; {} ignored; in {} binaries",
            self.passed, self.failed, self.ignored, self.binaries
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Summary};

    const GOOD: &str = "test a ... ok\n\ntest result: ok. 3 passed; 0 failed; 1 ignored; \
                        0 measured; 2 filtered out; finished in 0.00s\n";
    const BAD: &str = "test b ... FAILED\n\nfailures:\n\n---- b stdout ----\npanicked at b.rs:7\n\n\
                       \nfailures:\n    b\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; \
                       0 measured; 0 filtered out; finished in 0.10s\n";

    fn told(text: &str) -> String {
        let mut summary = Summary::default();
        text.lines().for_each(|line| summary.read(line));
        summary.to_string()
    }

    #[test]
    fn the_end_tells_what_failed_and_the_sums() {
        let told = told(&[GOOD, BAD, GOOD].concat());
        assert!(told.contains("panicked at b.rs:7"), "{told}");
        assert!(!told.contains("test a ... ok"), "{told}");
        assert!(
            told.ends_with("\nall tests: 7 passed; 1 failed; 2 ignored; in 3 binaries\n"),
            "{told}"
        );
    }

    #[test]
    fn without_a_failure_it_is_one_line() {
        assert_eq!(
            told(GOOD),
            "\nall tests: 3 passed; 0 failed; 1 ignored; in 1 binaries\n"
        );
    }

    #[test]
    fn a_binary_that_dies_in_its_failures_is_told() {
        assert!(told("failures:\n\n---- b stdout ----\n").contains("---- b stdout ----"));
    }

    #[test]
    fn a_long_section_keeps_its_begin_and_its_end() {
        let long = (0..3 * KEPT).map(|n| format!("line {n}\n"));
        let told = told(&format!("failures:\n{}", long.collect::<String>()));
        assert!(told.contains("line 0\n"), "{told}");
        assert!(told.contains(&format!("line {}\n", 3 * KEPT - 1)), "{told}");
        assert!(
            told.contains(&format!("... {} lines, above ...\n", 2 * KEPT)),
            "{told}"
        );
    }
}
