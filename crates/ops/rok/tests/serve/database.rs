//! A server over a database: its pool drives, and nobody waits on a thread.

use super::{Served, bench};
use rok_log::Durability;
use rok_store_sqlite::SqliteStore;
use rstest::rstest;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const FLAGS: [&str; 6] = [
    "--insecure-no-auth",
    "--store",
    "sqlite:rok.db",
    "--set",
    "lease_ms=1500",
    "--quiet",
];

fn served() -> Served {
    Served::with(bench(), &FLAGS)
}

#[test]
fn a_run_of_a_database_waits_is_approved_and_ends() {
    let served = served();
    let asked = json!({ "plan": "hello", "run_id": "r1", "inputs": { "who": "ada" } });
    let made = served.post("/api/v1/runs?wait=30s", &asked).is(201);
    assert_eq!(made.json()["status"], "blocked");

    let mut events = served.client.follow("/api/v1/runs/r1/events");
    events
        .by_ref()
        .find(|event| event.kind == "run.held")
        .expect("it is held");
    let why = json!({ "reason": "looks right" });
    served
        .post("/api/v1/runs/r1/steps/ask/approve", &why)
        .is(200);
    let last = events.last().expect("it goes on");
    assert_eq!(last.kind, "run.sealed");

    let run = served.get("/api/v1/runs/r1").is(200).json();
    assert_eq!(run["status"], "succeeded");
    let log = served.get("/api/v1/runs/r1/logs/greet").is(200);
    assert_eq!(log.body, "hello ada\n");
    let made = served.get("/api/v1/runs/r1/artifacts/out.txt").is(200);
    assert_eq!(made.body, "42\n");
    for line in [
        "rok_runs_total{outcome=\"succeeded\"} 1",
        "rok_steps_total{state=\"succeeded\"} 2",
        "rok_queue_claimed 0",
        "rok_pool_lost_total 0",
    ] {
        // They are counted a moment after the log was sealed.
        let by = Instant::now() + Duration::from_secs(20);
        while !served.get("/metrics").is(200).body.contains(line) {
            assert!(Instant::now() < by, "{line} is not in the metrics");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn the_terminal_sees_the_same_runs_while_a_server_drives_them() {
    let served = served();
    let asked = json!({ "plan": "hello", "run_id": "r1" });
    served.post("/api/v1/runs?wait=30s", &asked).is(201);
    let on = |args: &[&str]| {
        let args = ["--store", "sqlite:rok.db"].iter().chain(args);
        served.bench.rok(args)
    };
    let listed = on(&["ls", "--json"]).exits(0).json();
    assert_eq!(listed[0]["run_id"], "r1", "{listed}");
    assert!(on(&["events", "r1"]).exits(0).out.contains("run.held"));
    on(&["approve", "r1", "ask", "--reason", "by hand"]).exits(0);
    served.get("/api/v1/runs/r1/wait?wait=30s").is(200);
    let status = on(&["status", "r1", "--json"]).exits(0).json();
    assert_eq!(status["status"], "succeeded");
    on(&["verify", "r1", "--sealed"]).exits(0);
    // The folder of run folders knows nothing of it.
    let folders = served.bench.rok(["ls", "--json"]).exits(0).json();
    assert_eq!(folders, json!([]));
}

#[rstest]
#[case(&["run", "hello.yaml"], "`rok serve` drives")]
#[case(&["schedule", "tick"], "`rok serve` drives")]
fn what_only_a_server_can_do_is_refused(#[case] args: &[&str], #[case] why: &str) {
    let bench = bench();
    SqliteStore::open(bench.path().join("rok.db"), Durability::Flush).expect("a database");
    let args = ["--store", "sqlite:rok.db"].iter().chain(args);
    let refused = bench.rok(args).exits(2);
    assert!(refused.err.contains("ROK0117"), "{}", refused.err);
    assert!(refused.err.contains(why), "{}", refused.err);
}

#[test]
fn whoever_only_looks_makes_no_database() {
    let bench = bench();
    let refused = bench.rok(["ls", "--store", "sqlite:typo.db"]).exits(2);
    assert!(
        refused.err.contains("there is no database"),
        "{}",
        refused.err
    );
    assert!(!bench.path().join("typo.db").exists());
}

#[rstest]
#[case("postgres://ada:secret@db/rok", "PostgreSQL")]
#[case("mysql:x", "is no store")]
#[case("sqlite:", "is no store")]
fn other_stores_are_refused(#[case] store: &str, #[case] why: &str) {
    let refused = bench().rok(["serve", "--store", store]).exits(2);
    assert!(refused.err.contains(why), "{}", refused.err);
    assert!(!refused.err.contains("secret"), "{}", refused.err);
}

#[test]
fn a_failed_run_is_resumed_over_http() {
    let served = served();
    let plan =
        "plan: half\nsteps:\n  a: { run: ['true'] }\n  b: { needs: [a], run: [test, -f, there] }\n";
    let asked = json!({ "definition": plan, "run_id": "r1" });
    let failed = served.post("/api/v1/runs?wait=30s", &asked).is(201).json();
    assert_eq!(failed["status"], "failed");
    served.bench.write("there", "");
    served
        .post(
            "/api/v1/runs/r1/resume",
            &json!({ "reason": "it is there" }),
        )
        .is(202);
    until(&served, "r1", "succeeded");
    let again = served.post("/api/v1/runs/r1/resume", &json!({}));
    assert_eq!(again.is(409).json()["code"], "ROK0104");
}

/// Waits until a run stands so.
fn until(served: &Served, run: &str, status: &str) -> Value {
    let by = Instant::now() + Duration::from_secs(60);
    loop {
        let run = served.get(&format!("/api/v1/runs/{run}")).is(200).json();
        if run["status"] == status {
            return run;
        }
        assert!(Instant::now() < by, "{run}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn on_sigterm_a_step_ends_and_the_rest_goes_on_after_the_next_start() {
    let mut served = served();
    let plan = "plan: two\nsteps:\n  a: { run: [sh, -c, 'touch began; sleep 1; touch ended'] }\n  b: { needs: [a], run: ['true'] }\n";
    let asked = json!({ "definition": plan, "run_id": "r1" });
    served.post("/api/v1/runs", &asked).is(201);
    let by = Instant::now() + Duration::from_secs(60);
    while !served.bench.path().join("began").exists() {
        assert!(Instant::now() < by, "it does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    let (code, told) = served.stop();
    assert_eq!(code, Some(0), "{told}");
    // What ran was let end, within the grace period.
    assert!(served.bench.path().join("ended").exists());
    served.restart(&FLAGS);
    until(&served, "r1", "succeeded");
    let events = served.get("/api/v1/runs/r1/events?limit=1000").is(200);
    let started = events.body.matches("\"step.started\"").count();
    assert_eq!(started, 2, "no step was started twice: {}", events.body);
}

#[test]
fn readiness_fails_while_the_database_cannot_be_written_and_comes_back() {
    let served = served();
    served.get("/readyz").is(200);
    let file = served.bench.path().join("rok.db");
    let away = served.bench.path().join("away.db");
    std::fs::rename(&file, &away).expect("it moves");
    becomes(&served, 503);
    served.get("/livez").is(200);
    let server = format!("http://{}", served.client.address());
    let doctor = served.bench.rok(["doctor", "--server", &server]).exits(1);
    assert!(
        doctor.out.contains("runs cannot be carried out now"),
        "{}",
        doctor.out
    );
    let refused = served.post("/api/v1/runs", &json!({ "plan": "hello" }));
    assert!(refused.status >= 500, "{}", refused.body);
    std::fs::rename(&away, &file).expect("it moves back");
    becomes(&served, 200);
    let asked = json!({ "plan": "hello", "run_id": "r2" });
    let made = served.post("/api/v1/runs?wait=30s", &asked).is(201);
    assert_eq!(made.json()["status"], "blocked");
}

fn becomes(served: &Served, status: u16) {
    let by = Instant::now() + Duration::from_secs(30);
    loop {
        let ready = served.get("/readyz");
        if ready.status == status {
            return;
        }
        assert!(Instant::now() < by, "{}", ready.body);
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A copy of what a clean end leaves is a backup.
#[test]
fn after_a_clean_end_the_file_alone_has_it_all() {
    let mut served = served();
    for run in ["r1", "r2"] {
        let asked = json!({ "plan": "hello", "run_id": run });
        served.post("/api/v1/runs?wait=30s", &asked).is(201);
    }
    assert_eq!(served.stop().0, Some(0));
    let bench = &served.bench;
    let log = bench.path().join("rok.db-wal");
    assert!(!log.exists() || log.metadata().expect("it is there").len() == 0);
    let copy = bench.path().join("copy.db");
    std::fs::copy(bench.path().join("rok.db"), copy).expect("it is copied");
    let listed = bench.rok(["--store", "sqlite:copy.db", "ls", "--json"]);
    let listed = listed.exits(0).json();
    let ids: Vec<_> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|run| &run["run_id"])
        .collect();
    assert_eq!(ids, ["r1", "r2"]);
}
