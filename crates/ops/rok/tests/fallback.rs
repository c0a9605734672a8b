//! Fallbacks by the real binary: when they run, what their success stands for,
//! and how the run ends.

mod support;

use serde_json::{Value, json};
use support::Bench;

const PLAN: &str = r#"plan: p
inputs: { first: { type: integer }, second: { type: integer, default: 0 } }
steps:
  fetch:
    run: exit ${{ inputs.first }}
    retry: { max: 1, base: 1ms }
    fallback: mirror
  mirror:
    run: 'echo "{\"from\":\"mirror after ${{ steps.fetch.error_class }}\"}" >"$ROK_OUTPUT"; exit ${{ inputs.second }}'
    fallback: archive
  archive:
    run: 'echo "{\"from\":\"archive\"}" >"$ROK_OUTPUT"'
  use:
    needs: [fetch]
    run: [echo, "${{ steps.fetch.outputs.from }}"]
"#;

struct Ended {
    bench: Bench,
    summary: Value,
}

fn run(code: i32, inputs: &[&str]) -> Ended {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    let mut args = vec!["run", "plan.yaml", "--run-id", "r", "--quiet"];
    for input in inputs {
        args.extend(["--input", input]);
    }
    bench.rok(args).exits(code);
    bench.rok(["verify", "r", "--sealed"]).exits(0);
    let summary = bench.rok(["summary", "r", "--json"]).exits(0).json();
    Ended { bench, summary }
}

impl Ended {
    fn states(&self) -> Vec<&str> {
        let steps = self.summary["steps"].as_array().expect("a list");
        steps
            .iter()
            .filter_map(|step| step["state"].as_str())
            .collect()
    }

    fn used(&self) -> String {
        self.bench.rok(["logs", "r", "use"]).exits(0).out
    }
}

#[test]
fn a_fallback_that_is_not_needed_is_skipped_and_that_is_no_failure() {
    // Its outputs are its own: there is nothing to read.
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        &PLAN.replace(
            "  use:\n    needs: [fetch]\n    run: [echo, \"${{ steps.fetch.outputs.from }}\"]\n",
            "",
        ),
    );
    bench
        .rok([
            "run",
            "plan.yaml",
            "--run-id",
            "r",
            "--quiet",
            "--input",
            "first=0",
            "--strict",
        ])
        .exits(0);
    let summary = bench.rok(["summary", "r", "--json"]).exits(0).json();
    assert_eq!(summary["outcome"], "succeeded");
    assert_eq!(summary["steps"][1]["state"], "skipped");
    let why = bench.rok(["explain", "r", "mirror"]).exits(0).out;
    assert!(why.contains("did not fail"), "{why}");
}

#[test]
fn the_success_of_a_fallback_stands_for_the_step() {
    let ended = run(0, &["first=75"]);
    assert_eq!(
        ended.states(),
        ["failed", "succeeded", "skipped", "succeeded"]
    );
    assert_eq!(ended.used(), "mirror after transient_io\n");
    assert_eq!(ended.summary["outcome"], "partial");
    assert_eq!(
        ended.summary["retries"], 1,
        "it is tried again before it falls back"
    );
    assert_eq!(ended.summary["steps"][0]["fell_back_to"], "mirror");
    let fell = ended
        .bench
        .events("r")
        .into_iter()
        .find(|e| e["event_type"] == "step.fell_back");
    let fell = fell.expect("it is an event");
    assert_eq!(
        (&fell["step_id"], &fell["data"]["to"]),
        (&json!("fetch"), &json!("mirror"))
    );
    let why = ended.bench.rok(["explain", "r", "fetch"]).exits(0).out;
    assert!(why.contains("its fallback `mirror` succeeded"), "{why}");
}

#[test]
fn a_fallback_may_have_one_of_its_own() {
    let ended = run(0, &["first=65", "second=65"]);
    assert_eq!(
        ended.states(),
        ["failed", "failed", "succeeded", "succeeded"]
    );
    assert_eq!(ended.used(), "archive\n");
}

#[test]
fn a_fallback_that_fails_leaves_the_step_failed() {
    let bench = Bench::new();
    bench.write("plan.yaml", "plan: p\nsteps:\n  a: { run: exit 65, fallback: b }\n  b: { run: exit 66 }\n  c: { needs: [a], run: 'true' }\n");
    bench
        .rok(["run", "plan.yaml", "--run-id", "r", "--quiet"])
        .exits(1);
    let summary = bench.rok(["summary", "r", "--json"]).exits(0).json();
    assert_eq!(
        (&summary["outcome"], &summary["steps"][2]["state"]),
        (&json!("failed"), &json!("skipped"))
    );
    // The next epoch tries the step itself first.
    bench.rok(["resume", "r", "--quiet"]).exits(1);
    let fell = bench
        .events("r")
        .into_iter()
        .filter(|e| e["event_type"] == "step.fell_back");
    assert_eq!(fell.count(), 2);
}
