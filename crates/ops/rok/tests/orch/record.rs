//! A run's record tells what its stage told, of every component.

use super::{bench, ends, orch, result};
use crate::support::Bench;
use rstest::rstest;
use serde_json::Value;

const PASSES: &str = "type: test\nentrypoint: { run: [\"true\"] }";
const KEEPS_FAILING: &str = "type: test\nentrypoint: { run: \"echo x >> tried; exit 75\" }";

/// A bench with a component `br` whose breaker is open.
fn broken(components: &[(&str, &str)]) -> Bench {
    let bench = bench(&[("br", KEEPS_FAILING)]);
    for _ in 0..5 {
        orch(&bench, "--stage test --name br").exits(1);
    }
    for (name, rest) in components {
        super::component(&bench, name, rest);
    }
    bench
}

/// A step of a run's record.
#[track_caller]
fn step<'r>(summary: &'r Value, id: &str) -> &'r Value {
    let steps = summary["steps"].as_array().expect("steps");
    let found = steps.iter().find(|step| step["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {summary:#}"))
}

fn summary(bench: &Bench, run: &str) -> Value {
    bench.rok(["summary", run, "--json"]).json()
}

#[test]
fn a_refused_component_fails_its_run_and_not_its_report_alone() {
    let needs = "type: test\nrequires: { br: ^1 }\nentrypoint: { run: [touch, dep-ran] }";
    let bench = broken(&[("dep", needs), ("ok", PASSES)]);
    let words = "--stage test --correlation-id mix";
    let report = orch(&bench, words).exits(1).json();
    assert_eq!(
        ends(&report),
        [("br", "fail"), ("dep", "skip"), ("ok", "pass")]
    );
    assert_eq!(report["summary"]["total"], 3);
    let br = result(&report, "br");
    assert_eq!(
        (&br["attempts"], &br["error_class"]),
        (&0.into(), &"transient_io".into())
    );

    let told = summary(&bench, "mix");
    assert_eq!(
        (&told["phase"], &told["outcome"]),
        (&"FAILED".into(), &"failed".into())
    );
    let refused = step(&told, "br");
    assert_eq!(refused["state"], "failed");
    let why = refused["error"]["reason"].as_str().expect("why");
    assert!(why.contains("circuit breaker is open until"), "{why}");
    assert_eq!(step(&told, "dep")["state"], "skipped");
    assert_eq!(step(&told, "ok")["state"], "succeeded");
    assert!(!bench.path().join("dep-ran").exists());
    bench.rok(["verify", "mix"]).exits(0);
    let explained = bench.rok(["explain", "mix"]).out;
    assert!(explained.contains("circuit breaker"), "{explained}");
    let listed = bench.rok(["ls", "--json"]).out;
    assert!(listed.contains("\"failed\""), "{listed}");

    // What was not started says nothing of its breaker, and was not tried.
    let tried = std::fs::read_to_string(bench.path().join("tried")).expect("it ran");
    assert_eq!(tried.lines().count(), 5);
}

#[test]
fn a_stage_of_refused_components_is_a_run_all_the_same() {
    let bench = broken(&[]);
    let words = "--stage test --correlation-id allopen";
    let report = orch(&bench, words).exits(1).json();
    assert_eq!(report["run_id"], "allopen");
    let told = summary(&bench, "allopen");
    assert_eq!(told["outcome"], "failed");
    assert_eq!(step(&told, "br")["state"], "failed");
}

#[test]
fn what_no_file_concerns_is_in_the_record_as_skipped() {
    let bench = bench(&[
        (
            "docs",
            "type: test\nfiles: [\"*.md\"]\nsecrets: [NONE]\ninputs: { n: { type: integer } }\nentrypoint: { run: [touch, \"docs-${{ inputs.n }}\"] }",
        ),
        (
            "text",
            "type: test\nfiles: [\"*.txt\"]\nentrypoint: { run: [\"true\"] }",
        ),
    ]);
    bench.write("a.txt", "a");
    let words = "--stage test --files a.txt --correlation-id some";
    let report = orch(&bench, words).exits(0).json();
    assert_eq!(ends(&report), [("text", "pass"), ("docs", "skip")]);
    let why = "the one file is not its concern";
    assert_eq!(result(&report, "docs")["messages"][0], why);
    let told = summary(&bench, "some");
    assert_eq!(told["outcome"], "succeeded");
    let left_out = step(&told, "docs");
    assert_eq!(
        (&left_out["state"], &left_out["skip_reason"]),
        (&"skipped".into(), &why.into())
    );

    bench.write("c.rs", "c");
    let words = "--stage test --files c.rs --correlation-id none";
    let report = orch(&bench, words).exits(0).json();
    assert_eq!(report["summary"]["skipped"], 2);
    let told = summary(&bench, "none");
    assert_eq!(
        (&told["outcome"], &told["totals"]["skipped"]),
        (&"succeeded".into(), &2.into())
    );
    bench.rok(["verify", "none"]).exits(0);
}

#[test]
fn what_is_required_runs_though_no_file_concerns_it() {
    let bench = bench(&[
        (
            "base",
            "type: test\nfiles: [\"*.md\"]\nentrypoint: { run: [touch, base-ran] }",
        ),
        (
            "user",
            "type: test\nfiles: [\"*.txt\"]\nrequires: { base: \"*\" }\nentrypoint: { run: [\"true\"] }",
        ),
    ]);
    bench.write("a.txt", "a");
    let report = orch(&bench, "--stage test --files a.txt").exits(0).json();
    assert_eq!(ends(&report), [("base", "pass"), ("user", "pass")]);
    assert!(bench.path().join("base-ran").exists());
}

#[test]
fn a_replay_runs_all_of_it_or_says_what_it_took_from_the_record() {
    let ran = |name: &str| format!("type: test\nentrypoint: {{ run: \"echo x >> ran-{name}\" }}");
    let (a, b) = (ran("a"), ran("b"));
    let bench = bench(&[("a", &a), ("b", &b)]);
    orch(&bench, "--stage test --correlation-id first").exits(0);
    let times = |name: &str| {
        let text = std::fs::read_to_string(bench.path().join(format!("ran-{name}")));
        text.expect("it ran").lines().count()
    };
    let whole = orch(&bench, "--stage test --replay first").exits(0).json();
    assert_eq!((times("a"), times("b")), (2, 2));
    assert_eq!(ends(&whole), [("a", "pass"), ("b", "pass")]);
    assert_eq!(whole["replay"]["from"], Value::Null);

    let words = "--stage test --replay first --from b";
    let part = orch(&bench, words).exits(0).json();
    assert_eq!((times("a"), times("b")), (2, 3));
    assert_eq!(ends(&part), [("a", "skip"), ("b", "pass")]);
    assert_eq!(
        (&part["summary"]["passed"], &part["summary"]["skipped"]),
        (&1.into(), &1.into())
    );
    let why = result(&part, "a")["messages"][0].as_str().expect("why");
    assert_eq!(why, "recorded, not run: it passed in run first");
}

#[rstest]
#[case("human", "recorded, not run: it passed in run first")]
#[case(
    "junit",
    "skipped message=\"recorded, not run: it passed in run first\""
)]
#[case("yaml", "recorded, not run: it passed in run first")]
fn every_format_tells_what_was_recorded(#[case] format: &str, #[case] told: &str) {
    let bench = bench(&[("a", PASSES), ("b", PASSES)]);
    orch(&bench, "--stage test --correlation-id first").exits(0);
    let words = format!("--stage test --replay first --from b --format {format}");
    let text = orch(&bench, &words).exits(0).out;
    assert!(text.contains(told), "{text}");
}

#[test]
fn a_correlation_id_that_is_taken_is_told_by_its_own_flag() {
    let bench = bench(&[("a", PASSES)]);
    let words = "--stage test --correlation-id dup";
    orch(&bench, words).exits(0);
    let again = orch(&bench, words).exits(2).json();
    let help = again["error"]["help"].as_str().expect("help");
    assert_eq!(help, "take another --correlation-id, or leave it out");
}
