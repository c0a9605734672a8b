//! What must hold of `page`, case by case.

use crate::JsonlStore;
use crate::folder::EVENTS;
use rok_log::{Durability, EventReader, Owner, RunQueue, RunStore, SCRIPT_LEASE, Script};
use rok_vocabulary::Seq;
use rstest::rstest;
use std::io::Write as _;
use tempfile::TempDir;

/// A log of several hundred kilobytes.
fn long() -> (TempDir, JsonlStore, Script) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JsonlStore::open(dir.path(), Durability::Flush);
    let mut script = Script::new(&"r".parse().unwrap());
    store.commit(&[script.create()]).unwrap();
    let claim = store.claim(script.run(), &Owner::new("a"), SCRIPT_LEASE);
    let fence = claim.unwrap().fence;
    for steps in [1, 2, 700, 3, 800, 1, 500] {
        let commit = script.steps(fence, steps);
        store.commit(&[commit]).unwrap();
    }
    (dir, store, script)
}

fn append(dir: &TempDir, bytes: &[u8]) {
    let log = dir.path().join("r").join(EVENTS);
    let mut log = std::fs::OpenOptions::new().append(true).open(log).unwrap();
    log.write_all(bytes).unwrap();
}

#[rstest]
#[case::whole(b"")]
#[case::half_a_line(b"{\"event_id\":")]
#[case::nuls(b"\0\0\0\0")]
#[case::half_a_decision(
    b"{\"event_id\":\"r:2009\",\"event_type\":\"x\",\"run_id\":\"r\",\"seq\":2009,\"chain\":\"\",\"more\":true}\n"
)]
fn a_page_of_a_long_log_is_found_and_ends_with_the_last_whole_decision(#[case] tail: &[u8]) {
    let (dir, store, script) = long();
    let run = script.run();
    let all = store.read(run).unwrap();
    let n = all.lines().count();
    assert!(n == 2009 && all.bytes.len() > 300_000, "{n}");
    append(&dir, tail);
    assert_eq!(store.next_seq(run).unwrap(), Seq(n as u64));
    for seq in (0..n + 3).step_by(97).chain([1, 2, n - 1, n, n + 1]) {
        for most in [1, 2, 50, usize::MAX] {
            let page = store.read_page(run, Seq(seq as u64), most).unwrap();
            let lines: Vec<_> = all.lines().skip(seq).take(most).collect();
            assert_eq!(page.lines().collect::<Vec<_>>(), lines, "{most} from {seq}");
        }
    }
}

#[test]
fn what_is_no_event_is_told_with_its_place() {
    let (dir, store, script) = long();
    append(&dir, b"not an event\n");
    let told = store.read_page(script.run(), Seq(2009), 1).unwrap_err();
    assert!(told.to_string().contains("line 2010"), "{told}");
}
