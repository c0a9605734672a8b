//! The real programs that some tests run, and what to say when one is missing.
//!
//! Tests need nothing but these, loopback and a temporary folder. A test whose
//! program is missing fails; it is never skipped unseen.

use std::fmt::Write as _;

use crate::shell::find;

/// A program that tests or benches run for real.
pub(crate) struct Need {
    pub(crate) program: &'static str,
    /// Who runs it, and for what.
    pub(crate) by: &'static str,
}

/// Kept by hand: whoever runs a new program in a test adds it here.
pub(crate) const NEEDS: [Need; 12] = [
    Need {
        program: "sh",
        by: "rok-exec-process, rok-expr, rok-runner, rok: shell lines",
    },
    Need {
        program: "bash",
        by: "rok-exec-process, rok-expr: steps with `shell: bash`",
    },
    Need {
        program: "setsid",
        by: "rok-exec-process: processes that leave their group",
    },
    Need {
        program: "awk",
        by: "rok: examples/deliverable",
    },
    Need {
        program: "sha256sum",
        by: "rok: examples/deliverable",
    },
    Need {
        program: "python3",
        by: "rok: public tools that check attestations and the server, in target/tools/verifier; the agent of docs/howto/agents.md",
    },
    Need {
        program: "mkfifo",
        by: "rok-agent: examples/agent/failing",
    },
    Need {
        program: "curl",
        by: "rok, rok-site-diagnostic: commands that pages show",
    },
    Need {
        program: "chromium",
        by: "rok: reports open in a browser without an error",
    },
    Need {
        program: "git",
        by: "xtask: the date of HEAD, for exceptions in layers.toml",
    },
    Need {
        program: "make",
        by: "rok-benches: the peer for 1,000 spawns",
    },
    Need {
        program: "ninja",
        by: "rok-benches: the peer for 1,000 spawns",
    },
];

/// What is missing, a line each; empty when all is there.
pub(crate) fn missing(is_there: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for need in NEEDS.iter().filter(|n| !is_there(n.program)) {
        let _ = writeln!(
            text,
            "missing: {} is not on the path; needed by {}",
            need.program, need.by
        );
    }
    text
}

/// Whether a program is on the path.
pub(crate) fn is_there(program: &str) -> bool {
    find(program).is_some()
}

#[cfg(test)]
mod tests {
    use super::{is_there, missing};

    #[test]
    fn what_is_missing_is_told_with_who_needs_it() {
        assert_eq!(missing(|_| true), "");
        let text = missing(|program| program != "setsid");
        assert_eq!(
            text,
            "missing: setsid is not on the path; needed by rok-exec-process: processes that leave their group\n"
        );
    }

    #[test]
    fn programs_are_looked_for_on_the_path() {
        assert!(is_there("git"));
        assert!(!is_there("no-such-program-anywhere"));
    }
}
