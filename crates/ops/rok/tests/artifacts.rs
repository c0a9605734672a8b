//! Artifacts, from what a step writes to what the next one reads, through the
//! real binary: stored before they are named, put aside when they are no
//! result, and right whenever they are used.

mod support;

#[path = "support/running.rs"]
mod running;

#[path = "artifacts/emitted.rs"]
mod emitted;
#[path = "artifacts/killed.rs"]
mod killed;
#[path = "artifacts/left.rs"]
mod left;
#[path = "artifacts/outputs.rs"]
mod outputs;
#[path = "artifacts/used.rs"]
mod used;

use rok_artifacts::Digest;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use support::Bench;

/// A run folder's neighbour: contents by digest, each whole.
fn contents(bench: &Bench) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for shard in fs::read_dir(bench.runs().join(".cas~/sha256"))
        .into_iter()
        .flatten()
        .flatten()
    {
        for content in fs::read_dir(shard.path()).expect("a folder").flatten() {
            let path = content.path();
            let named = format!("{}{}", name(&shard.path()), name(&path));
            let digest = Digest::of(&fs::read(&path).expect("a content"));
            assert_eq!(digest.sha256, named, "a content is not what its name says");
            out.push(path);
        }
    }
    out.sort();
    out
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Events of a type, of a run.
fn of_type(bench: &Bench, run: &str, event_type: &str) -> Vec<Value> {
    let mut events = bench.events(run);
    events.retain(|event| event["event_type"] == event_type);
    events
}

/// The paths of a run's artifacts, in the order of the log.
fn emitted(bench: &Bench, run: &str) -> Vec<String> {
    let events = of_type(bench, run, "artifact.emitted");
    let paths = events.iter().map(|event| event["artifact_path"].as_str());
    paths.map(|path| path.expect("a path").to_owned()).collect()
}

/// Path and reason of what was put aside.
fn put_aside(bench: &Bench, run: &str) -> Vec<(String, String)> {
    let events = of_type(bench, run, "artifact.quarantined");
    let text = |event: &Value, key: &str| event[key].as_str().expect("a text").to_owned();
    events
        .iter()
        .map(|event| (text(event, "artifact_path"), text(event, "reason")))
        .collect()
}

/// Runs the plan as run `r`.
fn run(bench: &Bench, plan: &str) -> support::Ran {
    bench.write("plan.yaml", plan);
    bench.rok(["run", "plan.yaml", "--run-id", "r"])
}

/// The error of a step of run `r`.
fn error(bench: &Bench, step: &str) -> (String, String) {
    let summary = bench.rok(["summary", "r", "--json"]).exits(0).json();
    let steps = summary["steps"].as_array().expect("steps");
    let found = steps.iter().find(|found| found["id"] == step);
    let error = &found.expect("the step is in the plan")["error"];
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    (text("class"), text("reason"))
}
