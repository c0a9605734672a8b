//! A process that writes is killed in the middle of its work, again and again,
//! while another writes to the same file: what either was told is there.

use rok_chain::verify_log;
use rok_log::{
    CommitResult, Durability, EventReader, Fence, Lease, Owner, RunFilter, RunIndex, RunQueue,
    RunStore, SCRIPT_START, Script,
};
use rok_store_sqlite::SqliteStore;
use rok_vocabulary::{RunId, Seq};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// The file that the writer works in and its round; set for the writer only.
const FILE: &str = "ROK_TEST_KILLED_WRITER_FILE";
const ROUND: &str = "ROK_TEST_KILLED_WRITER_ROUND";

const RUNS: [&str; 3] = ["a", "b", "c"];

fn run(name: &str) -> RunId {
    name.parse().expect("it is a run id")
}

fn open(file: &Path) -> SqliteStore {
    SqliteStore::open(file, Durability::Flush).expect("it is a store, or none yet")
}

/// The leases of a round; those of the round before ran out.
fn lease(round: u64) -> Lease {
    let now = SCRIPT_START.after(Duration::from_secs(round * 100));
    Lease::new(now, Duration::from_secs(60))
}

/// The script up to where the log ends.
fn script_up_to(name: &str, next: Seq) -> Script {
    let mut script = Script::new(&run(name));
    script.create();
    for _ in 2..next.0 {
        script.steps(Fence(0), 1);
    }
    script
}

/// The writer: a thread a run, each commits a line at a time until it is
/// killed, telling each acknowledged seq. As a test of its own it does nothing.
#[test]
fn writer() {
    let Some(file) = std::env::var_os(FILE) else {
        return;
    };
    let round = std::env::var(ROUND).unwrap().parse().unwrap();
    let store = open(Path::new(&file));
    thread::scope(|scope| {
        for name in RUNS {
            let mut store = store.clone();
            scope.spawn(move || {
                let claim = store.claim(&run(name), &Owner::new("writer"), lease(round));
                let claim = claim.unwrap();
                let mut script = script_up_to(name, claim.next_seq);
                assert_eq!(script.head(), claim.head);
                loop {
                    let results = store.commit(&[script.steps(claim.fence, 1)]).unwrap();
                    let [CommitResult::Committed { next_seq }] = results[..] else {
                        panic!("{results:?}")
                    };
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "\nacknowledged {name} {next_seq}").unwrap();
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_survives_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rok.db");
    let mut store = open(&file);
    let mine = Script::new(&run("mine"));
    for name in RUNS.into_iter().chain(["mine"]) {
        let _ = store.commit(&[Script::new(&run(name)).create()]).unwrap();
    }
    let mut script = script_up_to("mine", Seq(2));
    let fence = store
        .claim(mine.run(), &Owner::new("the other process"), lease(0))
        .unwrap()
        .fence;
    for round in 1..=12 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--nocapture"])
            .env(FILE, &file)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut acknowledged = lines.filter_map(|line| {
            let line = line.unwrap();
            let told = line.strip_prefix("acknowledged ")?;
            let (name, seq) = told.split_once(' ')?;
            Some((name.to_owned(), seq.parse::<u64>().ok()?))
        });
        let mut seen: HashMap<String, u64> = HashMap::new();
        // Both write at once.
        for _ in 0..round * 7 {
            let (name, seq) = acknowledged.next().unwrap();
            seen.insert(name, seq);
            let results = store.commit(&[script.steps(fence, 1)]).unwrap();
            assert!(matches!(results[..], [CommitResult::Committed { .. }]));
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        seen.extend(acknowledged);

        for name in RUNS {
            let later = Lease::new(lease(round).until, Duration::from_secs(1));
            let claim = store.claim(&run(name), &Owner::new("next"), later).unwrap();
            let told = seen.get(name).copied().unwrap_or(2);
            assert!(
                claim.next_seq.0 >= told,
                "round {round}: {claim:?} lost {told}"
            );
            let log = store.read_raw(&run(name)).unwrap();
            let report = verify_log(&run(name), &log, None);
            assert_eq!((report.fault, report.events), (None, claim.next_seq.0));
            store.release(&run(name), claim.fence, None);
        }
        if round % 4 == 0 {
            // Alone with the file: what the killed process left is recovered.
            drop(store);
            store = open(&file);
        }
        assert_eq!(store.list(&RunFilter::default()).unwrap().len(), 4);
    }
    let log = store.read_raw(mine.run()).unwrap();
    let report = verify_log(mine.run(), &log, None);
    assert_eq!((report.fault, report.head), (None, script.head()));
}
