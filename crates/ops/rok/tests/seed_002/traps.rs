//! Where runs of services go wrong: dependencies, time, and what is unknown.

use crate::support::Bench;
use crate::workers::{Does, Workers};
use crate::{event, plan, run};
use std::time::Duration;

fn well() -> Does {
    Does::Answers(200, "{}".into())
}

#[test]
fn a_failed_dependency_skips_its_dependents_and_theirs() {
    let bench = Bench::new();
    let workers = Workers::start([
        ("a", Does::Answers(500, r#"{"error":"down"}"#.into())),
        ("b", well()),
        ("c", well()),
        ("d", well()),
    ]);
    bench.write(
        "p.yaml",
        &plan("", &[("a", ""), ("b", "a"), ("c", "b"), ("d", "")]),
    );
    run(&bench, &workers, "p.yaml").exits(0);
    let events = bench.events("r1");
    for skipped in ["b", "c"] {
        let skipped = event(&events, "step.skipped", skipped);
        assert_eq!(skipped["reason"], "Dependencies failed or timed out");
    }
    let mut called = workers.called();
    called.sort();
    assert_eq!(called, ["a", "d"]);
}

#[test]
fn a_timed_out_dependency_skips_its_dependents_too() {
    let bench = Bench::new();
    let workers = Workers::start([("a", Does::Hangs), ("b", well()), ("c", well())]);
    let text = plan(
        "defaults: { timeout: 300ms }",
        &[("a", ""), ("b", "a"), ("c", "")],
    );
    bench.write("p.yaml", &text);
    run(&bench, &workers, "p.yaml").exits(0);
    let events = bench.events("r1");
    assert_eq!(event(&events, "step.failed", "a")["error_class"], "timeout");
    let skipped = event(&events, "step.skipped", "b");
    assert_eq!(skipped["reason"], "Dependencies failed or timed out");
    // The call was really dropped.
    let left = workers.left.recv_timeout(Duration::from_secs(30));
    assert_eq!(left.as_deref(), Ok("a"));
    assert_eq!(
        workers.called().iter().filter(|slug| *slug == "b").count(),
        0
    );
}

#[test]
fn all_timing_out_is_not_completed() {
    let bench = Bench::new();
    let workers = Workers::start([("a", Does::Hangs), ("b", Does::Hangs)]);
    let text = plan("defaults: { timeout: 200ms }", &[("a", ""), ("b", "")]);
    bench.write("p.yaml", &text);
    run(&bench, &workers, "p.yaml").exits(1);
    let events = bench.events("r1");
    let completed = events
        .iter()
        .find(|e| e["event_type"] == "run.completed")
        .unwrap();
    assert_eq!(completed["data"]["outcome"], "failed");
}

#[test]
fn the_run_s_time_ends_what_runs_and_starts_nothing_more() {
    let bench = Bench::new();
    let workers = Workers::start([("a", Does::Hangs), ("b", well()), ("c", well())]);
    let text = plan("max_duration: 700ms", &[("a", ""), ("b", "a"), ("c", "")]);
    bench.write("p.yaml", &text);
    run(&bench, &workers, "p.yaml").exits(1);
    let events = bench.events("r1");
    let completed = events
        .iter()
        .find(|e| e["event_type"] == "run.completed")
        .unwrap();
    assert_eq!(completed["data"]["outcome"], "timed_out");
    for step in ["a", "b"] {
        assert_eq!(
            event(&events, "step.failed", step)["error_class"],
            "timeout"
        );
    }
    event(&events, "step.succeeded", "c");
    let left = workers.left.recv_timeout(Duration::from_secs(30));
    assert_eq!(left.as_deref(), Ok("a"));
    let mut called = workers.called();
    called.sort();
    assert_eq!(called, ["a", "c"]);
}

#[test]
fn a_status_is_final_once_set() {
    let bench = Bench::new();
    let workers = Workers::start([("a", well()), ("b", Does::Answers(500, "{}".into()))]);
    bench.write("p.yaml", &plan("", &[("a", ""), ("b", "")]));
    run(&bench, &workers, "p.yaml").exits(0);
    let before = bench.events("r1");
    for ends in [
        "step.succeeded",
        "step.failed",
        "run.completed",
        "run.sealed",
    ] {
        let count = before.iter().filter(|e| e["event_type"] == ends).count();
        assert_eq!(count, 1, "{ends}");
    }
    // A run that completed is not begun again, and nobody is called again.
    assert_ne!(bench.rok(["resume", "r1"]).code, 0);
    assert_eq!(bench.events("r1").len(), before.len());
    assert_eq!(workers.called().len(), 2);
    bench.rok(["verify", "r1"]).exits(0);
}

#[test]
fn a_service_that_the_map_does_not_have_is_found_before_the_run() {
    let (bench, workers) = (Bench::new(), Workers::start([("a", well())]));
    bench.write("p.yaml", &plan("", &[("a", ""), ("technical-sea", "")]));
    let ran = run(&bench, &workers, "p.yaml");
    assert_ne!(ran.code, 0);
    let events = bench.events("r1");
    let completed = events
        .iter()
        .find(|e| e["event_type"] == "run.completed")
        .unwrap();
    let reason = completed["reason"].as_str().unwrap();
    assert!(reason.contains("did you mean `technical-seo`?"), "{reason}");
    assert!(workers.called().is_empty());
}

#[test]
fn circles_are_told_whole() {
    let bench = Bench::new();
    bench.write("p.yaml", &plan("", &[("a", "b"), ("b", "a")]));
    let ran = bench.rok(["plan", "validate", "p.yaml"]);
    assert_ne!(ran.code, 0);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(
        said.contains("a → b → a") || said.contains("b → a → b"),
        "{said}"
    );
}

#[test]
fn a_service_map_with_a_fault_starts_nothing() {
    let bench = Bench::new();
    bench.write(
        "services.toml",
        "[a]\nworker_key = 'a'\nname = 'A'\nurl = 'x'\n",
    );
    let mut command = bench.command(["run", "quick-v1"]);
    command.args(["--input", "website_id=s", "--input", "domain=d"]);
    let output = command
        .env("ROK_SERVICES", "services.toml")
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        err.contains("ROK0170") && err.contains("unknown field `url`"),
        "{err}"
    );
    assert!(!bench.runs().exists());
}
