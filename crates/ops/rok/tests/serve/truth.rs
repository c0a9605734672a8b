//! What is said of runs of which not all is well: a server that was killed, a
//! step that waits for a place, a record that was changed.

use super::killed::until;
use super::places::{Place, Where};
use super::{Served, bench};
use crate::support::{Bench, Ran};
use rstest::rstest;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const STORE: [&str; 2] = ["--store", "sqlite:rok.db"];

fn on_store(bench: &Bench, args: &[&str]) -> Ran {
    bench.rok(args.iter().chain(&STORE))
}

/// A step that runs until the file `goes` is there.
fn slow(step: &str) -> String {
    format!(
        "{step}: {{ run: [sh, -c, 'echo x > began-{step}; until test -f goes; do sleep 0.05; done'] }}"
    )
}

/// Its lease has not ended yet: only that its process is gone tells it.
#[test]
fn a_database_whose_server_was_killed_says_so_at_once() {
    let mut served = Served::with(
        bench(),
        &["--insecure-no-auth", "--store", "sqlite:rok.db", "--quiet"],
    );
    let plan = format!("plan: slow\nsteps: {{ {} }}\n", slow("a"));
    let asked = json!({ "definition": plan, "items": [{}], "batch_id": "b1" });
    let batch = served.post("/api/v1/batches", &asked).is(201).json();
    let run = batch["results"][0]["run_id"].as_str().expect("an id");
    let began = served.bench.path().join("began-a");
    until("the step begins", || began.exists());
    let listed = on_store(&served.bench, &["ls"]).exits(0).out;
    assert!(listed.contains("▸ executing"), "{listed}");
    served.child.kill().expect("it lives");
    served.child.wait().expect("it is ours");

    let listed = on_store(&served.bench, &["ls"]).exits(0).out;
    assert!(
        listed.contains("‖ executing, its server is gone"),
        "{listed}"
    );
    let row = on_store(&served.bench, &["ls", "--json"]).exits(0).json();
    let left_by = row[0]["queued"]["left_by"].as_str().expect("whose it was");
    assert!(left_by.starts_with("serve:"), "{left_by}");
    let summary = on_store(&served.bench, &["summary", run, "--json"]);
    let summary = summary.exits(0).json();
    assert_eq!(summary["driven_by"], Value::Null);
    assert_eq!(summary["queued"]["left_by"], left_by);
    let status = on_store(&served.bench, &["status", run]).exits(0).out;
    assert!(
        status.contains("QUEUED (its server is gone; another one over the database takes it up)"),
        "{status}"
    );
    let told = on_store(&served.bench, &["explain", run]).exits(0).out;
    for part in [
        "its server is gone (serve:",
        "step `a` was running",
        "takes it up at once",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let shown = on_store(&served.bench, &["batch", "show", "b1", "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).expect("JSON");
    assert_eq!(shown["results"][0]["queued"], true, "{shown}");

    // And the next one takes it up at once.
    served.bench.write("goes", "");
    served.restart(&["--insecure-no-auth", "--store", "sqlite:rok.db", "--quiet"]);
    until("it goes on", || {
        let standing = served.get(&format!("/api/v1/runs/{run}")).is(200).json();
        standing["status"] == "succeeded"
    });
}

/// A command is durable, and obeyed by whoever takes the run up; until then it
/// is not said to be done.
#[test]
fn a_command_that_nobody_can_obey_now_waits_and_says_so() {
    let flags = ["--insecure-no-auth", "--store", "sqlite:rok.db", "--quiet"];
    let mut served = Served::with(bench(), &flags);
    let asked = json!({ "plan": "hello", "run_id": "r1" });
    served.post("/api/v1/runs?wait=20s", &asked).is(201);
    let why = served.get("/api/v1/runs/r1/explain").is(200).body;
    let waits = "no server needs to drive it while it waits";
    assert!(why.contains(waits), "{why}");
    served.child.kill().expect("it lives");
    served.child.wait().expect("it is ours");
    let asked = Instant::now();
    let told = on_store(&served.bench, &["cancel", "r1", "--reason", "no need"]).exits(1);
    let waited = asked.elapsed();
    assert!(
        waited < Duration::from_secs(9),
        "it waited {waited:?} for nobody"
    );
    assert!(
        told.out.contains("not yet cancelled: r1") && told.out.contains("waits in its inbox"),
        "{}",
        told.out
    );
    let takes_up = "rok --store sqlite:rok.db serve\n";
    assert!(told.err.contains(takes_up), "{}", told.err);
    // What is advised names the database as it was named.
    let by_variable = |args: [&str; 4]| {
        let mut command = served.bench.command(args);
        command.env("ROK_STORE", "sqlite:rok.db");
        Ran::from(command.output().expect("rok starts")).exits(if args[0] == "resume" {
            2
        } else {
            1
        })
    };
    let told = by_variable(["cancel", "r1", "--reason", "really"]);
    assert!(told.err.contains("  rok serve\n"), "{}", told.err);
    let told = by_variable(["resume", "r1", "--reason", "go on"]);
    assert!(
        told.err.contains("--server in place of ROK_STORE"),
        "{}",
        told.err
    );
    let status = on_store(&served.bench, &["status", "r1", "--json"]);
    assert_eq!(status.exits(0).json()["status"], "blocked");
    served.restart(&flags);
    until("it is cancelled", || {
        served.get("/api/v1/runs/r1").is(200).json()["sealed"] == true
    });
}

/// In a folder whoever asks obeys, and where that cannot be the same is said.
#[test]
fn a_command_that_cannot_be_obeyed_here_waits_and_says_so() {
    let bench = bench();
    let run = ["run", "hello.yaml", "--run-id", "r1", "--quiet"];
    bench.rok(run).exits(1);
    let lock = bench.runs().join("r1/lock");
    std::fs::remove_file(&lock).expect("it is ours");
    std::fs::create_dir(&lock).expect("it is ours");
    let told = bench.rok(["approve", "r1", "ask", "--reason", "fine", "--json"]);
    let told = told.exits(1).json();
    assert_eq!(
        (&told["answer"], &told["driven"]),
        (&json!("delivered"), &json!(false))
    );
    std::fs::remove_dir(&lock).expect("it is ours");
    bench.rok(["resume", "r1", "--quiet"]).exits(0);
    let status = bench.rok(["status", "r1", "--json"]).exits(0).json();
    assert_eq!(status["status"], "succeeded");
}

/// What is advised of a database's run can be done.
#[test]
fn a_server_is_named_where_it_alone_can_resume() {
    let place = Place::new(Where::Database);
    place.ran(
        "plan: bad\nsteps: { a: { run: ['false'], idempotent: true } }\n",
        "bad",
    );
    let check = place.rok(&["resume", "bad", "--check"]).exits(0).out;
    let explained = place.rok(&["explain", "bad"]).exits(0).out;
    for told in [check, explained] {
        assert!(told.contains("rok --server URL resume bad\n"), "{told}");
    }
    let closed = place.rok(&["cancel", "bad"]).exits(1).err;
    assert!(closed.contains("`rok resume bad --server URL`"), "{closed}");
    let there = Where::Server;
    place.rok_at(there, &["resume", "bad"]).exits(1);
    let again = place.rok(&["status", "bad", "--json"]).exits(0).json();
    assert_eq!(again["epoch"], 1);
}

/// All runs of a database share the places for processes.
#[test]
fn a_step_that_waits_for_a_place_is_not_said_to_run() {
    let flags = ["--insecure-no-auth", "--set", "max_processes=1"];
    let flags: Vec<&str> = flags.iter().chain(&STORE).copied().collect();
    let served = Served::with(bench(), &flags);
    let at = |path: &str| served.get(&format!("/api/v1/runs/{path}")).is(200).json();
    for run in ["one", "two"] {
        let plan = format!("plan: narrow\nsteps:\n  {}\n", slow("a"));
        let asked = json!({ "definition": plan, "run_id": run });
        served.post("/api/v1/runs", &asked).is(201);
        let began = served.bench.path().join("began-a");
        until("the first begins, the next is decided", || {
            began.exists() && at(&format!("{run}/summary"))["totals"]["running"] == 1
        });
    }
    // The process goes on record a moment after it began.
    until("the first is on record", || {
        at("one/summary")["steps"][0]["began_at"].is_string()
    });
    let (runs, waits) = (at("one/summary"), at("two/summary"));
    assert_eq!(runs["totals"]["queued"], Value::Null, "{runs}");
    assert_eq!(runs["steps"][0]["queued"], Value::Null, "{runs}");
    assert_eq!(waits["totals"]["queued"], 1, "{waits}");
    assert_eq!(waits["steps"][0]["queued"], true, "{waits}");
    assert_eq!(waits["steps"][0]["began_at"], Value::Null, "{waits}");
    assert_eq!(at("two")["totals"]["queued"], 1);

    let server = format!("http://{}", served.client.address());
    let asks = |args: &[&str]| {
        let more = ["--server", server.as_str()];
        served.bench.rok(args.iter().chain(&more)).exits(0).out
    };
    let status = asks(&["status", "two"]);
    assert!(status.contains("0 skipped, 1 queued)"), "{status}");
    assert!(status.contains("queued: a\n"), "{status}");
    let status = asks(&["status", "one"]);
    assert!(status.contains("running: a\n"), "{status}");
    let whole = asks(&["summary", "two"]);
    assert!(
        whole.contains("queued") && whole.contains("(waits for a place"),
        "{whole}"
    );
    let waiting = "step `a` is waiting for a place, as many run as may";
    let told = asks(&["explain", "two", "a"]);
    assert!(told.starts_with(waiting), "{told}");
    let told = asks(&["explain", "two"]);
    assert!(told.contains(waiting), "{told}");
    let told = asks(&["explain", "one"]);
    assert!(told.contains("step `a` is running since"), "{told}");
    served.bench.write("goes", "");
    served.get("/api/v1/runs/two/wait").is(200);
    assert_eq!(at("two/summary")["steps"][0]["queued"], Value::Null);
}

/// A run of a database that has to wait for another with its key.
#[test]
fn a_run_that_waits_for_a_place_says_for_whom() {
    let served = Served::with(
        bench(),
        &["--insecure-no-auth", "--store", "sqlite:rok.db", "--quiet"],
    );
    let plan = format!(
        "plan: one\nconcurrency: {{ key: only }}\nsteps: {{ {} }}\n",
        slow("a")
    );
    for run in ["first", "second"] {
        let asked = json!({ "definition": plan, "run_id": run });
        served.post("/api/v1/runs", &asked).is(201);
        let began = served.bench.path().join("began-a");
        until("the first begins", || began.exists());
    }
    let told = on_store(&served.bench, &["explain", "second"]).exits(0).out;
    assert!(
        told.starts_with("it was created, and waits for a place: 1 of 1 runs with concurrency key `only` may go on, and first does"),
        "{told}"
    );
    let listed = on_store(&served.bench, &["ls"]).exits(0).out;
    assert!(listed.contains("‖ created, queued"), "{listed}");
    let standing = served.get("/api/v1/runs/second").is(200).json();
    assert_eq!(standing["queued"], json!({}), "{standing}");
    served.bench.write("goes", "");
    served.get("/api/v1/runs/second/wait").is(200);
}

/// Nothing is shown as done whose record does not hold.
#[rstest]
#[case::everywhere(
    "\"outcome\":\"succeeded\"",
    "\"outcome\":\"failed\"",
    "which no run is"
)]
#[case::as_another_end("\"outcome\":\"succeeded\"", "\"outcome\":\"partial\"", "its seal")]
fn a_list_ticks_nothing_that_was_changed(#[case] from: &str, #[case] to: &str, #[case] why: &str) {
    let bench = bench();
    bench.write(
        "quick.yaml",
        "plan: quick\nsteps: { a: { run: ['true'] } }\n",
    );
    bench
        .rok(["run", "quick.yaml", "--run-id", "r1", "--quiet"])
        .exits(0);
    let log = bench.runs().join("r1/events.jsonl");
    let text = std::fs::read_to_string(&log).expect("a log");
    std::fs::write(&log, text.replace(from, to)).expect("it is written");
    bench.rok(["verify", "r1"]).exits(4);
    let listed = bench.rok(["ls"]).exits(4).out;
    assert!(!listed.contains('✓'), "{listed}");
    assert!(
        listed.contains("✗ broken") && listed.contains(why),
        "{listed}"
    );
    let good = bench
        .rok(["ls", "--status", "succeeded", "--json"])
        .exits(0);
    assert_eq!(good.json(), json!([]));
}

/// That it waits is in its log already, and comes no second time.
#[test]
fn who_resumes_what_waits_for_a_person_is_told_so() {
    let place = Place::new(Where::Database);
    let plan = "plan: gate\nsteps:\n  a: { run: ['true'] }\n  pub: { gate: manual, run: ['true'], needs: [a] }\n";
    place.bench().write("gate.yaml", plan);
    let at_server = |args: &[&str]| place.rok_at(Where::Server, args);
    at_server(&["run", "gate.yaml", "--run-id", "r1"]).exits(1);
    let told = at_server(&["resume", "r1"]).exits(1);
    assert!(told.err.contains("approve r1 pub"), "{}", told.err);
    at_server(&["pause", "r1", "--reason", "lunch"]).exits(0);
    let told = at_server(&["resume", "r1"]).exits(1);
    assert!(told.err.contains("unpause r1"), "{}", told.err);
}
