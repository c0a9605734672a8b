//! How components are carried out: one at a time, several at once, not at all,
//! measured, or again.

use super::{bench, component, ends, orch, result};
use rstest::rstest;
use serde_json::Value;

/// A component that comes to its end only while another one runs.
fn meets(other: &str, own: &str) -> String {
    format!(
        "type: test\nentrypoint: {{ run: \"touch {own}; for i in $(seq 600); do test -e {other} && exit 0; sleep 0.05; done; exit 1\" }}"
    )
}

#[test]
fn async_runs_several_at_once() {
    let bench = bench(&[
        ("a", &meets("b.here", "a.here")),
        ("b", &meets("a.here", "b.here")),
    ]);
    let report = orch(&bench, "--stage test --mode async").exits(0).json();
    assert_eq!(ends(&report), [("a", "pass"), ("b", "pass")]);
    assert_eq!(report["mode"], "async");
}

#[test]
fn sync_is_the_default_and_runs_one_at_a_time_and_ci_runs_several() {
    let alone = "type: test\ntags: [ci]\nentrypoint: { run: \"mkdir one-at-a-time; sleep 0.05; rmdir one-at-a-time\" }";
    let bench = bench(&[("a", alone), ("b", alone), ("c", alone)]);
    let report = orch(&bench, "--stage test").exits(0).json();
    assert_eq!(report["mode"], "sync");
    assert_eq!(report["summary"]["passed"], 3);
    let dry = orch(&bench, "--stage ci --mode dry-run").exits(0).json();
    assert_eq!(dry["mode"], "dry-run");
    component(
        &bench,
        "a",
        &format!("tags: [ci]\n{}", meets("b.here", "a.here")),
    );
    component(
        &bench,
        "b",
        &format!("tags: [ci]\n{}", meets("a.here", "b.here")),
    );
    let report = orch(&bench, "--stage ci --name a*,b*").exits(0).json();
    assert_eq!(report["mode"], "async");
}

#[test]
fn a_dry_run_shows_the_exact_plan_and_changes_nothing() {
    let bench = bench(&[
        (
            "a",
            "type: test\nidempotent: true\nentrypoint: { run: [touch, was-here] }",
        ),
        ("z", "type: tool\nentrypoint: { run: [\"true\"] }"),
    ]);
    let before = listing(&bench);
    let report = orch(&bench, "--stage test --dry-run").exits(0).json();
    assert_eq!(listing(&bench), before, "nothing was written");
    let dry = &report["dry_run"];
    assert_eq!(dry["components"][0]["component"], "a");
    assert_eq!(dry["components"][0]["why"], "it is selected");
    assert_eq!(dry["components"][0]["does"], "touch was-here");
    assert_eq!(dry["left_out"][0]["component"], "z");
    assert_eq!(dry["left_out"][0]["why"], "it is a tool");
    assert!(report.get("run_id").is_none(), "{report:#}");

    let real = orch(&bench, "--stage test").exits(0).json();
    let run = real["run_id"].as_str().expect("a run");
    let summary = bench.rok(["summary", run, "--json"]).exits(0).json();
    assert_eq!(
        summary["plan_sha256"], dry["plan_sha256"],
        "it is the plan that runs"
    );
}

#[test]
fn a_dry_run_exits_as_the_run_would() {
    let bench = bench(&[(
        "a",
        "type: test\nentrypoint: { run: [no-such-program-anywhere] }",
    )]);
    let report = orch(&bench, "--stage test --dry-run").exits(1).json();
    let finding = report["dry_run"]["findings"][0]
        .as_str()
        .expect("a finding");
    assert!(finding.contains("no-such-program-anywhere"), "{finding}");
}

fn listing(bench: &crate::support::Bench) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![bench.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            found.push(entry.path().display().to_string());
            if entry.path().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn profile_measures_and_never_retries() {
    let bench = bench(&[
        (
            "a",
            "type: test\nidempotent: true\nretry: { max: 2, base: 10ms }\nentrypoint: { run: \"exit 75\" }",
        ),
        (
            "b",
            "type: test\nentrypoint: { run: \"i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done\" }",
        ),
    ]);
    let report = orch(&bench, "--stage test --mode profile").exits(1).json();
    assert_eq!(result(&report, "a")["attempts"], 1);
    let profile = &report["profile"];
    assert_eq!(profile["components"].as_array().expect("both").len(), 2);
    let number = |value: &Value| value.as_u64().expect("a number");
    let wall = number(&profile["wall_ms"]);
    for part in profile["components"].as_array().expect("both") {
        assert!(
            number(&part["from_ms"]) + number(&part["wall_ms"]) <= wall,
            "{profile:#}"
        );
    }
    assert!(number(&profile["p50_ms"]) <= number(&profile["p99_ms"]));
    let text = orch(&bench, "--stage test --mode profile --format human")
        .exits(1)
        .out;
    assert!(
        text.contains("profile: wall") && text.contains('█'),
        "{text}"
    );
}

#[test]
fn replay_takes_recorded_results_and_tells_what_differs() {
    let a = "type: tool\noutputs: { n: { type: integer } }\nentrypoint: { run: \"echo x >> ran-a; echo '{\\\"n\\\": 1}' > \\\"$ROK_OUTPUT\\\"\" }";
    let b = "type: tool\ninputs: { n: { type: integer } }\noutputs: { m: { type: integer } }\nentrypoint: { run: \"echo x >> ran-b; echo \\\"{\\\\\\\"m\\\\\\\": $(cat world)}\\\" > \\\"$ROK_OUTPUT\\\"\" }";
    let bench = bench(&[("a", a), ("b", b)]);
    bench.write("world", "1");
    let first = orch(&bench, "--stage pipeline --from a --to b")
        .exits(0)
        .json();
    let run = first["run_id"].as_str().expect("a run").to_owned();

    let words = format!("--stage pipeline --mode replay --replay {run} --from b");
    let again = orch(&bench, &words).exits(0).json();
    assert_eq!(again["replay"]["diverged"], false);
    assert_eq!(again["replay"]["replays"], run.as_str());
    let times = |file: &str| {
        let text = std::fs::read_to_string(bench.path().join(file)).expect("it ran");
        text.lines().count()
    };
    assert_eq!(
        (times("ran-a"), times("ran-b")),
        (1, 2),
        "what comes before is recorded"
    );

    bench.write("world", "2");
    let other = orch(&bench, &words).exits(1).json();
    assert_eq!(other["replay"]["diverged"], true);
    assert_eq!(
        other["replay"]["divergences"][0],
        "b: hands on something else"
    );
    assert_eq!(other["status"], "failed");
}

/// Whichever format a CI system reads tells what a replay came to otherwise.
#[rstest]
#[case("fails", "passes", "a: was failed, is succeeded")]
#[case("passes", "fails", "a: was succeeded, is failed")]
fn a_replay_that_diverged_says_so_in_every_format(
    #[case] before: &str,
    #[case] after: &str,
    #[case] told: &str,
) {
    let a = "type: test\nentrypoint: { run: [test, -e, passes] }";
    let bench = bench(&[("a", a)]);
    bench.write(before, "");
    let words = "--stage test --correlation-id first";
    orch(&bench, words).exits(i32::from(before == "fails"));
    std::fs::rename(bench.path().join(before), bench.path().join(after)).expect("a file");
    for format in ["human", "json", "yaml", "junit", "sarif", "github"] {
        let words = format!("--stage test --replay first --format {format}");
        let text = orch(&bench, &words).exits(1).out;
        for part in ["replay", "first", "diverged", told] {
            assert!(text.contains(part), "{format}: {part}\n{text}");
        }
    }
}

#[test]
fn a_replay_comes_to_the_recorded_verdict() {
    let warns = "type: test\nentrypoint: { run: \"echo '{\\\"warnings\\\": [\\\"look\\\"]}' > \\\"$ROK_OUTPUT\\\"\" }";
    let bench = bench(&[
        ("a_warns", warns),
        (
            "b_old",
            "status: deprecated\ndeprecated_by: a_warns\ntype: test\nentrypoint: { run: [\"true\"] }",
        ),
        ("c_last", "type: test\nentrypoint: { run: [\"true\"] }"),
    ]);
    let words = "--stage test --name a_warns,b_old,c_last";
    let report = orch(&bench, words).exits(0).json();
    let run = report["run_id"].as_str().expect("a run");
    assert_eq!(ends(&report)[..2], [("a_warns", "warn"), ("b_old", "warn")]);
    let verdicts = |report: &Value| {
        let results = report["results"].as_array().expect("results").clone();
        let verdict = |one: &Value| {
            let key = |key: &str| one[key].clone();
            [
                key("component"),
                key("status"),
                key("messages"),
                key("errors"),
            ]
        };
        results.iter().map(verdict).collect::<Vec<_>>()
    };
    let again = orch(&bench, &format!("--stage test --replay {run}"));
    let again = again.exits(0).json();
    assert_eq!(verdicts(&again), verdicts(&report));
    assert_eq!(again["summary"], report["summary"]);
    assert_eq!(again["replay"]["diverged"], false);
    let part = orch(
        &bench,
        &format!("--stage test --replay {run} --from c_last"),
    );
    let part = part.exits(0).json();
    assert_eq!(part["replay"]["diverged"], false);
    let why = &result(&part, "a_warns")["messages"][0];
    let told = format!("recorded, not run: it passed with warnings in run {run}");
    assert_eq!(*why, told);
}

#[test]
fn what_was_not_started_fails_its_replay_too() {
    let bench = bench(&[
        ("flaky", "type: test\nentrypoint: { run: \"exit 75\" }"),
        ("sound", "type: test\nentrypoint: { run: [\"true\"] }"),
    ]);
    for _ in 0..5 {
        orch(&bench, "--stage test").exits(1);
    }
    let report = orch(&bench, "--stage test").exits(1).json();
    assert_eq!(ends(&report), [("flaky", "fail"), ("sound", "pass")]);
    let run = report["run_id"].as_str().expect("a run");
    let again = orch(&bench, &format!("--stage test --replay {run}"));
    let again = again.exits(1).json();
    assert_eq!(again["status"], "failed");
    assert_eq!(result(&again, "flaky")["status"], "fail");
}

#[test]
fn a_replay_needs_a_run_of_its_stage() {
    let bench = bench(&[("a", "type: test\nentrypoint: { run: [\"true\"] }")]);
    orch(&bench, "--stage test --mode replay").exits(2);
    let report = orch(&bench, "--stage test").exits(0).json();
    let run = report["run_id"].as_str().expect("a run");
    orch(&bench, &format!("--stage ci --replay {run}")).exits(2);
    orch(&bench, &format!("--stage test --replay {run}")).exits(0);
}

#[test]
fn a_timeout_ends_the_run_and_is_told_as_such() {
    let bench = bench(&[("slow", "type: test\nentrypoint: { run: [sleep, \"60\"] }")]);
    let ran = orch(&bench, "--stage test --timeout 300ms").exits(1);
    let report = ran.json();
    assert_eq!(report["status"], "timed_out");
    assert_eq!(result(&report, "slow")["timed_out"], true);
    let text = orch(&bench, "--stage test --timeout 300ms --format human")
        .exits(1)
        .out;
    assert!(text.contains("⏱️ slow"), "{text}");
}

#[test]
fn contradictions_are_usage() {
    let bench = bench(&[("a", "type: test\nentrypoint: { run: [\"true\"] }")]);
    for words in [
        "--stage tset",
        "--stage test --dry-run --mode profile",
        "--stage test --from a",
        "--stage pipeline",
        "--stage test --filter typ=test",
        "--stage test --timeout soon",
        "--stage test --correlation-id ../x",
        "--stage test --format jsn",
        "--stage registry --mode async",
        "--stage registry --action explode",
        "",
    ] {
        let ran = orch(&bench, words);
        assert_eq!(ran.code, 2, "{words}: {}{}", ran.out, ran.err);
        assert!(!ran.err.is_empty() || words.is_empty(), "{words}");
    }
    assert!(!bench.runs().exists(), "nothing ran");
}
