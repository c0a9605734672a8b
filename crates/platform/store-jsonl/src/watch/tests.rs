//! What must hold of `watch`, case by case.

use super::*;
use rok_log::{
    Answer, Command, CommandKind, Durability, Inbox, Owner, RunQueue, RunStore, SCRIPT_LEASE,
    Script,
};
use rok_vocabulary::{Actor, Timestamp};
use std::thread;
use tempfile::TempDir;

const NOW: Option<Duration> = Some(Duration::ZERO);

fn filled() -> (TempDir, JsonlStore, Script) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JsonlStore::open(dir.path(), Durability::Flush);
    let mut script = Script::new(&"r".parse().unwrap());
    store.commit(&[script.create()]).unwrap();
    (dir, store, script)
}

fn command() -> Command {
    Command {
        id: "c".parse().unwrap(),
        kind: CommandKind::Cancel,
        step: None,
        reason: None,
        actor: Actor::Manual,
        at: Timestamp::from_millis(0),
        roles: Vec::new(),
    }
}

#[test]
fn a_command_wakes_the_owner_and_its_answer_the_asker() {
    let (_dir, mut store, script) = filled();
    let (commands, answers) = (
        store.watch(script.run()).unwrap(),
        store.watch_answers(script.run()).unwrap(),
    );
    assert_eq!(commands.wait(NOW).unwrap(), Woken::TimedOut);
    store.put(script.run(), &command()).unwrap();
    assert_eq!(commands.wait(None).unwrap(), Woken::Changed);
    assert_eq!(answers.wait(NOW).unwrap(), Woken::TimedOut);
    store
        .done(script.run(), &command().id, &Answer::refused("no"))
        .unwrap();
    assert_eq!(answers.wait(None).unwrap(), Woken::Changed);
    assert_eq!(
        commands.wait(NOW).unwrap(),
        Woken::TimedOut,
        "its own answer wakes no owner"
    );
}

#[test]
fn a_waiting_thread_is_woken() {
    let (_dir, store, script) = filled();
    let watch = store.watch(script.run()).unwrap();
    let woken = thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.wait(None));
        store.put(script.run(), &command()).unwrap();
        waiting.join().unwrap().unwrap()
    });
    assert_eq!(woken, Woken::Changed);
}

#[test]
fn a_watch_can_be_stopped() {
    let (_dir, store, script) = filled();
    let watch = store.watch(script.run()).unwrap();
    let stop = watch.stopper();
    let woken = thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.wait(None));
        stop.stop();
        waiting.join().unwrap().unwrap()
    });
    assert_eq!(woken, Woken::Stopped);
    assert_eq!(watch.wait(None).unwrap(), Woken::Stopped, "and stays so");
}

#[test]
fn a_growing_log_wakes_who_follows_it() {
    let (dir, mut store, mut script) = filled();
    let watch = JsonlStore::open(dir.path(), Durability::Flush)
        .watch_log(script.run())
        .unwrap();
    let fence = store
        .claim(script.run(), &Owner::new("a"), SCRIPT_LEASE)
        .unwrap()
        .fence;
    assert_eq!(watch.wait(NOW).unwrap(), Woken::TimedOut);
    store.commit(&[script.steps(fence, 2)]).unwrap();
    assert_eq!(watch.wait(None).unwrap(), Woken::Changed);
}

#[test]
fn a_run_that_is_taken_away_ends_the_wait() {
    let (dir, store, script) = filled();
    let watch = store.watch(script.run()).unwrap();
    std::fs::remove_dir_all(dir.path().join("r")).unwrap();
    assert!(matches!(
        watch.wait(None),
        Err(StoreError::Io {
            operation: "watch",
            ..
        })
    ));
    assert!(matches!(
        store.watch(script.run()),
        Err(StoreError::Unknown { .. })
    ));
}
