//! Machine, versions and settings: without them a figure says nothing.

use crate::args::Args;
use crate::place::Place;
use serde::Serialize;
use std::fmt;
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

/// Name and value, a line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Machine(Vec<(&'static str, String)>);

/// Looks at the machine and the session's settings.
pub(crate) fn look(place: &Place, args: &Args) -> Machine {
    let cores = available_parallelism().map_or(0, std::num::NonZero::get);
    let append = place
        .durable_append()
        .map_or_else(|error| error.to_string(), |took| format!("{took:.0?}"));
    let unknown = || "unknown".to_owned();
    Machine(vec![
        (
            "cpu",
            field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
        ),
        ("cores", cores.to_string()),
        (
            "memory",
            field("/proc/meminfo", "MemTotal").unwrap_or_else(unknown),
        ),
        (
            "kernel",
            word("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
        ),
        ("load", word("/proc/loadavg").unwrap_or_else(unknown)),
        ("folder", place.path().display().to_string()),
        ("file system", place.file_system().unwrap_or_else(unknown)),
        ("durable append", format!("{append} for 200 bytes, median")),
        ("rok", env!("CARGO_PKG_VERSION").to_owned()),
        ("build", build().to_owned()),
        (
            "GNU make",
            version("make").unwrap_or_else(|| "not installed".into()),
        ),
        (
            "ninja",
            version("ninja").unwrap_or_else(|| "not installed".into()),
        ),
        (
            "repetitions",
            format!("{}; medians, and the range of all", args.repeat),
        ),
        (
            "audit",
            "contract in full, profile STRICT, hash chain on".into(),
        ),
    ])
}

const fn build() -> &'static str {
    if cfg!(debug_assertions) {
        "debug: these figures mean nothing, use --release"
    } else {
        "release"
    }
}

/// The first line of what a program says of its version.
pub(crate) fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}

fn word(file: &str) -> Option<String> {
    Some(fs::read_to_string(file).ok()?.trim().to_owned())
}

/// The first value of a key in a `key : value` file.
fn field(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            writeln!(f, "{name:<15} {value}")?;
        }
        Ok(())
    }
}
