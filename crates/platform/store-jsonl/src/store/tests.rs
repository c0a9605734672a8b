//! What must hold of `store`, case by case.

use super::*;
use crate::DiskFault;
use proptest::prelude::*;
use rok_log::contract::{Fixture, same_history};
use rok_log::{Document, DocumentKind, Inbox, MemoryStore, RunIndex, SCRIPT_LEASE, Script};
use rok_vocabulary::{Outcome, RunPhase};
use rstest::rstest;
use std::fs;
use std::io;
use tempfile::TempDir;

/// An empty folder of run folders.
struct Folders(TempDir);

impl Folders {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Fixture for Folders {
    type Store = JsonlStore;
    fn open(&self) -> JsonlStore {
        JsonlStore::open(self.0.path().join("runs"), Durability::Flush)
    }
}

struct Memory(MemoryStore);

impl Fixture for Memory {
    type Store = MemoryStore;
    fn open(&self) -> MemoryStore {
        self.0.clone()
    }
}

mod contract {
    rok_log::store_contract!(super::Folders::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn folders_and_memory_do_not_differ(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        same_history(&Folders::new(), &Memory(MemoryStore::new()), &bytes);
    }
}

fn owned(folders: &Folders, durability: Durability) -> (JsonlStore, Script, Fence) {
    let mut store = JsonlStore::open(folders.0.path(), durability);
    let mut script = Script::new(&"r".parse().unwrap());
    store.commit(&[script.create()]).unwrap();
    let fence = store
        .claim(script.run(), &Owner::new("a"), SCRIPT_LEASE)
        .unwrap()
        .fence;
    (store, script, fence)
}

/// A stub in a folder tells what one in any store does.
#[test]
fn only_a_stub_is_left_of_a_collected_run() {
    let folders = Folders(tempfile::tempdir().unwrap());
    let (mut store, mut script, fence) = owned(&folders, Durability::Flush);
    let commit = script.seal(fence, Outcome::Succeeded);
    store.commit(&[commit]).unwrap();
    store.release(script.run(), fence, None);
    let stub = serde_json::json!({ "row": script.row() }).to_string();
    let collecting = store
        .begin_collecting(script.run(), &Owner::new("a"))
        .unwrap();
    collecting.finish(stub.as_bytes(), &["seal.json"]).unwrap();
    rok_log::contract::only_a_stub_is_left(&mut store, &script);
}

#[test]
fn a_run_is_a_folder() {
    let folders = Folders::new();
    let (mut store, mut script, fence) = owned(&folders, Durability::Fsync);
    store
        .commit(&[script.seal(fence, Outcome::Succeeded)])
        .unwrap();
    let mut names: Vec<_> = fs::read_dir(store.run_dir(script.run()))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "artifacts",
        "events.jsonl",
        "inbox",
        "lock",
        "logs",
        "plan.json",
        "procs",
        "seal.json",
    ];
    assert_eq!(names, expected);
    let seal = fs::read_to_string(store.run_dir(script.run()).join("seal.json")).unwrap();
    let expected = format!(
        "{{\"epoch\":0,\"seq\":4,\"head\":\"{}\",\"phase\":\"COMPLETED\",\"outcome\":\"succeeded\"}}",
        script.head()
    );
    assert_eq!(seal, expected);
    let holder = store.holder(script.run()).unwrap().unwrap();
    assert_eq!(
        (holder.fence, holder.process.pid),
        (Fence(1), std::process::id())
    );
    assert_eq!((holder.process.boot_id.len(), &*holder.owner), (36, "a"));
    assert!(holder.process.start > 0);
}

#[test]
fn a_plan_that_was_changed_is_refused() {
    let folders = Folders::new();
    let (mut store, mut script, fence) = owned(&folders, Durability::Flush);
    let path = store.run_dir(script.run()).join("plan.json");
    let document = Document::new(DocumentKind::Plan, fs::read(&path).unwrap());
    fs::write(&path, "{\"id\":\"another\"}").unwrap();
    match store.document(script.run(), document.digest) {
        Err(StoreError::Corrupt { path: named, .. }) => assert_eq!(named, path),
        other => panic!("{other:?}"),
    }
    let mut commit = script.steps(fence, 1);
    commit.documents.push(document);
    assert!(matches!(
        store.commit(&[commit]),
        Err(StoreError::Corrupt { .. })
    ));
}

#[test]
fn other_namespaces_are_refused() {
    let folders = Folders::new();
    let mut store = folders.open();
    let mut commit = Script::new(&"r".parse().unwrap()).create();
    commit.namespace = "tenant-2".parse().unwrap();
    let refused = store.commit(&[commit]);
    let Err(StoreError::Invalid {
        fault: CommitFault::Namespace { .. },
        ..
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert!(!store.root().exists());
}

#[rstest]
#[case(io::ErrorKind::StorageFull, "no space is left to write")]
#[case(io::ErrorKind::PermissionDenied, "not permitted to write")]
#[case(io::ErrorKind::ReadOnlyFilesystem, "not permitted to write")]
#[case(io::ErrorKind::Other, "could not write")]
fn a_failed_write_closes_the_store(#[case] kind: io::ErrorKind, #[case] message: &str) {
    let folders = Folders::new();
    let (mut store, mut script, fence) = owned(&folders, Durability::Fsync);
    let run = script.run().clone();
    store.fail_at(Some(DiskFault { at: 1, kind }));
    let commit = script.clone().steps(fence, 2);
    let error = store.commit(std::slice::from_ref(&commit)).unwrap_err();
    let path = store.run_dir(&run).join("events.jsonl");
    assert_eq!(error.to_string(), format!("{message} {}", path.display()));
    assert!(!error.is_refusal());
    // Nothing more is acknowledged, not even what would go well now.
    assert!(matches!(
        store.commit(&[commit]),
        Err(StoreError::Poisoned { .. })
    ));
    assert!(matches!(
        store.claim(&run, &Owner::new("a"), SCRIPT_LEASE),
        Err(ClaimError::Store(StoreError::Poisoned { .. }))
    ));
    drop(store);
    let mut store = JsonlStore::open(folders.0.path(), Durability::Fsync);
    let claim = store.claim(&run, &Owner::new("b"), SCRIPT_LEASE).unwrap();
    assert_eq!(claim.next_seq, Seq(2));
    assert!(
        claim
            .repaired
            .is_some_and(|it| it.dropped_bytes > 0 && it.at_seq == Seq(2))
    );
    assert_eq!(
        store.commit(&[script.steps(claim.fence, 2)]).unwrap().len(),
        1
    );
}

/// What a run does with its store, from its creation to its second seal.
fn life(store: &mut JsonlStore, acknowledged: &mut u64) -> Result<(), ClaimError> {
    let mut script = Script::new(&"r".parse().unwrap());
    let run = script.run().clone();
    let mut turn = |store: &mut JsonlStore, commit: Commit| {
        let results = store.commit(std::slice::from_ref(&commit))?;
        assert_eq!(
            results,
            [CommitResult::Committed {
                next_seq: commit.next_seq()
            }]
        );
        *acknowledged = commit.next_seq().0;
        Ok::<(), StoreError>(())
    };
    turn(store, script.create())?;
    let fence = store.claim(&run, &Owner::new("a"), SCRIPT_LEASE)?.fence;
    turn(store, script.phase(fence, RunPhase::Executing))?;
    turn(store, script.steps(fence, 3))?;
    turn(store, script.seal(fence, Outcome::Failed))?;
    turn(store, script.resume(fence))?;
    turn(store, script.seal(fence, Outcome::Succeeded))?;
    Ok(())
}

/// Every change of the disk fails once: what was acknowledged is there, and
/// the run can be driven on.
#[rstest]
#[case(Durability::Fsync)]
#[case(Durability::Flush)]
fn each_failing_change_is_survived(#[case] durability: Durability) {
    for at in 1.. {
        let folders = Folders::new();
        let mut store = JsonlStore::open(folders.0.path().join("a/runs"), durability);
        store.fail_at(Some(DiskFault {
            at,
            kind: io::ErrorKind::StorageFull,
        }));
        let mut acknowledged = 0;
        let result = life(&mut store, &mut acknowledged);
        let (struck, root) = (store.has_failed(), store.root().to_owned());
        drop(store);
        if !struck {
            assert!(result.is_ok(), "without a fault all goes well: {result:?}");
            assert!(at > 20, "a life changes the disk often");
            return;
        }
        let error = match result {
            Err(ClaimError::Store(error)) => error,
            other => panic!("change {at} failed unseen: {other:?}"),
        };
        assert!(
            matches!(error, StoreError::Full { .. }),
            "change {at}: {error:?}"
        );
        let mut store = JsonlStore::open(root, durability);
        let run = "r".parse().unwrap();
        if store.get(&run).unwrap().is_none() {
            assert_eq!(acknowledged, 0, "change {at} lost a run");
            assert!(
                store
                    .list(&rok_log::RunFilter::default())
                    .unwrap()
                    .is_empty()
            );
            assert!(life(&mut store, &mut acknowledged).is_ok(), "change {at}");
            continue;
        }
        let claim = store.claim(&run, &Owner::new("b"), SCRIPT_LEASE).unwrap();
        assert!(
            claim.next_seq.0 >= acknowledged,
            "change {at} lost what was acknowledged"
        );
        let report = store.verify(&run).unwrap();
        assert_eq!(
            (report.fault, report.torn_tail),
            (None, None),
            "change {at}"
        );
        assert_eq!(
            store.get(&run).unwrap().unwrap().next_seq,
            claim.next_seq,
            "change {at}"
        );
    }
}

#[test]
fn a_foreign_change_of_the_log_stops_its_owner() {
    let folders = Folders::new();
    let (mut store, mut script, fence) = owned(&folders, Durability::Flush);
    let path = store.run_dir(script.run()).join("events.jsonl");
    let mut log = fs::read(&path).unwrap();
    log.extend_from_slice(b"{}\n");
    fs::write(&path, &log).unwrap();
    let error = store.commit(&[script.steps(fence, 1)]).unwrap_err();
    assert!(
        matches!(error, StoreError::Corrupt { line: 3, .. }),
        "{error}"
    );
}

#[test]
fn a_lock_that_was_taken_away_stops_its_owner() {
    let folders = Folders::new();
    let (mut store, mut script, fence) = owned(&folders, Durability::Flush);
    fs::remove_file(store.run_dir(script.run()).join("lock")).unwrap();
    let error = store.commit(&[script.steps(fence, 1)]).unwrap_err();
    assert!(matches!(error, StoreError::LockLost { .. }), "{error}");
}

#[test]
fn an_owner_that_dies_lets_go() {
    let folders = Folders::new();
    let (store, mut script, fence) = owned(&folders, Durability::Flush);
    let mut other = JsonlStore::open(folders.0.path(), Durability::Flush);
    let held = other
        .claim(script.run(), &Owner::new("b"), SCRIPT_LEASE)
        .unwrap_err();
    let expected = format!("run r is driven by a (process {})", std::process::id());
    assert_eq!(held.to_string(), expected);
    drop(store);
    let claim = other
        .claim(script.run(), &Owner::new("b"), SCRIPT_LEASE)
        .unwrap();
    assert_eq!(claim.fence, fence.next());
    assert_eq!(
        other.commit(&[script.steps(claim.fence, 1)]).unwrap().len(),
        1
    );
}

#[test]
fn a_symbolic_link_is_never_followed() {
    let folders = Folders::new();
    let (mut store, script, fence) = owned(&folders, Durability::Flush);
    let link = folders.0.path().join("link");
    std::os::unix::fs::symlink(store.run_dir(script.run()), &link).unwrap();
    let run: RunId = "link".parse().unwrap();
    let why = "it is a symbolic link; give the folder that it points to";
    for result in [
        store.read(&run).map(|_| ()),
        store.get(&run).map(|_| ()),
        store.take(&run).map(|_| ()),
        store.verify(&run).map(|_| ()),
    ] {
        assert!(matches!(result, Err(StoreError::NotARun { why: it, .. }) if it == why));
    }
    let claim = store.claim(&run, &Owner::new("b"), SCRIPT_LEASE);
    assert!(matches!(
        claim,
        Err(ClaimError::Store(StoreError::NotARun { .. }))
    ));
    store.release(script.run(), fence, None);
    for name in ["lock", "events.jsonl", "seal.json"] {
        let path = store.run_dir(script.run()).join(name);
        let away = folders.0.path().join(format!("away-{name}"));
        let _ = fs::rename(&path, &away);
        std::os::unix::fs::symlink(&away, &path).unwrap();
        let claim = store.claim(script.run(), &Owner::new("b"), SCRIPT_LEASE);
        assert!(
            matches!(claim, Err(ClaimError::Store(_))),
            "{name}: {claim:?}"
        );
        fs::remove_file(&path).unwrap();
        let _ = fs::rename(&away, &path);
    }
    store
        .claim(script.run(), &Owner::new("b"), SCRIPT_LEASE)
        .unwrap();
}
