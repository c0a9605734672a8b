//! Runs about what is staged that are interrupted, resumed or replayed, and what
//! is kept for them outside of the work tree.

use super::hook::{commit_all, copies, git};
use super::{bench, component, ends, orch, result};
use crate::running::Running;
use crate::support::Bench;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

/// Waits for a file that lies in no work tree, and says that it does.
const WAITS: &str = "type: validator\nchannel: canary\ntags: [pre-commit]\nidempotent: true\nentrypoint: { run: \"touch $HOME/.git/begun; for i in $(seq 1200); do test -e $HOME/.git/go && exit 0; sleep 0.05; done; exit 1\" }";

/// A repository with a staged file; `beside`: and one that git does not know.
pub(super) fn waiting(beside: bool) -> Bench {
    let bench = bench(&[("waits", WAITS)]);
    git(&bench, &["init", "-q"]).exits(0);
    // Where temporary files go is no part of the work tree here.
    bench.write(".gitignore", "rok-staged-*\n");
    commit_all(&bench);
    bench.write("a.txt", "fine\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    if beside {
        bench.write("other.txt", "");
    }
    bench
}

/// Begins the run `r-1`, and has a signal end its process.
pub(super) fn interrupted(bench: &Bench, signal: Signal, code: i32) {
    let command = bench.command(["orch", "--stage", "pre-commit", "--correlation-id", "r-1"]);
    let running = Running::start(command);
    let begun = bench.path().join(".git/begun");
    for _ in 0..1200 {
        if begun.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    running.signal(signal);
    running.finish().exits(code);
}

#[test]
fn what_is_kept_for_an_interrupted_run_goes_when_it_is_resumed_to_its_end() {
    for beside in [false, true] {
        let bench = waiting(beside);
        interrupted(&bench, Signal::INT, 130);
        assert_eq!(copies(&bench), ["rok-staged-r-1"], "it may go on");
        bench.write(".git/go", "");
        bench.rok(["resume", "r-1"]).exits(0);
        assert_eq!(copies(&bench), [""; 0], "it has ended");
    }
}

#[test]
fn a_resumed_run_looks_for_changes_as_a_first_one_does() {
    for beside in [false, true] {
        let bench = waiting(beside);
        interrupted(&bench, Signal::INT, 130);
        bench.write(".git/go", "");
        bench.write("a.txt", "bad\n");
        git(&bench, &["add", "a.txt"]).exits(0);
        bench.rok(["resume", "r-1"]).exits(1);
        let summary = bench.rok(["summary", "r-1", "--json"]).exits(0).json();
        let told = summary["error"]["reason"].as_str().expect("why");
        assert_eq!(
            told,
            "_as_staged: changed meanwhile: a.txt; what was looked at is not what is staged"
        );
    }
}

#[test]
fn what_a_dead_run_left_goes_when_the_next_one_begins() {
    let bench = waiting(true);
    interrupted(&bench, Signal::KILL, -1);
    assert_eq!(copies(&bench), ["rok-staged-r-1"]);
    let owner = bench.path().join("rok-staged-r-1/owner");
    let owner = fs::read_to_string(owner).expect("its owner");
    let owner: Value = serde_json::from_str(&owner).expect("JSON");
    // Folders that only look like ours: a link, and one without an owner.
    let elsewhere = bench.path().join(".git/elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    fs::write(elsewhere.join("mine"), "").expect("a file");
    std::os::unix::fs::symlink(&elsewhere, bench.path().join("rok-staged-r-2")).expect("a link");
    fs::create_dir(bench.path().join("rok-staged-r-3")).expect("a folder");
    bench.write(".git/go", "");
    let next = || {
        orch(&bench, "--stage pre-commit").exits(0);
        let mut left = copies(&bench);
        left.sort();
        left
    };
    let not_ours = ["rok-staged-r-2", "rok-staged-r-3"];
    assert_eq!(
        next(),
        ["rok-staged-r-1", "rok-staged-r-2", "rok-staged-r-3"],
        "it may go on"
    );
    bench.rok(["cancel", "r-1"]).exits(0);
    assert_eq!(next(), not_ours, "it has ended");
    assert!(elsewhere.join("mine").exists());
    // One that never began, and one whose record is elsewhere.
    for (run, runs) in [("r-4", owner["runs"].clone()), ("r-5", "/elsewhere".into())] {
        let root = bench.path().join(format!("rok-staged-{run}"));
        fs::create_dir(&root).expect("a folder");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&root, mode).expect("its mode");
        let owner = json!({ "run": run, "runs": runs }).to_string();
        fs::write(root.join("owner"), owner).expect("its owner");
    }
    let left = ["rok-staged-r-2", "rok-staged-r-3", "rok-staged-r-5"];
    assert_eq!(next(), left);
}

#[test]
fn a_run_that_looked_at_a_copy_is_neither_replayed_nor_begun_anew() {
    let bad = "type: validator\nchannel: canary\ntags: [pre-commit]\nentrypoint: { run: \"grep -q bad a.txt && exit 1; exit 0\" }";
    let bench = bench(&[("words", bad)]);
    git(&bench, &["init", "-q"]).exits(0);
    commit_all(&bench);
    bench.write("a.txt", "bad\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    bench.write("other.txt", "");
    let words = "--stage pre-commit --correlation-id r-1";
    orch(&bench, words).exits(1);
    let refused = orch(&bench, "--stage pre-commit --replay r-1")
        .exits(1)
        .json();
    assert_eq!(refused["error"]["code"], "ROK0150");
    let told = refused["error"]["message"].as_str().expect("why");
    assert!(told.contains("a copy of what was staged"), "{told}");
    let refused = bench.rok(["replay", "r-1", "--from", "words"]).exits(1);
    assert!(refused.err.contains("ROK0150"), "{}", refused.err);
    assert!(
        refused.err.contains("the folder that it ran in is gone"),
        "{}",
        refused.err
    );
    let refused = bench.rok(["resume", "r-1", "--reason", "again"]).exits(1);
    assert!(refused.err.contains("ROK0104"), "{}", refused.err);
    assert!(
        refused.err.contains("the folder that it runs in is gone"),
        "{}",
        refused.err
    );
}

#[test]
fn a_commit_that_only_takes_away_is_looked_at() {
    let tree = "type: validator\nchannel: canary\ntags: [pre-commit]\nfiles: [\"*.txt\"]\nentrypoint: { run: [test, -e, a.txt] }";
    let listed = "type: validator\nchannel: canary\ntags: [pre-commit]\nfiles: [\"*.txt\"]\nentrypoint: { run: \"cat $COMPONENT_FILES\" }";
    let bench = bench(&[("listed", listed), ("tree", tree)]);
    git(&bench, &["init", "-q"]).exits(0);
    bench.write("a.txt", "");
    commit_all(&bench);
    git(&bench, &["rm", "-q", "a.txt"]).exits(0);
    let report = orch(&bench, "--stage pre-commit").exits(1).json();
    assert_eq!(ends(&report), [("tree", "fail"), ("listed", "skip")]);
    assert_eq!(
        result(&report, "listed")["messages"][0],
        "the one file of its concern is deleted, and nothing of it is left to look at"
    );
    let dry = orch(&bench, "--stage pre-commit --dry-run").exits(0).json();
    let why = &dry["dry_run"]["components"][0]["why"];
    assert_eq!(why, "files of its concern are deleted");
}

#[test]
fn thousands_of_staged_files_are_all_looked_at() {
    let counts = "type: validator\nchannel: canary\ntags: [pre-commit]\nfiles: [\"many/*\"]\nentrypoint: { run: \"printf '%s\\n' \\\"$COMPONENT_FILES\\\" >> $HOME/.git/seen; case $COMPONENT_FILES in *bad*) echo many/bad:1: bad; exit 1;; esac\" }";
    let bench = bench(&[("count-them", counts)]);
    git(&bench, &["init", "-q"]).exits(0);
    commit_all(&bench);
    fs::create_dir(bench.path().join("many")).expect("a folder");
    let name = |at: usize| format!("many/{at:0100}");
    for at in 0..3000 {
        bench.write(&name(at), "");
    }
    git(&bench, &["add", "many"]).exits(0);
    let seen = || -> Vec<String> {
        let text = fs::read_to_string(bench.path().join(".git/seen")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let report = orch(&bench, "--stage pre-commit").exits(0).json();
    assert_eq!(ends(&report), [("count-them", "pass")]);
    assert_eq!(seen(), (0..3000).map(name).collect::<Vec<_>>());
    bench.write("many/bad", "");
    git(&bench, &["add", "many/bad"]).exits(0);
    let report = orch(&bench, "--stage pre-commit").exits(1).json();
    assert_eq!(result(&report, "count-them")["errors"][0]["message"], "bad");
    // One run hands on one thing.
    component(
        &bench,
        "count-them",
        "type: tool\nfiles: [\"many/*\"]\nentrypoint: { run: [\"true\"] }",
    );
    commit_all(&bench);
    bench.write("many/more", "");
    let words = "--stage pipeline --from count-them --staged";
    git(&bench, &["reset", "-q", "--soft", "HEAD~1"]).exits(0);
    git(&bench, &["add", "-A"]).exits(0);
    let refused = orch(&bench, words).exits(2).json();
    assert_eq!(refused["error"]["code"], "ROK0223");
}

#[test]
fn the_hook_of_a_folder_below_runs_there_beside_that_of_the_top() {
    let refuses = |word: &str| {
        format!(
            "type: validator\nchannel: canary\ntags: [pre-commit]\nfiles: [\"*.txt\"]\nentrypoint: {{ run: \"! grep {word} *.txt\" }}"
        )
    };
    let bench = bench(&[("top", &refuses("high"))]);
    let sub = bench.path().join("it's sub");
    fs::create_dir_all(sub.join(".rok/components")).expect("a folder");
    fs::create_dir_all(sub.join("deep")).expect("a folder");
    let manifest = format!(
        "name: below\nversion: 1.0.0\nstatus: active\n{}\n",
        refuses("low")
    );
    bench.write("it's sub/.rok/components/below.component.yaml", &manifest);
    git(&bench, &["init", "-q"]).exits(0);
    commit_all(&bench);
    let install = |folder: &std::path::Path| {
        let mut command = bench.command(["orch", "install-hook"]);
        command.current_dir(folder);
        let ran = crate::support::Ran::from(command.output().expect("rok starts"));
        ran.exits(0).out
    };
    let tried = |file: &str, text: &str, more: &str| {
        bench.write(file, text);
        git(&bench, &["add", file]).exits(0);
        let words = ["commit", "-q", "-m", "x", more];
        git(&bench, words.strip_suffix(&[""]).unwrap_or(&words))
    };
    assert!(install(&sub.join("deep")).starts_with("installed: "));
    tried("a.txt", "high\n", "").exits(0);
    let refused = tried("it's sub/b.txt", "low\n", "").exits(1);
    assert!(
        refused.err.contains("below") || refused.out.contains("below"),
        "{refused:?}"
    );
    assert!(install(bench.path()).starts_with("added: "));
    assert!(install(&sub).starts_with("unchanged: "));
    bench.write("it's sub/b.txt", "fine\n");
    let refused = tried("a.txt", "high again\n", "-a").exits(1);
    assert!(
        refused.err.contains("top") || refused.out.contains("top"),
        "{refused:?}"
    );
    tried("a.txt", "fine\n", "-a").exits(0);
    tried("it's sub/b.txt", "low\n", "-a").exits(1);
    // Where git says which repository it is, the hook is told where its top is.
    git(&bench, &["commit", "-q", "--no-verify", "-m", "low"]);
    let tree = ["worktree", "add", "-q", "-b", "more", ".git/linked"];
    git(&bench, &tree).exits(0);
    let file = ".git/linked/it's sub/b.txt";
    bench.write(file, "still low\n");
    let linked = |words: &[&str]| git(&bench, &[&["-C", ".git/linked"], words].concat());
    linked(&["commit", "-qam", "x"]).exits(1);
    bench.write(file, "fine\n");
    linked(&["commit", "-qam", "x"]).exits(0);
    // Of a line that was changed by hand nothing is known.
    let hook = bench.path().join(".git/hooks/pre-commit");
    let text = fs::read_to_string(&hook).expect("the hook");
    fs::write(&hook, format!("{text}true\n")).expect("the hook");
    bench.rok(["orch", "install-hook"]).exits(2);
}
