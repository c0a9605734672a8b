//! The example deliverable, from its plan file to a verified record; and the
//! decisions that reach a run, whoever drives it.

mod support;

#[path = "support/copy.rs"]
mod copy;
#[path = "support/live.rs"]
mod live;

use copy::copy;
use live::Live;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{Bench, Ran};

const RUN: &str = "deliver-1";
const STEPS: [&str; 8] = [
    "preflight_contract_check",
    "phase_benchmark",
    "stage_data_layout",
    "build_steward_bundle",
    "validate_bundle_quality",
    "build_minimal_deliverable",
    "verify_artifacts",
    "publish_internal",
];
const GATE: &str = "publish_internal";

/// The example in a folder of its own.
fn example() -> Bench {
    let bench = Bench::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/deliverable");
    for part in ["data", "steps"] {
        copy(&example.join(part), &bench.path().join(part));
    }
    let plan = fs::read_to_string(example.join("plan.yaml")).expect("the example has a plan");
    bench.write("plan.yaml", &plan);
    bench
}

fn start(bench: &Bench, more: &[&str]) -> Command {
    bench.command([&["run", "plan.yaml", "--run-id", RUN], more].concat())
}

fn run(bench: &Bench, more: &[&str]) -> Ran {
    Ran::from(start(bench, more).output().expect("rok starts"))
}

fn log(bench: &Bench) -> PathBuf {
    bench.runs().join(RUN).join("events.jsonl")
}

fn summary(bench: &Bench) -> Value {
    bench.rok(["summary", RUN, "--json"]).exits(0).json()
}

fn states(summary: &Value) -> Vec<(String, String)> {
    let steps = summary["steps"].as_array().expect("a list of steps");
    let word = |value: &Value| -> String { value.as_str().unwrap_or_default().into() };
    steps
        .iter()
        .map(|step| (word(&step["id"]), word(&step["state"])))
        .collect()
}

/// The events of one type, as `rok events --type` tells them.
fn of_type(bench: &Bench, event_type: &str) -> Vec<Value> {
    let args = ["events", RUN, "--json", "--type", event_type];
    let out = bench.rok(args).exits(0).out;
    out.lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

fn phases(bench: &Bench) -> Vec<String> {
    let changes = of_type(bench, "run.state_changed");
    changes
        .iter()
        .map(|event| event["new_state"].as_str().expect("a phase").to_owned())
        .collect()
}

fn decide(bench: &Bench, verb: &str) -> Ran {
    bench.rok([verb, RUN, GATE, "--reason", "report read"])
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .map(|(step, state)| (step.into(), state.into()))
        .into()
}

fn is_reconciled(summary: &Value) {
    let found = &summary["reconciliation"];
    assert_eq!(found["status"], "COMPLETE", "{found}");
    assert_eq!(
        (&found["expected"], &found["acked"]),
        (&json!(5), &json!(5))
    );
}

#[test]
fn from_plan_to_gate_to_publication() {
    let bench = example();
    let waits = run(&bench, &[]).exits(1);
    assert!(waits.out.contains("BLOCKED"), "{}", waits.out);
    for said in [
        "manual gate publish_internal waits for a decision",
        &format!("rok approve {RUN} publish_internal --reason"),
        &format!("rok reject {RUN} publish_internal --reason"),
        &format!("rok resume {RUN}"),
    ] {
        assert!(
            waits.err.contains(said),
            "`{said}` is not in\n{}",
            waits.err
        );
    }
    assert!(
        !bench.path().join("published").exists(),
        "nobody has agreed yet"
    );
    let held = summary(&bench);
    assert_eq!(held["status"], "blocked");
    assert_eq!(held["hold"]["reason"], "manual_gate");
    assert_eq!(held["hold"]["steps"], json!([GATE]));
    let explained = bench.rok(["explain", RUN, GATE]).exits(0).out;
    assert!(
        explained.contains(&format!("rok approve {RUN} {GATE}")),
        "{explained}"
    );
    let check = bench.rok(["resume", RUN, "--check"]).exits(0).out;
    assert!(check.contains("resumable, in the same epoch"), "{check}");
    assert!(check.contains("would run: publish_internal"), "{check}");
    let open = bench.rok(["verify", RUN]).exits(0).out;
    assert!(open.contains("OPEN: intact to line"), "{open}");

    // Looking and resuming without a decision change nothing that matters.
    bench.rok(["resume", RUN]).exits(1);
    decide(&bench, "approve").exits(0);
    assert!(
        !bench.path().join("published").exists(),
        "nobody drives it yet"
    );
    let done = bench.rok(["resume", RUN]).exits(0);
    assert!(done.out.contains("SUCCEEDED"), "{}", done.out);
    is_complete(&bench);
    let again = bench.rok(["resume", RUN]).exits(1);
    assert!(again.err.contains("it is COMPLETED"), "{}", again.err);
    let check = bench.rok(["resume", RUN, "--check"]).exits(1).out;
    assert!(check.contains("not resumable"), "{check}");
}

/// What is known of the completed run, by every way to look at it.
fn is_complete(bench: &Bench) {
    let found = summary(bench);
    assert_eq!(found["phase"], "COMPLETED");
    assert_eq!(found["outcome"], "succeeded");
    assert_eq!(found["sealed"], true);
    assert_eq!(states(&found), pairs(STEPS.map(|step| (step, "succeeded"))));
    is_reconciled(&found);
    assert_eq!(found["incident"]["severity"], "none");
    assert_eq!(found["incident"]["status"], "CLOSED");
    let approval = &found["approvals"][0];
    assert_eq!(approval["step"], GATE);
    assert_eq!(approval["actor"], "user:tester");
    assert_eq!(approval["reason"], "report read");
    assert_eq!(
        phases(bench),
        [
            "CREATED",
            "AUTHORIZED",
            "EXECUTING",
            "GOVERNANCE_CHECK",
            "FINALIZING",
            "COMPLETED"
        ]
    );
    let order: Vec<Value> = of_type(bench, "step.succeeded")
        .iter()
        .map(|event| event["step_id"].clone())
        .collect();
    assert_eq!(order, STEPS);
    assert_eq!(of_type(bench, "expectation.declared").len(), 5);
    assert_eq!(of_type(bench, "ack.received").len(), 5);
    assert_eq!(of_type(bench, "run.sealed").len(), 1);
    let told = bench.rok(["events", RUN, "--json"]).exits(0).out;
    let kept = fs::read_to_string(log(bench)).expect("the run has a log");
    assert_eq!(told, kept, "events are told byte for byte");
    let explained = bench.rok(["explain", RUN]).exits(0).out;
    assert!(
        explained.contains("COMPLETED: every step that had to run succeeded"),
        "{explained}"
    );
    let verified = bench
        .rok(["verify", RUN, "--sealed", "--json"])
        .exits(0)
        .json();
    assert_eq!(verified["verdict"], "intact");
    assert_eq!(verified["lines"], bench.events(RUN).len());
    assert_eq!(
        verified["artifacts"],
        found["artifacts"].as_array().map_or(0, Vec::len)
    );
    is_published(bench, &found);
}

fn is_published(bench: &Bench, summary: &Value) {
    let folder = bench.path().join("published").join(RUN);
    let mut files: Vec<String> = fs::read_dir(&folder)
        .expect("it is published")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let expected = [
        "SOURCE.md",
        "centroids.csv",
        "confusion.csv",
        "manifest.json",
        "report.md",
    ];
    assert_eq!(files, expected);
    let report = fs::read_to_string(folder.join("report.md")).expect("a report");
    assert!(report.contains("138") && report.contains("150"), "{report}");
    // What was published is what was recorded.
    for artifact in summary["artifacts"].as_array().expect("artifacts") {
        let path = artifact["path"].as_str().expect("a path");
        if let Some(name) = path.strip_prefix("deliverable/") {
            let content = fs::read(folder.join(name)).expect("it is published");
            let digest = rok_chain::Digest::of(&content).to_hex();
            assert_eq!(artifact["sha256"], digest, "{path}");
        }
    }
}

#[test]
fn a_hard_gate_that_fails_stops_everything_and_is_recorded_cleanly() {
    let bench = example();
    let failed = run(&bench, &["--input", "min_accuracy=0.999"]).exits(1);
    let reason = "Accuracy 92.0% below threshold 99.9%";
    assert!(
        failed.out.contains(reason) && failed.err.contains(reason),
        "{}",
        failed.err
    );
    let gate = of_type(&bench, "gate.failed");
    assert_eq!(gate.len(), 1);
    assert_eq!(gate[0]["step_id"], "phase_benchmark");
    assert_eq!(gate[0]["reason"], reason);
    assert_eq!(gate[0]["error_class"], "hard_gate_failed");
    let found = summary(&bench);
    let mut expected = STEPS.map(|step| (step, "skipped"));
    expected[0].1 = "succeeded";
    expected[1].1 = "failed";
    assert_eq!(states(&found), pairs(expected));
    let skipped = of_type(&bench, "step.skipped");
    assert_eq!(skipped.len(), 6);
    for (event, step) in skipped.iter().zip(&STEPS[2..]) {
        assert_eq!(event["step_id"], *step);
        assert_eq!(event["reason"], "hard gate `phase_benchmark` failed");
    }
    assert_eq!(of_type(&bench, "step.started").len(), 2);
    assert_eq!(
        phases(&bench),
        [
            "CREATED",
            "AUTHORIZED",
            "EXECUTING",
            "GOVERNANCE_CHECK",
            "FINALIZING",
            "FAILED"
        ]
    );
    assert_eq!(found["outcome"], "failed");
    assert_eq!(found["gate_failures"], json!(["phase_benchmark"]));
    assert_eq!(found["incident"]["severity"], "high");
    assert_eq!(found["incident"]["status"], "OPEN");
    is_reconciled(&found);
    bench.rok(["verify", RUN, "--sealed"]).exits(0);

    let log_before = fs::read(log(&bench)).expect("the run has a log");
    let refused = bench.rok(["resume", RUN]).exits(1);
    assert!(
        refused.err.contains("hard gate `phase_benchmark` failed"),
        "{}",
        refused.err
    );
    let check = bench.rok(["resume", RUN, "--check"]).exits(1).out;
    assert!(check.contains("not resumable"), "{check}");
    let explained = bench.rok(["explain", RUN, "phase_benchmark"]).exits(0).out;
    assert!(explained.contains(reason), "{explained}");
    decide(&bench, "approve").exits(1);
    assert_eq!(
        fs::read(log(&bench)).ok(),
        Some(log_before),
        "nothing was added"
    );
}

#[test]
fn an_input_that_is_not_allowed_makes_no_run() {
    let bench = example();
    for wrong in [
        "min_accuracy=1.5",
        "min_accuracy=much",
        "folds=1",
        "colour=red",
    ] {
        let refused = run(&bench, &["--input", wrong]).exits(2);
        let name = wrong.split('=').next().expect("a name");
        assert!(refused.err.contains(name), "{}", refused.err);
    }
    assert_eq!(bench.rok(["ls", "--json"]).exits(0).json(), json!([]));
}

/// The owner waits for the decision, and goes on at once when it comes.
#[test]
fn a_decision_reaches_the_process_that_drives_the_run() {
    let bench = example();
    let mut owner = Live::start(start(&bench, &["--wait"]));
    assert!(owner.until(&log(&bench), |log| log.contains("run.held")));
    let busy = bench.rok(["resume", RUN]).exits(1);
    assert!(busy.err.contains("driven by"), "{}", busy.err);
    let decided = Instant::now();
    let answer = bench.rok(["approve", RUN, GATE, "--reason", "report read", "--json"]);
    let answer = answer.exits(0).json();
    assert_eq!(
        (&answer["answer"], &answer["driven"]),
        (&json!("recorded"), &json!(true))
    );
    assert!(owner.until(&log(&bench), |log| log.contains("gate.approved")));
    owner.wait().exits(0);
    // A beat of an unwoken owner would be far longer.
    assert!(
        decided.elapsed() < Duration::from_secs(10),
        "{:?}",
        decided.elapsed()
    );
    is_complete(&bench);
}

#[test]
fn a_rejected_gate_fails_the_run() {
    for waits in [false, true] {
        let bench = example();
        if waits {
            let mut owner = Live::start(start(&bench, &["--wait"]));
            assert!(owner.until(&log(&bench), |log| log.contains("run.held")));
            decide(&bench, "reject").exits(0);
            owner.wait().exits(1);
        } else {
            run(&bench, &[]).exits(1);
            decide(&bench, "reject").exits(0);
        }
        let found = summary(&bench);
        assert_eq!(
            (&found["phase"], &found["outcome"]),
            (&json!("FAILED"), &json!("failed"))
        );
        assert_eq!(found["approvals"][0]["decision"], "rejected");
        assert_eq!(states(&found)[7..], pairs([(GATE, "failed")]));
        assert!(!bench.path().join("published").exists());
        is_reconciled(&found);
        bench.rok(["verify", RUN, "--sealed"]).exits(0);
        decide(&bench, "approve").exits(1);
    }
}

/// A plan of which one step waits for a fifo, and one depends on it.
fn slow() -> Bench {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: slow\nsteps:\n  stuck: { run: 'echo ready; read -r _ <\"$HOME/fifo\"', timeout: 60s }\n  \
         then: { run: \"true\", needs: [stuck] }\n",
    );
    let fifo = Command::new("mkfifo")
        .arg(bench.path().join("fifo"))
        .status();
    assert!(fifo.expect("mkfifo is there").success());
    bench
}

fn stuck(bench: &Bench) -> Live {
    let mut owner = Live::start(start(bench, &[]));
    let out = bench.runs().join(RUN).join("logs/stuck.0.log");
    assert!(owner.until(&log(bench), |log| log.contains("step.started")));
    assert!(owner.until(&out, |out| out.contains("ready")));
    owner
}

fn is_cancelled(bench: &Bench) {
    let found = summary(bench);
    assert_eq!(
        (&found["phase"], &found["outcome"]),
        (&json!("FAILED"), &json!("cancelled"))
    );
    is_reconciled(&found);
    assert_eq!(of_type(bench, "run.cancel_requested").len(), 1);
    bench.rok(["verify", RUN, "--sealed"]).exits(0);
    let again = bench.rok(["cancel", RUN]).exits(1);
    assert!(again.err.contains("is closed"), "{}", again.err);
}

#[test]
fn a_run_is_cancelled_while_a_step_runs() {
    let bench = slow();
    let owner = stuck(&bench);
    bench.rok(["cancel", RUN, "--reason", "not now"]).exits(0);
    owner.wait().exits(1);
    is_cancelled(&bench);
    let found = summary(&bench);
    assert_eq!(
        states(&found),
        pairs([("stuck", "failed"), ("then", "skipped")])
    );
    assert_eq!(found["steps"][0]["error"]["class"], "cancelled");
}

#[test]
fn a_run_is_cancelled_while_it_waits() {
    for waits in [false, true] {
        let bench = example();
        if waits {
            let mut owner = Live::start(start(&bench, &["--wait"]));
            assert!(owner.until(&log(&bench), |log| log.contains("run.held")));
            bench.rok(["cancel", RUN]).exits(0);
            owner.wait().exits(1);
        } else {
            run(&bench, &[]).exits(1);
            bench.rok(["cancel", RUN]).exits(0);
        }
        is_cancelled(&bench);
        assert!(!bench.path().join("published").exists());
    }
}

/// Its owner is dead, its step is not.
#[test]
fn a_run_is_cancelled_that_nobody_drives() {
    let bench = slow();
    stuck(&bench).kill();
    bench
        .rok(["cancel", RUN, "--reason", "no one is there"])
        .exits(0);
    is_cancelled(&bench);
    let found = summary(&bench);
    assert_eq!(
        states(&found),
        pairs([("stuck", "failed"), ("then", "skipped")])
    );
    // A cancelled run may be begun again, as its next epoch.
    let check = bench.rok(["resume", RUN, "--check"]).exits(0).out;
    assert!(check.contains("resumable, as the next epoch"), "{check}");
    let mut owner = Live::start(bench.command(["resume", RUN]));
    assert!(owner.until(&log(&bench), |log| log.matches("step.started").count() == 2));
    fs::write(bench.path().join("fifo"), "go on\n").expect("the step reads it");
    owner.wait().exits(0);
    let found = summary(&bench);
    assert_eq!(
        (&found["phase"], &found["epoch"]),
        (&json!("COMPLETED"), &json!(1))
    );
    is_reconciled(&found);
    bench.rok(["verify", RUN, "--sealed"]).exits(0);
}
