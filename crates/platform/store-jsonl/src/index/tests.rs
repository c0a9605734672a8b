//! What must hold of `index`, case by case.

use super::*;
use rok_log::{Durability, Owner, RunQueue, RunStore, SCRIPT_LEASE, Script};
use rok_vocabulary::{Outcome, RunPhase};
use std::path::Path;
use tempfile::TempDir;

fn store(dir: &Path) -> JsonlStore {
    JsonlStore::open(dir, Durability::Flush)
}

fn filled(run: &str) -> (TempDir, JsonlStore, Script, rok_log::Fence) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path());
    let labels = [("team", "core")].into_iter().collect();
    let mut script = Script::new(&run.parse().unwrap()).with_labels(labels);
    store.commit(&[script.create()]).unwrap();
    let fence = store
        .claim(script.run(), &Owner::new("a"), SCRIPT_LEASE)
        .unwrap()
        .fence;
    (dir, store, script, fence)
}

fn broken(store: &JsonlStore) -> Vec<(String, String)> {
    let entries = store
        .list(&RunFilter {
            held: Some(true),
            ..RunFilter::default()
        })
        .unwrap();
    let broken = entries.into_iter().filter_map(|entry| match entry {
        RunEntry::Broken { name, why } => Some((name, why)),
        RunEntry::Run { .. } | RunEntry::Collected { .. } => None,
    });
    broken.collect()
}

#[test]
fn what_is_no_run_is_listed_as_broken() {
    let (dir, store, script, _) = filled("good");
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("notes")).unwrap();
    fs::create_dir(path("not an id")).unwrap();
    fs::create_dir(path(".new~half~1~2")).unwrap();
    fs::write(path("README"), "hello").unwrap();
    std::os::unix::fs::symlink(path("good"), path("link")).unwrap();
    fs::create_dir(path("copy")).unwrap();
    fs::copy(path("good").join(EVENTS), path("copy").join(EVENTS)).unwrap();
    fs::create_dir_all(path("pipe").join(EVENTS)).unwrap();
    let found = broken(&store);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["copy", "link", "not an id", "notes", "pipe"]);
    for (n, why) in [
        "its log is of another run",
        "it is a symbolic link",
        "its name is no run id",
        "it holds no events.jsonl",
        "its events.jsonl is not a regular file",
    ]
    .iter()
    .enumerate()
    {
        assert!(found[n].1.contains(why), "{}", found[n].1);
        assert!(
            found[n].1.contains(&found[n].0),
            "it names the folder: {}",
            found[n].1
        );
    }
    assert_eq!(
        store.get(script.run()).unwrap().as_ref(),
        Some(script.row())
    );
}

#[test]
fn a_broken_log_is_listed_and_hides_no_other() {
    let (dir, mut store, _, _) = filled("bad");
    let mut other = Script::new(&"good".parse().unwrap());
    store.commit(&[other.create()]).unwrap();
    let log = dir.path().join("bad").join(EVENTS);
    let mut bytes = fs::read(&log).unwrap();
    bytes.extend_from_slice(b"garbage\n");
    fs::write(&log, bytes).unwrap();
    let entries = store.list(&RunFilter::default()).unwrap();
    assert_eq!(
        entries.iter().map(RunEntry::name).collect::<Vec<_>>(),
        ["bad", "good"]
    );
    assert!(matches!(&entries[0], RunEntry::Broken { why, .. } if why.contains("line 3")));
}

#[test]
fn a_row_is_what_the_log_says() {
    let (_dir, mut store, mut script, fence) = filled("r");
    for commit in [
        script.phase(fence, RunPhase::Executing),
        script.hold(fence, HoldReason::Budget),
        script.release(fence),
        script.seal(fence, Outcome::TimedOut),
        script.resume(fence),
        script.steps(fence, 3),
        script.seal(fence, Outcome::Succeeded),
    ] {
        let row = commit.row.clone();
        store.commit(&[commit]).unwrap();
        assert_eq!(store.get(script.run()).unwrap(), Some(row));
    }
}

/// What earlier versions kept beside the log, or whoever writes such a file.
#[test]
fn a_row_beside_the_log_is_not_believed() {
    let (dir, mut store, mut script, fence) = filled("r");
    let commit = script.seal(fence, Outcome::Failed);
    let row = commit.row.clone();
    store.commit(&[commit]).unwrap();
    let len = fs::metadata(dir.path().join("r").join(EVENTS))
        .unwrap()
        .len();
    let mut lie = row.clone();
    (lie.phase, lie.outcome) = (RunPhase::Completed, Some(Outcome::Succeeded));
    let lie = serde_json::json!({ "bytes": len, "row": lie }).to_string();
    fs::write(dir.path().join("r/row.json"), lie).unwrap();
    assert_eq!(store.get(script.run()).unwrap(), Some(row));
}

/// Of a run that is over for good, only the ends are read: what lies between is
/// for `verify`.
#[test]
fn a_completed_run_is_listed_by_its_ends() {
    let (dir, mut store, mut script, fence) = filled("r");
    let commits = [script.steps(fence, 5), script.seal(fence, Outcome::Partial)];
    let row = commits[1].row.clone();
    store.commit(&commits).unwrap();
    let log = dir.path().join("r").join(EVENTS);
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let ends = [lines[0], "no event", lines[lines.len() - 1], ""].join("\n");
    fs::write(&log, &ends).unwrap();
    assert_eq!(store.get(script.run()).unwrap(), Some(row));
    fs::write(&log, ends + "no event\n").unwrap();
    assert!(store.get(script.run()).is_err());
}

/// Nobody knows when it was created: it stands before all, on the first page.
#[test]
fn what_is_broken_comes_before_the_newest() {
    let (dir, store, ..) = filled("r");
    fs::create_dir(dir.path().join("a")).unwrap();
    let page = |after| {
        let filter = RunFilter {
            order: RunOrder::NewestFirst,
            limit: Some(1),
            after,
            ..RunFilter::default()
        };
        store.list(&filter).unwrap().pop()
    };
    let first = page(None).unwrap();
    assert!(
        matches!(&first, RunEntry::Broken { name, .. } if name == "a"),
        "{first:?}"
    );
    let second = page(Some(first.cursor())).unwrap();
    assert_eq!(second.name(), "r");
    assert_eq!(page(Some(second.cursor())), None);
}
