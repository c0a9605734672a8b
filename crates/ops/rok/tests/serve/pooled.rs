//! The same server over a database: a pool drives the runs.

use super::{Served, bench};
use serde_json::json;

const FLAGS: [&str; 3] = ["--insecure-no-auth", "--store", "sqlite:rok.db"];

#[test]
fn a_run_in_a_database_is_driven_by_the_pool_to_its_end() {
    let mut served = Served::with(bench(), &FLAGS);
    let asked = json!({ "plan": "hello", "run_id": "r1", "inputs": { "who": "ada" } });
    let made = served.post("/api/v1/runs?wait=30s", &asked).is(201).json();
    assert_eq!(made["status"], "blocked");
    let events = served.client.follow("/api/v1/runs/r1/events");
    let why = json!({ "reason": "fine" });
    served
        .post("/api/v1/runs/r1/steps/ask/approve", &why)
        .is(200);
    let last = events.last().expect("events");
    assert_eq!(last.kind, "run.sealed");
    let ended = served.get("/api/v1/runs/r1").is(200).json();
    assert_eq!(ended["status"], "succeeded");
    let text = served.get("/metrics").is(200).body;
    assert!(text.contains("\nrok_pool_ended_total 1\n"), "{text}");
    let (code, told) = served.stop();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("worker.pool.stopped"), "{told}");
    // The database is the same record without the server.
    let store = ["--store", "sqlite:rok.db"];
    let listed = served
        .bench
        .rok(["ls", "--json"].iter().chain(&store))
        .exits(0);
    assert_eq!(listed.json()[0]["run_id"], "r1");
    served
        .bench
        .rok(["verify", "r1", "--sealed"].iter().chain(&store))
        .exits(0);
    assert!(!served.bench.runs().join("r1/events.jsonl").exists());
}

#[test]
fn a_server_that_was_killed_leaves_runs_that_the_next_one_ends() {
    let mut served = Served::with(bench(), &FLAGS);
    let keyed = |served: &Served, key: &str| {
        let asked = json!({ "plan": "hello" });
        let client = served.client.with("idempotency-key", key);
        client.post("/api/v1/runs", &asked).is(201).json()["run_id"].clone()
    };
    let keys = ["a", "b", "c", "d", "e"];
    let made = keys.map(|key| keyed(&served, key));
    served.child.kill().expect("it lives");
    served.child.wait().expect("it ends");
    served.restart(&FLAGS);
    assert_eq!(keys.map(|key| keyed(&served, key)), made);
    for run in made {
        let run = run.as_str().expect("an id");
        // A lease of the one that was killed may have to run out first.
        let waits = served
            .get(&format!("/api/v1/runs/{run}/wait?wait=120s"))
            .is(200)
            .json();
        assert_eq!(waits["status"], "blocked", "{waits}");
        let why = json!({ "reason": "fine" });
        served
            .post(&format!("/api/v1/runs/{run}/steps/ask/approve"), &why)
            .is(200);
        let ended = loop {
            let standing = served
                .get(&format!("/api/v1/runs/{run}/wait?wait=120s"))
                .is(200)
                .json();
            if standing["sealed"] == true {
                break standing;
            }
        };
        assert_eq!(ended["status"], "succeeded");
    }
    let runs = served.get("/api/v1/runs").is(200).json();
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(5));
}

#[test]
fn a_failed_run_in_a_database_begins_its_next_epoch_from_elsewhere() {
    let served = Served::with(bench(), &FLAGS);
    let plan = "plan: bad\nsteps: { a: { run: ['false'] } }\n";
    let asked = json!({ "definition": plan, "run_id": "r1" });
    let failed = served.post("/api/v1/runs?wait=30s", &asked).is(201).json();
    assert_eq!(failed["status"], "failed");
    served
        .post("/api/v1/runs/r1/resume", &json!({ "reason": "again" }))
        .is(202);
    let again = served.get("/api/v1/runs/r1/wait?wait=30s").is(200).json();
    assert_eq!(
        (again["epoch"].as_u64(), again["status"].as_str()),
        (Some(1), Some("failed"))
    );
}
