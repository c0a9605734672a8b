//! Three failures of a worker for a site mark it degraded; a report ends that.

use super::{Served, bench};
use crate::workers::{Does, Workers};
use serde_json::{Value, json};

const FLAGS: [&str; 5] = [
    "--insecure-no-auth",
    "--store",
    "sqlite:rok.db",
    "--set",
    "services=services.toml",
];

/// The workers of `quick-v1`, of which vitals-monitor does so.
fn workers(vitals: Does) -> Workers {
    let well = Does::Answers(200, "{}".to_owned());
    Workers::start([
        ("serp-intelligence", well.clone()),
        ("technical-seo", well),
        ("vitals-monitor", vitals),
    ])
}

/// Runs `quick-v1` for a site, and gives the services that its diagnosis has as
/// degraded.
fn run(served: &Served, site: &str) -> Value {
    let asked = json!({ "website_id": site, "domain": "example.com", "plan_id": "quick-v1" });
    let answer = served.post("/api/orchestration/run", &asked).is(200).json();
    let run = answer["run_id"].as_str().expect("an id");
    let summary = served.get(&format!("/api/v1/runs/{run}/summary"));
    summary.is(200).json()["diagnosis"]["diagnosis"]["degraded_services"].clone()
}

fn health(served: &Served) -> Value {
    let health = served.get("/api/orchestration/health").is(200).json();
    health.get("degraded_services").cloned().unwrap_or_default()
}

/// Changes the database by SQL, as a hand does.
fn by_hand(served: &Served, sql: &str) {
    let script =
        "import sqlite3, sys; db = sqlite3.connect('rok.db'); db.executescript(sys.argv[1])";
    let mut python = std::process::Command::new("python3");
    let done = python
        .args(["-c", script, sql])
        .current_dir(served.bench.path())
        .status();
    assert!(done.expect("python3 starts").success());
}

#[test]
fn what_a_hand_altered_is_made_anew_from_the_logs() {
    let ill = workers(Does::Answers(500, "{}".to_owned()));
    let bench = bench();
    bench.write("services.toml", &ill.map());
    let mut served = Served::with(bench, &FLAGS);
    for _ in 0..3 {
        run(&served, "site_1");
    }
    served.stop();
    let rebuild = |served: &Served| {
        let args = ["doctor", "--rebuild", "--json", "--store", "sqlite:rok.db"];
        let ran = served.bench.rok(args).exits(0);
        let checks = ran.json()["checks"].as_array().expect("checks").clone();
        let tables = checks.into_iter().filter(|check| check["area"] == "tables");
        tables
            .map(|check| check["said"].as_str().expect("text").to_owned())
            .collect::<Vec<_>>()
    };
    let [clean] = &rebuild(&served)[..] else {
        panic!("nothing differs")
    };
    assert!(clean.ends_with("0 differed"), "{clean}");
    by_hand(
        &served,
        "DELETE FROM records WHERE kind = 'kbase_events' AND json ->> 'type' = 'diagnosis';
         UPDATE records SET json = json_set(json, '$.service', 'x') WHERE kind = 'kbase_events' AND json ->> 'type' = 'result';
         DELETE FROM records WHERE kind = 'incident';
         INSERT INTO records (namespace, kind, key, json)
           SELECT namespace, kind, 'stray', json FROM records WHERE kind = 'kbase_events' LIMIT 1;
         UPDATE kbase_events SET payload = '{}' WHERE type = 'run_status' AND payload LIKE '%started%';
         DELETE FROM worker_failures;",
    );
    let seen = served.bench.rok(["doctor", "--store", "sqlite:rok.db"]);
    let seen = seen.exits(1).out;
    for expected in [
        "is not there, and its log says it",
        "says something else than its log",
        "comes of no log",
        "is not its record",
    ] {
        assert!(seen.contains(expected), "{expected} in {seen}");
    }
    let said = rebuild(&served);
    for expected in [
        "was not there",
        "said something else",
        "came of no log",
        "not what its record says",
    ] {
        assert!(
            said.iter().any(|said| said.contains(expected)),
            "{expected} in {said:?}"
        );
    }
    assert!(
        !said.last().expect("a sum").ends_with(" 0 differed"),
        "{said:?}"
    );
    assert!(rebuild(&served)[0].ends_with("; 0 differed"));
    served.restart(&FLAGS);
    assert_eq!(health(&served), json!(["vitals-monitor"]));
}

#[test]
fn the_third_failure_in_a_row_degrades_a_worker_durably_until_it_reports() {
    let ill = workers(Does::Answers(500, "{}".to_owned()));
    let bench = bench();
    bench.write("services.toml", &ill.map());
    let mut served = Served::with(bench, &FLAGS);
    assert_eq!(run(&served, "site_1"), json!([]));
    assert_eq!(run(&served, "site_1"), json!([]));
    assert_eq!(run(&served, "site_2"), json!([]), "another site");
    assert_eq!(health(&served), Value::Null);
    assert_eq!(run(&served, "site_1"), json!(["vitals-monitor"]));
    assert_eq!(health(&served), json!(["vitals-monitor"]));
    served.child.kill().expect("it lives");
    served.child.wait().expect("it ends");
    let well = workers(Does::Answers(200, "{}".to_owned()));
    served.bench.write("services.toml", &well.map());
    served.restart(&FLAGS);
    assert_eq!(health(&served), json!(["vitals-monitor"]));
    assert_eq!(run(&served, "site_2"), json!([]));
    assert_eq!(health(&served), json!(["vitals-monitor"]), "another site");
    assert_eq!(run(&served, "site_1"), json!([]));
    assert_eq!(health(&served), Value::Null);
}
