//! A file that cannot be written, a file that is gone, and many at once.

use crate::SqliteStore;
use crate::open::Place;
use rok_chain::verify_log;
use rok_log::{
    Command, CommandKind, CommitResult, Durability, EventReader, Fence, Inbox, Lease, Namespace,
    Owner, PoolStore as _, Records as _, RunFilter, RunIndex, RunQueue, RunStore, SCRIPT_LEASE,
    SCRIPT_START, Script, Signal, Signals, StoreError, WorkQueue,
};
use rok_vocabulary::{Actor, CommandId, Outcome, RunId};
use rstest::rstest;
use rusqlite::{Connection, StatementStatus};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

fn id(text: &str) -> RunId {
    text.parse().unwrap()
}

fn place() -> (TempDir, Place) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(&folder.path().join("rok.db"), Durability::Fsync).unwrap();
    (folder, place)
}

fn owned(store: &mut SqliteStore, run: &str) -> (Script, Fence) {
    let mut script = Script::new(&id(run));
    let _ = store.commit(&[script.create()]).unwrap();
    let claim = store.claim(&id(run), &Owner::new("a"), SCRIPT_LEASE);
    (script, claim.unwrap().fence)
}

fn is_committed(results: &[CommitResult]) -> bool {
    matches!(results, [CommitResult::Committed { .. }])
}

fn beside(place: &Place, suffix: &str) -> PathBuf {
    let mut path = place.path.clone().into_os_string();
    path.push(suffix);
    path.into()
}

#[test]
fn only_its_owner_may_read_the_file() {
    let (_folder, place) = place();
    let mut store = SqliteStore::at(place.clone()).unwrap();
    owned(&mut store, "r");
    for suffix in ["", "-wal", "-shm"] {
        let mode = fs::metadata(beside(&place, suffix))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

#[test]
fn a_folder_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteStore::open(folder.path().join("no/rok.db"), Durability::Flush).unwrap_err();
    assert!(error.to_string().contains("could not create"), "{error}");
    assert!(SqliteStore::open(folder.path(), Durability::Flush).is_err());
}

/// Nothing is acknowledged that is not stored, readers go on, and so does the
/// writer as soon as there is room.
#[test]
fn a_full_disk_is_told_and_outlived() {
    let (_folder, place) = place();
    place.max_pages.store(60, Ordering::Relaxed);
    let mut store = SqliteStore::at(place.clone()).unwrap();
    let (mut script, fence) = owned(&mut store, "r");
    let (mut acknowledged, mut full) = (script.row().next_seq, None);
    for _ in 0..10_000 {
        let mut next = script.clone();
        match store.commit(&[next.steps(fence, 20)]) {
            Ok(results) => {
                assert!(is_committed(&results));
                (script, acknowledged) = (next.clone(), next.row().next_seq);
            }
            Err(error) => {
                full = Some(error);
                break;
            }
        }
    }
    let full = full.expect("60 pages are not enough");
    assert!(
        matches!(&full, StoreError::Full { path, .. } if *path == place.path),
        "{full:?}"
    );
    assert!(matches!(
        store.commit(&[Script::new(&id("s")).create()]),
        Err(StoreError::Full { .. })
    ));
    let check = |store: &SqliteStore, next: u64| {
        let log = store.read_raw(&id("r")).unwrap();
        let report = verify_log(&id("r"), &log, None);
        assert_eq!((report.fault, report.events), (None, next));
        assert_eq!(store.get(&id("r")).unwrap().unwrap().next_seq.0, next);
    };
    check(&store, acknowledged.0);
    assert_eq!(store.get(&id("s")).unwrap(), None);

    place.max_pages.store(1_000_000, Ordering::Relaxed);
    assert!(is_committed(
        &store.commit(&[script.steps(fence, 20)]).unwrap()
    ));
    check(&store, acknowledged.0 + 20);
}

/// A small write that still fits says nothing of a run that is to be created.
#[test]
fn what_has_no_room_for_a_run_is_not_said_to_be_writable() {
    let (_folder, place) = place();
    place.max_pages.store(60, Ordering::Relaxed);
    let mut store = SqliteStore::at(place.clone()).unwrap();
    assert!(is_committed(
        &store.commit(&[Script::new(&id("r")).create()]).unwrap()
    ));
    let refused = store.try_to_write().unwrap_err();
    assert!(matches!(refused, StoreError::Full { .. }), "{refused:?}");
    place.max_pages.store(1_000_000, Ordering::Relaxed);
    store.try_to_write().unwrap();
    let left = store.records("rok.probe", None, 1).unwrap();
    assert!(left.is_empty(), "it is taken away again");
}

/// Another program that keeps the file to itself is waited for, and then
/// named; it hinders no reader.
#[test]
fn a_locked_file_is_told_and_read_all_the_same() {
    let (_folder, mut place) = place();
    place.patience = Duration::from_millis(20);
    let mut store = SqliteStore::at(place.clone()).unwrap();
    let (mut script, fence) = owned(&mut store, "r");
    let other = Connection::open(&place.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let commit = script.steps(fence, 1);
    let refused = store.commit(std::slice::from_ref(&commit)).unwrap_err();
    assert!(matches!(&refused, StoreError::Busy { path, .. } if *path == place.path));
    assert!(
        refused
            .to_string()
            .contains("another program kept it locked")
    );
    assert_eq!(store.list(&RunFilter::default()).unwrap().len(), 1);
    assert_eq!(store.read(&id("r")).unwrap().lines().count(), 2);
    other.execute_batch("ROLLBACK").unwrap();
    assert!(is_committed(&store.commit(&[commit]).unwrap()));
}

/// A reader that takes its time sees what was, and nobody waits for it.
#[test]
fn a_slow_reader_keeps_nobody_waiting() {
    let (_folder, place) = place();
    let mut store = SqliteStore::at(place.clone()).unwrap();
    let (mut script, fence) = owned(&mut store, "r");
    let slow = Connection::open(&place.path).unwrap();
    slow.execute_batch("BEGIN").unwrap();
    let events = || slow.query_row("SELECT sum(n) FROM chunks", [], |row| row.get::<_, i64>(0));
    assert_eq!(events().unwrap(), 2);
    // Far more than fits between two checkpoints.
    for _ in 0..40 {
        assert!(is_committed(
            &store.commit(&[script.steps(fence, 2_000)]).unwrap()
        ));
    }
    assert_eq!(events().unwrap(), 2);
    assert_eq!(store.read(&id("r")).unwrap().lines().count(), 80_002);
    slow.execute_batch("COMMIT").unwrap();
    assert_eq!(events().unwrap(), 80_002);
}

#[rstest]
#[case::the_file("")]
#[case::its_log("-wal")]
fn what_would_be_lost_is_not_acknowledged(
    #[case] suffix: &str,
    #[values(false, true)] replaced: bool,
) {
    let (_folder, place) = place();
    let mut store = SqliteStore::at(place.clone()).unwrap();
    let (mut script, fence) = owned(&mut store, "r");
    let path = beside(&place, suffix);
    let copy = fs::read(&path).unwrap();
    // Kept under another name, so that its number is not given away again.
    fs::rename(&path, beside(&place, ".aside")).unwrap();
    if replaced {
        fs::write(&path, copy).unwrap();
    }
    let refused = store.commit(&[script.steps(fence, 1)]).unwrap_err();
    assert!(
        matches!(refused, StoreError::Poisoned { .. }),
        "{refused:?}"
    );
    assert!(
        refused.to_string().contains("was removed or replaced"),
        "{refused}"
    );
}

/// Many write and many read; every log that is read is whole.
#[test]
fn readers_and_writers_do_not_meet() {
    let (_folder, place) = place();
    let store = SqliteStore::at(place).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|n| {
                let mut store = store.clone();
                scope.spawn(move || {
                    let (mut script, fence) = owned(&mut store, &format!("r{n}"));
                    for round in 0..60 {
                        let commit = script.steps(fence, 1 + round % 3);
                        assert!(is_committed(&store.commit(&[commit]).unwrap()));
                    }
                    script
                })
            })
            .collect();
        for n in 0..2 {
            let (store, done) = (store.clone(), &done);
            scope.spawn(move || {
                let mut seen = 0;
                while !done.load(Ordering::Relaxed) {
                    let run = id(&format!("r{}", seen % (n + 3)));
                    match store.read_raw(&run) {
                        Ok(log) => assert_eq!(verify_log(&run, &log, None).fault, None),
                        Err(error) => assert!(matches!(error, StoreError::Unknown { .. })),
                    }
                    store.list(&RunFilter::default()).unwrap();
                    seen += 1;
                }
            });
        }
        let scripts: Vec<_> = writers.into_iter().map(|it| it.join().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        for script in scripts {
            let log = store.read_raw(script.run()).unwrap();
            let report = verify_log(script.run(), &log, None);
            assert_eq!((report.fault, report.head), (None, script.head()));
        }
    });
}

/// What another process writes is told, if not in words; and only while
/// somebody listens.
#[test]
fn what_others_write_is_told() {
    let (_folder, place) = place();
    let listening = SqliteStore::at(place.clone()).unwrap();
    let mut other = SqliteStore::at(place).unwrap();
    let (sender, heard) = mpsc::channel();
    let held = listening.subscribe(Arc::new(move |signal: &Signal| {
        drop(sender.send(signal.clone()));
    }));
    owned(&mut other, "r");
    let patience = Duration::from_secs(20);
    assert_eq!(heard.recv_timeout(patience).unwrap(), Signal::Any);
    drop(held);
    assert!(heard.iter().all(|signal| signal == Signal::Any));
}

#[test]
fn namespaces_have_nothing_to_do_with_each_other() {
    let (_folder, place) = place();
    let mut first = SqliteStore::at(place).unwrap();
    let other: Namespace = "other".parse().unwrap();
    let mut second = first.in_namespace(other.clone());
    owned(&mut first, "r");
    assert_eq!(second.get(&id("r")).unwrap(), None);
    assert_eq!(second.list(&RunFilter::default()).unwrap(), []);
    let mut commit = Script::new(&id("r")).create();
    commit.namespace = other;
    assert!(is_committed(&first.commit(&[commit]).unwrap()));
    let claim = second.claim(&id("r"), &Owner::new("b"), SCRIPT_LEASE);
    assert_eq!(claim.unwrap().fence, Fence(1));
    assert_eq!(first.get(&id("r")).unwrap().unwrap().next_seq.0, 2);
}

/// What a writer remembers of a run is worth nothing once another process has
/// had it: whoever comes late is told, and what the other wrote stays.
#[test]
fn what_another_process_did_meanwhile_counts() {
    let (_folder, place) = place();
    let mut first = SqliteStore::at(place.clone()).unwrap();
    let mut second = SqliteStore::at(place).unwrap();
    let (mut script, fence) = owned(&mut first, "r");
    let state = |store: &SqliteStore| {
        let row = store.get(&id("r")).unwrap().unwrap();
        (row.next_seq.0, row.updated_at)
    };
    for events in 1..4 {
        assert!(is_committed(
            &first.commit(&[script.steps(fence, events)]).unwrap()
        ));
        assert_eq!(
            state(&second),
            (script.row().next_seq.0, script.row().updated_at)
        );
    }
    let mut late = script.clone();
    let after = Lease::new(SCRIPT_LEASE.until, Duration::from_secs(60));
    let claim = second.claim(&id("r"), &Owner::new("b"), after).unwrap();
    assert!(matches!(
        first.commit(&[late.steps(fence, 1)]).unwrap()[..],
        [CommitResult::Stale { fence, .. }] if fence == claim.fence
    ));
    assert!(is_committed(
        &second.commit(&[script.steps(claim.fence, 2)]).unwrap()
    ));
    // The first one's memory is that of its own last commit.
    let mut late = script.clone();
    assert!(matches!(
        first.commit(&[late.steps(fence, 1)]).unwrap()[..],
        [CommitResult::Stale { .. }]
    ));
    second.release(&id("r"), claim.fence, None);
    let (owner, lease) = (
        Owner::new("a"),
        Lease::new(after.until, Duration::from_secs(60)),
    );
    assert_eq!(second.owners().unwrap(), []);
    let claim = first.claim(&id("r"), &owner, lease).unwrap();
    assert!(is_committed(
        &first.commit(&[script.steps(claim.fence, 1)]).unwrap()
    ));
    let log = second.read_raw(&id("r")).unwrap();
    let report = verify_log(&id("r"), &log, None);
    assert_eq!((report.fault, report.head), (None, script.head()));
    assert_eq!(state(&second).0, report.events);
}

/// A commit that did not come about leaves nothing in the writer's memory.
#[test]
fn what_was_rolled_back_is_forgotten() {
    let (_folder, place) = place();
    let mut store = SqliteStore::at(place).unwrap();
    let (mut script, fence) = owned(&mut store, "r");
    assert!(is_committed(
        &store.commit(&[script.steps(fence, 1)]).unwrap()
    ));
    let before = script.clone();
    let lost = script.steps(fence, 2);
    let rolled_back = store.database.write("write", {
        let lost = lost.clone();
        move |at| {
            let result = crate::commit::one(at, &lost)?;
            assert!(matches!(result, CommitResult::Committed { .. }));
            Err::<(), _>(StoreError::Unknown { run: id("r") }.into())
        }
    });
    rolled_back.unwrap_err();
    let mut again = before;
    assert!(is_committed(
        &store.commit(&[again.steps(fence, 2)]).unwrap()
    ));
    let next = again.steps(fence, 1);
    assert!(is_committed(&store.commit(&[next]).unwrap()));
    let log = store.read_raw(&id("r")).unwrap();
    assert_eq!(verify_log(&id("r"), &log, None).head, again.head());
}

/// The log is copied into the file beside what is written, and begins anew:
/// it does not grow with what is written.
#[rstest]
fn the_log_is_copied_and_begins_anew(
    #[values(Durability::Fsync, Durability::Flush)] durability: Durability,
) {
    let (_folder, mut place) = place();
    (place.durability, place.pace) = (durability, 512 * 1024);
    let mut store = SqliteStore::at(place.clone()).unwrap();
    let (mut script, fence) = owned(&mut store, "r");
    let size = |suffix| fs::metadata(beside(&place, suffix)).unwrap().len();
    // How soon it is copied is for the machine to say.
    let anew = (0..10_000).find(|_| {
        assert!(is_committed(
            &store.commit(&[script.steps(fence, 30)]).unwrap()
        ));
        size("") > 2 * size("-wal")
    });
    assert!(anew.is_some(), "{} bytes of log", size("-wal"));
    let log = store.read_raw(&id("r")).unwrap();
    assert_eq!(verify_log(&id("r"), &log, None).head, script.head());
    drop(store);
    let store = SqliteStore::at(place).unwrap();
    assert_eq!(store.read_raw(&id("r")).unwrap(), log);
    assert_eq!(store.faults().unwrap(), [""; 0]);
}

/// Were the values part of a plan, each would be parsed and planned for anew.
#[test]
fn a_statement_is_compiled_once_for_all_values() {
    let (_folder, place) = place();
    for db in [place.writer().unwrap(), place.reader().unwrap()] {
        let sql = "SELECT id FROM runs WHERE namespace = ?1 ORDER BY id LIMIT ?2";
        let mut statement = db.prepare(sql).unwrap();
        for limit in 1..4 {
            let mut rows = statement.query(("default", limit)).unwrap();
            assert!(rows.next().unwrap().is_none());
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}

/// How often whoever listens heard that something may be due, once all that was
/// let go is so.
fn told_due(store: &SqliteStore, change: impl FnOnce(&mut SqliteStore)) -> usize {
    let (sender, heard) = mpsc::channel();
    let held = store.subscribe(Arc::new(move |signal: &Signal| {
        drop(sender.send(signal.clone()));
    }));
    change(&mut store.clone());
    store.next_due().unwrap();
    drop(held);
    heard.iter().filter(|signal| *signal == Signal::Due).count()
}

#[rstest]
#[case::a_run_that_is_over(None, false, 0)]
#[case::one_that_leaves_its_place(Some("k"), false, 1)]
#[case::one_that_a_command_waits_for(None, true, 1)]
fn the_end_of_a_run_is_told_to_those_whom_it_concerns(
    #[case] key: Option<&str>,
    #[case] asked: bool,
    #[case] told: usize,
) {
    let (_folder, place) = place();
    let mut store = SqliteStore::at(place).unwrap();
    let mut script = Script::new(&id("r"));
    if let Some(key) = key {
        script = script.with_concurrency(key, 1);
    }
    let _ = store.commit(&[script.create()]).unwrap();
    let claim = store.claim(&id("r"), &Owner::new("a"), SCRIPT_LEASE);
    let fence = claim.unwrap().fence;
    if asked {
        store.put(&id("r"), &cancel()).unwrap();
    }
    let seal = script.seal(fence, Outcome::Succeeded);
    let due = told_due(&store, |store| {
        assert!(is_committed(&store.commit(&[seal]).unwrap()));
        store.release(&id("r"), fence, None);
    });
    assert_eq!(due, told);
}

#[test]
fn a_log_is_copied_with_what_nobody_waited_for() {
    let (_folder, place) = place();
    let log = format!("{}-wal", place.path.display());
    let mut store = SqliteStore::at(place).unwrap();
    let (_, fence) = owned(&mut store, "r");
    store.release(&id("r"), fence, None);
    assert!(store.copy_log().unwrap());
    assert!(!store.database.has_posted());
    assert_eq!(fs::metadata(log).unwrap().len(), 0);
}

/// It is told when it is so: whoever looks then finds it.
#[test]
fn what_is_due_again_is_told() {
    let (_folder, place) = place();
    let mut store = SqliteStore::at(place).unwrap();
    let (_, fence) = owned(&mut store, "r");
    let later = SCRIPT_START.after(Duration::from_secs(60));
    let due = told_due(&store, |store| {
        store.release(&id("r"), fence, Some(later));
    });
    assert_eq!((due, store.next_due().unwrap()), (1, Some(later)));
    let strange = told_due(&store, |store| store.release(&id("r"), Fence(7), None));
    assert_eq!((strange, store.next_due().unwrap()), (0, Some(later)));
}

/// Somebody asks that a run be cancelled.
pub(crate) fn cancel() -> Command {
    Command {
        id: "c".parse::<CommandId>().unwrap(),
        kind: CommandKind::Cancel,
        step: None,
        reason: None,
        actor: Actor::Manual,
        roles: Vec::new(),
        at: SCRIPT_START,
    }
}

/// Pages are as long as the file was made with, whoever opens it.
#[rstest]
#[case::a_new_file(None, 8192)]
#[case::one_that_has_pages(Some(4096), 4096)]
fn a_file_keeps_the_length_of_its_pages(#[case] had: Option<i64>, #[case] has: i64) {
    let (_folder, place) = place();
    if let Some(had) = had {
        let db = Connection::open(&place.path).unwrap();
        db.pragma_update(None, "page_size", had).unwrap();
        db.execute_batch("VACUUM; PRAGMA journal_mode = WAL;")
            .unwrap();
    }
    let mut store = SqliteStore::at(place.clone()).unwrap();
    let created = store.commit(&[Script::new(&id("r")).create()]).unwrap();
    assert!(is_committed(&created));
    drop(store);
    let db = Connection::open(&place.path).unwrap();
    let size: i64 = db
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .unwrap();
    assert_eq!(size, has);
}
