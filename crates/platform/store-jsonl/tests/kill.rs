//! A writer is killed in the middle of its work, again and again: what it
//! acknowledged is there, and the next one goes on.

use rok_log::{
    Commit, CommitResult, Durability, EventReader, Owner, RunQueue, RunStore, SCRIPT_LEASE, Script,
};
use rok_store_jsonl::JsonlStore;
use rok_vocabulary::{RunId, Seq};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// The folder that the writer works in; set for the writer only.
const FOLDER: &str = "ROK_TEST_KILLED_WRITER";

fn run() -> RunId {
    "r".parse().expect("it is a run id")
}

/// The script up to where the log ends.
fn script_up_to(next: Seq) -> Script {
    let mut script = Script::new(&run());
    script.create();
    for _ in 2..next.0 {
        script.steps(rok_log::Fence(0), 1);
    }
    script
}

/// The writer: claims, and commits a line at a time until it is killed,
/// telling each acknowledged seq. As a test of its own it does nothing.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let mut store = JsonlStore::open(folder, Durability::Flush);
    let claim = store
        .claim(&run(), &Owner::new("writer"), SCRIPT_LEASE)
        .unwrap();
    let mut script = script_up_to(claim.next_seq);
    assert_eq!(script.head(), claim.head);
    loop {
        let commit: Commit = script.steps(claim.fence, 1);
        let results = store.commit(&[commit]).unwrap();
        let [CommitResult::Committed { next_seq }] = results[..] else {
            panic!("{results:?}")
        };
        writeln!(std::io::stdout(), "acknowledged {next_seq}").unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = JsonlStore::open(folder.path(), Durability::Flush);
    let _ = store.commit(&[Script::new(&run()).create()]).unwrap();
    for round in 1..=12 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut acknowledged = lines.filter_map(|line| {
            // The test harness talks on the same line.
            let line = line.unwrap();
            line.split("acknowledged ")
                .nth(1)
                .map(|seq| seq.parse::<u64>().unwrap())
        });
        let seen = acknowledged.nth(round * 3).unwrap();
        writer.kill().unwrap();
        writer.wait().unwrap();
        let seen = acknowledged.last().unwrap_or(seen);

        let claim = store
            .claim(&run(), &Owner::new("next"), SCRIPT_LEASE)
            .unwrap();
        assert!(
            claim.next_seq.0 >= seen,
            "round {round}: {claim:?} lost {seen}"
        );
        assert_eq!(claim.fence.0, 2 * round as u64);
        let report = store.verify(&run()).unwrap();
        assert_eq!((report.fault, report.events), (None, claim.next_seq.0));
        assert_eq!(
            store.read(&run()).unwrap().lines().count() as u64,
            report.events
        );
        store.release(&run(), claim.fence, None);
    }
}
