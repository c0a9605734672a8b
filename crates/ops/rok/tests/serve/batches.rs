//! Batches over HTTP: accepted as a whole or not at all.

use super::killed::until;
use super::{Served, bench};
use crate::support::Ran;
use rstest::rstest;
use serde_json::{Value, json};

const FOLDERS: &[&str] = &["--insecure-no-auth"];
const DATABASE: &[&str] = &["--insecure-no-auth", "--store", "sqlite:rok.db"];
const PLAN: &str = "plan: greet\ninputs: { who: { type: string } }\nsteps:\n  a: { run: [sh, -c, 'test \"$WHO\" != eve'], env: { WHO: '${{ inputs.who }}' } }\n";

fn ended(served: &Served, batch: &Value) -> Value {
    for item in batch["results"].as_array().expect("results") {
        let run = item["run_id"].as_str().expect("an id");
        served.get(&format!("/api/v1/runs/{run}/wait")).is(200);
    }
    let id = batch["batch_id"].as_str().expect("an id");
    served.get(&format!("/api/v1/batches/{id}")).is(200).json()
}

/// What the terminal says to the batch `batch_id` of two items at the server.
fn of_two(served: &Served, batch_id: &str, more: &[&str]) -> Ran {
    served.bench.write("greet.yaml", PLAN);
    let items = "{\"who\": \"ada\"}\n{\"who\": \"bob\"}\n";
    served.bench.write("items.jsonl", items);
    asked(served, batch_id, more)
}

/// What the terminal says to `greet.yaml` with `items.jsonl` as they lie there.
fn asked(served: &Served, batch_id: &str, more: &[&str]) -> Ran {
    let server = format!("http://{}", served.client.address());
    let run = ["run", "greet.yaml", "--batch", "items.jsonl"];
    let there = ["--batch-id", batch_id, "--server", &server];
    served.bench.rok([&run, &there, more].concat())
}

#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn a_batch_is_accepted_and_ends(#[case] flags: &[&str]) {
    let served = Served::with(bench(), flags);
    let asked = json!({
        "definition": PLAN, "batch_id": "b1", "labels": { "team": "data" }, "priority": 4,
        "items": [{ "who": "ada" }, { "who": "eve" }, { "who": "bob" }],
    });
    let made = served.post("/api/v1/batches", &asked).is(201);
    assert_eq!(made.header("location"), Some("/api/v1/batches/b1"));
    let batch = ended(&served, &made.json());
    assert_eq!(batch["status"], "partial");
    let outcomes: Vec<&Value> = { batch["results"].as_array().expect("results").iter() }
        .map(|item| &item["outcome"])
        .collect();
    assert_eq!(outcomes, ["succeeded", "failed", "succeeded"]);
    let summary = served.get("/api/v1/runs/b1.2/summary").is(200).json();
    assert_eq!(summary["labels"]["rok.batch"], "b1");
    assert_eq!(
        (&summary["labels"]["team"], &summary["priority"]),
        (&json!("data"), &json!(4))
    );
    let listed = served
        .get("/api/v1/runs?label=rok.batch%3Db1")
        .is(200)
        .json();
    assert_eq!(listed["runs"].as_array().map(Vec::len), Some(3));
    // Sent again, it is the same batch, and no run is made.
    let again = served.post("/api/v1/batches", &asked).is(201).json();
    assert_eq!(again, batch);
    // With anything else in it, it is not.
    for (key, value) in [
        ("items", json!([{ "who": "ada" }])),
        (
            "items",
            json!([{ "who": "ada" }, { "who": "eve" }, { "who": "cyd" }]),
        ),
        ("labels", json!({})),
    ] {
        let mut other = asked.clone();
        other[key] = value;
        let refused = served.post("/api/v1/batches", &other).is(422).json();
        assert_eq!(refused["code"], "ROK0123");
    }
    let all = served.get("/api/v1/runs").is(200).json();
    assert_eq!(all["runs"].as_array().map(Vec::len), Some(3));
}

#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn a_batch_with_a_faulty_item_makes_no_run(#[case] flags: &[&str]) {
    let served = Served::with(bench(), flags);
    for (items, status) in [
        (json!([]), 400),
        (json!([3]), 400),
        (json!(vec![json!({ "who": "x" }); 1001]), 400),
        (json!([{ "who": "ada" }, { "who": 3 }]), 422),
        (json!([{ "who": "ada" }, {}]), 422),
        (json!([{ "who": "ada", "more": 1 }]), 422),
    ] {
        let asked = json!({ "definition": PLAN, "items": items });
        let refused = served.post("/api/v1/batches", &asked).is(status).json();
        let code = if status == 400 { "ROK0204" } else { "ROK0123" };
        assert_eq!(refused["code"], code);
    }
    let asked = json!({ "definition": PLAN, "items": [{ "who": "ada" }], "batch_id": "../x" });
    served.post("/api/v1/batches", &asked).is(400);
    let asked =
        json!({ "definition": PLAN, "items": [{ "who": "ada" }], "labels": { "rok.batch": "x" } });
    served.post("/api/v1/batches", &asked).is(400);
    served.get("/api/v1/batches/none").is(404);
    let runs = served.get("/api/v1/runs").is(200).json();
    assert_eq!(runs["runs"], json!([]));
}

#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn a_batch_goes_on_after_a_kill(#[case] flags: &[&str]) {
    let mut served = Served::with(bench(), flags);
    let items: Vec<Value> = (0..40).map(|n| json!({ "who": n.to_string() })).collect();
    let asked = json!({ "definition": PLAN, "batch_id": "b1", "items": items });
    let made = served.post("/api/v1/batches", &asked).is(201).json();
    served.child.kill().expect("it lives");
    served.child.wait().expect("it is ours");
    served.restart(flags);
    let batch = ended(&served, &made);
    assert_eq!(batch["status"], "success", "{batch}");
    let all = served.get("/api/v1/runs?limit=500").is(200).json();
    assert_eq!(all["runs"].as_array().map(Vec::len), Some(40));
}

#[test]
fn the_terminal_runs_a_batch_at_a_server() {
    let served = Served::open(bench());
    let batch = of_two(&served, "b1", &["--json"]).exits(0).json();
    assert_eq!(batch["status"], "success");
    assert_eq!(of_two(&served, "b1", &["--json"]).exits(0).json(), batch);
    of_two(&served, "b1", &["--max-runs", "1"]).exits(2);
    let server = format!("http://{}", served.client.address());
    let shown = served
        .bench
        .rok(["batch", "show", "b1", "--json", "--server", &server]);
    assert_eq!(shown.exits(0).json(), batch);
    served
        .bench
        .write("items.jsonl", "{\"who\": \"ada\"}\n{}\n");
    let refused = asked(&served, "b1", &[]).exits(2);
    assert!(refused.err.contains("item"), "{}", refused.err);
}

/// What was collected is done, and is asked for again without harm: over HTTP
/// and from the terminal.
#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn a_batch_that_comes_again_finds_what_was_collected(#[case] flags: &[&str]) {
    let served = Served::with(bench(), flags);
    let items = json!([{ "who": "ada" }, { "who": "eve" }]);
    let asked = json!({ "definition": PLAN, "batch_id": "b1", "items": items });
    let made = served.post("/api/v1/batches", &asked).is(201).json();
    ended(&served, &made);
    let rule = json!({ "older_than": "0s" });
    // Which of the two was made first is open, and a pool may have either of
    // them a moment longer.
    until("the first is collected", || {
        let told = served.post("/api/v1/collect", &rule).is(200).json();
        let runs = told["collected"].as_array().expect("a list");
        runs.iter().any(|run| run["run_id"] == "b1.0")
    });
    let again = served.post("/api/v1/batches", &asked).is(201).json();
    assert_eq!(again["status"], "partial", "{again}");
    let item = &again["results"][0];
    assert_eq!(
        (&item["status"], &item["outcome"]),
        (&json!("collected"), &json!("succeeded"))
    );
    let items = json!([{ "who": "bob" }, { "who": "eve" }]);
    let other = json!({ "definition": PLAN, "batch_id": "b1", "items": items });
    let refused = served.post("/api/v1/batches", &other).is(422).json();
    assert_eq!(refused["code"], "ROK0123", "{refused}");

    // From the terminal it is a plan file; so is the request.
    of_two(&served, "b2", &[]).exits(0);
    let server = format!("http://{}", served.client.address());
    let gc = ["gc", "--older-than", "0s", "--server", &server];
    until("both are collected", || {
        served.bench.rok(gc).exits(0);
        let batch = of_two(&served, "b2", &["--json"]).exits(0).json();
        assert_eq!(batch["status"], "success", "{batch}");
        let results = batch["results"].as_array().expect("results");
        results.iter().all(|item| item["status"] == "collected")
    });
}
