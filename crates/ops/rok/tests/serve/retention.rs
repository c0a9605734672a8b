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
const LABELLED: &str = "plan: made
labels: { team: data }
steps:
  make: { run: [sh, -c, 'echo 42 > out.txt; echo said'], artifacts: [{ path: out.txt }] }
";
const OWN: &str = "@id(\"own\") permit (principal, action, resource) when { context.is_submitter };
@id(\"look\") permit (principal, action == Action::\"view\", resource is Server);
@id(\"ask\") permit (principal, action in [Action::\"submit\", Action::\"submit_own\"], resource);
@id(\"all\") permit (principal in Role::\"admin\", action, resource);
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
    // A server keeps the records of processes for a moment longer.
    let [freed, told] = [&done, &dry].map(|of| of["freed_bytes"].as_u64().expect("bytes"));
    assert!(freed > 0 && freed <= told, "{freed} of {told}");
    assert!(at != Where::Folder || freed == told, "{freed} of {told}");
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

/// Commands that are asked of a stub, and whether they drive a run: those a
/// database leaves to its server.
const OF_A_STUB: &[(&[&str], i32, bool)] = &[
    (&["verify", "old-1"], 0, false),
    (&["verify", "old-1", "--sealed", "--json"], 0, false),
    (&["verify", "old"], 0, false),
    (&["status", "old-1"], 1, false),
    (&["status", "old-1", "make"], 1, false),
    (&["summary", "old-1", "--json"], 1, false),
    (&["ls"], 0, false),
    (&["ls", "--json"], 0, false),
    (&["ls", "--status", "collected"], 0, false),
    (&["ls", "--status", "succeeded"], 0, false),
    (&["ls", "--label", "team=data", "--plan", "made"], 0, false),
    (&["events", "old-1"], 1, false),
    (&["events", "old-1", "--follow"], 1, false),
    (&["logs", "old-1", "make"], 1, false),
    (&["explain", "old-1"], 1, false),
    (&["profile", "old-1"], 1, false),
    (&["diff", "old-1", "new-1"], 1, false),
    (&["graph", "old-1"], 1, false),
    (&["timeline", "old-1"], 1, false),
    (&["report", "old-1"], 1, false),
    (&["export", "old-1", "--out", "old.tar.zst"], 1, false),
    (&["hold", "old-1", "--reason", "case 17"], 1, false),
    (&["resume", "old-1", "--check"], 1, false),
    (&["replay", "old-1"], 1, false),
    (&["approve", "old-1", "make", "--reason", "x"], 1, false),
    (&["cancel", "old-1"], 1, false),
    (&["pause", "old-1"], 1, false),
    (&["resume", "old-1"], 1, true),
    (&["rollback", "old-1"], 1, true),
    (&["replay", "old-1", "--from", "make"], 1, true),
];

/// In the database and at its server, a stub says the same; the codes are those
/// of a folder.
#[test]
fn a_stub_in_a_database_says_the_same_here_and_there() {
    let place = Place::new(Where::Database);
    for run in ["old-1", "new-1"] {
        place.ran(LABELLED, run);
    }
    gc(&place, &["--keep", "1"]);
    let mut wrong = Vec::new();
    for (args, code, drives) in OF_A_STUB {
        let there = place.rok_at(Where::Server, args);
        let told = there.err.contains("ROK0160") == (*code == 1);
        if there.code != *code || !told {
            wrong.push(format!("{args:?} there: {} {}", there.code, there.err));
        }
        let here = place.rok(args);
        let same = (here.code, &here.out, &here.err) == (there.code, &there.out, &there.err);
        if !same && !drives {
            wrong.push(format!(
                "{args:?} here: {} {}{}\nthere: {} {}{}",
                here.code, here.out, here.err, there.code, there.out, there.err
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same policies as over folders say who may collect, and who may look at
/// what is left.
#[test]
fn policies_decide_who_collects_and_who_sees_what_is_left() {
    const STORE: [&str; 2] = ["--store", "sqlite:rok.db"];
    let bench = super::bench();
    bench.write("own.cedar", OWN);
    let token = |user: &str, role: &str| -> String {
        let create = ["token", "create", "--user", user, "--role", role, "--json"];
        let made = bench.rok(create.iter().chain(&STORE)).exits(0).json();
        made["token"].as_str().expect("a token").to_owned()
    };
    let [ada, bob, root] = [("ada", "viewer"), ("bob", "viewer"), ("root", "admin")]
        .map(|(user, role)| token(user, role));
    let flags = [
        "--store",
        "sqlite:rok.db",
        "--set",
        "access_policies=own.cedar",
        "--quiet",
    ];
    let mut served = super::Served::with(bench, &flags);
    let made = json!({ "definition": PLAN, "run_id": "r1" });
    let as_ada = served
        .client
        .with("authorization", &format!("Bearer {ada}"));
    as_ada.post("/api/v1/runs?wait=60s", &made).is(201);
    for is_stub in [false, true] {
        let there = |token: &str, args: &[&str]| -> Ran {
            let mut command = served.bench.command(args);
            command.env("ROK_SERVER", format!("http://{}", served.client.address()));
            Ran::from(
                command
                    .env("ROK_TOKEN", token)
                    .output()
                    .expect("rok starts"),
            )
        };
        let hidden = there(&bob, &["verify", "r1"]).exits(2);
        assert!(hidden.err.contains("ROK0101"), "{}", hidden.err);
        assert_eq!(there(&bob, &["ls", "--json"]).exits(0).json(), json!([]));
        for who in [&ada, &root] {
            let proved = there(who, &["verify", "r1"]).exits(0).out;
            assert_eq!(proved.starts_with("✓ STUB"), is_stub, "{proved}");
            let listed = there(who, &["ls", "--json"]).exits(0).json();
            assert_eq!(ids(&listed), ["r1"]);
        }
        let rules = ["gc", "--older-than", "0s", "--json"];
        let denied = there(&bob, &rules).exits(5);
        assert!(denied.err.contains("ROK0202"), "{}", denied.err);
        let report = there(&root, &rules).exits(0).json();
        assert_eq!(ids(&report["collected"]).len(), usize::from(!is_stub));
        // Nothing of whose it was is in memory alone.
        served.stop();
        served.restart(&flags);
    }
}

/// Whatever is changed of a stub in a database, it does not verify any more.
#[rstest]
#[case::head(
    "UPDATE stubs SET stub = json_set(stub, '$.head', stub ->> 'before')",
    "stub.json"
)]
#[case::lines(
    "UPDATE stubs SET stub = json_set(stub, '$.last', json('[]'))",
    "stub.json"
)]
#[case::none("UPDATE stubs SET stub = 'gone'", "is no stub")]
#[case::outcome("UPDATE runs SET outcome = 'failed'", "its row: says something else")]
#[case::label("UPDATE runs SET labels = '{}'", "its row: says something else")]
#[case::seal("UPDATE runs SET seal = NULL", "seal.json: is missing")]
fn a_stub_that_was_changed_in_a_database_is_broken(#[case] sql: &str, #[case] told: &str) {
    let place = Place::new(Where::Database);
    place.ran(LABELLED, "r1");
    gc(&place, &["--older-than", "0s"]);
    let changed = rusqlite::Connection::open(place.bench().path().join("rok.db"))
        .and_then(|db| db.execute(sql, []));
    assert_eq!(changed.expect("it is changed"), 1);
    for at in [Where::Database, Where::Server] {
        let broken = place.rok_at(at, &["verify", "r1"]).exits(4);
        // A server that cannot tell whose it was says no more than that.
        let hides = at == Where::Server && broken.err.contains("ROK0105");
        assert!(hides || broken.out.contains(told), "{told}: {}", broken.out);
    }
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
        metrics.contains("rok_runs_by_status{status=\"collected\"} 2"),
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
