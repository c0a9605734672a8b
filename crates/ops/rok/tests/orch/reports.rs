//! Reports: their formats, their schema, what they say of errors.

use super::{bench, orch, result};
use crate::support::{Bench, Ran};
use rstest::rstest;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// A component of each end.
fn mixed() -> Bench {
    bench(&[
        ("good", "type: test\nentrypoint: { run: [\"true\"] }"),
        (
            "bad",
            "type: test\nentrypoint: { run: \"echo 'src/a.rs:3:4: error: no such thing' >&2; exit 1\" }",
        ),
        (
            "late",
            "type: test\ntimeout: 200ms\nentrypoint: { run: [sleep, \"60\"] }",
        ),
        (
            "after",
            "type: test\nrequires: { bad: \"*\" }\nentrypoint: { run: [\"true\"] }",
        ),
    ])
}

/// Whether a public validator accepts a document.
fn fits_schema(bench: &Bench, document: &Value) -> Ran {
    let python = root().join("target/tools/verifier/bin/python");
    assert!(
        python.is_file(),
        "the public tools are not installed: run `cargo xtask verifier` once (`cargo xtask test` does it by itself)"
    );
    bench.write("document.json", &document.to_string());
    let program = "import json, sys, jsonschema\n\
        schema = json.load(open(sys.argv[1]))\n\
        jsonschema.Draft202012Validator.check_schema(schema)\n\
        jsonschema.Draft202012Validator(schema).validate(json.load(open('document.json')))\n";
    let schema = root().join("docs/run-report.schema.json");
    let mut command = Command::new(python);
    command
        .args(["-c", program])
        .arg(schema)
        .current_dir(bench.path())
        .env_clear();
    Ran::from(command.output().expect("python starts"))
}

#[test]
fn every_report_validates_against_the_published_schema() {
    let bench = mixed();
    let reports = [
        ("--stage test", 1),
        ("--stage test --dry-run", 0),
        ("--stage test --mode profile", 1),
        ("--stage nope", 2),
        ("--stage registry", 0),
    ];
    for (words, code) in reports {
        let report = orch(&bench, words).exits(code).json();
        fits_schema(&bench, &report).exits(0);
    }
    let mut spoiled = orch(&bench, "--stage test").json();
    spoiled["results"][0]["status"] = "excellent".into();
    fits_schema(&bench, &spoiled).exits(1);
}

#[test]
fn the_schema_that_is_printed_is_the_published_one() {
    let printed = bench(&[]).rok(["orch", "schema"]).exits(0).out;
    let path = root().join("docs/run-report.schema.json");
    if std::env::var_os("ROK_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &printed).expect("the page is written");
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(printed, published, "ROK_UPDATE_DOCS=1 writes it");
}

#[test]
fn a_report_says_what_ended_how() {
    let bench = mixed();
    let report = orch(&bench, "--stage test").exits(1).json();
    let sum = &report["summary"];
    assert_eq!((&sum["passed"], &sum["failed"]), (&1.into(), &2.into()));
    assert_eq!((&sum["skipped"], &sum["timed_out"]), (&1.into(), &1.into()));
    let bad = result(&report, "bad");
    assert_eq!(bad["errors"][0]["file"], "src/a.rs");
    assert_eq!(
        (&bad["errors"][0]["line"], &bad["errors"][0]["column"]),
        (&3.into(), &4.into())
    );
    assert_eq!(bad["error_class"], "validation_failed");
    assert_eq!(bad["fingerprint"].as_str().map(str::len), Some(64));
    assert_eq!(result(&report, "late")["error_class"], "timeout");
    assert_eq!(report["correlation_id"], report["run_id"]);
    let took = report["execution_time_ms"].as_u64().expect("a number");
    assert!(took >= 200, "{took}");
}

#[test]
fn the_correlation_id_is_the_key_of_the_run() {
    let bench = mixed();
    let report = orch(&bench, "--stage test --correlation-id key-7")
        .exits(1)
        .json();
    assert_eq!(report["run_id"], "key-7");
    let summary = bench.rok(["summary", "key-7", "--json"]).exits(0).json();
    assert_eq!(summary["labels"]["stage"], "test");
    assert_eq!(summary["labels"]["mode"], "sync");
    bench.rok(["verify", "key-7"]).exits(0);
    // It stands in every event that operators are told.
    let told = bench.rok(["orch", "events", "key-7"]).exits(0).out;
    assert!(
        told.lines()
            .all(|line| line.contains("\"correlation_id\":\"key-7\"")),
        "{told}"
    );
}

#[test]
fn operators_are_told_structured_events() {
    let bench = bench(&[(
        "flaky",
        "type: test\nidempotent: true\nretry: { max: 2, base: 10ms }\nentrypoint: { run: \"test -e again || { touch again; exit 75; }\" }",
    )]);
    let ran = bench.rok(["orch", "--stage", "test", "-v"]).exits(0);
    let events: Vec<Value> = ran
        .err
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "execution_start",
            "error",
            "resource_usage",
            "retry",
            "resource_usage",
            "execution_end"
        ],
        "{}",
        ran.err
    );
    assert_eq!(events[1]["component"], "flaky");
    assert_eq!(events[1]["error_class"], "transient_io");
    assert!(events[2]["data"]["wall_ms"].is_u64(), "{events:?}");
}

#[rstest]
#[case("human", "FAILED: 1 passed, 2 failed, 1 skipped")]
#[case("json", "\"status\": \"failed\"")]
#[case("yaml", "status: failed\n")]
#[case("junit", "<testsuite name=\"test\" tests=\"4\"")]
#[case("sarif", "\"version\": \"2.1.0\"")]
#[case(
    "github",
    "::error file=src/a.rs,line=3,col=4,title=bad::no such thing"
)]
fn each_format(#[case] format: &str, #[case] told: &str) {
    let ran = orch(&mixed(), &format!("--stage test --format {format}")).exits(1);
    assert!(ran.out.contains(told), "{}", ran.out);
    assert!(
        ran.err.contains("bad"),
        "progress goes to stderr: {}",
        ran.err
    );
}

#[rstest]
#[case(&[("CI", "true")], &[], true)]
#[case(&[("TERM", "dumb")], &[], true)]
#[case(&[], &["--no-color"], true)]
#[case(&[], &[], false)]
fn ascii_where_nothing_else_is_shown_rightly(
    #[case] environment: &[(&str, &str)],
    #[case] flags: &[&str],
    #[case] ascii: bool,
) {
    let bench = mixed();
    let mut command = bench.command(["orch", "--stage", "test", "--format", "human"]);
    command.args(flags).envs(environment.iter().copied());
    let ran = Ran::from(command.output().expect("rok starts")).exits(1);
    assert_eq!(ran.out.is_ascii(), ascii, "{}", ran.out);
    assert_eq!(ran.out.contains("[PASS]"), ascii, "{}", ran.out);
    assert!(
        !ran.out.contains('\u{1b}'),
        "no colours where nobody watches"
    );
}

#[test]
fn json_is_the_default_where_no_terminal_is() {
    let bench = mixed();
    let report = orch(&bench, "--stage test").json();
    assert_eq!(report["stage"], "test");
    let yaml = orch(&bench, "--stage test --yaml").exits(1);
    assert!(yaml.out.starts_with("status: failed\n"), "{}", yaml.out);
}

#[test]
fn an_input_that_cannot_be_read_is_one_error() {
    let bench = bench(&[(
        "count",
        "type: test\ninputs: { rows: { type: integer } }\nentrypoint: { run: [echo, \"${{ inputs.rows }}\"] }",
    )]);
    let report = orch(&bench, "--stage test --input rows=abc")
        .exits(2)
        .json();
    let message = report["error"]["message"].as_str().expect("why");
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.starts_with("input `rows`: "), "{message}");
    assert!(!message.contains("not given"), "{message}");
    let none = orch(&bench, "--stage test").exits(2).json();
    let message = none["error"]["message"].as_str().expect("why");
    assert!(message.contains("input `rows`: is not given"), "{message}");
}

/// Neither a database nor a server has the runs of stages: what is advised works.
#[test]
fn a_stage_in_a_database_is_told_to_leave_it_out() {
    let bench = bench(&[("a", "type: test\nentrypoint: { run: [touch, ran] }")]);
    let ran = orch(&bench, "--stage test --store sqlite:rok.db").exits(2);
    assert!(
        ran.err.contains("leave --store and ROK_STORE out"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("--server"), "{}", ran.err);
    assert!(!bench.path().join("ran").exists());
    orch(&bench, "--stage test").exits(0);
}

#[test]
fn stages_run_where_they_are_asked_for_and_on_no_server() {
    let bench = bench(&[("a", "type: test\nentrypoint: { run: [touch, ran] }")]);
    for words in ["--stage test", "--stage test --dry-run", "--stage registry"] {
        let words = format!("{words} --server http://127.0.0.1:9");
        let ran = orch(&bench, &words).exits(2);
        assert!(ran.err.contains("ROK0117"), "{words}: {}", ran.err);
        assert!(
            ran.err.contains("leave --server and ROK_SERVER out"),
            "{}",
            ran.err
        );
    }
    let mut command = bench.command(["orch", "--stage", "test"]);
    command.env("ROK_SERVER", "http://127.0.0.1:9");
    Ran::from(command.output().expect("rok starts")).exits(2);
    assert!(!bench.path().join("ran").exists() && !bench.runs().exists());
}

#[test]
fn an_unknown_format_is_refused_before_anything_runs() {
    let bench = mixed();
    let ran = orch(&bench, "--stage test --format jsn").exits(2);
    assert!(ran.err.contains("did you mean `json`?"), "{}", ran.err);
    assert!(!bench.runs().exists());
}

/// What a soft policy says is told in every format, and what a check warns of.
#[test]
fn what_is_only_warned_of_is_told_in_every_format() {
    let warns = "type: test\nentrypoint: { run: \"echo '{\\\"warnings\\\": [{\\\"message\\\": \\\"first word\\\", \\\"file\\\": \\\"a.rs\\\", \\\"line\\\": 3}, \\\"second word\\\"]}' > \\\"$ROK_OUTPUT\\\"\" }";
    let copies = "type: test\nentrypoint: { run: [touch, x] }";
    let bench = bench(&[("copies", copies), ("warns", warns)]);
    let policies = "policies:\n  - { type: security, scope: org, enforcement_level: soft, payload: { id: rule-1, reason: not by touch, deny: { commands: [touch] } } }\n  - { type: security, scope: org, enforcement_level: soft, payload: { id: rule-2, reason: whose it is, require: { labels: { owner: null } } } }\n";
    bench.write("soft.yaml", policies);
    for format in ["human", "json", "yaml", "junit", "sarif", "github"] {
        let words = format!("--stage test --policy soft.yaml --format {format}");
        let ran = orch(&bench, &words).exits(0);
        for text in ["first word", "second word", "not by touch", "whose it is"] {
            assert!(ran.out.contains(text), "{format}: {text}\n{}", ran.out);
        }
    }
    let report = orch(&bench, "--stage test --policy soft.yaml --correlation-id r");
    let report = report.exits(0).json();
    assert_eq!(result(&report, "copies")["status"], "warn");
    // And of the run itself, whoever asks.
    for command in ["summary", "explain"] {
        let told = bench.rok([command, "r"]).exits(0).out;
        for text in [
            "a.rs: first word",
            "second word",
            "not by touch",
            "whose it is",
        ] {
            assert!(told.contains(text), "{command}: {text}\n{told}");
        }
    }
    let status = bench.rok(["status", "r"]).exits(0).out;
    assert!(status.contains("warnings: 2 (warns)"), "{status}");
    assert!(
        status.contains("policy violations: 3 (recorded)"),
        "{status}"
    );
}

/// A soft policy speaks against a component whatever it forbids, and a strict
/// one that is only observed is called no soft one.
#[test]
fn what_is_told_of_a_component_is_told_by_its_name() {
    let copies = "type: test\nentrypoint: { run: [touch, x] }";
    let bench = bench(&[("copies", copies)]);
    let policy = |level: &str, of: &str| {
        format!(
            "policies:\n  - {{ type: security, scope: org, enforcement_level: {level}, payload: {{ id: rule-1, {of} }} }}\n"
        )
    };
    let boxed = policy("soft", "require: { sandbox: { network: none } }");
    bench.write("boxed.yaml", &boxed);
    let strict = policy("strict", "deny: { commands: [touch] }");
    bench.write("strict.yaml", &strict);
    for (words, told) in [
        (
            "--policy boxed.yaml",
            "soft policy violation: policy `rule-1`: step `copies` has no sandbox",
        ),
        (
            "--policy strict.yaml --profile OBSERVE_ONLY",
            "policy violation that is only observed (OBSERVE_ONLY): policy `rule-1`",
        ),
    ] {
        let words = format!("--stage test {words}");
        let report = orch(&bench, &words).exits(0).json();
        let copies = result(&report, "copies");
        assert_eq!(copies["status"], "warn", "{words}: {copies:#}");
        let message = copies["errors"][0]["message"].as_str().expect("a message");
        assert!(message.starts_with(told), "{words}: {message}");
    }
}

#[test]
fn a_long_line_is_told_whole_and_what_never_began_is_no_run() {
    let long = "x".repeat(6000);
    let fails = format!("type: test\nentrypoint: {{ run: \"echo begin{long}end; exit 1\" }}");
    let bench = bench(&[("long", &fails)]);
    for format in ["json", "yaml", "junit", "sarif", "github"] {
        let ran = orch(&bench, &format!("--stage test --format {format}")).exits(1);
        let whole = format!("begin{long}end");
        assert!(ran.out.contains(&whole), "{format}\n{}", ran.out);
    }
    let shown = orch(&bench, "--stage test --format human").exits(1).out;
    assert!(shown.contains(" run 0"), "{shown}");
    assert!(
        shown.contains("more lines"),
        "what is left out is marked\n{shown}"
    );
    // Refused, or only looked at: there is no such run.
    let refused = orch(&bench, "--stage test --name no --format human").exits(3);
    assert!(!refused.out.contains(" run 0"), "{}", refused.out);
    let dry = orch(&bench, "--stage test --dry-run --format human").exits(0);
    assert!(!dry.out.contains(" run 0"), "{}", dry.out);
    bench
        .rok(["--json", "orch", "--stage", "test", "--format", "junit"])
        .exits(2);
}

#[test]
fn a_secrets_file_that_is_not_there_is_a_mistake_of_usage() {
    let bench = bench(&[(
        "a",
        "type: test\nsecrets: [TOKEN]\nentrypoint: { run: [\"true\"], env: { T: \"${{ secrets.TOKEN }}\" } }",
    )]);
    let report = orch(&bench, "--stage test --secrets none.env")
        .exits(2)
        .json();
    assert_eq!(report["error"]["code"], "ROK0110");
    assert_eq!(report["run_id"], Value::Null);
    // One that is there, and lacks it.
    let file = bench.write("some.env", "OTHER=hunter2\n");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    let report = orch(&bench, "--stage test --secrets some.env")
        .exits(1)
        .json();
    let told = report["messages"].to_string();
    let both = "some.env, or in the environment (ROK0110)";
    assert!(told.contains(both), "{report:#}");
}

/// What was changed behind rok's back tells operators nothing.
#[test]
fn a_tampered_run_has_no_operator_events() {
    let bench = bench(&[("a", "type: test\nentrypoint: { run: [\"true\"] }")]);
    let report = orch(&bench, "--stage test").exits(0).json();
    let run = report["run_id"].as_str().expect("its run").to_owned();
    orch(&bench, &format!("events {run}")).exits(0);
    let path = bench.runs().join(&run).join("events.jsonl");
    let log = std::fs::read_to_string(&path).expect("the log");
    std::fs::write(&path, log.replace("step.succeeded", "step.skipped ")).expect("written");
    let told = orch(&bench, &format!("events {run}")).exits(4);
    assert!(told.err.contains("ROK0105"), "{}", told.err);
    assert_eq!(told.out, "");
}
