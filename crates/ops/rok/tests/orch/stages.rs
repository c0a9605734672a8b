//! Which components a stage takes, and how a pipeline runs.

use super::{bench, ends, orch, result};
use crate::support::Bench;
use rstest::rstest;
use std::path::Path;
use std::process::Command;

/// The components of the seed's command lines.
fn seed() -> Bench {
    bench(&[
        (
            "guard",
            "type: validator\nchannel: canary\ntags: [pre-commit]\nentrypoint: { run: [\"true\"] }",
        ),
        (
            "stable_guard",
            "type: validator\ntags: [pre-commit]\nentrypoint: { run: [\"false\"] }",
        ),
        (
            "net",
            "type: test\ntags: [integration]\nentrypoint: { run: [\"true\"] }",
        ),
        (
            "small",
            "type: test\ntags: [unit]\nentrypoint: { run: [\"true\"] }",
        ),
        (
            "lint",
            "type: validator\nchannel: canary\ntags: [ci]\nentrypoint: { run: [\"true\"] }",
        ),
        (
            "smoke",
            "type: test\ntags: [ci]\nentrypoint: { run: [\"true\"] }",
        ),
        (
            "tool_a",
            "type: tool\noutputs: { rows: { type: integer } }\nentrypoint: { run: \"echo '{\\\"rows\\\": 3}' > \\\"$ROK_OUTPUT\\\"\" }",
        ),
        (
            "tool_b",
            "type: tool\ninputs: { rows: { type: integer } }\noutputs: { total: { type: integer }, got: { type: string } }\nentrypoint: { run: \"printf '{\\\"total\\\": %s, \\\"got\\\": \\\"%s\\\"}' ${{ inputs.rows + 1 }} \\\"$(printf %s \\\"$PIPE_INPUT\\\" | tr -d '\\\"')\\\" > \\\"$ROK_OUTPUT\\\"\" }",
        ),
        (
            "validator_x",
            "type: validator\ninputs: { total: { type: integer } }\nentrypoint: { run: [test, \"${{ inputs.total }}\", \"=\", \"4\"] }",
        ),
    ])
}

/// Runs a line of a shell in which `rok` is on the path.
fn shell(bench: &Bench, line: &str) -> std::process::Output {
    let rok = Path::new(env!("CARGO_BIN_EXE_rok"));
    let here = rok
        .parent()
        .expect("a folder")
        .to_string_lossy()
        .into_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("sh")
        .args(["-c", line])
        .current_dir(bench.path())
        .env_clear()
        .env("PATH", format!("{here}:{path}"))
        .env("HOME", bench.path())
        .env("TMPDIR", bench.path())
        .env("ROK_USER", "tester")
        .output()
        .expect("sh starts")
}

// Seed 003's command lines, as written.
#[rstest]
#[case("rok orch --stage pre-commit --format human || exit 1", "✅ guard")]
#[case("rok orch --stage test --tags integration", "\"component\": \"net\"")]
#[case(
    "rok orch --stage ci --filter 'type=validator,lifecycle=canary'",
    "\"component\": \"lint\""
)]
#[case(
    "rok orch --stage pipeline --from tool_a --to tool_b --to validator_x",
    "\"component\": \"validator_x\""
)]
fn the_seed_s_command_lines_work_as_written(#[case] line: &str, #[case] told: &str) {
    let output = shell(&seed(), line);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{line}\n{out}\n{err}");
    assert!(out.contains(told), "{line}\n{out}");
}

#[rstest]
#[case("--stage pre-commit", &["guard"], "PreCommitOrchestrator")]
#[case("--stage ci", &["lint", "smoke"], "CIOrchestrator")]
#[case("--stage ci --filter type=validator,lifecycle=canary", &["lint"], "CIOrchestrator")]
#[case("--stage test", &["net", "small", "smoke"], "TestOrchestrator")]
#[case("--stage test --tags integration", &["net"], "TestOrchestrator")]
#[case("--stage ci --name s*", &["smoke"], "CIOrchestrator")]
#[case("--stage ci --name tool_a", &["tool_a"], "CIOrchestrator")]
fn each_stage_takes_its_own(
    #[case] words: &str,
    #[case] taken: &[&str],
    #[case] orchestrator: &str,
) {
    let report = orch(&seed(), words).exits(0).json();
    let names: Vec<&str> = ends(&report).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, taken);
    assert_eq!(report["orchestrator"], orchestrator);
}

#[test]
fn a_pipeline_pipes_outputs_to_inputs_in_the_given_order() {
    let bench = seed();
    let words = "--stage pipeline --from tool_a --to tool_b --to validator_x";
    let report = orch(&bench, words).exits(0).json();
    assert_eq!(
        ends(&report),
        [
            ("tool_a", "pass"),
            ("tool_b", "pass"),
            ("validator_x", "pass")
        ]
    );
    assert_eq!(result(&report, "tool_b")["output"]["total"], 4);
    assert_eq!(result(&report, "tool_b")["output"]["got"], "{rows:3}");
    let run = report["run_id"].as_str().expect("a run");
    let order: Vec<String> = bench
        .events(run)
        .iter()
        .filter(|event| event["event_type"] == "step.succeeded")
        .map(|event| event["step_id"].as_str().expect("a step").to_owned())
        .collect();
    assert_eq!(order, ["tool_a", "tool_b", "validator_x"]);
}

/// What is handed on is in a file, however much it is, and in a variable where
/// it fits.
#[rstest]
#[case(3, "there")]
#[case(3_000_000, "absent")]
fn what_a_pipeline_hands_on_is_in_a_file(#[case] bytes: usize, #[case] variable: &str) {
    let gives = format!(
        "type: tool\noutputs: {{ text: {{ type: string }} }}\nentrypoint: {{ run: \"printf '{{\\\"text\\\": \\\"%s\\\"}}' $(head -c {bytes} /dev/zero | tr '\\\\0' x) > \\\"$ROK_OUTPUT\\\"\" }}"
    );
    let takes = "type: tool\nentrypoint:\n  run: |\n    variable=${PIPE_INPUT-absent}\n    test \"$variable\" = absent || { test \"$variable\" = \"$(cat \"$PIPE_INPUT_FILE\")\"; variable=there; }\n    printf '{\"bytes\": %s, \"variable\": \"%s\"}' $(wc -c < \"$PIPE_INPUT_FILE\") $variable > \"$ROK_OUTPUT\"\noutputs: { bytes: { type: integer }, variable: { type: string } }";
    let bench = bench(&[("gives", &gives), ("takes", takes)]);
    let report = orch(&bench, "--stage pipeline --from gives --to takes");
    let report = report.exits(0).json();
    let output = &result(&report, "takes")["output"];
    assert_eq!(output["bytes"], "{\"text\":\"\"}".len() + bytes);
    assert_eq!(output["variable"], variable);
}

#[test]
fn a_pipeline_is_reported_in_the_order_in_which_it_runs() {
    let step = "type: tool\nentrypoint: { run: [\"true\"] }";
    let needs = "type: tool\nrequires: { y_base: \"*\" }\nentrypoint: { run: [\"true\"] }";
    let bench = bench(&[("z", step), ("m", needs), ("a", step), ("y_base", step)]);
    let words = "--stage pipeline --from z --to m --to a";
    let report = orch(&bench, words).exits(0).json();
    let order = |report: &serde_json::Value| -> Vec<String> {
        let names = ends(report).into_iter().map(|(name, _)| name.to_owned());
        names.collect()
    };
    let run = report["run_id"].as_str().expect("a run");
    let ran: Vec<String> = bench
        .events(run)
        .iter()
        .filter(|event| event["event_type"] == "step.started")
        .map(|event| event["step_id"].as_str().expect("a step").to_owned())
        .collect();
    let after = |order: &[String], first: &str, second: &str| {
        let at = |name: &str| order.iter().position(|one| one == name);
        assert!(at(first) < at(second), "{order:?}");
    };
    for order in [order(&report), ran] {
        after(&order, "z", "m");
        after(&order, "y_base", "m");
        after(&order, "m", "a");
        assert_eq!(order.len(), 4);
    }
    let again = orch(&bench, &format!("--stage pipeline --replay {run}"));
    assert_eq!(order(&again.exits(0).json()), order(&report));
}

/// An input is held to what its component takes, wherever its value comes from.
#[rstest]
#[case(
    "rows: { type: integer, maximum: 10 }",
    "output `rows`: must be at most 10"
)]
#[case("rows: { type: integer, enum: [1, 2] }", "output `rows`: ")]
fn what_is_piped_is_held_to_what_is_taken(#[case] input: &str, #[case] told: &str) {
    let gives = "type: tool\noutputs: { rows: { type: integer } }\nentrypoint: { run: \"echo '{\\\"rows\\\": 7000}' > \\\"$ROK_OUTPUT\\\"\" }";
    let takes = format!(
        "type: tool\ninputs: {{ {input} }}\nentrypoint: {{ run: [touch, \"${{{{ inputs.rows }}}}\"] }}"
    );
    let bench = bench(&[("gives", gives), ("takes", &takes)]);
    let words = "--stage pipeline --from gives --to takes";
    let report = orch(&bench, words).exits(1).json();
    assert_eq!(ends(&report), [("gives", "fail"), ("takes", "skip")]);
    let said = result(&report, "gives").to_string();
    assert!(said.contains(told), "{said}");
    assert!(!bench.path().join("7000").exists());
}

#[test]
fn what_can_never_be_taken_is_not_piped() {
    let gives =
        "type: tool\noutputs: { rows: { type: string } }\nentrypoint: { run: [touch, ran] }";
    let takes = "type: tool\ninputs: { rows: { type: integer } }\nentrypoint: { run: [echo, \"${{ inputs.rows }}\"] }";
    let bench = bench(&[("gives", gives), ("takes", takes)]);
    let refused = orch(&bench, "--stage pipeline --from gives --to takes").exits(2);
    let told = "the output `rows` of `gives` is of type string, and integer is taken by `takes`";
    assert!(refused.err.contains(told), "{}", refused.err);
    assert!(!bench.path().join("ran").exists());
}

/// Nothing that comes after a component whose breaker is open is handed what
/// another one made.
#[test]
fn a_pipeline_stops_where_a_breaker_is_open() {
    let step = "type: tool\nentrypoint: { run: [\"true\"] }";
    let bench = bench(&[
        ("a", step),
        ("b", "type: tool\nentrypoint: { run: \"exit 75\" }"),
        ("c", "type: tool\nentrypoint: { run: [touch, c-ran] }"),
    ]);
    for _ in 0..5 {
        orch(&bench, "--stage test --name b").exits(1);
    }
    let words = "--stage pipeline --from a --to b --to c";
    let report = orch(&bench, words).exits(1).json();
    assert_eq!(ends(&report), [("a", "pass"), ("b", "fail"), ("c", "skip")]);
    assert!(!bench.path().join("c-ran").exists());
}

#[test]
fn what_fails_in_a_pipeline_stops_what_comes_after() {
    let bench = seed();
    super::component(
        &bench,
        "tool_b",
        "type: tool\nentrypoint: { run: [\"false\"] }",
    );
    super::component(
        &bench,
        "validator_x",
        "type: tool\nentrypoint: { run: [\"true\"] }",
    );
    let words = "--stage pipeline --from tool_a --to tool_b --to validator_x";
    let report = orch(&bench, words).exits(1).json();
    assert_eq!(
        ends(&report),
        [
            ("tool_a", "pass"),
            ("tool_b", "fail"),
            ("validator_x", "skip")
        ]
    );
    assert_eq!(report["status"], "failed");
}

#[rstest]
#[case("status: draft", "--stage ci", false)]
#[case("status: draft", "--stage ci --allow-draft", true)]
#[case("status: archived", "--stage ci --allow-draft --name x", false)]
#[case("status: deprecated", "--stage ci", false)]
#[case("status: deprecated", "--stage ci --filter lifecycle=deprecated", true)]
#[case("status: deprecated", "--stage ci --name x", true)]
#[case(
    "status: active\nchannel: experimental",
    "--stage ci --filter lifecycle=experimental",
    true
)]
#[case(
    "status: active\nchannel: stable",
    "--stage ci --filter lifecycle=experimental",
    false
)]
fn lifecycle_decides_who_may_run(#[case] life: &str, #[case] words: &str, #[case] runs: bool) {
    let manifest = format!("{life}\ntype: test\ntags: [ci]\nentrypoint: {{ run: [\"true\"] }}");
    let bench = bench(&[("x", &manifest)]);
    let code = if runs { 0 } else { 3 };
    let report = orch(&bench, words).exits(code).json();
    assert_eq!(
        report["results"].as_array().expect("results").len(),
        usize::from(runs)
    );
}

#[test]
fn a_deprecated_component_runs_with_a_warning_that_is_on_record() {
    let manifest = "status: deprecated\ndeprecated_by: y\ntype: test\ntags: [ci]\nentrypoint: { run: [\"true\"] }";
    let bench = bench(&[
        ("x", manifest),
        (
            "y",
            "type: test\ntags: [ci]\nentrypoint: { run: [\"true\"] }",
        ),
    ]);
    let report = orch(&bench, "--stage ci --name x").exits(0).json();
    let x = result(&report, "x");
    assert_eq!(x["status"], "warn");
    assert_eq!(x["messages"][0], "component x@1.0.0 is deprecated: use y");
    let run = report["run_id"].as_str().expect("a run");
    let told = bench.rok(["orch", "events", run]).exits(0);
    let warned = told
        .out
        .lines()
        .filter(|l| l.contains("deprecation_warning"))
        .count();
    assert_eq!(warned, 1, "{}", told.out);
    let warnings: Vec<_> = bench
        .events(run)
        .into_iter()
        .filter(|event| event["event_type"] == "component.deprecated")
        .collect();
    let [event] = &warnings[..] else {
        panic!("one event: {warnings:?}")
    };
    assert_eq!(event["step_id"], "x");
    assert_eq!(event["reason"], "component x@1.0.0 is deprecated: use y");
    bench.rok(["verify", run]).exits(0);
    let text = bench.rok(["summary", run]).exits(0).out;
    assert!(
        text.contains("Warning: component x@1.0.0 is deprecated: use y"),
        "{text}"
    );
}

#[test]
fn what_is_required_runs_first_and_is_pulled_in() {
    let bench = bench(&[
        ("base", "type: tool\nentrypoint: { run: [\"true\"] }"),
        (
            "user",
            "type: test\nrequires: { base: ^1 }\nentrypoint: { run: [\"true\"] }",
        ),
    ]);
    let report = orch(&bench, "--stage test").exits(0).json();
    assert_eq!(ends(&report), [("base", "pass"), ("user", "pass")]);
    super::component(
        &bench,
        "base",
        "type: tool\nentrypoint: { run: [\"false\"] }",
    );
    let report = orch(&bench, "--stage test").exits(1).json();
    assert_eq!(ends(&report), [("base", "fail"), ("user", "skip")]);
}

#[test]
fn components_that_hand_on_warnings_are_to_be_looked_at() {
    let manifest = "type: test\nentrypoint: { run: \"echo '{\\\"warnings\\\": [{\\\"message\\\": \\\"old\\\", \\\"file\\\": \\\"a.rs\\\", \\\"line\\\": 3}, \\\"and this\\\"]}' > \\\"$ROK_OUTPUT\\\"\" }";
    let report = orch(&bench(&[("x", manifest)]), "--stage test")
        .exits(0)
        .json();
    let x = result(&report, "x");
    assert_eq!(
        (&x["status"], &report["summary"]["warned"]),
        (&"warn".into(), &1.into())
    );
    assert_eq!(x["errors"][0]["file"], "a.rs");
    assert_eq!(x["errors"][1]["level"], "warning");
}

#[rstest]
#[case("\\\"look\\\"", "look")]
#[case("{ \\\"a\\\": 1 }", "{\\\"a\\\":1}")]
#[case("[\\\"\\\"]", "a warning without a text")]
fn warnings_of_another_form_are_told_all_the_same(#[case] given: &str, #[case] told: &str) {
    let manifest = format!(
        "type: test\nentrypoint: {{ run: \"echo '{{\\\"warnings\\\": {given}}}' > \\\"$ROK_OUTPUT\\\"\" }}"
    );
    let bench = bench(&[("unit", &manifest)]);
    let report = orch(&bench, "--stage test").exits(0).json();
    assert_eq!(ends(&report), [("unit", "warn")]);
    assert_eq!(
        result(&report, "unit")["messages"][0],
        told.replace("\\\"", "\"")
    );
}
