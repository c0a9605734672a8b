//! What a reader asks for and nothing can have is refused, not shown as
//! nothing; what did not happen is shown as nothing.
#![expect(clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod support;

use rstest::rstest;
use serde_json::Value;
use support::Bench;

const PLAN: &str = "
plan: demo
steps:
  build: { run: 'echo built' }
  many: { needs: [build], for_each: '[1, 2]', run: 'true' }
  none: { needs: [build], if: 'false', for_each: '[1]', run: 'true' }
";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.rok(["run", "plan.yaml", "--run-id", "r"]).exits(0);
    bench
}

#[rstest]
#[case(&["ls", "--status", "faild"], 2, "ROK0004", "no run has the status `faild`", "did you mean `failed`? statuses, outcomes and phases are created, ")]
#[case(&["ls", "--status", "failed,"], 2, "ROK0004", "no run has the status ``", "rolled_back, collected, broken, ")]
#[case(&["ls", "--plan", "Demo Plan"], 2, "ROK0005", "`Demo Plan`", "")]
#[case(&["metrics", "--plan", "Demo Plan"], 2, "ROK0005", "`Demo Plan`", "")]
#[case(&["ls", "--dir", "rnus"], 2, "ROK0101", "there is no folder of runs ", "rnus (flag --dir)")]
#[case(&["metrics", "--dir", "rnus"], 2, "ROK0101", "there is no folder of runs ", "rnus (flag --dir)")]
#[case(&["gc", "--keep", "1", "--dir", "rnus"], 2, "ROK0101", "there is no folder of runs ", "rnus (flag --dir)")]
#[case(&["incidents", "--dir", "rnus"], 2, "ROK0101", "there is no folder of runs ", "rnus (flag --dir)")]
#[case(&["lessons", "--dir", "rnus"], 2, "ROK0101", "there is no folder of runs ", "rnus (flag --dir)")]
#[case(&["verify", "--desk", "--dir", "rnus"], 2, "ROK0101", "there is no folder of runs ", "rnus (flag --dir)")]
#[case(&["schedule", "list", "--dir", "rnus"], 2, "ROK0101", "there is no folder of runs ", "rnus (flag --dir)")]
#[case(&["schedule", "tick", "--dir", "rnus"], 2, "ROK0101", "there is no folder of runs ", "rnus (flag --dir)")]
#[case(&["ls", "--since", "yesterday"], 2, "ROK0005", "`yesterday` is neither a duration", "")]
#[case(&["events", "r", "--type", "step.succeded"], 2, "ROK0004", "no event type is named `step.succeded`", "did you mean `step.succeeded`? the types are run.created, ")]
#[case(&["events", "r", "--type", "stop.*"], 2, "ROK0004", "no event type is named `stop.*`", "")]
#[case(&["events", "r", "--follow", "--type", "stop.*"], 2, "ROK0004", "no event type is named `stop.*`", "")]
#[case(&["events", "r", "--step", "biuld"], 3, "ROK0111", "run r has no step `biuld`", "did you mean `build`? its steps are build, many, none")]
#[case(&["events", "r", "--step", "build,biuld"], 3, "ROK0111", "run r has no step `biuld`", "")]
#[case(&["events", "r", "--follow", "--step", "biuld"], 3, "ROK0111", "run r has no step `biuld`", "")]
#[case(&["events", "r", "--step", "many[2]"], 3, "ROK0111", "run r has no step `many[2]`", "")]
#[case(&["events", "r", "--step", "build[0]"], 3, "ROK0111", "run r has no step `build[0]`", "")]
#[case(&["logs", "r", "biuld"], 3, "ROK0111", "run r has no step `biuld`", "did you mean `build`?")]
#[case(&["logs", "r", "build", "--attempt", "9"], 3, "ROK0115", "step `build` of run r has no attempt 9", "the last one is 0")]
#[case(&["logs", "r", "none"], 3, "ROK0115", "run r has no output of step `none`: the step is skipped", "`rok explain r none` says why")]
#[case(&["logs", "r", "build", "--compensation"], 3, "ROK0115", "step `build` of run r has no compensation", "`rok logs r build`")]
#[case(&["status", "r", "biuld"], 3, "ROK0111", "run r has no step `biuld`", "did you mean `build`?")]
#[case(&["explain", "r", "biuld"], 3, "ROK0111", "run r has no step `biuld`", "did you mean `build`?")]
fn what_nothing_can_have_is_refused(
    #[case] args: &[&str],
    #[case] code: i32,
    #[case] error: &str,
    #[case] message: &str,
    #[case] help: &str,
) {
    let ran = bench().rok(args).exits(code);
    assert_eq!(ran.out, "");
    for said in [&format!("error[{error}]: "), message, help] {
        assert!(ran.err.contains(said), "{said} in {}", ran.err);
    }
}

#[rstest]
#[case(&["events", "r", "--type", "gate.approved"])]
#[case(&["events", "r", "--step", "none[0]"])]
#[case(&["events", "r", "--from", "100000"])]
#[case(&["events", "r", "--follow", "--step", "none[0]"])]
#[case(&["ls", "--status", "BLOCKED,GOVERNANCE_CHECK,timed_out,collected"])]
#[case(&["ls", "--plan", "another"])]
#[case(&["ls", "--label", "team=another"])]
fn what_did_not_happen_is_nothing(#[case] args: &[&str]) {
    assert_eq!(bench().rok(args).exits(0).out, "");
}

/// A log is shown as it stands, whatever its types are, and wherever the reader
/// begins; that this one was changed is said.
#[test]
fn a_type_that_only_the_log_knows_is_no_mistake() {
    let bench = bench();
    let log = bench.runs().join("r/events.jsonl");
    let text = std::fs::read_to_string(&log).expect("the log");
    let newer = text.replacen("\"step.started\"", "\"step.dreamt\"", 1);
    std::fs::write(&log, newer).expect("the log is writable here");
    let last = text.lines().count().to_string();
    for (from, found) in [("0", 1), (last.as_str(), 0)] {
        for extra in [&[][..], &["--follow"]] {
            let args = ["events", "r", "--type", "step.dreamt", "--from", from];
            let shown = bench.rok(args.iter().chain(extra)).exits(4).out;
            assert_eq!(shown.lines().count(), found, "{shown}");
        }
    }
}

/// What a check of the store left behind is no run.
#[test]
fn left_over_probes_are_no_runs() {
    let bench = bench();
    std::fs::write(bench.runs().join(".ready-4711-0"), "x").expect("it is ours");
    let listed = bench.rok(["ls", "--json"]).exits(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    let found = bench.rok(["status", ".ready-4711-0"]).exits(2);
    assert!(found.err.contains("ROK0101"), "{}", found.err);
    let report = bench.rok(["gc", "--older-than", "0s", "--json"]);
    let report = report.exits(0).json();
    assert_eq!(
        report["collected"].as_array().map(Vec::len),
        Some(1),
        "{report}"
    );
    assert_eq!(report["kept"], serde_json::json!([]), "{report}");
}

#[test]
fn types_and_the_beginning_hold_together() {
    let bench = bench();
    let steps: Vec<Value> = bench
        .events("r")
        .into_iter()
        .filter(|event| {
            event["event_type"]
                .as_str()
                .is_some_and(|t| t.starts_with("step."))
        })
        .collect();
    let from = steps[2]["seq"].to_string();
    let args = ["events", "r", "--type", "step.*", "--from", &from];
    let shown = bench.rok(args).exits(0).out;
    let shown: Vec<Value> = shown
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of the log"))
        .collect();
    assert_eq!(shown, steps[2..]);
}
