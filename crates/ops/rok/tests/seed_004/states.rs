//! The seed's words for where runs and steps stand, read off a log that is cut
//! after each of its decisions; and what only grows, or does not happen.

use crate::RUN;
use crate::live::Live;
use crate::support::Bench;
use rstest::rstest;
use std::fs;

const GATED: &str = "plan: gated
steps:
  build: { run: 'true' }
  publish: { gate: manual, run: 'true' }
";

const UNDONE: &str = "plan: undone
on_failure: rollback
steps:
  make: { run: echo made > made, compensate: { run: rm made } }
  fails: { needs: [make], run: exit 65 }
  never: { needs: [fails], run: 'true' }
";

fn log(bench: &Bench) -> String {
    fs::read_to_string(bench.runs().join(RUN).join("events.jsonl")).expect("a log")
}

/// What `tell` says of a run after each decision of a log, without repetitions.
fn after_each_decision(bench: &Bench, tell: impl Fn(&serde_json::Value) -> String) -> Vec<String> {
    let (whole, cut) = (log(bench), Bench::new());
    let folder = cut.runs().join(RUN);
    fs::create_dir_all(&folder).expect("the temporary folder is ours");
    let plan = bench.runs().join(RUN).join("plan.json");
    fs::copy(plan, folder.join("plan.json")).expect("a plan");
    let (mut text, mut told) = (String::new(), Vec::new());
    for line in whole.lines() {
        text.push_str(line);
        text.push('\n');
        if line.contains("\"more\":true") {
            continue;
        }
        fs::write(folder.join("events.jsonl"), &text).expect("a file");
        let summary = cut.rok(["summary", RUN, "--json"]).exits(0).json();
        told.push(tell(&summary));
    }
    told.dedup();
    told
}

fn status(summary: &serde_json::Value) -> String {
    summary["status"].as_str().expect("a word").to_owned()
}

#[test]
fn a_run_goes_through_the_seeds_states() {
    let bench = Bench::new();
    bench.write("plan.yaml", GATED);
    bench
        .rok(["run", "plan.yaml", "--run-id", RUN, "-q"])
        .exits(1);
    bench
        .rok(["approve", RUN, "publish", "--reason", "go"])
        .exits(0);
    bench.rok(["resume", RUN, "-q"]).exits(0);
    assert_eq!(
        after_each_decision(&bench, status),
        [
            "created",
            "preflight_validated",
            "executing",
            "blocked",
            "executing",
            "succeeded"
        ]
    );
}

#[rstest]
#[case("make", &["pending", "running", "succeeded", "compensated"])]
#[case("fails", &["pending", "running", "failed"])]
#[case("never", &["pending", "skipped"])]
fn a_step_goes_through_the_seeds_states(#[case] step: &str, #[case] states: &[&str]) {
    let bench = Bench::new();
    bench.write("plan.yaml", UNDONE);
    bench
        .rok(["run", "plan.yaml", "--run-id", RUN, "-q"])
        .exits(1);
    assert!(!bench.path().join("made").exists());
    let state = |summary: &serde_json::Value| {
        let steps = summary["steps"].as_array().expect("steps");
        let found = steps.iter().find(|found| found["id"] == step);
        let state = &found.expect("the step is in the plan")["state"];
        state.as_str().expect("a word").to_owned()
    };
    assert_eq!(after_each_decision(&bench, state), states);
    let last = after_each_decision(&bench, status).pop();
    assert_eq!(last.as_deref(), Some("rolled_back"));
}

/// What the log has said once stands there for ever.
#[test]
fn the_log_only_grows() {
    let bench = Bench::new();
    bench.write("plan.yaml", GATED);
    bench
        .rok(["run", "plan.yaml", "--run-id", RUN, "-q"])
        .exits(1);
    let mut before = log(&bench);
    // A resume that only a person can help adds nothing; all else adds lines.
    for (command, code, grows) in [
        (&["reject", RUN, "publish", "--reason", "no"][..], 0, true),
        (&["resume", RUN, "-q"], 1, true),
        (&["resume", RUN, "-q"], 1, false),
        (&["approve", RUN, "publish", "--reason", "go"], 0, true),
        (&["resume", RUN, "-q"], 0, true),
    ] {
        bench.rok(command).exits(code);
        let after = log(&bench);
        assert_eq!(after.len() > before.len(), grows, "{command:?}");
        assert!(after.starts_with(&before), "{command:?}");
        before = after;
    }
    assert!(before.contains("run.sealed"), "{before}");
}

/// A real `tail -f` has a step's start while the step still runs.
#[test]
fn tail_follows_a_run_while_it_goes_on() {
    let bench = Bench::new();
    let plan = "plan: slow\nsteps: { wait: { run: 'until test -e go; do sleep 0.01; done' } }\n";
    bench.write("plan.yaml", plan);
    let mut owner = Live::start(bench.command(["run", "plan.yaml", "--run-id", RUN, "-q"]));
    let file = bench.runs().join(RUN).join("events.jsonl");
    assert!(owner.until(&file, |text| text.contains("run.created")));
    let folder = bench.path().join("seen/by");
    fs::create_dir_all(&folder).expect("the temporary folder is ours");
    let seen = bench.write("seen/by/tail", "");
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "exec tail -n +1 -f \"$0\" > \"$1\""]);
    shell.arg(&file).arg(&seen);
    let mut tail = Live::start(shell);
    assert!(tail.until(&seen, |text| text.contains("step.started")));
    assert!(!owner.ended(), "the step still runs");
    bench.write("go", "");
    owner.wait().exits(0);
    assert!(tail.until(&seen, |text| text.contains("run.sealed")));
}

/// Nothing is undone that nobody asked to be undone.
#[test]
fn there_is_no_implicit_compensation() {
    let bench = Bench::new();
    bench.write("plan.yaml", &UNDONE.replace("on_failure: rollback\n", ""));
    bench
        .rok(["run", "plan.yaml", "--run-id", RUN, "-q"])
        .exits(1);
    assert!(bench.path().join("made").exists());
    assert!(!log(&bench).contains("compensat"));
    bench.rok(["rollback", RUN, "-q"]).exits(0);
    assert!(!bench.path().join("made").exists());
    assert!(log(&bench).contains("step.compensated"));
}

/// An override takes a flag of its own, a reason, and leaves both its events.
#[test]
fn an_override_needs_a_reason_and_is_approved_by_an_event() {
    let bench = Bench::new();
    let plan = "plan: p\noverrides: { max: 1 }\nsteps:\n  gate: { gate: hard, run: exit 1 }\n  next: { needs: [gate], run: 'true' }\n";
    bench.write("plan.yaml", plan);
    bench
        .rok(["run", "plan.yaml", "--run-id", RUN, "-q"])
        .exits(1);
    let before = log(&bench);
    bench.rok(["override", RUN, "gate"]).exits(2);
    bench
        .rok(["override", RUN, "gate", "--reason", ""])
        .exits(2);
    assert_eq!(log(&bench), before);
    bench
        .rok(["override", RUN, "gate", "--reason", "the check is broken"])
        .exits(0);
    let events = bench.events(RUN);
    let of = |event_type: &str| {
        events
            .iter()
            .find(|event| event["event_type"] == event_type)
    };
    assert!(of("override.approved").is_some());
    let applied = of("run.override_applied").expect("it is applied");
    assert_eq!(applied["override_reason"], "the check is broken");
    assert_eq!(applied["actor"], "user:tester");
}

/// A trace of the run, a span of each attempt; what is started gets them.
#[test]
fn spans_reach_the_log_and_the_steps() {
    let bench = Bench::new();
    let plan = "plan: p\nsteps: { a: { run: 'echo $TRACEPARENT' }, b: { needs: [a], run: 'echo $TRACEPARENT' } }\n";
    bench.write("plan.yaml", plan);
    bench
        .rok(["run", "plan.yaml", "--run-id", RUN, "-q"])
        .exits(0);
    let events = bench.events(RUN);
    let trace = events[0]["trace_id"].as_str().expect("the run has a trace");
    let parent = |step: &str| bench.rok(["logs", RUN, step]).exits(0).out;
    let spans: Vec<String> = ["a", "b"].map(parent).into();
    for (step, told) in ["a", "b"].iter().zip(&spans) {
        let started = events
            .iter()
            .find(|event| event["event_type"] == "step.started" && event["step_id"] == *step);
        let span = started.expect("it has started")["span_id"].as_str();
        assert_eq!(
            told.trim(),
            format!("00-{trace}-{}-01", span.expect("a span"))
        );
    }
    assert_ne!(spans[0], spans[1]);
}
