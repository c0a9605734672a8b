//! With a child subreaper, what leaves its process group is ended as well. The
//! setting holds for the whole process, so these tests have one of their own
//! and take turns.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "processes/support.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod support;

use rok_exec_process::ProcessExecutor;
use rok_executor::StepRequest;
use rok_vocabulary::ErrorClass;
use rstest::rstest;
use std::sync::{Mutex, MutexGuard, PoisonError};
use support::{Bench, SHORT, failure, lives, said};

static TURN: Mutex<()> = Mutex::new(());

fn bench() -> (MutexGuard<'static, ()>, Bench) {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    (
        turn,
        Bench::with(
            ProcessExecutor::builder()
                .max_in_flight(4)
                .subreaper()
                .build()
                .unwrap(),
        ),
    )
}

#[rstest]
#[case::its_own_session("setsid sh -c 'echo $$ > pipe; exec sleep 3600' &")]
#[case::twice_forked("(setsid sh -c 'sh -c \"echo \\$\\$ > pipe; exec sleep 3600\" &' &)")]
#[case::that_ignores_signals(
    "setsid sh -c 'trap \"\" TERM HUP; echo $$ > pipe; while :; do sleep 3600; done' &"
)]
#[case::without_environment("env -i setsid /bin/sh -c 'echo $$ > pipe; exec /bin/sleep 3600' &")]
#[case::that_breeds(
    "setsid sh -c '(setsid sh -c \"echo \\$\\$ > pipe; exec sleep 3600\" &) ; exec sleep 3600' &"
)]
fn an_orphan_is_ended_with_its_step(#[case] orphan: &str) {
    let (_turn, bench) = bench();
    let (pipe, go) = (bench.pipe("pipe"), bench.pipe("go"));
    let reports = bench.start(bench.sh("s", &format!("{orphan}\nread line < go")));
    let pid = said(&pipe);
    assert!(lives(&pid), "it lives as long as its step does");
    std::fs::write(go, "go\n").unwrap();
    reports.recv().unwrap().result.end.unwrap();
    assert!(!lives(&pid));
}

#[test]
fn an_orphan_is_ended_at_the_deadline() {
    let (_turn, bench) = bench();
    let pipe = bench.pipe("pipe");
    let script = "setsid sh -c 'echo $$ > pipe; exec sleep 3600' & exec sleep 3600";
    let reports = bench.start(StepRequest {
        timeout: Some(SHORT),
        ..bench.sh("s", script)
    });
    let pid = said(&pipe);
    assert_eq!(
        failure(&reports.recv().unwrap().result).0,
        ErrorClass::Timeout
    );
    assert!(!lives(&pid));
}

#[test]
fn an_orphan_of_another_step_is_left_alone() {
    let (_turn, bench) = bench();
    let (pipe, go) = (bench.pipe("pipe"), bench.pipe("go"));
    let script = "(setsid sh -c 'echo $$ > pipe; exec sleep 3600' &) ; read line < go";
    let reports = bench.start(bench.sh("a", script));
    let pid = said(&pipe);
    let pipe2 = bench.pipe("pipe2");
    // One that says nothing might be of either.
    let nameless = "(env -i setsid /bin/sh -c 'echo $$ > pipe; exec /bin/sleep 3600' &)";
    let second = bench.start(bench.sh("b", &format!("{nameless}; read line < pipe2")));
    let unknown = said(&pipe);
    std::fs::write(pipe2, "go\n").unwrap();
    second.recv().unwrap().result.end.unwrap();
    assert!(lives(&pid) && lives(&unknown));
    std::fs::write(go, "go\n").unwrap();
    reports.recv().unwrap().result.end.unwrap();
    assert!(!lives(&pid) && !lives(&unknown));
}

/// As where a server drives several runs at once.
#[test]
fn an_orphan_of_another_executor_is_left_alone() {
    let (_turn, first) = bench();
    let executor = ProcessExecutor::builder().max_in_flight(4).subreaper();
    let second = Bench::with(executor.build().unwrap());
    let (pipe, go) = (first.pipe("pipe"), first.pipe("go"));
    let script = "(setsid sh -c 'echo $$ > pipe; exec sleep 3600' &) ; read line < go";
    let reports = first.start(first.sh("a", script));
    let pid = said(&pipe);
    second.run(second.sh("b", "(true &) ; true")).end.unwrap();
    assert!(lives(&pid), "its step lives");
    std::fs::write(go, "go\n").unwrap();
    reports.recv().unwrap().result.end.unwrap();
    assert!(!lives(&pid));
}

#[test]
fn no_zombie_stays() {
    let (_turn, bench) = bench();
    for step in ["a", "b"] {
        bench
            .run(bench.sh(step, "(setsid true &) ; (true &) ; true"))
            .end
            .unwrap();
    }
    let me = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/{me}/task/{me}/children")).unwrap();
    assert_eq!(children, "");
}
