//! Retries, breakers, interruptions, policies.

use super::{bench, component, orch, result};
use crate::running::Running;
use rstest::rstest;
use rustix::process::Signal;
use std::process::Stdio;
use std::time::Duration;

/// Fails for a reason that passes by itself, the first time.
const ONCE: &str = "entrypoint: { run: \"test -e again || { touch again; exit 75; }\" }";

#[test]
fn only_idempotent_components_are_tried_again() {
    let bench = bench(&[(
        "flaky",
        &format!("type: test\nidempotent: true\nretry: {{ max: 2, base: 10ms }}\n{ONCE}"),
    )]);
    let report = orch(&bench, "--stage test").exits(0).json();
    assert_eq!(result(&report, "flaky")["attempts"], 2);
    let other = super::bench(&[("flaky", &format!("type: test\n{ONCE}"))]);
    let report = orch(&other, "--stage test").exits(1).json();
    assert_eq!(result(&report, "flaky")["attempts"], 1);
    assert_eq!(result(&report, "flaky")["error_class"], "transient_io");
}

#[test]
fn a_component_that_keeps_failing_is_not_started_for_a_while() {
    let fails = "type: test\nentrypoint: { run: \"echo x >> tried; exit 75\" }";
    let bench = bench(&[
        ("flaky", fails),
        (
            "user",
            "type: test\nrequires: { flaky: \"*\" }\nentrypoint: { run: [\"true\"] }",
        ),
    ]);
    let tried = || {
        let text = std::fs::read_to_string(bench.path().join("tried")).unwrap_or_default();
        text.lines().count()
    };
    for _ in 0..5 {
        orch(&bench, "--stage test").exits(1);
    }
    assert_eq!(tried(), 5);
    let report = orch(&bench, "--stage test").exits(1).json();
    assert_eq!(tried(), 5, "it was not started");
    let flaky = result(&report, "flaky");
    assert_eq!(
        (&flaky["status"], &flaky["attempts"]),
        (&"fail".into(), &0.into())
    );
    let why = flaky["errors"][0]["message"].as_str().expect("why");
    assert!(why.contains("circuit breaker is open until"), "{why}");
    assert_eq!(result(&report, "user")["status"], "skip");
    assert_eq!(report["status"], "failed");
    let dry = orch(&bench, "--stage test --dry-run").exits(0).json();
    let why = dry["dry_run"]["components"][0]["why"]
        .as_str()
        .expect("why");
    assert!(why.contains("circuit breaker"), "{why}");
}

#[rstest]
#[case(Signal::INT, 130)]
#[case(Signal::TERM, 143)]
fn a_signal_leaves_a_run_that_can_be_resumed(#[case] signal: Signal, #[case] code: i32) {
    let bench = bench(&[
        (
            "waits",
            "type: test\nidempotent: true\nentrypoint: { run: \"touch begun; for i in $(seq 1200); do test -e go && exit 0; sleep 0.05; done; exit 1\" }",
        ),
        ("zlast", "type: test\nentrypoint: { run: [touch, last] }"),
    ]);
    let command = bench.command(["orch", "--stage", "test", "--correlation-id", "r-1"]);
    let running = Running::start(command);
    let begun = bench.path().join("begun");
    for _ in 0..1200 {
        if begun.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    running.signal(signal);
    let ran = running.finish().exits(code);
    let report = ran.json();
    assert_eq!(
        (&report["status"], &report["exit_code"]),
        (&"cancelled".into(), &code.into())
    );
    let how = report["messages"][0].as_str().expect("how to go on");
    assert!(how.contains("rok resume r-1"), "{how}");
    bench.write("go", "");
    bench.rok(["resume", "r-1"]).exits(0);
    assert!(bench.path().join("last").exists());
}

#[test]
fn what_a_policy_forbids_exits_with_5() {
    let bench = bench(&[("a", "type: test\nentrypoint: { run: [touch, ran] }")]);
    bench.write("no.cedar", "forbid(principal, action == Action::\"run\", resource);\npermit(principal, action, resource);");
    let ran = orch(&bench, "--stage test --policies no.cedar").exits(5);
    let report = ran.json();
    assert_eq!(report["error"]["kind"], "sandbox");
    assert_eq!(report["status"], "failed", "it waits for nobody");
    assert!(!bench.path().join("ran").exists());
    let dry = orch(&bench, "--stage test --dry-run --policies no.cedar").exits(5);
    assert!(dry.json()["dry_run"]["refused"].is_string());
}

#[test]
fn a_budget_that_is_exceeded_ends_the_run() {
    let bench = bench(&[
        ("a", "type: test\nentrypoint: { run: [\"true\"] }"),
        ("b", "type: test\nentrypoint: { run: [\"true\"] }"),
    ]);
    let report = orch(&bench, "--stage test --budget max_steps=1")
        .exits(1)
        .json();
    let run = report["run_id"].as_str().expect("a run");
    let told = bench.rok(["orch", "events", run]).exits(0).out;
    assert!(told.contains("\"event\":\"budget_exceeded\""), "{told}");
}

#[test]
fn a_component_s_secret_reaches_it_and_no_report() {
    let bench = bench(&[(
        "a",
        "type: test\nsecrets: [TOKEN]\nentrypoint: { run: \"echo \\\"$T\\\"; test -n \\\"$T\\\"; exit 1\", env: { T: \"${{ secrets.TOKEN }}\" } }",
    )]);
    let mut command = bench.command(["orch", "--stage", "test", "-v"]);
    command.env("TOKEN", "sesame-4711-open");
    let ran = crate::support::Ran::from(command.output().expect("rok starts")).exits(1);
    assert!(
        !ran.out.contains("sesame") && !ran.err.contains("sesame"),
        "{}{}",
        ran.out,
        ran.err
    );
    component(&bench, "a", "type: test\nentrypoint: { run: [\"true\"] }");
}

#[test]
fn a_trial_of_a_run_that_nobody_drives_makes_room_at_once() {
    let fails = "type: test\nentrypoint: { run: \"test -e well || exit 75; touch begun; for i in $(seq 1200); do test -e go && exit 0; sleep 0.05; done\" }";
    let bench = bench(&[("flaky", fails)]);
    bench.write(
        "rok.toml",
        "breaker_failures = 1\nbreaker_cool_down_ms = 1\n",
    );
    orch(&bench, "--stage test").exits(1);
    bench.write("well", "");
    let begun = bench.path().join("begun");
    let trial = |run: &str| {
        let _ = std::fs::remove_file(&begun);
        let command = bench.command(["orch", "--stage", "test", "--correlation-id", run]);
        let running = Running::start(command);
        for _ in 0..1200 {
            if begun.exists() {
                return running;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{:?}", running.finish());
    };
    let running = trial("r-1");
    // While it goes on nobody else tries, and is told why.
    let report = orch(&bench, "--stage test").exits(1).json();
    let why = result(&report, "flaky")["errors"][0]["message"].clone();
    let why = why.as_str().expect("why");
    assert!(
        why.contains("half open: run r-1 tries it out since"),
        "{why}"
    );
    running.signal(Signal::INT);
    running.finish().exits(130);
    let running = trial("r-2");
    running.signal(Signal::KILL);
    running.finish().exits(-1);
    bench.write("go", "");
    orch(&bench, "--stage test").exits(0);
}

/// Of several that ask for one run at a time one has it, and the others are
/// told what anybody is who comes later.
#[test]
fn of_racers_with_one_correlation_id_one_runs_and_the_others_are_refused() {
    let bench = bench(&[(
        "slow",
        "type: test\nentrypoint: { run: \"echo x >> ran; sleep 0.3\" }",
    )]);
    for round in 0..4 {
        let id = format!("round-{round}");
        let racers: Vec<_> = (0..4)
            .map(|_| {
                let mut command =
                    bench.command(["orch", "--stage", "test", "--correlation-id", &id]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                command.spawn().expect("rok starts")
            })
            .collect();
        let mut won = 0;
        for racer in racers {
            let output = racer.wait_with_output().expect("rok ends");
            let told =
                String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(0) => won += 1,
                code => {
                    assert_eq!(code, Some(2), "{told}");
                    assert!(told.contains("ROK0116"), "{told}");
                    assert!(
                        told.contains(&format!("there is a run `{id}` already")),
                        "{told}"
                    );
                }
            }
        }
        assert_eq!(won, 1);
    }
    let ran = std::fs::read_to_string(bench.path().join("ran")).expect("it ran");
    assert_eq!(ran.lines().count(), 4);
}
