//! Use cases of plans, on files.

use crate::fake::{Done, Fake, run_in};
use insta::assert_snapshot;
use std::fs;
use std::path::Path;

const GOOD: &str = "\
plan: etl
version: 2
name: Nightly load
description: Fetches and loads.
profile: STRICT
max_duration: 10m
max_parallel: 4
inputs:
  region: { type: string, default: eu, description: Where. }
  limit: { type: integer }
secrets: [TOKEN]
steps:
  fetch: { run: 'curl ${{ inputs.region }}', timeout: 60s, retry: { max: 2 } }
  load: { needs: [fetch], run: [load, --all], if: inputs.limit > 0 }
  report: { after: [load], required: false, run: echo done, description: Tells. }
  publish: { needs: [load], gate: manual, call: publish }
";

const BAD: &str = "\
plan: etl
steps:
  fetch: { run: echo, timeout: 60 }
  load: { need: [fetch], run: echo }
";

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("good.yaml"), GOOD).unwrap();
    fs::write(dir.path().join("bad.yaml"), BAD).unwrap();
    fs::write(dir.path().join("other.yaml"), "services: {}\n").unwrap();
    let unwise = "plan: unwise\ninputs: { x: { type: string } }\nsteps:\n  s: { run: 'eval ${{ inputs.x }}' }\n";
    fs::write(dir.path().join("unwise.yml"), unwise).unwrap();
    fs::create_dir(dir.path().join("folder.yaml")).unwrap();
    dir
}

fn run(dir: &Path, arguments: &[&str]) -> Done {
    run_in(dir, Fake::new(), arguments, |terminal| terminal)
}

#[test]
fn validation_tells_every_fault_of_every_plan() {
    let dir = folder();
    let done = run(
        dir.path(),
        &[
            "plan",
            "validate",
            "good.yaml",
            "bad.yaml",
            "deliverable",
            "gone.yaml",
            "folder.yaml",
        ],
    );
    assert_snapshot!(done.seen());
}

#[test]
fn faults_on_a_terminal_have_frames() {
    let dir = folder();
    let done = run_in(dir.path(), Fake::new(), &["run", "bad.yaml"], |terminal| {
        terminal.pretend(true, false, false)
    });
    assert!(done.asked.is_empty());
    assert_snapshot!(done.seen());
}

#[test]
fn validation_for_programs() {
    let dir = folder();
    let done = run(
        dir.path(),
        &[
            "plan",
            "validate",
            "good.yaml",
            "bad.yaml",
            "gone.yaml",
            "--json",
        ],
    );
    assert_snapshot!(done.seen());
}

#[test]
fn a_plan_in_one_long_line_is_told_without_its_text() {
    let dir = folder();
    let long = format!(
        "{{\"plan\": \"x\", \"description\": \"{}\", \"stps\": {{}}}}",
        "a".repeat(9000)
    );
    fs::write(dir.path().join("long.json"), long).unwrap();
    let done = run(dir.path(), &["plan", "validate", "long.json"]);
    assert_eq!(done.code, 2);
    assert!(done.err.len() < 1000, "{}", done.err);
    assert!(done.err.contains("at long.json:1:"), "{}", done.err);
}

#[test]
fn plans_that_are_here() {
    let dir = folder();
    assert_snapshot!(run(dir.path(), &["plan", "list"]).out);
}

#[test]
fn a_plan_is_shown() {
    let dir = folder();
    assert_snapshot!(run(dir.path(), &["plan", "show", "good.yaml"]).out);
    let canonical = run(dir.path(), &["plan", "show", "good.yaml", "--json"]).out;
    fs::write(dir.path().join("canonical.json"), &canonical).unwrap();
    let again = run(dir.path(), &["plan", "show", "canonical.json", "--json"]).out;
    assert_eq!(canonical, again);
}

#[test]
fn a_new_plan_is_valid() {
    let dir = folder();
    let new = run(dir.path(), &["plan", "new", "my-plan"]);
    assert_eq!(new.code, 0);
    fs::write(dir.path().join("my-plan.yaml"), &new.out).unwrap();
    let done = run(dir.path(), &["plan", "validate", "my-plan.yaml"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let new = run(dir.path(), &["plan", "new", "my-plan", "--format", "toml"]);
    fs::write(dir.path().join("my-plan.toml"), &new.out).unwrap();
    let canonical = |file| run(dir.path(), &["plan", "show", file, "--json"]).out;
    assert_eq!(canonical("my-plan.toml"), canonical("my-plan.yaml"));
    assert_eq!(run(dir.path(), &["plan", "new", "My_Plan"]).code, 2);
}

#[test]
fn lint_warns_and_fails_nothing() {
    let dir = folder();
    let done = run(dir.path(), &["plan", "lint", "unwise.yml", "good.yaml"]);
    assert_eq!(done.code, 0);
    assert_snapshot!(done.out);
    assert_eq!(run(dir.path(), &["plan", "lint", "bad.yaml"]).code, 2);
}

#[test]
fn inputs_are_read_by_their_types_and_every_fault_is_told() {
    let dir = folder();
    fs::write(dir.path().join("in.yaml"), "limit: 10\nregion: 1.10\n").unwrap();
    fs::write(dir.path().join("in.toml"), "limit = 10\nregion = '1.10'\n").unwrap();
    fs::write(
        dir.path().join("in.json"),
        r#"{"limit": 10, "region": "\ud83d\ude00"}"#,
    )
    .unwrap();
    for (file, region) in [
        ("in.yaml", "1.10"),
        ("in.toml", "1.10"),
        ("in.json", "\u{1f600}"),
    ] {
        let done = run(dir.path(), &["run", "good.yaml", "--inputs", file]);
        assert_eq!(done.code, 0, "{}", done.err);
        let expected = format!("{{\"limit\": Number(10), \"region\": String(\"{region}\")}}");
        assert!(done.asked[0].contains(&expected), "{}", done.asked[0]);
    }
    fs::write(
        dir.path().join("in.yaml"),
        "limit: ten\nregion: [eu]\nlimit: 3\n",
    )
    .unwrap();
    let done = run(dir.path(), &["run", "good.yaml", "--inputs", "in.yaml"]);
    assert!(done.asked.is_empty());
    assert_snapshot!(done.seen());
    for file in ["gone.yaml", "folder.yaml"] {
        let done = run(dir.path(), &["run", "good.yaml", "--inputs", file]);
        assert_eq!(done.code, 2);
        assert!(
            done.err.starts_with(&format!("error[ROK0006]: {file}: ")),
            "{}",
            done.err
        );
    }
}

#[test]
fn inputs_come_from_yaml_too() {
    let dir = folder();
    let inputs = "limit: 10\nregion: 'no'\nlist: [1, 2.5, true, null, \"x\"]\nmap:\n  a: b\n";
    fs::write(dir.path().join("inputs.yaml"), inputs).unwrap();
    let done = run(dir.path(), &["run", "good.yaml", "--inputs", "inputs.yaml"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.asked[0].contains(
            "inputs {\"limit\": Number(10), \"region\": String(\"no\"), \"list\": Array [Number(1), \
             Number(2.5), Bool(true), Null, String(\"x\")], \"map\": Object {\"a\": String(\"b\")}}"
        ),
        "{}",
        done.asked[0]
    );
}
