//! The streaming page: each of its commands, on a run as it describes.

mod support;

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/page.rs"]
mod page;

use page::{commands, shell};
use serde_json::{Value, json};
use support::{Bench, Ran};

const PLAN: &str = r#"
plan: streamed
steps:
  build:
    run: test "$ROK_ATTEMPT" -gt 0 || exit 75
    retry: { max: 1, base: 1ms }
  lint: { run: 'echo no >&2; exit 65', required: false }
"#;

/// A partial run in `runs/run_abc`: `build` was retried, `lint` failed.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench
        .rok(["run", "plan.yaml", "--run-id", "run_abc", "-q"])
        .exits(0);
    bench
}

/// The page's command that holds these words; it must be there once.
fn shown(words: &str) -> String {
    let mut found = commands("streaming.md");
    found.retain(|command| command.contains(words));
    assert_eq!(found.len(), 1, "{words:?} is in {found:?}");
    found.remove(0)
}

fn run(bench: &Bench, words: &str) -> Ran {
    shell(bench, &shown(words)).exits(0)
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.out
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

#[test]
fn tail_and_grep_see_each_failure() {
    let bench = bench();
    // Without its `-f`, which never ends.
    let command = shown("tail -n +1").replace(" -f ", " ");
    let ran = shell(&bench, &command).exits(0);
    let steps: Vec<Value> = lines(&ran)
        .iter()
        .map(|line| line["step_id"].clone())
        .collect();
    assert_eq!(steps.len(), 2);
    assert!(steps.contains(&json!("build")) && steps.contains(&json!("lint")));
}

#[test]
fn jq_filters_find_what_the_page_says() {
    let bench = bench();
    let last = lines(&run(&bench, "tail -n 50"));
    assert_eq!(last.len(), bench.events("run_abc").len().min(50));
    assert_eq!(
        last.last(),
        Some(&json!({ "type": "run.sealed", "step": null, "error": null, "reason": null }))
    );
    let failed = run(&bench, ".data.final");
    assert!(failed.out.starts_with("lint: "), "{}", failed.out);
    assert_eq!(failed.out.lines().count(), 1);
    let slowest = lines(&run(&bench, "sort_by"));
    let times: Vec<u64> = slowest
        .iter()
        .map(|line| line["ms"].as_u64().expect("a number"))
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
}

#[test]
fn events_are_filtered_and_followed_from_a_place() {
    let bench = bench();
    let failures = lines(&run(&bench, "--tail 5"));
    assert_eq!(failures.len(), 2);
    let rest = lines(&run(&bench, "--from 12"));
    let all = bench.events("run_abc");
    assert_eq!(rest, all[12..]);
}

#[test]
fn the_compact_form_is_much_shorter_than_the_log() {
    let bench = bench();
    let compact = run(&bench, "--format compact");
    let steps = lines(&compact);
    let failed = steps
        .iter()
        .find(|line| line["step"] == "lint" && line["type"] == "step.failed");
    let failed = failed.expect("lint failed");
    assert_eq!(failed["error"], "validation_failed");
    let log = bench
        .rok(["events", "run_abc", "--type", "step.*"])
        .exits(0);
    assert!(
        compact.out.len() * 2 < log.out.len(),
        "{} of {} bytes",
        compact.out.len(),
        log.out.len()
    );
}

#[test]
fn a_run_in_one_object_and_why_a_step_failed() {
    let bench = bench();
    let ran = run(&bench, "summary run_abc");
    let found = &lines(&ran)[0];
    assert_eq!(
        (&found["status"], &found["outcome"]),
        (&json!("partial"), &json!("partial"))
    );
    assert_eq!(found["totals"]["failed"], 1);
    let why = run(&bench, "explain run_abc");
    assert!(why.out.contains("step `lint` failed"), "{}", why.out);
}

#[test]
fn a_run_with_failed_work_is_partial_wherever_its_state_is_told() {
    let bench = bench();
    let told = |arguments: &[&str]| bench.rok(arguments).exits(0).out;
    for command in ["status", "summary"] {
        let found = bench.rok([command, "run_abc", "--json"]).exits(0).json();
        assert_eq!(found["status"], "partial", "{command}");
    }
    assert_eq!(
        told(&["ls", "--json", "--status", "succeeded"]).trim(),
        "[]"
    );
    let found = bench.rok(["ls", "--json", "--status", "partial"]).json();
    assert_eq!(found[0]["status"], "partial");
    told(&["report", "run_abc", "-o", "run.html"]);
    let report = bench.path().join("run.html");
    for drawn in [
        std::fs::read_to_string(report).expect("a report"),
        told(&["graph", "run_abc", "--format", "ascii"]),
        told(&["timeline", "run_abc", "--format", "ascii"]),
        told(&["timeline", "run_abc", "--format", "svg"]),
    ] {
        assert!(drawn.contains("partial"), "{drawn}");
        assert!(!drawn.contains("succeeded (partial)"), "{drawn}");
        assert!(!drawn.contains("succeeded · plan"), "{drawn}");
    }
}

#[test]
fn a_server_sent_event_is_a_frame_with_its_id() {
    let bench = bench();
    let frame = run(&bench, "--format sse --tail 1").out;
    let last = bench.events("run_abc").len() - 1;
    let head = format!("id: run_abc:{last}\nevent: run.sealed\ndata: {{");
    assert!(
        frame.starts_with(&head) && frame.ends_with("\n\n"),
        "{frame}"
    );
}

#[test]
fn a_cloud_event_holds_the_line_as_it_stands() {
    let bench = bench();
    let found = lines(&run(&bench, "--type run.completed"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["specversion"], "1.0");
    assert_eq!(found[0]["type"], "dev.rok.run.completed");
    assert_eq!(found[0]["source"], "/runs/run_abc");
    assert_eq!(found[0]["id"], found[0]["data"]["event_id"]);
    assert!(bench.events("run_abc").contains(&found[0]["data"]));
}

#[test]
fn metrics_count_what_the_log_says() {
    let bench = bench();
    let text = run(&bench, "rok metrics").out;
    for line in [
        "rok_runs_total{outcome=\"partial\"} 1",
        "rok_runs_by_status{status=\"partial\"} 1",
        "rok_run_duration_seconds_count{outcome=\"partial\",plan=\"streamed\"} 1",
        "rok_steps_total{state=\"failed\"} 1",
        "rok_steps_total{state=\"succeeded\"} 1",
        "rok_step_retries_total{class=\"transient_io\"} 1",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line:?} is not in\n{text}"
        );
    }
    bench.rok(["metrics", "-o", "rok.prom", "-q"]).exits(0);
    let file = std::fs::read_to_string(bench.path().join("rok.prom")).expect("it was written");
    assert!(file.contains("# TYPE rok_runs_total counter"), "{file}");
    let broken = bench.runs().join("broken");
    std::fs::create_dir(&broken).expect("a folder");
    std::fs::write(broken.join("events.jsonl"), "no event\n").expect("a file");
    let text = bench.rok(["metrics"]).exits(4).out;
    assert!(
        text.contains("rok_runs_by_status{status=\"broken\"} 1"),
        "{text}"
    );
}

/// Metrics read each log: one that was changed where no list looks is counted as
/// broken and as nothing else, and the others are counted all the same.
#[test]
fn metrics_of_the_others_come_where_one_run_is_broken() {
    let bench = bench();
    bench.write("one.yaml", "plan: one\nsteps: { a: { run: 'true' } }\n");
    for id in ["r1", "r2"] {
        bench.rok(["run", "one.yaml", "--run-id", id]).exits(0);
    }
    let sound = bench.rok(["metrics"]).exits(0);
    assert!(sound.out.contains("\nrok_runs_broken 0\n"), "{}", sound.out);
    bench.rok(["ls"]).exits(0);
    let log = bench.runs().join("r1/events.jsonl");
    let text = std::fs::read_to_string(&log).expect("a log");
    let changed = text.replace("\"step.started\"", "\"step.starter\"");
    assert_ne!(text, changed);
    std::fs::write(&log, changed).expect("it is written");
    let found = bench.rok(["metrics", "-o", "rok.prom"]).exits(4);
    assert!(found.err.contains("run r1 is broken"), "{}", found.err);
    assert!(!found.err.contains("r2"), "{}", found.err);
    let file = std::fs::read_to_string(bench.path().join("rok.prom")).expect("it was written");
    for line in [
        "rok_runs_broken 1",
        "rok_runs_by_status{status=\"broken\"} 1",
        "rok_runs_by_status{status=\"succeeded\"} 1",
        "rok_runs_total{outcome=\"succeeded\"} 1",
        // One of them is of the run that ended in part.
        "rok_steps_total{state=\"succeeded\"} 2",
    ] {
        assert!(file.lines().any(|found| found == line), "{line:?}\n{file}");
    }
}

#[test]
fn every_command_of_the_page_is_tried_here() {
    let tried = [
        "tail -n +1",
        "tail -n 50",
        ".data.final",
        "sort_by",
        "--tail 5",
        "--from 12",
        "--format compact",
        "summary run_abc",
        "explain run_abc",
        "--format sse --tail 1",
        "--type run.completed",
        "rok metrics",
    ];
    let shown = commands("streaming.md");
    let untried: Vec<&String> = shown
        .iter()
        .filter(|command| !tried.iter().any(|words| command.contains(words)))
        .collect();
    assert!(untried.is_empty(), "{untried:?}");
}

#[test]
fn a_type_that_no_event_has_is_refused() {
    let bench = bench();
    let ran = bench
        .rok(["events", "run_abc", "--type", "step.faild"])
        .exits(2);
    assert!(
        ran.err.contains("step.faild") && ran.err.contains("step.failed"),
        "{}",
        ran.err
    );
}
