//! `rok plan test`: the tests of the plans that come with rok, and what the
//! command says and exits with.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

use std::path::{Path, PathBuf};
use std::process::Output;
use support::command_in;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn rok(folder: &Path, arguments: &[&str]) -> Output {
    let all = ["plan", "test"].iter().chain(arguments);
    command_in(folder, all).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

const PLAN: &str =
    "plan: p\nsteps: { a: { run: \"false\" }, g: { needs: [a], gate: manual, run: \"false\" } }\n";

#[test]
fn the_plans_that_come_with_rok_pass_their_tests() {
    let output = rok(&root(), &["examples", "crates/platform/plan/plans"]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert!(
        told.contains("examples/deliverable/plan.plantest.yaml"),
        "{told}"
    );
    assert!(told.contains("16 tests: 16 passed;"), "{told}");
}

#[test]
fn what_fails_is_told_and_exits_with_1() {
    let dir = folder(&[
        ("p.yaml", PLAN),
        (
            "deep/er/t.plantest.yaml",
            "plan: ../../p.yaml\ntests:\n  good: { expect: { held: g } }\n  bad: { expect: { outcome: succeeded } }\n",
        ),
        (".hidden/t.plantest.yaml", "nonsense"),
    ]);
    let output = rok(dir.path(), &["--junit", "junit.xml"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    for part in [
        "deep/er/t.plantest.yaml (p)",
        "✓ good",
        "✗ bad",
        "deep/er/t.plantest.yaml:4",
        "expected  succeeded",
        "actual    none: manual gate g waits for a decision",
        "events:",
        "run.held",
        "2 tests: 1 passed, 1 failed;",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let junit = std::fs::read_to_string(dir.path().join("junit.xml")).unwrap();
    for part in [
        "<testsuites name=\"rok plan test\" tests=\"2\" skipped=\"0\" failures=\"1\" errors=\"0\"",
        "<testcase name=\"good\" classname=\"deep/er/t.plantest.yaml\"",
        "outcome: expected succeeded, was none: manual gate g waits for a decision",
    ] {
        assert!(junit.contains(part), "{part} in {junit}");
    }
    let output = rok(dir.path(), &["-k", "good", "--quiet"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with("1 test: 1 passed;"));
}

#[test]
fn nothing_to_run_and_nothing_to_be_run_are_errors() {
    let dir = folder(&[
        ("p.yaml", PLAN),
        ("none/readme.md", ""),
        (
            "good.plantest.yaml",
            "plan: p.yaml\ntests: { t: { expect: { held: g } } }\n",
        ),
        (
            "bad.plantest.yaml",
            "plan: p.yaml\ntests: { t: { expect: { hold: g } } }\n",
        ),
        (
            "lost.plantest.yaml",
            "plan: q.yaml\ntests: { t: { expect: { held: g } } }\n",
        ),
    ]);
    for (arguments, code, part) in [
        (
            &["none"][..],
            2,
            "error[ROK0013]: there is no *.plantest.yaml in none",
        ),
        (&["nowhere"], 2, "error[ROK0013]: nowhere: No such file"),
        (
            &["good.plantest.yaml", "-k", "zebra"],
            2,
            "no test has `zebra` in its name",
        ),
        (&["bad.plantest.yaml"], 2, "unknown key in `expect` `hold`"),
        (
            &["lost.plantest.yaml"],
            3,
            "error[ROK0002]: no plan file at q.yaml",
        ),
    ] {
        let output = rok(dir.path(), arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(
            told.contains(part) || told.contains("did you mean `held`"),
            "{part} in {told}"
        );
    }
}

#[test]
fn policies_are_the_files_that_the_test_names() {
    let policy = "
@id(\"start\") permit(principal, action == Action::\"run\", resource);
@id(\"end\") permit(principal, action == Action::\"complete\", resource);
@id(\"boss\") permit(principal in Role::\"boss\", action == Action::\"approve\", resource);
";
    let test = "
plan: p.yaml
policies: [release.cedar]
tests:
  only a boss approves:
    commands:
      - { approve: g, by: \"user:bea\", roles: [clerk], answer: denied }
      - { approve: g, by: \"user:cy\", roles: [boss] }
    expect: { outcome: succeeded, events: [policy.evaluated, gate.approved g] }
";
    let dir = folder(&[
        ("p.yaml", PLAN),
        ("release.cedar", policy),
        ("t.plantest.yaml", test),
    ]);
    let output = rok(dir.path(), &[]);
    let told = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{told}{}",
        text(&output.stderr)
    );
}
