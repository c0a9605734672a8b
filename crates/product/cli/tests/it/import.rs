//! `plan import` on the terminal.

use crate::fake::{Done, Fake, run_in};
use insta::assert_snapshot;
use rstest::rstest;
use std::fs;
use std::path::Path;

const FLOW: &str = r#"{ "name": "Two", "schemaVersion": "1.5", "workflow": { "specification": { "tasks": [
  { "id": "a", "name": "a", "parents": [], "children": ["b"] }, { "id": "b", "name": "B!", "parents": ["a"], "children": [] } ] },
  "execution": { "tasks": [ { "id": "a", "runtimeInSeconds": 1, "command": { "program": "true" } }, { "id": "b", "runtimeInSeconds": 2 } ] } } }"#;

const CI: &str = "on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{ run: make, shell: sh }]\n";

fn run(dir: &Path, arguments: &[&str]) -> Done {
    run_in(dir, Fake::new(), arguments, |terminal| terminal)
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("flow.json"), FLOW).unwrap();
    fs::write(dir.path().join("flow"), FLOW).unwrap();
    fs::write(dir.path().join("ci.yml"), CI).unwrap();
    dir
}

#[test]
fn a_plan_goes_out_and_what_was_left_out_beside_it() {
    let dir = folder();
    let done = run(dir.path(), &["plan", "import", "ci.yml"]);
    assert_snapshot!(done.seen());
    assert!(done.asked.is_empty());
    assert_eq!(run(dir.path(), &["plan", "import", "ci.yml", "-q"]).err, "");
}

#[test]
fn a_plan_for_programs() {
    let dir = folder();
    let done = run(
        dir.path(),
        &[
            "plan",
            "import",
            "flow",
            "--from",
            "wfformat",
            "--as",
            "sleep",
            "--max-parallel",
            "4",
            "--json",
        ],
    );
    assert_snapshot!(done.seen());
}

#[test]
fn a_plan_goes_to_a_file_that_was_not_there() {
    let dir = folder();
    let words = [
        "plan",
        "import",
        "flow.json",
        "--scale",
        "0.5",
        "--id",
        "mine",
        "-o",
        "plan.yaml",
    ];
    let done = run(dir.path(), &words);
    assert_eq!((done.code, done.out.as_str()), (0, ""));
    assert!(
        done.err.ends_with("wrote plan.yaml (mine, 2 steps)\n"),
        "{}",
        done.err
    );
    let text = fs::read_to_string(dir.path().join("plan.yaml")).unwrap();
    assert!(
        text.contains("run: [sleep, \"0.5\"]") && text.contains("name: \"B!\""),
        "{text}"
    );
    assert_eq!(run(dir.path(), &["plan", "validate", "plan.yaml"]).code, 0);
    let again = run(dir.path(), &words);
    assert_eq!(again.code, 1);
    assert!(
        again.err.contains("plan.yaml is there already"),
        "{}",
        again.err
    );
}

#[rstest]
#[case::command(&["flow.json"], 2, "/workflow/specification/tasks/1: no command of `b` is on record")]
#[case::no_format(&["flow"], 2, "its name does not tell the format")]
#[case::not_githubs(&["ci.yml", "--scale", "1"], 2, "`--as` and `--scale` are for WfFormat")]
#[case::other_format(&["ci.yml", "--from", "wfformat"], 2, "error[ROK0014]: ci.yml: expected value at line 1 column 1")]
#[case::no_sleep(&["flow.json", "--as", "command", "--scale", "1"], 2, "`--scale` is for tasks that sleep")]
#[case::scale(&["flow.json", "--scale", "inf"], 2, "write a number, such as 0.01")]
#[case::negative(&["flow.json", "--scale=-1"], 2, "write a number, such as 0.01")]
#[case::no_id(&["ci.yml", "--id", "Mine"], 2, "no plan comes of it: `plan` is no plan id: `Mine`")]
#[case::parallel(&["ci.yml", "--max-parallel", "0"], 2, "no plan comes of it: `max_parallel` is out of bounds")]
#[case::gone(&["gone.yml"], 2, "error[ROK0003]: cannot read the plan file gone.yml")]
fn refusals(#[case] words: &[&str], #[case] code: u8, #[case] part: &str) {
    let dir = folder();
    let words: Vec<&str> = ["plan", "import"]
        .into_iter()
        .chain(words.iter().copied())
        .collect();
    let done = run(dir.path(), &words);
    assert_eq!((done.code, done.out.as_str()), (code, ""), "{}", done.err);
    assert!(done.err.contains(part), "{}", done.err);
}
