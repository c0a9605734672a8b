//! `rok run --mode profile` and `rok profile RUN`: what steps took and used, by
//! the kernel's own accounting.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;
use support::command_in;

/// One step turns the processor, one holds memory, one fails where a retry
/// would have helped.
const PLAN: &str = r#"
plan: heavy
steps:
  turn: { run: "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done" }
  hold: { needs: [turn], run: "x=$(head -c 60000000 /dev/zero | tr '\\0' x); : ${#x}" }
  flaky: { required: false, retry: { max: 3, base: 1ms }, run: "exit 75" }
  last: { needs: [hold], run: "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done" }
"#;

fn rok(folder: &Path, arguments: &[&str]) -> Output {
    command_in(folder, arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn steps_are_accounted_for_and_none_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plan.yaml"), PLAN).unwrap();
    let run = ["run", "plan.yaml", "--mode", "profile", "--run-id", "r1"];
    let profile = json(&rok(dir.path(), &[&run[..], &["--json"]].concat()));
    let step = |id: &str| {
        let steps = profile["steps"].as_array().unwrap();
        steps.iter().find(|step| step["id"] == id).unwrap().clone()
    };
    let number = |value: &Value| value.as_u64().unwrap();
    assert!(number(&step("turn")["cpu_ms"]) > 20, "{profile:#}");
    // A shell that holds 60 MB; one that stays below rok itself has no peak.
    let held = number(&step("hold")["max_rss_kib"]);
    assert!(held > 55 * 1024, "{profile:#}");
    assert_eq!(number(&step("last")["max_rss_kib"]), 0, "{profile:#}");
    assert_eq!(step("flaky")["attempts"], 1);
    assert!(number(&step("turn")["wall"]["p50_ms"]) > 20);
    let path: Vec<&str> = profile["critical_path"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["step"].as_str().unwrap())
        .collect();
    assert!(path.ends_with(&["last"]), "{path:?}");
    let shares: f64 = profile["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["critical_share"].as_f64().unwrap())
        .sum();
    assert!((shares - 1.0).abs() < 1e-6, "{profile:#}");

    // A finished run has its profile in its record.
    assert_eq!(
        json(&rok(dir.path(), &["profile", "r1", "--json"])),
        profile
    );
    let told = rok(dir.path(), &["profile", "r1"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    for part in ["Profile: r1", "STEP", "P99", "MiB", "Critical path: "] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn the_summary_comes_first_and_the_exit_code_is_the_runs() {
    let dir = tempfile::tempdir().unwrap();
    let plan = "plan: p\nsteps: { a: { run: \"exit 1\" } }\n";
    fs::write(dir.path().join("plan.yaml"), plan).unwrap();
    let output = rok(dir.path(), &["run", "plan.yaml", "--mode", "profile"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let (summary, profile) = told.split_once("\nProfile: ").unwrap();
    assert!(summary.contains("Status: ✗ FAILED"), "{told}");
    assert!(profile.contains("Critical path: a "), "{told}");
}
