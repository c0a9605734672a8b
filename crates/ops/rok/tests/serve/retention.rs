//! Retention wherever runs are: the same rules, the same stubs, and a kill
//! leaves a run or a stub.

use super::places::{Place, Where};
use crate::support::Ran;
use rok_log::{Durability, RunEntry, RunFilter, RunIndex as _};
use rok_store_sqlite::SqliteStore;
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Stdio};

const PLAN: &str = "plan: made
steps:
  make: { run: [sh, -c, 'echo 42 > out.txt; echo said'], artifacts: [{ path: out.txt }] }
";
const GATE: &str = "plan: gated\nsteps: { ask: { run: ['true'], gate: manual } }\n";
const BAD: &str = "plan: bad\nsteps: { a: { run: ['false'] } }\n";

fn gc(place: &Place, rules: &[&str]) -> Value {
    let args: Vec<&str> = ["gc", "--json"].iter().chain(rules).copied().collect();
    place.rok(&args).exits(0).json()
}

fn ids(of: &Value) -> Vec<&str> {
    let runs = of.as_array().expect("a list").iter();
    runs.map(|run| run["run_id"].as_str().expect("an id"))
        .collect()
}

/// The folder of the runs' files.
fn files(place: &Place) -> PathBuf {
    match place.at {
        Where::Folder => place.bench().runs(),
        Where::Database | Where::Server => place.bench().path().join("rok.db.files"),
    }
}

#[rstest]
fn what_the_rules_name_becomes_a_stub_that_verifies(
    #[values(Where::Folder, Where::Database, Where::Server)] at: Where,
) {
    let place = Place::new(at);
    for run in ["a", "b", "c", "d"] {
        place.ran(PLAN, run);
    }
    place.bench().rok(["key", "new", "--out", "key"]).exits(0);
    let local = match at {
        Where::Server => Where::Database,
        other => other,
    };
    place
        .rok_at(local, &["attest", "b", "--key", "key"])
        .exits(0);
    let head = place.rok(&["verify", "b", "--json"]).exits(0).json()["head"].clone();
    place.rok(&["export", "b", "--out", "b.tar.zst"]).exits(0);
    place.rok(&["hold", "a", "--reason", "case 17"]).exits(0);
    let nothing = place.rok(&["gc"]).exits(2);
    assert!(nothing.err.contains("ROK0161"), "{}", nothing.err);

    let dry = gc(&place, &["--keep", "1", "--dry-run"]);
    assert_eq!(ids(&dry["collected"]), ["b", "c"]);
    place.rok(&["verify", "b", "--sealed"]).exits(0);
    let done = gc(&place, &["--keep", "1"]);
    assert_eq!(ids(&done["collected"]), ["b", "c"]);
    assert_eq!(done["freed_bytes"], dry["freed_bytes"]);
    assert_eq!(done["failed"], json!([]));
    let kept = &done["kept"][0];
    assert_eq!(kept["run_id"], "a");
    let why = kept["why"].as_str().expect("words");
    assert!(why.starts_with("it is held ("), "{why}");
    let again = gc(&place, &["--keep", "1"]);
    assert_eq!(
        (ids(&again["collected"]), &again["freed_bytes"]),
        (vec![], &json!(0))
    );

    // What is left proves what was, by the key that signed it.
    let stub = place.rok_at(local, &["verify", "b", "--key", "key.pub", "--json"]);
    let stub = stub.exits(0).json();
    assert_eq!(
        (&stub["verdict"], &stub["head"]),
        (&json!("collected"), &head)
    );
    assert_eq!(stub["attestations"][0]["signature"], "valid");
    for run in ["a", "d"] {
        let intact = place.rok(&["verify", run, "--sealed", "--json"]).exits(0);
        assert_eq!(intact.json()["verdict"], "intact");
    }
    assert!(!files(&place).join("c/logs").exists());
    let listed = place
        .rok(&["ls", "--status", "collected", "--json"])
        .exits(0);
    let listed = listed.json();
    let mut listed = ids(&listed);
    listed.sort_unstable();
    assert_eq!(listed, ["b", "c"]);
    for command in [
        ["summary", "b"],
        ["events", "b"],
        ["explain", "b"],
        ["resume", "b"],
    ] {
        let told = place.rok_at(local, &command);
        let refused = if command[0] == "resume" && local == Where::Database {
            "ROK0117"
        } else {
            "ROK0160"
        };
        assert!(told.err.contains(refused), "{command:?}: {}", told.err);
    }
    // Its name stays taken, and a bundle of it is a run elsewhere.
    let taken = place.rok(&["import", "b.tar.zst"]).exits(2);
    assert!(taken.err.contains("ROK0116"), "{}", taken.err);
    let elsewhere = Place::new(local);
    let bundle = place.bench().path().join("b.tar.zst");
    elsewhere
        .rok(&["import", bundle.to_str().expect("a path")])
        .exits(0);
    elsewhere.rok(&["verify", "b", "--sealed"]).exits(0);
}

/// What waits for somebody stays, and goes on.
#[rstest]
fn an_open_run_is_kept_and_goes_on(#[values(Where::Database, Where::Server)] at: Where) {
    let mut place = Place::new(at);
    let asked = json!({ "definition": GATE, "run_id": "open" });
    place.served().post("/api/v1/runs", &asked).is(201);
    place.ran(PLAN, "closed");
    let report = gc(&place, &["--older-than", "0s"]);
    assert_eq!(ids(&report["collected"]), ["closed"]);
    assert_eq!(ids(&report["kept"]), ["open"]);
    place
        .rok(&["approve", "open", "ask", "--reason", "go"])
        .exits(0);
    place
        .served()
        .get("/api/v1/runs/open/wait?wait=30s")
        .is(200);
    let report = gc(&place, &["--older-than", "0s"]);
    assert_eq!(ids(&report["collected"]), ["open"]);
}

/// Doctor reads what is left, and misses nothing of what went.
#[test]
fn the_tables_of_a_database_with_stubs_are_sound() {
    let place = Place::new(Where::Database);
    place.ran(BAD, "bad");
    place.ran(PLAN, "good");
    let before = place.rok(&["incidents", "--json"]).exits(0).json();
    assert_eq!(
        ids(&gc(&place, &["--older-than", "0s"])["collected"]).len(),
        2
    );
    let looked = place
        .rok(&["doctor", "--rebuild", "--all-logs", "--json"])
        .exits(0);
    assert!(looked.out.contains("0 of 0 event logs"), "{}", looked.out);
    assert!(looked.out.contains("0 differed"), "{}", looked.out);
    assert_eq!(place.rok(&["incidents", "--json"]).exits(0).json(), before);
    let metrics = place.rok(&["metrics"]).exits(0).out;
    assert!(
        metrics.contains("rok_runs{status=\"collected\"} 2"),
        "{metrics}"
    );
}

struct Live(Child);

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Killed at whatever point: each run is a run or a stub, both verify, and the
/// next time finishes it. The server that has the database open goes on.
#[test]
fn killed_while_collecting_there_is_a_run_or_a_stub_in_a_database() {
    let place = Place::new(Where::Database);
    let runs: Vec<String> = (0..6).map(|n| format!("r{n}")).collect();
    for run in &runs {
        place.ran(PLAN, run);
    }
    let store = SqliteStore::open(place.bench().path().join("rok.db"), Durability::Flush);
    let store = store.expect("a database");
    let stubs = || -> BTreeSet<String> {
        let entries = store.list(&RunFilter::default()).expect("a list");
        let stubs = entries.iter();
        let stubs = stubs.filter(|entry| matches!(entry, RunEntry::Collected { .. }));
        stubs.map(|entry| entry.name().to_owned()).collect()
    };
    let args = ["gc", "--older-than", "0s", "--store", "sqlite:rok.db"];
    for stop_at in 1..runs.len() {
        let mut command = place.bench().command(args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut collecting = Live(command.spawn().expect("rok starts"));
        while stubs().len() < stop_at && matches!(collecting.0.try_wait(), Ok(None)) {
            std::thread::yield_now();
        }
        drop(collecting);
        let stubs = stubs();
        for run in &runs {
            let verified = place.rok(&["verify", run, "--json"]).exits(0).json();
            let is_stub = stubs.contains(run);
            let verdict = if is_stub { "collected" } else { "intact" };
            assert_eq!(verified["verdict"], verdict, "{run}");
        }
    }
    gc(&place, &["--older-than", "0s"]);
    for run in &runs {
        place.rok(&["verify", run, "--sealed"]).exits(0);
        assert!(!files(&place).join(run).exists(), "the rest is gone too");
    }
    place.ran(PLAN, "after");
    place.rok(&["verify", "after", "--sealed"]).exits(0);
}

/// While a server drives runs, collecting takes none from it.
#[test]
fn collecting_beside_a_server_that_drives_loses_nothing() {
    let mut place = Place::new(Where::Database);
    let runs: Vec<String> = (0..24).map(|n| format!("r{n:02}")).collect();
    for run in &runs {
        let asked = json!({ "definition": PLAN, "run_id": run });
        place.served().post("/api/v1/runs", &asked).is(201);
        if run.ends_with('5') {
            let report = gc(&place, &["--older-than", "0s"]);
            assert_eq!(report["failed"], json!([]), "{report}");
        }
    }
    for run in &runs {
        let waited = place
            .served()
            .get(&format!("/api/v1/runs/{run}/wait?wait=60s"));
        let verified: Ran = place.rok(&["verify", run, "--sealed", "--json"]).exits(0);
        let verdict = verified.json()["verdict"].clone();
        let is_stub = verdict == "collected";
        assert_eq!(waited.status == 200, !is_stub, "{run}: {verdict}");
    }
    let listed = place.rok(&["ls", "--json"]).exits(0).json();
    assert_eq!(ids(&listed).len(), runs.len());
}
