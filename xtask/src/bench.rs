//! `cargo xtask bench`: the release benches, with the machine that they ran on.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use crate::shell::{Call, Ran, say, tell};

/// The package that holds the benches.
const PACKAGE: &str = "rok-benches";

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Handed on to the benches; none lists and runs them all
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds them in release mode and runs them.
pub(crate) fn run(root: &Path, args: &Args) -> Option<Ran> {
    if !root.join("benches/Cargo.toml").is_file() {
        tell(&format!("error: there is no package {PACKAGE} in benches/"));
        return None;
    }
    say(&machine(root));
    let mut words = vec!["run", "--release", "-p", PACKAGE, "--"];
    words.extend(args.rest.iter().map(String::as_str));
    Some(Call::cargo(root, &words).run())
}

/// Machine, versions and settings, a line each.
fn machine(root: &Path) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: Option<String>| {
        let _ = writeln!(text, "{name:<9} {}", value.as_deref().unwrap_or("unknown"));
    };
    let cores = available_parallelism().ok().map(|n| n.to_string());
    line("cpu", field("/proc/cpuinfo", "model name"));
    line("cores", cores);
    line("memory", field("/proc/meminfo", "MemTotal"));
    line("kernel", word("/proc/sys/kernel/osrelease"));
    line("load", word("/proc/loadavg"));
    line(
        "rustc",
        Call::new(root, Path::new("rustc"), "rustc", &["-V"])
            .capture()
            .ok(),
    );
    line("commit", commit(root));
    line(
        "settings",
        Some("release profile of the root Cargo.toml".to_owned()),
    );
    text.push('\n');
    text
}

fn commit(root: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        Call::new(root, Path::new("git"), "git", args)
            .capture()
            .ok()
    };
    let head = git(&["rev-parse", "--short", "HEAD"])?;
    let changes = git(&["status", "--porcelain"])?;
    Some(if changes.is_empty() {
        head
    } else {
        format!("{head} with changes")
    })
}

fn word(file: &str) -> Option<String> {
    Some(fs::read_to_string(file).ok()?.trim().to_owned())
}

/// The first value of a key in a `key : value` file.
fn field(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|l| l.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Args, machine, run};

    #[test]
    fn the_machine_is_told_in_full() {
        let text = machine(Path::new(env!("CARGO_MANIFEST_DIR")));
        let names: Vec<&str> = text
            .lines()
            .filter_map(|l| l.split_whitespace().next())
            .collect();
        assert_eq!(
            names,
            [
                "cpu", "cores", "memory", "kernel", "load", "rustc", "commit", "settings"
            ]
        );
    }

    #[test]
    fn without_benches_there_is_nothing_to_run() {
        assert!(run(Path::new("/nowhere"), &Args { rest: Vec::new() }).is_none());
    }
}
