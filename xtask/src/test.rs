//! `cargo xtask test`: the one command that runs every test.

use std::path::Path;

use crate::needs::{is_there, missing};
use crate::shell::{Call, Ran, tell};
use crate::verifier;

mod summary;

use summary::Summary;

/// How to run the tests.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run by nextest, which must be installed, and the doctests by cargo
    #[arg(long)]
    nextest: bool,
    /// What else the runner is to be told
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Runs them all. The last thing printed is what the runner said of each
/// failure, and the sum of its results: a log of which only the end is kept
/// still tells what failed.
pub(crate) fn run(root: &Path, args: &Args) -> Ran {
    let missing = missing(is_there);
    if !missing.is_empty() {
        tell(missing.trim_end());
        tell("The tests named above will fail; benches go without that peer.\n");
    }
    let prepared = verifier::prepare(root);
    if let Err(why) = &prepared {
        tell(&format!("error: {why}\n"));
    }
    let calls = plan(args);
    let mut summary = Summary::default();
    let mut all = Ran {
        ok: prepared.is_ok(),
        took: std::time::Duration::ZERO,
    };
    for call in calls {
        let words: Vec<&str> = call.iter().map(String::as_str).collect();
        let ran = Call::cargo(root, &words).run_read(|line| summary.read(line));
        all = Ran {
            ok: all.ok && ran.ok,
            took: all.took + ran.took,
        };
    }
    tell(&summary.to_string());
    all
}

/// The command lines, in order. `cargo test` runs doctests itself.
fn plan(args: &Args) -> Vec<Vec<String>> {
    let line = |words: &[&str], rest: &[String]| {
        words
            .iter()
            .map(|w| (*w).to_owned())
            .chain(rest.iter().cloned())
            .collect()
    };
    if args.nextest {
        vec![
            line(
                &["nextest", "run", "--workspace", "--no-fail-fast"],
                &args.rest,
            ),
            line(&["test", "--workspace", "--doc", "--no-fail-fast"], &[]),
        ]
    } else {
        vec![line(&["test", "--workspace", "--no-fail-fast"], &args.rest)]
    }
}

impl Args {
    /// As `cargo xtask test` with these arguments behind `--`.
    pub(crate) fn of(rest: &[&str]) -> Self {
        Self {
            nextest: false,
            rest: rest.iter().map(|word| (*word).to_owned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, plan};

    #[test]
    fn every_way_runs_the_whole_workspace_and_its_doctests() {
        assert_eq!(
            plan(&Args::of(&[])),
            [["test", "--workspace", "--no-fail-fast"]]
        );
        let args = Args {
            nextest: true,
            rest: vec!["chain".into()],
        };
        let lines: Vec<String> = plan(&args).iter().map(|l| l.join(" ")).collect();
        assert_eq!(
            lines,
            [
                "nextest run --workspace --no-fail-fast chain",
                "test --workspace --doc --no-fail-fast"
            ]
        );
    }
}
