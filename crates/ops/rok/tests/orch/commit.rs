//! A run's record tells which commit was judged.

use super::hook::{commit_all, copies, git};
use super::{bench, orch};
use crate::support::Bench;
use rstest::rstest;
use serde_json::{Value, json};

const PASSES: &str = "type: test\nentrypoint: { run: [\"true\"] }";
const JUDGES: &str =
    "type: validator\nchannel: canary\ntags: [pre-commit]\nentrypoint: { run: [\"true\"] }";

/// What git says of a name in the repository.
fn id(bench: &Bench, name: &str) -> String {
    let told = git(bench, &["rev-parse", name]).exits(0);
    told.out.trim().to_owned()
}

/// The labels of a run that say what it judged.
fn labels(bench: &Bench, run: &str) -> Value {
    let summary = bench.rok(["summary", run, "--json"]).exits(0).json();
    let label = |name: &str| summary["labels"][name].clone();
    json!([label("git_state"), label("git_commit"), label("git_tree")])
}

/// A repository with a component, all of it committed.
fn repository(manifest: &str) -> Bench {
    let bench = bench(&[("judge", manifest)]);
    git(&bench, &["init", "-q"]).exits(0);
    bench.write(".gitignore", "rok-staged-*\n");
    commit_all(&bench);
    bench
}

#[test]
fn a_record_tells_the_commit_that_was_judged_and_whether_it_was_that() {
    let bench = repository(PASSES);
    orch(&bench, "--stage test --correlation-id clean").exits(0);
    let (commit, tree) = (id(&bench, "HEAD"), id(&bench, "HEAD^{tree}"));
    assert_eq!(labels(&bench, "clean"), json!(["clean", commit, tree]));

    let words = format!("it judges commit {commit}, tree {tree}, and nothing else");
    let explained = bench.rok(["explain", "clean"]).exits(0).out;
    assert!(explained.contains(&words), "{explained}");
    let words = format!("judges: commit {commit}");
    let status = bench.rok(["status", "clean"]).exits(0).out;
    assert!(status.contains(&words), "{status}");
    let label = format!("git_commit={commit}");
    let listed = bench.rok(["ls", "--label", &label]).exits(0).out;
    assert!(listed.contains("clean"), "{listed}");
    let attested = bench.rok(["attest", "clean", "--json"]);
    assert!(
        attested.code != 0 || attested.out.contains(&commit),
        "{attested:?}"
    );

    for change in ["unknown to git", "staged", "committed"] {
        match change {
            "staged" => git(&bench, &["add", "new.txt"]).exits(0).out,
            "committed" => {
                commit_all(&bench);
                String::new()
            }
            _ => bench.write("new.txt", "new\n").display().to_string(),
        };
        let run = change.split(' ').next().expect("a word");
        let words = format!("--stage test --correlation-id {run}");
        let report = orch(&bench, &words).exits(0).json();
        let clean = change == "committed";
        let state = if clean { "clean" } else { "dirty" };
        assert_eq!(labels(&bench, run)[0], state, "{change}");
        assert_eq!(labels(&bench, run)[1], id(&bench, "HEAD"), "{change}");
        assert_eq!(labels(&bench, run)[2].is_null(), !clean, "{change}");
        let judged = report["judged"].as_str().expect("what was judged");
        assert!(judged.contains(&id(&bench, "HEAD")), "{judged}");
    }
}

#[rstest]
#[case::work_tree(false)]
#[case::a_copy(true)]
fn the_tree_that_is_staged_is_the_one_that_is_committed(#[case] beside: bool) {
    let bench = repository(JUDGES);
    bench.write("a.txt", "fine\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    if beside {
        bench.write("other.txt", "");
    }
    let before = id(&bench, "HEAD");
    let words = "--stage pre-commit --correlation-id staged --format human";
    let report = orch(&bench, words).exits(0).out;
    assert_eq!(copies(&bench), [""; 0]);
    git(&bench, &["commit", "-q", "--no-verify", "-m", "a"]).exits(0);
    let tree = id(&bench, "HEAD^{tree}");
    assert_eq!(labels(&bench, "staged"), json!(["staged", before, tree]));
    let words = format!("judged: what was staged: tree {tree}");
    assert!(report.contains(&words), "{report}");
}

#[test]
fn a_record_says_that_there_is_no_commit() {
    let bench = bench(&[("judge", PASSES)]);
    let mut above = bench.path().ancestors();
    if above.all(|folder| !folder.join(".git").exists()) {
        let words = "--stage test --correlation-id none";
        let report = orch(&bench, words).exits(0).json();
        assert_eq!(labels(&bench, "none"), json!(["none", null, null]));
        assert_eq!(report["judged"], "files that are in no git repository");
    }
    git(&bench, &["init", "-q"]).exits(0);
    orch(&bench, "--stage test --correlation-id unborn").exits(0);
    assert_eq!(labels(&bench, "unborn"), json!(["dirty", null, null]));
}

#[test]
fn what_git_cannot_tell_is_told_as_unknown() {
    let bench = bench(&[("judge", PASSES)]);
    bench.write(".git", "gitdir: nowhere\n");
    let words = "--stage test --correlation-id broken";
    let report = orch(&bench, words).exits(0).json();
    assert_eq!(labels(&bench, "broken"), json!(["unknown", null, null]));
    let why = report["messages"][0].as_str().expect("why");
    let told = "the record does not tell the commit that is judged: ";
    assert!(why.starts_with(told), "{why}");
}

#[test]
fn a_replay_does_not_say_that_it_judged_the_commit_of_then() {
    let bench = repository(PASSES);
    orch(&bench, "--stage test --correlation-id first").exits(0);
    let words = "--stage test --replay first --correlation-id again";
    orch(&bench, words).exits(0);
    assert_eq!(labels(&bench, "again"), json!([null, null, null]));
}
