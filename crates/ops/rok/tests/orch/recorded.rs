//! The report of a run that is in the record.

use super::staged::{interrupted, waiting};
use super::{bench, ends, orch};
use crate::support::Bench;
use rstest::rstest;
use rustix::process::Signal;
use serde_json::Value;

const PASSES: &str = "type: test\nentrypoint: { run: [\"true\"] }";
const FAILS: &str = "type: test\nentrypoint: { run: \"echo 'src/a.rs:3:5: too long'; exit 1\" }";
const WARNS: &str = "type: test\nentrypoint: { run: \"echo '{\\\"warnings\\\": [\\\"look\\\"]}' > \\\"$ROK_OUTPUT\\\"\" }";
const DOCS: &str = "type: test\nfiles: [\"*.md\"]\nentrypoint: { run: [\"true\"] }";

/// The report of a run, as it is told from its record.
fn retold(bench: &Bench, run: &str, code: i32) -> Value {
    let words = ["orch", "report", run, "--format", "json"];
    bench.rok(words).exits(code).json()
}

/// What a report says, but for times and for what the registry knows of a
/// component today.
fn said(report: &Value) -> Value {
    let mut said = report.clone();
    for key in ["started_at", "completed_at", "execution_time_ms"] {
        said[key].take();
    }
    let results = said["results"].as_array_mut().expect("results");
    for result in results {
        for key in ["type", "fingerprint"] {
            result.as_object_mut().expect("a result").remove(key);
        }
    }
    said
}

#[rstest]
#[case::passes(&[("a", PASSES), ("b", PASSES)], "--stage test", 0)]
#[case::fails(&[("a", PASSES), ("b", FAILS), ("c", WARNS)], "--stage test", 1)]
#[case::concurrent(&[("a", WARNS)], "--stage test --mode async", 0)]
#[case::left_out(&[("a", PASSES), ("docs", DOCS)], "--stage test --files a.txt", 0)]
#[case::measured(&[("a", PASSES)], "--stage test --mode profile", 0)]
fn a_report_told_from_the_record_is_the_one_that_the_stage_gave(
    #[case] components: &[(&str, &str)],
    #[case] words: &str,
    #[case] code: i32,
) {
    let bench = bench(components);
    bench.write("a.txt", "a");
    let words = format!("{words} --correlation-id r");
    let first = orch(&bench, &words).exits(code).json();
    assert_eq!(said(&retold(&bench, "r", code)), said(&first));
}

#[rstest]
#[case("human", "src/a.rs:3:5: too long")]
#[case("junit", "<failure ")]
#[case("sarif", "\"version\": \"2.1.0\"")]
#[case("github", "::error file=src/a.rs,line=3")]
#[case("yaml", "status: failed")]
fn a_recorded_report_has_every_format(#[case] format: &str, #[case] told: &str) {
    let bench = bench(&[("b", FAILS)]);
    orch(&bench, "--stage test --correlation-id r").exits(1);
    let report = bench.rok(["orch", "report", "r", "--format", format]);
    let report = report.exits(1).out;
    assert!(report.contains(told), "{report}");
}

#[test]
fn an_interrupted_run_has_a_report_and_so_has_what_is_made_of_it() {
    let bench = waiting(true);
    interrupted(&bench, Signal::INT, 130);
    let open = retold(&bench, "r-1", 1);
    assert_eq!(open["status"], "cancelled");
    let why = open["messages"][0].as_str().expect("why");
    assert!(why.contains("rok resume r-1"), "{why}");
    bench.write(".git/go", "");
    let resumed = bench.rok(["resume", "r-1"]).exits(0).out;
    let told = "pre-commit · PreCommitOrchestrator · sync · run r-1";
    let ascii = told.replace('·', "-");
    assert!(
        resumed.contains(told) || resumed.contains(&ascii),
        "{resumed}"
    );
    assert!(resumed.contains("SUCCESS: 1 passed"), "{resumed}");
    let report = retold(&bench, "r-1", 0);
    assert_eq!(ends(&report), [("waits", "pass")]);
    assert_eq!(report["status"], "success");
}

#[test]
fn a_replay_that_differs_is_no_success_when_it_is_told_again() {
    let bench = bench(&[("a", "type: test\nentrypoint: { run: [test, -e, there] }")]);
    orch(&bench, "--stage test --correlation-id first").exits(1);
    bench.write("there", "");
    let words = "--stage test --replay first --correlation-id again";
    let again = orch(&bench, words).exits(1).json();
    let report = retold(&bench, "again", 1);
    assert_eq!(report["replay"], again["replay"]);
    assert_eq!(
        (&report["status"], &report["mode"]),
        (&again["status"], &again["mode"])
    );
}

#[test]
fn what_is_of_no_stage_has_no_report_of_one() {
    let bench = bench(&[]);
    bench.write("p.yaml", "plan: p\nsteps: { a: { run: ['true'] } }\n");
    bench.rok(["run", "p.yaml", "--run-id", "r"]).exits(0);
    let refused = bench.rok(["orch", "report", "r"]).exits(2);
    assert!(refused.err.contains("ROK0220"), "{}", refused.err);
    assert!(
        refused.err.contains("run r is of no stage"),
        "{}",
        refused.err
    );
    bench.rok(["orch", "report", "nowhere"]).exits(2);
    bench
        .rok(["orch", "report", "r", "--format", "xml"])
        .exits(2);
}
