//! Outputs that are too large for a line: stored, named by the log, and read
//! back wherever they are asked for.

use crate::support::Bench;
use crate::{contents, error, of_type, put_aside, run};
use rstest::rstest;
use serde_json::{Value, json};
use std::fs;

/// 200,000 characters, and a number that others read.
const MAKE: &str =
    r#"printf '{"n": 7, "text": "%s"}' $(head -c 200000 /dev/zero | tr '\0' x) > "$ROK_OUTPUT""#;

fn plan(make: &str) -> String {
    format!(
        r#"plan: p
steps:
  make:
    run: |
      {MAKE}
    {make}
  gate: {{ needs: [make], gate: manual, run: "true" }}
  use:
    needs: [make, gate]
    if: size(steps.make.outputs.text) == 200000
    run: test ${{{{ steps.make.outputs.n }}}} = 7
"#
    )
}

/// Read by a condition and a command, over a resume, and proved.
#[test]
fn they_are_read_back_wherever_they_are_asked_for() {
    let bench = Bench::new();
    run(
        &bench,
        &plan("outputs: { n: { type: integer }, text: { type: string } }"),
    )
    .exits(1);
    let end = &of_type(&bench, "r", "step.succeeded")[0];
    assert_eq!(end["data"]["outputs"], Value::Null);
    let sha256 = end["data"]["outputs_ref"]["sha256"].as_str().unwrap();
    assert_eq!(end["outputs_hash"], sha256[..16]);
    assert_eq!(contents(&bench).len(), 1);
    let log = fs::metadata(bench.runs().join("r/events.jsonl"))
        .unwrap()
        .len();
    assert!(log < 64 * 1024, "{log}");

    bench
        .rok(["approve", "r", "gate", "--reason", "go"])
        .exits(0);
    bench.rok(["resume", "r"]).exits(0);
    let summary = bench.rok(["summary", "r", "--json"]).exits(0).json();
    assert_eq!(summary["steps"][2]["state"], "succeeded");
    assert_eq!(summary["steps"][0]["outputs"]["n"], 7);
    bench.rok(["verify", "r", "--sealed"]).exits(0);
    // A collector leaves what a log names.
    bench.rok(["gc", "--keep", "5"]).exits(0);
    bench.rok(["verify", "r", "--sealed"]).exits(0);
}

#[test]
fn an_exported_run_has_them_with_it() {
    let bench = Bench::new();
    run(&bench, &plan("")).exits(1);
    bench
        .rok(["approve", "r", "gate", "--reason", "go"])
        .exits(0);
    bench.rok(["resume", "r"]).exits(0);
    bench.rok(["export", "r", "-o", "r.tar.zst"]).exits(0);
    let elsewhere = Bench::new();
    fs::copy(
        bench.path().join("r.tar.zst"),
        elsewhere.path().join("r.tar.zst"),
    )
    .unwrap();
    elsewhere.rok(["import", "r.tar.zst"]).exits(0);
    elsewhere.rok(["verify", "r", "--sealed"]).exits(0);
    let summary = elsewhere.rok(["summary", "r", "--json"]).exits(0).json();
    assert_eq!(summary["steps"][0]["outputs"]["n"], 7);
}

#[test]
fn the_cache_gives_them_too() {
    let bench = Bench::new();
    let plan = format!(
        "plan: p\nsteps:\n  make:\n    cache: true\n    run: |\n      {MAKE}\n  use: {{ needs: [make], run: 'test ${{{{ steps.make.outputs.n }}}} = 7' }}\n"
    );
    run(&bench, &plan).exits(0);
    bench
        .rok(["run", "plan.yaml", "--run-id", "again"])
        .exits(0);
    let (first, again) = (
        of_type(&bench, "r", "step.succeeded"),
        of_type(&bench, "again", "step.succeeded"),
    );
    assert_eq!(again[0]["data"]["cached"]["run"], "r");
    assert_eq!(
        again[0]["data"]["outputs_ref"],
        first[0]["data"]["outputs_ref"]
    );
    bench.rok(["verify", "again", "--sealed"]).exits(0);
}

#[rstest]
#[case::gone(false)]
#[case::another(true)]
fn without_them_nothing_is_vouched_for(#[case] there: bool) {
    let bench = Bench::new();
    run(&bench, &plan("")).exits(1);
    let content = contents(&bench).remove(0);
    fs::remove_file(&content).unwrap();
    if there {
        fs::write(&content, "{}").unwrap();
    }
    let report = bench.rok(["verify", "r", "--json"]).exits(4).json();
    let what = report["faults"][0]["what"].as_str().unwrap();
    assert!(
        what.contains("names what cannot be read back: the outputs of step `make`"),
        "{what}"
    );
    let ran = bench.rok(["resume", "r"]);
    assert!(
        ran.code != 0 && ran.err.contains("the outputs of step `make`"),
        "{}",
        ran.err
    );
}

#[test]
fn outputs_that_are_wrong_are_refused_whatever_their_size() {
    let bench = Bench::new();
    let declared = "outputs: { n: { type: string }, text: { type: string } }\n    artifacts: [{ path: plan.yaml }]";
    run(&bench, &plan(declared)).exits(1);
    let (class, reason) = error(&bench, "make");
    assert_eq!(class, "validation_failed");
    assert!(reason.contains("`n`"), "{reason}");
    assert_eq!(
        (contents(&bench).len(), put_aside(&bench, "r").len()),
        (0, 0)
    );
}

#[test]
fn the_children_of_a_fan_out_hand_on_less() {
    let bench = Bench::new();
    let plan =
        format!("plan: p\nsteps:\n  each:\n    for_each: \"[1, 2]\"\n    run: |\n      {MAKE}\n");
    run(&bench, &plan).exits(1);
    let (_, reason) = error(&bench, "each");
    assert!(reason.contains("larger than 64 KiB"), "{reason}");
    let expected = json!("step.failed");
    assert!(
        bench
            .events("r")
            .iter()
            .any(|event| event["event_type"] == expected && event["step_id"] == "each[0]")
    );
}
