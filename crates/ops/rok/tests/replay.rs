//! `rok replay`: logs decided again, and runs executed anew from a step on.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "support/copy.rs"]
mod copy;

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;
use support::command_in;

/// Each step notes that it ran; what `b` says depends on a file.
const PLAN: &str = r#"
plan: chain
steps:
  a:
    run: echo a >> ran; mkdir -p out; echo made by a > out/a.txt; echo '{"n":1}' > "$ROK_OUTPUT"
    outputs: { n: { type: integer } }
    artifacts: [{ path: out/a.txt, required: true }]
  side: { run: echo side >> ran }
  b:
    needs: [a]
    run: echo b >> ran; cat out/a.txt >/dev/null; printf '{"v":"%s%s"}' ${{ steps.a.outputs.n }} "$(cat world)" > "$ROK_OUTPUT"
    outputs: { v: { type: string } }
  bad: { required: false, run: "echo bad >> ran; exit 65" }
  c: { needs: [b], run: echo c >> ran }
"#;

fn rok(folder: &Path, arguments: &[&str]) -> Output {
    command_in(folder, arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", told(output)))
}

fn ran(folder: &Path) -> Vec<String> {
    let ran = fs::read_to_string(folder.join("ran")).unwrap_or_default();
    let mut ran: Vec<String> = ran.lines().map(ToOwned::to_owned).collect();
    ran.sort();
    fs::remove_file(folder.join("ran")).ok();
    ran
}

fn chain() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plan.yaml"), PLAN).unwrap();
    fs::write(dir.path().join("world"), "x").unwrap();
    let output = rok(dir.path(), &["run", "plan.yaml", "--run-id", "old"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(ran(dir.path()), ["a", "b", "bad", "c", "side"]);
    dir
}

#[test]
fn only_what_comes_after_the_step_is_executed() {
    let dir = chain();
    // What was made before is put back from the store of contents.
    fs::remove_dir_all(dir.path().join("out")).unwrap();
    let output = rok(
        dir.path(),
        &["replay", "old", "--from", "b", "--run-id", "new", "--json"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(ran(dir.path()), ["b", "c"]);
    let found = json(&output);
    assert_eq!(
        (&found["diverged"], &found["replays"]),
        (&false.into(), &"old".into())
    );
    assert_eq!(
        fs::read_to_string(dir.path().join("out/a.txt")).unwrap(),
        "made by a\n"
    );

    // The record says what it is, and where each result is from.
    let summary = json(&rok(dir.path(), &["summary", "new", "--json"]));
    let from = |at: usize| summary["steps"][at]["cached_from"].clone();
    assert_eq!(
        (from(0), from(1), from(2)),
        ("old".into(), "old".into(), Value::Null)
    );
    let log = fs::read_to_string(dir.path().join("runs/new/events.jsonl")).unwrap();
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(
        first["data"]["replays"],
        serde_json::json!({ "run": "old", "from": "b" })
    );
    assert_eq!(rok(dir.path(), &["verify", "new"]).status.code(), Some(0));
}

#[test]
fn what_comes_out_otherwise_is_told_and_exits_with_1() {
    let dir = chain();
    fs::write(dir.path().join("world"), "y").unwrap();
    let output = rok(dir.path(), &["replay", "old", "--from", "b"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let told = told(&output);
    for part in ["✗ it came to something else", "1x", "1y"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn a_replay_that_was_interrupted_goes_on_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let plan = "plan: p\nsteps:\n  a: { run: echo a >> ran }\n  g: { needs: [a], gate: manual, run: echo g >> ran }\n  b: { after: [g], run: echo b >> ran }\n";
    fs::write(dir.path().join("plan.yaml"), plan).unwrap();
    let approve = |run: &str| rok(dir.path(), &["approve", run, "g", "--reason", "fine"]);
    rok(dir.path(), &["run", "plan.yaml", "--run-id", "old"]);
    approve("old");
    assert_eq!(rok(dir.path(), &["resume", "old"]).status.code(), Some(0));
    assert_eq!(ran(dir.path()), ["a", "b", "g"]);

    // A person decides about the replay too; until then it is held.
    let held = rok(
        dir.path(),
        &["replay", "old", "--from", "b", "--run-id", "new"],
    );
    assert_eq!(held.status.code(), Some(1), "{}", told(&held));
    approve("new");
    assert_eq!(rok(dir.path(), &["resume", "new"]).status.code(), Some(0));
    assert_eq!(ran(dir.path()), ["b"]);
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    let dir = chain();
    let output = rok(dir.path(), &["replay", "old", "--from", "z"]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    let plan = "plan: p\nsteps: { a: { run: \"true\" }, g: { gate: manual, run: \"true\" }, c: { needs: [a], run: \"true\" } }\n";
    fs::write(dir.path().join("held.yaml"), plan).unwrap();
    rok(dir.path(), &["run", "held.yaml", "--run-id", "held"]);
    let output = rok(dir.path(), &["replay", "held", "--from", "c"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told(&output)
            .contains("error[ROK0150]: run held cannot be replayed: it has no result of g yet"),
        "{}",
        told(&output)
    );
    // No run came of it.
    assert!(fs::read_dir(dir.path().join("runs")).unwrap().count() >= 2);
    let runs = json(&rok(dir.path(), &["ls", "--json"]));
    assert_eq!(runs.as_array().unwrap().len(), 2);
}

#[test]
fn every_decision_comes_out_as_recorded() {
    let dir = chain();
    let runs = dir.path().join("runs");
    let before = fs::read(runs.join("old/events.jsonl")).unwrap();
    let output = rok(dir.path(), &["replay", "old", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let found = json(&output);
    assert_eq!(found["divergences"], serde_json::json!([]));
    // What was given: the beginning.
    assert_eq!(found["given"], 1, "{found:#}");
    assert!(found["alike"].as_u64().unwrap() > 10, "{found:#}");
    assert_eq!(fs::read(runs.join("old/events.jsonl")).unwrap(), before);
    assert_eq!(ran(dir.path()), Vec::<String>::new());
}

#[test]
fn the_example_is_decided_again_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/deliverable");
    copy::copy(&example, dir.path());
    rok(dir.path(), &["run", "plan.yaml", "--run-id", "r"]);
    rok(
        dir.path(),
        &["approve", "r", "publish_internal", "--reason", "fine"],
    );
    rok(dir.path(), &["resume", "r"]);
    rok(
        dir.path(),
        &[
            "run",
            "plan.yaml",
            "--run-id",
            "f",
            "--input",
            "min_accuracy=0.999",
        ],
    );
    for run in ["r", "f"] {
        let output = rok(dir.path(), &["replay", run]);
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        assert!(told(&output).contains("✓ every decision came out as recorded"));
    }
}

/// A fan-out, a fallback and a sub-run; each notes that it ran.
const WIDE: &str = r#"
plan: wide
steps:
  list: { run: 'echo list >> ran; echo "{\"items\":[\"eu\",\"us\"]}" > "$ROK_OUTPUT"', outputs: { items: { type: array } } }
  each: { needs: [list], for_each: steps.list.outputs.items, run: 'echo each-${{ item }} >> ran; test ${{ item }} != us || test ! -e us-down' }
  main: { needs: [each], run: 'echo main >> ran; exit 3', fallback: spare }
  spare: { run: echo spare >> ran }
  sub: { needs: [main], plan: child }
  end: { needs: [sub], run: echo end >> ran }
"#;

const CHILD: &str = r#"
plan: child
steps:
  one:
    run: echo child >> ran; printf '{"v":"%s"}' "$(cat world)" > "$ROK_OUTPUT"
    outputs: { v: { type: string } }
"#;

fn wide() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("plan.yaml", WIDE), ("child.yaml", CHILD), ("world", "x")] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let output = rok(dir.path(), &["run", "plan.yaml", "--run-id", "old"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let all = [
        "child", "each-eu", "each-us", "end", "list", "main", "spare",
    ];
    assert_eq!(ran(dir.path()), all);
    dir
}

#[test]
fn fan_outs_fallbacks_and_sub_runs_are_executed_from_the_step_on_and_no_earlier() {
    let dir = wide();
    for (from, again) in [
        ("end", &["end"][..]),
        ("sub", &["child", "end"]),
        // What waits for `main` takes what its fallback came to.
        ("spare", &["child", "end", "spare"]),
        ("main", &["child", "end", "main", "spare"]),
        (
            "each",
            &["child", "each-eu", "each-us", "end", "main", "spare"],
        ),
    ] {
        let id = format!("from-{from}");
        let output = rok(
            dir.path(),
            &["replay", "old", "--from", from, "--run-id", &id, "--json"],
        );
        assert_eq!(output.status.code(), Some(0), "{from}: {}", told(&output));
        assert_eq!(json(&output)["diverged"], false, "{from}");
        assert_eq!(ran(dir.path()), again, "{from}");
        for check in [["verify", &id], ["replay", &id]] {
            let output = rok(dir.path(), &check);
            assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        }
    }
}

#[test]
fn divergence_of_a_fan_out_and_of_a_sub_run_is_told_at_the_step_where_it_is() {
    let dir = wide();
    fs::write(dir.path().join("world"), "y").unwrap();
    let output = rok(dir.path(), &["replay", "old", "--from", "sub"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let text = told(&output);
    assert!(
        text.contains("Steps: 1 differ, 5 the same\n  sub\n"),
        "{text}"
    );
    assert!(text.contains("outputs/one/v: x → y"), "{text}");

    ran(dir.path());
    fs::write(dir.path().join("us-down"), "").unwrap();
    let output = rok(dir.path(), &["replay", "old", "--from", "each"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let text = told(&output);
    for part in [
        "1 of 2 children faile",
        "  sub\n    ~ state: succeeded → skipped",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(ran(dir.path()), ["each-eu", "each-us"]);
}

const UNDOES: &str = r#"
plan: undoes
on_failure: rollback
steps:
  a: { run: echo a >> ran, compensate: { run: "echo undo-a >> ran; test ! -e stuck" } }
  b: { needs: [a], run: echo b >> ran, compensate: { run: echo undo-b >> ran } }
  c: { needs: [b], run: "echo c >> ran; test -e go" }
"#;

/// Undone twice would be undone of another run.
#[test]
fn a_replay_undoes_only_what_it_did() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plan.yaml"), UNDOES).unwrap();
    let output = rok(dir.path(), &["run", "plan.yaml", "--run-id", "old"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert_eq!(ran(dir.path()), ["a", "b", "c", "undo-a", "undo-b"]);
    for (from, again) in [
        ("c", &["c"][..]),
        ("b", &["b", "c", "undo-b"]),
        ("a", &["a", "b", "c", "undo-a", "undo-b"]),
    ] {
        let id = format!("from-{from}");
        let output = rok(
            dir.path(),
            &["replay", "old", "--from", from, "--run-id", &id, "--json"],
        );
        assert_eq!(output.status.code(), Some(0), "{from}: {}", told(&output));
        assert_eq!(json(&output)["diverged"], false, "{from}");
        assert_eq!(ran(dir.path()), again, "{from}");
        assert_eq!(rok(dir.path(), &["verify", &id]).status.code(), Some(0));
    }
    // The record says whose undoing it was.
    let log = fs::read_to_string(dir.path().join("runs/from-c/events.jsonl")).unwrap();
    let events = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut undone = events.filter(|event| event["event_type"] == "step.compensated");
    assert!(undone.all(|event| event["data"]["cached"]["run"] == "old"));

    // It comes to something else: told, and nothing is undone.
    fs::write(dir.path().join("go"), "").unwrap();
    let output = rok(dir.path(), &["replay", "old", "--from", "c"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert_eq!(ran(dir.path()), ["c"]);
    let text = told(&output);
    assert!(text.contains("state: compensated → succeeded"), "{text}");
}

#[test]
fn an_undoing_that_failed_is_taken_as_it_failed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plan.yaml"), UNDOES).unwrap();
    fs::write(dir.path().join("stuck"), "").unwrap();
    let output = rok(dir.path(), &["run", "plan.yaml", "--run-id", "old"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    ran(dir.path());
    fs::remove_file(dir.path().join("stuck")).unwrap();
    let output = rok(
        dir.path(),
        &["replay", "old", "--from", "c", "--run-id", "new", "--json"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(json(&output)["diverged"], false);
    assert_eq!(ran(dir.path()), ["c"]);
    let summary = json(&rok(dir.path(), &["summary", "new", "--json"]));
    assert_eq!(summary["rollback"]["state"], "incomplete");
    assert_eq!(summary["rollback"]["remaining"], serde_json::json!(["a"]));
}
