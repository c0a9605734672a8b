//! What is told can be followed where it is told, and names what was given.

use super::places::{Place, Where};
use super::{Served, bench};
use crate::support::{Bench, Ran};
use rstest::rstest;
use serde_json::json;

const STORE: [&str; 4] = ["--insecure-no-auth", "--store", "sqlite:rok.db", "--quiet"];
const QUICK: &str = "plan: quick
inputs: { a: { type: integer, default: 1 }, o: { type: object, default: {} } }
steps: { s: { run: ['true'] } }
";

fn there(served: &Served, args: &[&str]) -> Ran {
    let server = format!("http://{}", served.client.address());
    let more = ["--server", server.as_str()];
    served.bench.rok(args.iter().chain(&more))
}

fn with_plan() -> Bench {
    let bench = bench();
    bench.write("quick.yaml", QUICK);
    bench
}

/// A reason says something, whoever is asked and by whatever way.
#[rstest]
fn an_empty_reason_is_refused_alike(
    #[values(Where::Folder, Where::Database, Where::Server)] at: Where,
    #[values("", " \t")] reason: &str,
) {
    let place = Place::new(at);
    place.ran(super::HELLO, "r1");
    for command in [
        &["hold", "r1"][..],
        &["approve", "r1", "ask"],
        &["reject", "r1", "ask"],
        &["pause", "r1"],
        &["cancel", "r1"],
    ] {
        let args = [command, &["--reason", reason]].concat();
        let refused = place.rok(&args).exits(2).err;
        for part in ["ROK0112", "the reason is empty"] {
            assert!(refused.contains(part), "{args:?}: {refused}");
        }
    }
    place.rok(&["hold", "r1", "--reason", "case 17"]).exits(0);
}

#[rstest]
#[case("/api/v1/runs/r1/hold")]
#[case("/api/v1/runs/r1/cancel")]
#[case("/api/v1/runs/r1/steps/ask/approve")]
fn a_reason_that_is_none_is_named_over_http(#[case] path: &str) {
    let served = Served::open(with_plan());
    let asked = json!({ "plan": "hello", "run_id": "r1" });
    served.post("/api/v1/runs?wait=20s", &asked).is(201);
    for (reason, why) in [
        ("  ".to_owned(), "empty"),
        ("x".repeat(4097), "4097 characters"),
    ] {
        let refused = served
            .post(path, &json!({ "reason": reason }))
            .is(422)
            .json();
        assert_eq!(refused["code"], "ROK0112", "{refused}");
        let detail = refused["detail"].as_str().expect("a text");
        assert!(
            detail.starts_with("`reason`: ") && detail.contains(why),
            "{detail}"
        );
    }
    let run = served.get("/api/v1/runs/r1").is(200).json();
    assert_eq!(run["status"], "blocked", "{run}");
}

#[test]
fn a_folder_beside_a_server_is_no_place_for_runs() {
    let args = ["ls", "--dir", "runs", "--server", "http://127.0.0.1:1"];
    let refused = bench().rok(args).exits(2).err;
    assert!(refused.contains("cannot be used with"), "{refused}");
}

/// Of a key that is given twice the last would win, and nobody would know.
#[rstest]
#[case::inputs(
    r#"{"plan":"quick","inputs":{"a":1,"a":2}}"#,
    "key `a` is given twice at line 1"
)]
#[case::within(
    "{\"plan\":\"quick\",\n\"inputs\":{\"o\":{\"x\":1,\"x\":2}}}",
    "key `x` is given twice at line 2"
)]
#[case::plan(
    r#"{"definition":{"plan":"p","steps":{"s":{"run":"a","run":"b"}}}}"#,
    "key `run` is given twice"
)]
#[case::labels(
    r#"{"plan":"quick","labels":{"l":"1","l":"2"}}"#,
    "key `l` is given twice"
)]
fn a_key_that_a_body_has_twice_is_refused(#[case] body: &str, #[case] told: &str) {
    let served = Served::open(with_plan());
    let asked = served.client.request("POST", "/api/v1/runs", Some(body));
    let refused = served.client.raw(asked.as_bytes()).is(400).json();
    assert_eq!(refused["code"], "ROK0204", "{refused}");
    let detail = refused["detail"].as_str().expect("a text");
    assert!(detail.contains(told), "{detail}");
    assert_eq!(served.get("/api/v1/runs").is(200).json()["runs"], json!([]));
}

#[test]
fn a_key_that_an_input_has_twice_is_refused() {
    let bench = with_plan();
    let ran = bench.rok(["run", "quick.yaml", "-i", r#"o={"x":1,"x":2}"#]);
    let ran = ran.exits(2);
    assert!(
        ran.err.contains("input `o`: key `x` is given twice"),
        "{}",
        ran.err
    );
    bench
        .rok([
            "run",
            "quick.yaml",
            "-i",
            r#"o={"x":1,"y":2}"#,
            "-i",
            "a=7",
            "--quiet",
        ])
        .exits(0);
    let twice = ["run", "quick.yaml", "-i", "a=1", "-i", "a=2"];
    let refused = bench.rok(twice).exits(2).err;
    assert!(refused.contains("--input a is given twice"), "{refused}");
}

#[test]
fn a_line_that_is_no_json_is_said_to_be_none() {
    let bench = with_plan();
    bench.write("items.jsonl", "{\"a\": 1}\n{\"a\": 2\n");
    let ran = bench.rok(["run", "quick.yaml", "--batch", "items.jsonl"]);
    let ran = ran.exits(2);
    assert!(
        ran.err.contains("item 2 (line 2): this is not JSON") && !ran.err.contains("YAML"),
        "{}",
        ran.err
    );
    bench.write("items.jsonl", "{\"a\": 1}\n");
    let ran = bench.rok(["run", "quick.yaml", "--batch", "items.jsonl"]);
    let ran = ran.exits(0);
    assert!(ran.err.contains(": 1 item\n"), "{}", ran.err);
}

#[rstest]
#[case("--older-than", "-1s", "--older-than: `-1s` is no duration")]
#[case("--max-size", "-1", "--max-size: `-1` is no size")]
fn a_rule_that_is_none_is_named(#[case] rule: &str, #[case] value: &str, #[case] told: &str) {
    let ran = bench().rok(["gc", rule, value]).exits(2);
    assert!(ran.err.contains(told), "{}", ran.err);
}

#[test]
fn a_batch_that_is_another_one_is_named_by_its_id() {
    let served = Served::with(with_plan(), &STORE);
    let batch = |items: serde_json::Value| {
        let asked = json!({ "plan": "quick", "batch_id": "b1", "items": items });
        served.post("/api/v1/batches", &asked)
    };
    batch(json!([{ "a": 1 }])).is(201);
    let refused = batch(json!([{ "a": 2 }])).is(422).json();
    let detail = refused["detail"].as_str().expect("a text");
    assert!(
        detail.contains("batch `b1` was submitted before") && !detail.contains("key"),
        "{detail}"
    );
}

#[test]
fn the_plans_of_a_server_are_listed() {
    let served = Served::open(with_plan());
    let elsewhere = Bench::new();
    elsewhere.write("own.yaml", "plan: own\nsteps: { s: { run: ['true'] } }\n");
    let server = format!("http://{}", served.client.address());
    let list = elsewhere
        .rok(["plan", "list", "--json", "--server", &server])
        .exits(0)
        .json();
    assert_eq!(list, served.get("/api/v1/plans").is(200).json()["plans"]);
    let text = elsewhere
        .rok(["plan", "list", "--server", &server])
        .exits(0);
    assert!(
        text.out.contains("quick.yaml") && !text.out.contains("own.yaml"),
        "{}",
        text.out
    );
    let here = elsewhere.rok(["plan", "list"]).exits(0).out;
    assert!(here.contains("own.yaml"), "{here}");
}

#[test]
fn advice_over_a_server_can_be_followed_there() {
    let served = Served::with(with_plan(), &STORE);
    let asked = json!({ "plan": "quick", "run_id": "r1" });
    served.post("/api/v1/runs?wait=20s", &asked).is(201);
    for command in ["attest", "checkpoint"] {
        let ran = there(&served, &[command, "r1"]).exits(2);
        assert!(
            ran.err.contains("ROK0140") && ran.err.contains("the server has none"),
            "{}",
            ran.err
        );
    }
    there(&served, &["export", "r1", "--out", "r1.tar.zst"]).exits(0);
    let ran = there(&served, &["import", "r1.tar.zst"]).exits(2);
    assert!(ran.err.contains("ROK0116"), "{}", ran.err);
    assert!(!ran.err.contains("….files"), "{}", ran.err);
    assert!(!ran.err.contains("name another --dir"), "{}", ran.err);
    assert!(ran.err.contains("without a server"), "{}", ran.err);
}

#[test]
fn a_paused_run_is_to_be_unpaused() {
    let bench = bench();
    bench
        .rok(["run", "hello.yaml", "--run-id", "r1", "--quiet"])
        .exits(1);
    bench.rok(["pause", "r1"]).exits(0);
    let ran = bench.rok(["approve", "r1", "ask", "--reason", "fine"]);
    let ran = ran.exits(0);
    assert!(
        ran.err.contains("rok unpause r1") && !ran.err.contains("rok resume"),
        "{}",
        ran.err
    );
}
