//! `rok diff`: what differed between two runs.

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

use serde_json::{Value, json};
use support::Bench;

const PLAN: &str = r#"
plan: compared
inputs: { words: { type: integer, default: 3 } }
steps:
  count:
    run: printf '{"words":%s,"unit":"words"}' ${{ inputs.words }} > "$ROK_OUTPUT"
    outputs: { words: { type: integer }, unit: { type: string } }
  enough:
    gate: hard
    needs: [count]
    run: test ${{ steps.count.outputs.words }} -ge 3
  write:
    needs: [enough]
    run: echo ${{ inputs.words }} > "$ROK_ARTIFACTS/report.txt"
    artifacts: [{ path: report.txt, required: true }]
"#;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench
}

fn run(bench: &Bench, plan: &str, id: &str, words: u32) -> i32 {
    let words = format!("words={words}");
    bench
        .rok(["run", plan, "--run-id", id, "--input", &words, "-q"])
        .code
}

fn diff(bench: &Bench) -> Value {
    let ran = bench.rok(["diff", "one", "two", "--json", "--exit-code"]);
    let found: Value = serde_json::from_str(&ran.out).expect("JSON");
    let same = found["same"]
        .as_bool()
        .expect("it says whether they are the same");
    assert_eq!(ran.code, i32::from(!same), "{}", ran.err);
    found
}

#[test]
fn two_runs_of_one_plan_with_the_same_inputs_are_the_same() {
    let bench = bench();
    assert_eq!(run(&bench, "plan.yaml", "one", 3), 0);
    assert_eq!(run(&bench, "plan.yaml", "two", 3), 0);
    let found = diff(&bench);
    assert_eq!(
        (&found["same"], &found["steps_same"]),
        (&json!(true), &json!(3))
    );
    assert_eq!(found["timings"].as_array().map(Vec::len), Some(4));
    let text = bench.rok(["diff", "one", "two"]).out;
    assert!(
        text.contains("Plan: the same (compared, version 1)"),
        "{text}"
    );
    assert!(text.contains("Steps: all 3 the same"), "{text}");
}

#[test]
fn inputs_outputs_and_artifacts_that_differ_are_named_with_both_sides() {
    let bench = bench();
    assert_eq!(run(&bench, "plan.yaml", "one", 3), 0);
    assert_eq!(run(&bench, "plan.yaml", "two", 4), 0);
    let found = diff(&bench);
    assert_eq!(found["plan"], json!([]));
    assert_eq!(
        found["inputs"],
        json!([{ "path": "words", "left": 3, "right": 4 }])
    );
    assert_eq!(found["run"], json!([]));
    assert_eq!(
        found["steps"][0],
        json!({
            "step": "count",
            "changes": [{ "path": "outputs/words", "left": 3, "right": 4 }],
        })
    );
    assert_eq!(found["steps"][1]["step"], "write");
    assert_eq!(
        found["steps"][1]["changes"][0]["path"],
        "artifacts/report.txt"
    );
    assert_eq!(found["steps_same"], 1);
}

#[test]
fn a_run_that_failed_differs_in_status_steps_and_skips() {
    let bench = bench();
    assert_eq!(run(&bench, "plan.yaml", "one", 3), 0);
    assert_eq!(run(&bench, "plan.yaml", "two", 2), 1);
    let found = diff(&bench);
    let status = json!({ "path": "status", "left": "succeeded", "right": "failed" });
    assert!(
        found["run"]
            .as_array()
            .is_some_and(|run| run.contains(&status)),
        "{found:#}"
    );
    let text = bench.rok(["diff", "one", "two"]).out;
    for line in [
        "~ status: succeeded → failed",
        "~ state: succeeded → skipped",
        "- artifacts/report.txt: ",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn another_plan_differs_where_it_was_changed() {
    let bench = bench();
    let other = PLAN.replace("plan: compared", "plan: compared\nversion: 2")
        + "  more: { run: [\"true\"] }\n";
    bench.write("other.yaml", &other);
    assert_eq!(run(&bench, "plan.yaml", "one", 3), 0);
    assert_eq!(run(&bench, "other.yaml", "two", 3), 0);
    let found = diff(&bench);
    let mut paths: Vec<&str> = found["plan"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|change| change["path"].as_str())
        .collect();
    paths.sort_unstable();
    assert_eq!(paths, ["steps/more", "version"]);
    assert_eq!(found["steps"][0]["step"], "more");
    assert_eq!(found["steps"][0]["changes"][0]["left"], Value::Null);
}

#[test]
fn an_unknown_run_is_refused() {
    let bench = bench();
    assert_eq!(run(&bench, "plan.yaml", "one", 3), 0);
    let ran = bench.rok(["diff", "one", "nobody"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("ROK0101") && ran.err.contains("nobody"),
        "{}",
        ran.err
    );
}
