//! Seed 004, the pipeline runner: each of its sentences has a test, by the
//! table in `seed-004.md` beside it; those that had none stand here.

mod support;

#[path = "support/live.rs"]
mod live;
#[path = "support/table.rs"]
mod table;

#[path = "seed_004/states.rs"]
mod states;

use live::Live;
use rok::pipeline::PipelineState;
use rstest::rstest;
use serde_json::Value;
use std::collections::BTreeSet;
use support::Bench;

const RUN: &str = "run_abc";

/// Seed 004's failing run: the benchmark gate is below its threshold.
const PLAN: &str = r#"
plan: deliverable
order: sequential
steps:
  preflight_contract_check: { gate: hard, run: "true" }
  phase_benchmark:
    gate: hard
    run: |
      printf '{"class":"hard_gate_failed","reason":"Accuracy 95.2%% below threshold 97%%"}' > "$ROK_ERROR"
      exit 1
  stage_data: { run: "true" }
  build: { run: "true" }
"#;

fn failed() -> Bench {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench
        .rok(["run", "plan.yaml", "--run-id", RUN, "-q"])
        .exits(1);
    bench
}

#[test]
fn the_table_names_tests_that_exist() {
    table::names_tests_that_exist("seed-004.md", "Seed 004", 80);
}

#[test]
fn the_built_in_pipeline_is_the_seeds() {
    let bench = Bench::new();
    let plan = bench
        .rok(["plan", "show", "deliverable", "--json"])
        .exits(0)
        .json();
    assert_eq!(plan["order"], "sequential");
    let gate = |step: &str| plan["steps"][step]["gate"].as_str().map(ToOwned::to_owned);
    let hard = Some("hard".to_owned());
    for (step, expected) in [
        ("preflight_contract_check", hard.clone()),
        ("phase_benchmark", hard.clone()),
        ("stage_data_layout", None),
        ("build_steward_bundle", None),
        ("validate_bundle_quality", hard.clone()),
        ("build_minimal_deliverable", None),
        ("verify_artifacts", hard),
        ("publish_internal", Some("manual".to_owned())),
    ] {
        assert!(plan["steps"].get(step).is_some(), "{step}");
        assert_eq!(gate(step), expected, "{step}");
    }
    let retries: Vec<(&str, u64)> = [
        "phase_benchmark",
        "stage_data_layout",
        "build_steward_bundle",
        "build_minimal_deliverable",
    ]
    .map(|step| {
        (
            step,
            plan["steps"][step]["retry"]["max"]
                .as_u64()
                .expect("a number"),
        )
    })
    .to_vec();
    assert_eq!(
        retries.iter().map(|(_, max)| *max).collect::<Vec<_>>(),
        [2, 3, 2, 2]
    );
}

/// The command lines of the seed, under this program's name.
#[rstest]
#[case::status(&["status", "runs/run_abc"], "FAILED")]
#[case::tail(&["events", "runs/run_abc", "--tail", "20"], "\"event_type\":\"run.sealed\"")]
#[case::follow(&["events", "runs/run_abc", "--follow"], "\"event_type\":\"run.sealed\"")]
#[case::summary(&["summary", "runs/run_abc"], "Run Summary: run_abc")]
#[case::summary_json(&["summary", "runs/run_abc", "--json"], "\"status\": \"failed\"")]
fn the_command_lines_of_the_seed(#[case] arguments: &[&str], #[case] shows: &str) {
    let bench = failed();
    let ran = bench.rok(arguments).exits(0);
    assert!(ran.out.contains(shows), "{}", ran.out);
}

#[test]
fn resumability_is_checked_without_a_change() {
    let bench = failed();
    let before = bench.events(RUN);
    let ran = bench.rok(["resume", "runs/run_abc", "--check"]).exits(1);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains("phase_benchmark"), "{said}");
    assert_eq!(bench.events(RUN), before);
}

#[test]
fn every_line_has_the_required_fields_no_null_and_no_whitespace() {
    let bench = failed();
    let text = std::fs::read_to_string(bench.runs().join(RUN).join("events.jsonl")).expect("a log");
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        for field in [
            "event_id",
            "event_type",
            "run_id",
            "timestamp_utc",
            "actor",
            "attempt",
        ] {
            assert!(event.get(field).is_some(), "{field} is not in {line}");
        }
        assert!(!has_null(&event), "{line}");
        assert_eq!(event.to_string(), line, "it is written without whitespace");
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(entries) => entries.values().any(has_null),
        _ => false,
    }
}

#[test]
fn the_seeds_core_events_are_written_as_it_shows_them() {
    let bench = failed();
    let events = bench.events(RUN);
    let types: BTreeSet<&str> = events
        .iter()
        .filter_map(|event| event["event_type"].as_str())
        .collect();
    for core in [
        "run.created",
        "run.state_changed",
        "run.completed",
        "step.started",
        "step.succeeded",
        "step.failed",
        "gate.failed",
        "step.skipped",
    ] {
        assert!(types.contains(core), "{core} is not in {types:?}");
    }
    let gate = events
        .iter()
        .find(|event| event["event_type"] == "gate.failed")
        .expect("the gate failed");
    for (field, expected) in [
        ("run_id", RUN),
        ("actor", "runner"),
        ("step_id", "phase_benchmark"),
        ("error_class", "hard_gate_failed"),
        ("reason", "Accuracy 95.2% below threshold 97%"),
    ] {
        assert_eq!(gate[field], expected, "{field}");
    }
    assert_eq!(gate["attempt"], 0);
    let at = gate["timestamp_utc"].as_str().expect("a text");
    assert!(
        at.ends_with('Z') && at.len() == "2026-02-16T23:05:12.000Z".len(),
        "{at}"
    );
}

#[test]
fn the_summary_is_the_seeds() {
    let bench = failed();
    let text = bench.rok(["summary", RUN]).exits(0).out;
    for line in [
        "Run Summary: run_abc",
        "Status: ✗ FAILED",
        "Created: 2",
        "Completed: 2",
        "Duration: ",
        "Steps: 4 total (1 completed, 1 failed, 2 skipped)",
        "Retries: 0",
        "Hard gate failures: phase_benchmark",
        "Steps:",
        "  ✓ preflight_contract_check        succeeded",
        "  ✗ phase_benchmark                 failed",
        "      Error: Accuracy 95.2% below threshold 97%",
        "  ⊘ stage_data                      skipped",
    ] {
        assert!(
            text.lines().any(|found| found.starts_with(line)),
            "{line:?} is not in\n{text}"
        );
    }
}

#[test]
fn terminal_states_are_the_seeds() {
    let terminal = [
        PipelineState::Succeeded,
        PipelineState::Failed,
        PipelineState::RolledBack,
    ];
    let open = [
        PipelineState::Created,
        PipelineState::PreflightValidated,
        PipelineState::Executing,
        PipelineState::Blocked,
    ];
    assert!(terminal.into_iter().all(PipelineState::is_terminal));
    assert!(!open.into_iter().any(PipelineState::is_terminal));
}

#[test]
fn a_log_that_says_too_much_or_too_little_is_refused() {
    let bench = failed();
    let log = bench.runs().join(RUN).join("events.jsonl");
    let text = std::fs::read_to_string(&log).expect("a log");
    std::fs::write(&log, text.replacen("step.skipped", "step.vanished", 1)).expect("a file");
    let ran = bench.rok(["status", RUN]).exits(4);
    assert!(ran.err.contains("ROK0105"), "{}", ran.err);
}

/// `--follow` follows until the run ends: over the seal of an earlier epoch,
/// over the death of an owner, and into the next one's work.
#[test]
fn a_follower_sees_the_next_epoch_to_its_end() {
    let bench = Bench::new();
    let plan = "plan: long\nsteps:\n  first: { run: test -e ready }\n  second: { needs: [first], run: test -e go || exec sleep 600 }\n";
    bench.write("plan.yaml", plan);
    bench
        .rok(["run", "plan.yaml", "--run-id", RUN, "-q"])
        .exits(1);
    bench.write("ready", "");
    let log = bench.runs().join(RUN).join("events.jsonl");
    let mut owner = Live::start(bench.command(["resume", RUN, "-q"]));
    let second_runs = |text: &str| {
        text.lines()
            .any(|line| line.contains("step.started") && line.contains("second"))
    };
    assert!(owner.until(&log, second_runs), "the second step starts");

    let follower = Live::start(bench.command(["events", RUN, "--follow"]));
    owner.kill();
    bench.write("go", "");
    bench.rok(["resume", RUN, "-q"]).exits(0);
    let followed = follower.wait().exits(0).out;
    let whole = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(followed, whole, "all of it, in order, and no more");
    let sealed = whole.lines().filter(|line| line.contains("run.sealed"));
    assert_eq!(sealed.count(), 2);
}
