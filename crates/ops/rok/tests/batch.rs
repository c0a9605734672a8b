//! `rok run --batch`: one plan over a list of inputs, one run per item, however
//! often it is asked for and whatever becomes of whoever drives it.

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/live.rs"]
mod live;
#[path = "support/mod.rs"]
mod support;

use live::Live;
use serde_json::{Value, json};
use support::Bench;

const GREET: &str = "
plan: greet
inputs: { who: { type: string } }
steps:
  hello: { run: [sh, -c, 'test \"$WHO\" != eve'], env: { WHO: '${{ inputs.who }}' } }
";

/// The batch `b1` of what `items.csv` holds.
const GREETS: [&str; 6] = [
    "run",
    "greet.yaml",
    "--batch",
    "items.csv",
    "--batch-id",
    "b1",
];

fn bench(items: &str) -> Bench {
    let bench = Bench::new();
    bench.write("greet.yaml", GREET);
    bench.write("items.csv", items);
    bench
}

/// The batch `b1` as it stands.
fn shown(bench: &Bench) -> Value {
    let show = ["batch", "show", "b1", "--json"];
    bench.rok(show).exits(0).json()
}

fn statuses(batch: &Value) -> Vec<&str> {
    let items = batch["results"].as_array().expect("results").iter();
    items
        .map(|item| item["status"].as_str().expect("a status"))
        .collect()
}

#[test]
fn every_item_has_a_run_that_says_of_which_batch_it_is() {
    let bench = bench("who\nada\nbob\ncyd\n");
    let args = GREETS.into_iter().chain(["--json"]);
    let batch = bench.rok(args.clone()).exits(0).json();
    assert_eq!(batch["batch_id"], "b1");
    assert_eq!(batch["status"], "success");
    assert_eq!(statuses(&batch), ["succeeded"; 3]);
    assert!(batch["started_at"].is_string() && batch["completed_at"].is_string());
    for (n, who) in ["ada", "bob", "cyd"].into_iter().enumerate() {
        let created = &bench.events(&format!("b1.{n}"))[0]["data"];
        assert_eq!(created["inputs"]["who"], who);
        let labels =
            json!({ "rok.batch": "b1", "rok.batch.index": n.to_string(), "rok.batch.items": "3" });
        assert_eq!(created["labels"], labels);
        bench
            .rok(["verify", &format!("b1.{n}"), "--sealed"])
            .exits(0);
    }
    let listed = bench
        .rok(["ls", "--label", "rok.batch=b1", "--json"])
        .exits(0)
        .json();
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
    // Again: nothing is run a second time.
    assert_eq!(bench.rok(args).exits(0).json(), batch);
    assert_eq!(shown(&bench), batch);
    let human = bench.rok(["batch", "show", "b1"]).exits(0);
    assert!(
        human.out.contains("batch b1: success, 3 of 3 ended"),
        "{}",
        human.out
    );
    bench.rok(["batch", "show", "b2"]).exits(2);
}

#[test]
fn a_batch_of_which_some_runs_fail_is_partial_and_of_which_all_do_a_failure() {
    let some = bench("who\nada\neve\n");
    some.rok(GREETS).exits(1);
    let batch = shown(&some);
    assert_eq!(batch["status"], "partial");
    assert_eq!(statuses(&batch), ["succeeded", "failed"]);
    assert!(
        batch["results"][1]["error"]["reason"].is_string(),
        "{batch}"
    );
    let none = bench("who\neve\neve\n");
    none.rok(GREETS).exits(1);
    let batch = shown(&none);
    assert_eq!(batch["status"], "failure");
}

#[test]
fn a_faulty_item_refuses_the_batch_before_any_run_is_made() {
    let bench = bench("who\nada\nbob\n");
    bench.write("bad.json", r#"[{ "who": "ada" }, { "who": [] }]"#);
    bench.write(
        "untyped.jsonl",
        "{\"who\": \"ada\"}\n{}\n{\"whom\": \"x\"}\n",
    );
    let refused = |file: &str| {
        bench
            .rok(["run", "greet.yaml", "--batch", file])
            .exits(2)
            .err
    };
    let typed = refused("bad.json");
    assert!(typed.contains("item 2") && typed.contains("who"), "{typed}");
    let judged = refused("untyped.jsonl");
    assert!(judged.contains("ROK0123"), "{judged}");
    assert!(
        judged.contains("item 2:") && judged.contains("item 3:"),
        "{judged}"
    );
    bench.write("none.json", "[]");
    assert!(refused("none.json").contains("ROK0123"));
    assert!(!bench.runs().exists(), "no run was made");
    for args in [
        &["--batch", "items.csv", "--input", "who=x"][..],
        &["--batch", "items.csv", "--run-id", "r1"],
        &["--batch", "items.csv", "--mode", "dry-run"],
        &["--batch", "items.csv", "--batch-id", "../x"],
        &["--batch", "items.csv", "--label", "rok.batch=other"],
        &["--batch-id", "b1"],
        &["--max-runs", "2"],
    ] {
        bench.rok(["run", "greet.yaml"].iter().chain(args)).exits(2);
    }
    assert!(!bench.runs().exists(), "no run was made");
}

#[test]
fn a_batch_of_the_same_id_and_other_items_is_another_request() {
    let bench = bench("who\nada\nbob\n");
    bench.rok(GREETS).exits(0);
    for items in ["who\nada\neve\n", "who\nada\n", "who\nada\nbob\ncyd\n"] {
        bench.write("items.csv", items);
        let refused = bench.rok(GREETS).exits(2);
        assert!(refused.err.contains("item 1:"), "{}", refused.err);
        assert!(!bench.runs().join("b1.2").exists());
    }
}

/// What had ended is not run again, what was interrupted goes on, and what was
/// not begun is.
#[test]
fn a_batch_that_is_killed_goes_on_and_runs_no_item_twice() {
    let items: Vec<String> = (0..12).map(|n| n.to_string()).collect();
    let items = items.join("\n");
    let bench = bench(&format!("n\n{items}"));
    let plan = "plan: slow\ninputs: { n: { type: integer } }\nsteps:\n  a: { run: [sh, -c, 'test -f goes || test \"$N\" -lt 3 || exec sleep 600'], env: { N: '${{ inputs.n }}' } }\n";
    bench.write("slow.yaml", plan);
    let args = [
        "run",
        "slow.yaml",
        "--batch",
        "items.csv",
        "--batch-id",
        "b1",
        "--max-runs",
        "2",
    ];
    let mut first = Live::start(bench.command(args));
    let started = |log: &str| log.contains("\"step.started\"");
    let log = |n: usize| bench.runs().join(format!("b1.{n}")).join("events.jsonl");
    // Two at once: the first three have ended by the time that the fifth is on.
    assert!(first.until(&log(4), started) && first.until(&log(3), started));
    first.kill();
    assert!(!log(5).exists(), "no more than two at once");
    let ended: Vec<Vec<Value>> = (0..3).map(|n| bench.events(&format!("b1.{n}"))).collect();
    let standing = shown(&bench);
    assert_eq!(standing["status"], "interrupted");
    assert_eq!(standing["results"][3]["interrupted"], true, "{standing}");
    let told = bench.rok(["batch", "show", "b1"]).exits(0).out;
    assert!(told.contains("no process drives what is left"), "{told}");
    assert_eq!(statuses(&standing)[..3], ["succeeded"; 3]);
    assert_eq!(statuses(&standing)[5..], ["not_submitted"; 7]);

    bench.write("goes", "");
    bench.rok(args).exits(0);
    let batch = shown(&bench);
    assert_eq!(batch["status"], "success", "{batch}");
    for (n, before) in ended.iter().enumerate() {
        assert_eq!(bench.events(&format!("b1.{n}")), *before);
    }
    for n in 0..12 {
        let events = bench.events(&format!("b1.{n}"));
        let count = |of: &str| {
            events
                .iter()
                .filter(|event| event["event_type"] == of)
                .count()
        };
        assert_eq!((count("run.created"), count("step.succeeded")), (1, 1));
        let attempts = if n == 3 || n == 4 { 2 } else { 1 };
        assert_eq!(count("step.started"), attempts, "item {n}");
        bench
            .rok(["verify", &format!("b1.{n}"), "--sealed"])
            .exits(0);
    }
}

/// What was collected is done: the batch goes on with what is left of it.
#[test]
fn a_batch_goes_on_beside_what_was_collected() {
    let bench = bench("who\nada\neve\ncyd\n");
    let args = || GREETS.into_iter().chain(["--json"]);
    bench.rok(args()).exits(1);
    bench.rok(["gc", "--older-than", "0s"]).exits(0);
    // As it is where it was interrupted before its last item.
    std::fs::remove_dir_all(bench.runs().join("b1.2")).expect("it is ours");
    let batch = bench.rok(args()).exits(1).json();
    assert_eq!(statuses(&batch), ["collected", "collected", "succeeded"]);
    let outcomes = ["succeeded", "failed", "succeeded"];
    for (item, outcome) in batch["results"]
        .as_array()
        .expect("a list")
        .iter()
        .zip(outcomes)
    {
        assert_eq!(item["outcome"], outcome, "{batch}");
    }
    assert_eq!(batch["status"], "partial", "{batch}");

    // Of other items it is another batch, and a stub that was changed is none.
    bench.write("items.csv", "who\nbob\neve\ncyd\n");
    let refused = bench.rok(args()).exits(2);
    for part in ["ROK0123", "item 1", "this is another one"] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    bench.write("items.csv", "who\nada\neve\ncyd\n");
    let stub = bench.runs().join("b1.0/stub.json");
    let text = std::fs::read_to_string(&stub).expect("a stub");
    let mut changed: Value = serde_json::from_str(&text).expect("JSON");
    changed["request"]["sha256"] = json!("0");
    std::fs::write(&stub, changed.to_string()).expect("it is ours");
    let refused = bench.rok(args()).exits(2);
    for part in ["ROK0123", "item 1", "was changed"] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
}
