//! The same server over a database: a pool drives the runs.

use super::killed::until;
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
    // They are counted a moment after the log was sealed.
    until("it is counted", || {
        let text = served.get("/metrics").is(200).body;
        text.contains("\nrok_pool_ended_total 1\n")
    });
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
    let bench = bench();
    // Five at once in one folder: none makes a file that another one writes.
    bench.write(
        "held.yaml",
        "plan: held\nsteps:\n  greet: { run: [echo, hello] }\n  ask: { gate: manual, run: ['true'], needs: [greet] }\n",
    );
    let mut served = Served::with(bench, &FLAGS);
    let keyed = |served: &Served, key: &str| {
        let asked = json!({ "plan": "held" });
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

/// Waits until an answer says so.
fn answers(served: &Served, path: &str, says: impl Fn(&serde_json::Value) -> bool) {
    let by = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let answer = served.get(path);
        if answer.status == 200 && says(&answer.json()) {
            return;
        }
        assert!(std::time::Instant::now() < by, "{}", answer.body);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn pausing_a_run_pauses_its_sub_runs_and_unpausing_lets_both_go_on() {
    let bench = bench();
    // It waits for a file, one look a step, so that a pause comes between.
    let inner = "plan: inner\nsteps:\n  a: { run: [sh, -c, 'touch began; while ! test -e go; do sleep 0.05; done'] }\n  b: { needs: [a], run: ['true'] }\n";
    bench.write("inner.yaml", inner);
    bench.write("outer.yaml", "plan: outer\nsteps: { s: { plan: inner } }\n");
    let served = Served::with(bench, &FLAGS);
    let asked = json!({ "plan": "outer", "run_id": "r1" });
    served.post("/api/v1/runs", &asked).is(201);
    let began = served.bench.path().join("began");
    let by = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !began.exists() {
        assert!(std::time::Instant::now() < by, "it does not begin");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let summary = served.get("/api/v1/runs/r1/summary").is(200).json();
    let child = summary["steps"][0]["run"]
        .as_str()
        .expect("a sub-run")
        .to_owned();
    let of_child = format!("/api/v1/runs/{child}/summary");
    let lunch = json!({ "reason": "lunch" });
    served.post("/api/v1/runs/r1/pause", &lunch).is(200);
    answers(&served, &of_child, |run| !run["hold"].is_null());
    // The step that ran ends; what follows it waits.
    served.bench.write("go", "");
    answers(&served, &of_child, |run| {
        run["steps"][0]["state"] == "succeeded"
    });
    let held = served.get(&of_child).is(200).json();
    assert_eq!(held["steps"][1]["state"], "pending", "{held}");
    served.post("/api/v1/runs/r1/unpause", &json!({})).is(200);
    answers(&served, "/api/v1/runs/r1", |run| {
        run["status"] == "succeeded"
    });

    let events = served
        .bench
        .rok(["events", &child, "--json", "--store", "sqlite:rok.db"]);
    let events = events.exits(0).out;
    // Each was said once, with who and why.
    assert!(
        events.contains("run r1 was paused by user:tester: lunch"),
        "{events}"
    );
    assert_eq!(events.matches("\"run.held\"").count(), 1, "{events}");
    assert_eq!(events.matches("\"run.released\"").count(), 1, "{events}");
}
