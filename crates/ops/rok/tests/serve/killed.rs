//! A server that is killed, and the next one: what was accepted is gone on
//! with, at once and by itself.

use super::{Served, bench};
use rstest::rstest;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const FOLDERS: &[&str] = &["--insecure-no-auth"];
const DATABASE: &[&str] = &["--insecure-no-auth", "--store", "sqlite:rok.db"];
/// Longer than anything here takes, and shorter than the lease of a database.
const SOON: Duration = Duration::from_secs(20);

/// Waits until it is so.
pub(super) fn until(what: &str, is_so: impl Fn() -> bool) {
    let by = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < by, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn standing(served: &Served, run: &str) -> Value {
    served.get(&format!("/api/v1/runs/{run}")).is(200).json()
}

fn status(served: &Served, run: &str) -> String {
    let standing = standing(served, run);
    standing["status"].as_str().expect("a status").to_owned()
}

fn killed(served: &mut Served, flags: &[&str]) {
    served.child.kill().expect("it lives");
    served.child.wait().expect("it is ours");
    served.restart(flags);
}

/// Nobody asks for them again, and no key names them.
#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn what_was_accepted_goes_on_after_a_kill(#[case] flags: &[&str]) {
    let mut served = Served::with(bench(), flags);
    let slow = "plan: slow\nsteps:\n  a: { run: [sh, -c, 'echo x >> began; test -f goes || exec sleep 600'] }\n  b: { needs: [a], run: ['true'] }\n";
    let asked = json!({ "definition": slow, "run_id": "slow" });
    served.post("/api/v1/runs", &asked).is(201);
    let asked = json!({ "plan": "hello", "run_id": "held" });
    served.post("/api/v1/runs?wait=20s", &asked).is(201);
    let began = served.bench.path().join("began");
    until("the step begins", || began.exists());
    served.bench.write("goes", "");
    // Accepted, and killed the moment after.
    let names: Vec<String> = (0..10).map(|n| format!("r{n}")).collect();
    for run in &names {
        let plan = "plan: quick\nsteps: { a: { run: ['true'] } }\n";
        let asked = json!({ "definition": plan, "run_id": run });
        served.post("/api/v1/runs", &asked).is(201);
    }
    killed(&mut served, flags);
    for run in names.iter().map(String::as_str).chain(["slow"]) {
        until(run, || status(&served, run) == "succeeded");
    }
    // The lost attempt and another; what came before it ran once.
    let lines = std::fs::read_to_string(began).expect("it began");
    assert_eq!(lines.lines().count(), 2);
    until("it waits", || status(&served, "held") == "blocked");
    let why = json!({ "reason": "fine" });
    let path = "/api/v1/runs/held/steps/ask/approve";
    let told = served.post(path, &why).is(200).json();
    assert_eq!(told["driven"], true);
    until("held", || status(&served, "held") == "succeeded");
}

fn notes(served: &Served) -> Vec<PathBuf> {
    let folder = served.bench.runs().join(".accepted~");
    let found = std::fs::read_dir(folder).expect("runs were accepted");
    let found = found.map(|entry| entry.expect("an entry").path());
    found
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect()
}

#[test]
fn a_run_is_answered_for_until_it_has_ended_and_one_of_the_terminal_never() {
    let bench = bench();
    bench.write("bad.yaml", "plan: bad\nsteps: { a: { run: ['false'] } }\n");
    bench
        .rok(["run", "hello.yaml", "--run-id", "mine"])
        .exits(1);
    let mut served = Served::with(bench, FOLDERS);
    let asked = json!({ "plan": "hello", "run_id": "r1" });
    served.post("/api/v1/runs?wait=20s", &asked).is(201);
    assert_eq!(notes(&served).len(), 1);
    killed(&mut served, FOLDERS);
    until("it is driven", || {
        let summary = served.get("/api/v1/runs/r1/summary").is(200).json();
        summary["driven_by"].is_string()
    });
    let mine = served.get("/api/v1/runs/mine/summary").is(200).json();
    assert_eq!(mine["driven_by"], Value::Null, "it is whose who began it");
    served.post("/api/v1/runs/r1/cancel", &json!({})).is(200);
    until("it is ended", || notes(&served).is_empty());

    // A next epoch that was promised is gone on with as well.
    let asked = json!({ "plan": "bad", "run_id": "r2" });
    served.post("/api/v1/runs?wait=20s", &asked).is(201);
    until("it is ended", || notes(&served).is_empty());
    let (code, told) = served.stop();
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn a_run_that_was_removed_meanwhile_is_answered_for_no_more() {
    let mut served = Served::with(bench(), FOLDERS);
    let asked = json!({ "plan": "hello", "run_id": "r1" });
    served.post("/api/v1/runs?wait=20s", &asked).is(201);
    served.child.kill().expect("it lives");
    served.child.wait().expect("it is ours");
    std::fs::remove_dir_all(served.bench.runs().join("r1")).expect("it is ours");
    served.restart(FOLDERS);
    until("nothing is noted", || notes(&served).is_empty());
    served.get("/api/v1/runs/r1").is(404);
}

/// Whoever sends a command has the run while it turns once: the server that
/// answers for it comes back to it.
#[test]
fn a_run_that_somebody_had_for_a_moment_is_driven_all_the_same() {
    let mut served = Served::with(bench(), FOLDERS);
    let asked = json!({ "plan": "hello", "run_id": "r1" });
    served.post("/api/v1/runs?wait=20s", &asked).is(201);
    served.child.kill().expect("it lives");
    served.child.wait().expect("it is ours");
    let lock = served.bench.runs().join("r1/lock");
    let lock = std::fs::File::options().write(true).open(lock);
    let lock = lock.expect("a lock");
    lock.lock().expect("nobody has it");
    served.restart(FOLDERS);
    // It was looked at before this one was.
    let asked = json!({ "plan": "hello", "run_id": "r2" });
    served.post("/api/v1/runs?wait=20s", &asked).is(201);
    drop(lock);
    until("it is driven", || {
        let summary = served.get("/api/v1/runs/r1/summary").is(200).json();
        summary["driven_by"].is_string()
    });
    let why = json!({ "reason": "fine" });
    let path = "/api/v1/runs/r1/steps/ask/approve";
    served.post(path, &why).is(200);
    until("it ends", || status(&served, "r1") == "succeeded");
}
