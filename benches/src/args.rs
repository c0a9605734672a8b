//! What to measure, and how often.

use clap::{Parser, ValueEnum};
use std::fmt;
use std::path::PathBuf;

/// Benchmarks of rok, with peers in the same run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
pub(crate) struct Args {
    /// The benches to run; all of them if none is named
    benches: Vec<Bench>,
    /// Repetitions of each measure; the median and the range are shown
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) repeat: u32,
    /// Write everything that was measured to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// A folder on the disk to measure; the default is beside the program
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The `rok` to measure; the default is built from this workspace
    #[arg(long, value_name = "FILE")]
    pub(crate) rok: Option<PathBuf>,
    /// A folder of WfCommons instances (WfFormat JSON), for `wfcommons`
    #[arg(long, value_name = "DIR", env = "ROK_WFINSTANCES")]
    pub(crate) wfinstances: Option<PathBuf>,
    /// A tenth of the work in `core`, `store`, `finished`, `waiting` and `serve`:
    /// for trying out a change
    #[arg(long)]
    pub(crate) quick: bool,
}

/// A bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// Ten-step runs on the memory store
    Core,
    /// Ten-step runs on the SQLite store
    Store,
    /// A store of 1,000,000 finished runs
    Finished,
    /// 100,000 waiting runs under `rok serve`
    Waiting,
    /// `rok serve`: its start, and one-step runs over HTTP
    Serve,
    /// 1,000 processes beside GNU make and ninja
    Spawn,
    /// In-process steps of one run, in a folder and in SQLite
    Steps,
    /// Replay and verification of 100,000 events
    Replay,
    /// The page about a 1,000-step run
    Reports,
    /// A 10,000-step run against a 1,000-step run
    Linear,
    /// Start-up of `rok --version` and of a one-step run
    Startup,
    /// Real workflow graphs of sleeping tasks against a list scheduler
    Wfcommons,
}

impl Bench {
    /// What it measures, in a line.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Core => "runs of 10 sequential in-process steps, 64 in flight, memory store",
            Self::Store => "the same runs on the SQLite store, by a pool",
            Self::Finished => "lists and claims in a store of 1,000,000 finished runs",
            Self::Waiting => "100,000 waiting runs under `rok serve`",
            Self::Serve => "`rok serve`: its start, and one-step runs over HTTP",
            Self::Spawn => "1,000 /bin/true, two at once, with GNU make and ninja",
            Self::Steps => "in-process steps of one run, in a folder and in SQLite",
            Self::Replay => "100,000 events folded, and verified",
            Self::Reports => "the page about a run of 1,000 steps",
            Self::Linear => "a 10,000-step run against a 1,000-step run",
            Self::Startup => "whole processes, one at a time",
            Self::Wfcommons => "real workflow graphs, each task a sleep",
        }
    }
}

impl fmt::Display for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no bench is hidden");
        f.write_str(value.get_name())
    }
}

impl Args {
    /// The benches that were asked for, in the documented order.
    pub(crate) fn benches(&self) -> Vec<Bench> {
        let all = Bench::value_variants().iter().copied();
        all.filter(|bench| self.benches.is_empty() || self.benches.contains(bench))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, Bench};
    use clap::Parser;
    use rstest::rstest;

    #[rstest]
    #[case(&["x"], 12, Bench::Core)]
    #[case(&["x", "replay", "steps"], 2, Bench::Steps)]
    fn benches_are_chosen_by_name(
        #[case] words: &[&str],
        #[case] count: usize,
        #[case] first: Bench,
    ) {
        let benches = Args::parse_from(words).benches();
        assert_eq!((benches.len(), benches[0]), (count, first));
    }

    #[test]
    fn an_unknown_bench_is_refused() {
        assert!(Args::try_parse_from(["x", "sqlite"]).is_err());
    }
}
