//! What must hold of `resolve`, case by case.

use super::*;
use rok_log::{RunStore, Script};
use rstest::rstest;
use tempfile::TempDir;

fn filled(runs: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JsonlStore::open(dir.path().join("runs"), Durability::Flush);
    for run in runs {
        store
            .commit(&[Script::new(&run.parse().unwrap()).create()])
            .unwrap();
    }
    dir
}

fn find(dir: &TempDir, text: &str) -> Result<String, String> {
    let found = resolve(&dir.path().join("runs"), text);
    found.map(|it| it.run.to_string()).map_err(|error| {
        error
            .to_string()
            .replace(&dir.path().display().to_string(), "DIR")
    })
}

#[rstest]
#[case("run-abc", Ok("run-abc"))]
#[case("run-x", Ok("run-xyz"))]
#[case("b", Ok("build"))]
#[case(
    "run",
    Err("`run` is short for several runs: run-abc, run-abcd, run-xyz")
)]
#[case("run-abc", Ok("run-abc"))]
#[case(
    "run-abz",
    Err("there is no run `run-abz` in DIR/runs; near it: run-abc, run-abcd, run-xyz")
)]
#[case("zzz", Err("there is no run `zzz` in DIR/runs"))]
#[case("", Err("there is no run `` in DIR/runs"))]
#[case("not/there", Err("there is no run `not/there` in not"))]
fn texts(#[case] text: &str, #[case] expected: Result<&str, &str>) {
    let dir = filled(&["run-abc", "run-abcd", "run-xyz", "build"]);
    let expected = expected.map(str::to_owned).map_err(str::to_owned);
    assert_eq!(find(&dir, text), expected);
}

#[test]
fn folders_name_their_run() {
    let dir = filled(&["run-abc"]);
    let runs = dir.path().join("runs");
    let path = |end: &str| format!("{}/{end}", runs.display());
    let resolved = resolve(Path::new("elsewhere"), &path("run-abc/")).unwrap();
    assert_eq!(resolved.run.as_str(), "run-abc");
    assert_eq!(resolved.root, runs.canonicalize().unwrap());
    assert_eq!(
        resolved.path(),
        runs.canonicalize().unwrap().join("run-abc")
    );
    std::os::unix::fs::symlink(runs.join("run-abc"), runs.join("link")).unwrap();
    std::fs::rename(runs.join("run-abc"), runs.join("moved")).unwrap();
    for (text, why) in [
        (path("moved"), "its log is of another run"),
        (path("link"), "it is a symbolic link"),
        (path("link/"), "it is a symbolic link"),
        (path("moved/inbox"), "it holds no events.jsonl"),
        (path("moved/plan.json"), "it is not a folder"),
    ] {
        let error = resolve(&runs, &text).unwrap_err();
        assert!(
            matches!(error, ResolveError::Store(StoreError::NotARun { .. })),
            "{error}"
        );
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
}

#[test]
fn many_candidates_are_counted() {
    let runs: Vec<_> = (0..14).map(|n| format!("r{n:02}")).collect();
    let dir = filled(&runs.iter().map(String::as_str).collect::<Vec<_>>());
    let error = find(&dir, "r").unwrap_err();
    assert!(error.ends_with("r08, r09 and 4 more"), "{error}");
}

#[test]
fn a_folder_that_is_no_run_is_refused_not_unknown() {
    let dir = filled(&["good"]);
    std::fs::create_dir(dir.path().join("runs/notes")).unwrap();
    assert!(
        find(&dir, "notes")
            .unwrap_err()
            .contains("it holds no events.jsonl")
    );
    assert!(
        find(&dir, "not")
            .unwrap_err()
            .contains("it holds no events.jsonl")
    );
}
