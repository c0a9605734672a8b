//! Alone in its process: it changes the process's umask.

use rok_log::{
    Command, CommandKind, Durability, Inbox, Owner, RunQueue, RunStore, SCRIPT_LEASE, Script,
};
use rok_store_jsonl::JsonlStore;
use rok_vocabulary::{Actor, Outcome, Timestamp};
use rustix::fs::Mode;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn modes(path: &Path, found: &mut Vec<(String, u32)>) {
    let metadata = fs::symlink_metadata(path).expect("it was just made");
    found.push((
        path.display().to_string(),
        metadata.permissions().mode() & 0o7777,
    ));
    if metadata.is_dir() {
        for entry in fs::read_dir(path).expect("it was just made") {
            modes(&entry.expect("it was just made").path(), found);
        }
    }
}

#[test]
fn a_run_is_its_users_alone_whatever_the_umask() {
    for umask in [0o000, 0o022, 0o777] {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("deep/runs");
        let before = rustix::process::umask(Mode::from_raw_mode(umask));
        let mut store = JsonlStore::open(&root, Durability::Fsync);
        let mut script = Script::new(&"r".parse().unwrap());
        store.commit(&[script.create()]).unwrap();
        let fence = store
            .claim(script.run(), &Owner::new("a"), SCRIPT_LEASE)
            .unwrap()
            .fence;
        store
            .commit(&[script.seal(fence, Outcome::Succeeded)])
            .unwrap();
        let command = Command {
            id: "c".parse().unwrap(),
            kind: CommandKind::Cancel,
            step: None,
            reason: None,
            actor: Actor::Manual,
            at: Timestamp::from_millis(0),
            roles: Vec::new(),
        };
        store.put(script.run(), &command).unwrap();
        rustix::process::umask(before);
        let mut found = Vec::new();
        modes(&dir.path().join("deep"), &mut found);
        assert!(found.len() > 10);
        for (path, mode) in found {
            let expected = if Path::new(&path).is_dir() {
                0o700
            } else {
                0o600
            };
            assert_eq!(mode, expected, "{path} under umask {umask:o}");
        }
    }
}

/// Runs are no part of the repository that they are in, unless somebody wants
/// them to be: what a folder of theirs says of that is said once.
#[test]
fn a_new_folder_of_runs_is_ignored_by_version_control() {
    let dir = tempfile::tempdir().unwrap();
    let (new, old) = (dir.path().join("new"), dir.path().join("old"));
    fs::create_dir(&old).unwrap();
    let create = |root: &Path, run: &str| {
        let mut store = JsonlStore::open(root, Durability::Flush);
        let mut script = Script::new(&run.parse().unwrap());
        store.commit(&[script.create()]).unwrap();
    };
    create(&new, "a");
    create(&old, "a");
    let ignore = new.join(".gitignore");
    assert_eq!(fs::read_to_string(&ignore).unwrap(), "*\n");
    assert!(!old.join(".gitignore").exists(), "it was there before");
    fs::remove_file(&ignore).unwrap();
    create(&new, "b");
    assert!(!ignore.exists(), "it was taken away");
}
