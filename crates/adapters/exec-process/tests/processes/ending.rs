//! How attempts end: at deadlines, by cancellation, with all that they left.

use crate::support::{Bench, LONG, SHORT, failure, lives, said, sink};
use rok_exec_process::ProcessExecutor;
use rok_executor::{CancelReason, Executor as _, StepRequest};
use rok_vocabulary::ErrorClass;
use rstest::rstest;
use std::time::Duration;

#[test]
fn a_deadline_ends_the_whole_group() {
    let bench = Bench::new();
    let pipe = bench.pipe("pipe");
    let script = "sleep 3600 & echo $! > pipe; wait";
    let reports = bench.start(StepRequest {
        timeout: Some(SHORT),
        ..bench.sh("s", script)
    });
    let child = said(&pipe);
    let result = reports.recv().unwrap().result;
    let expected = (
        ErrorClass::Timeout,
        "stopped at its deadline, after 100ms".to_owned(),
    );
    assert_eq!(failure(&result), expected);
    assert!(result.wall >= SHORT && !lives(&child));
    assert_eq!(result.exit_code, None);
}

#[test]
fn who_ignores_the_polite_signal_is_killed_after_the_grace() {
    let bench = Bench::new();
    let script = "trap '' TERM; while :; do sleep 3600; done";
    let request = StepRequest {
        timeout: Some(SHORT),
        kill_grace: SHORT,
        ..bench.sh("s", script)
    };
    let result = bench.run(request);
    let (class, reason) = failure(&result);
    assert_eq!(class, ErrorClass::Timeout);
    assert!(
        reason.ends_with("(by SIGKILL, 100ms after SIGTERM)"),
        "{reason}"
    );
    assert!(result.wall >= SHORT * 2);
}

#[test]
fn a_child_may_use_the_grace_after_its_leader_has_gone() {
    let bench = Bench::new();
    let pipe = bench.pipe("pipe");
    // The leader dies of TERM at once; its child tidies up first.
    let script = r"
        (trap 'echo tidy > done; exit' TERM; echo ready > pipe; while :; do sleep 0.01; done) &
        wait";
    let request = bench.sh("s", script);
    let reports = bench.start(request.clone());
    assert_eq!(said(&pipe), "ready");
    bench
        .executor
        .cancel(&request.attempt, CancelReason::Cancelled);
    let result = reports.recv().unwrap().result;
    assert_eq!(
        failure(&result),
        (ErrorClass::Cancelled, "cancelled".into())
    );
    assert_eq!(
        std::fs::read_to_string(bench.path("done")).unwrap(),
        "tidy\n"
    );
}

#[rstest]
#[case(CancelReason::Cancelled, ErrorClass::Cancelled)]
#[case(CancelReason::RunTimeout, ErrorClass::Timeout)]
#[case(CancelReason::Interrupted, ErrorClass::WorkerLost)]
fn a_running_step_is_cancelled(#[case] reason: CancelReason, #[case] class: ErrorClass) {
    let bench = Bench::new();
    let pipe = bench.pipe("pipe");
    let request = bench.sh("s", "echo ready > pipe; exec sleep 3600");
    let reports = bench.start(request.clone());
    said(&pipe);
    bench.executor.cancel(&request.attempt, reason);
    let result = reports.recv().unwrap().result;
    assert_eq!(failure(&result).0, class);
    assert!(result.started_at.is_some());
    bench.executor.cancel(&request.attempt, reason);
    assert!(reports.recv().is_err(), "one report only");
}

#[test]
fn a_second_cancel_neither_prolongs_the_grace_nor_changes_the_reason() {
    let bench = Bench::new();
    let pipe = bench.pipe("pipe");
    let script = "trap 'echo again > pipe' TERM; echo ready > pipe; while :; do sleep 0.01; done";
    let request = StepRequest {
        kill_grace: SHORT * 3,
        ..bench.sh("s", script)
    };
    let reports = bench.start(request.clone());
    said(&pipe);
    bench
        .executor
        .cancel(&request.attempt, CancelReason::Cancelled);
    assert_eq!(said(&pipe), "again");
    bench
        .executor
        .cancel(&request.attempt, CancelReason::Interrupted);
    let result = reports.recv().unwrap().result;
    assert_eq!(failure(&result).0, ErrorClass::Cancelled);
}

#[test]
fn what_waits_is_cancelled_without_having_started() {
    let bench = Bench::with(ProcessExecutor::builder().max_in_flight(1).build().unwrap());
    let (begun, release) = (bench.pipe("begun"), bench.pipe("release"));
    let first = bench.start(bench.sh("a", "echo ready > begun; read line < release"));
    said(&begun);
    let second = bench.sh("b", "echo b >> order");
    let (sink, reports) = sink();
    bench.executor.start(second.clone(), sink.clone());
    for step in ["c", "d"] {
        bench.executor.start(
            bench.sh(step, &format!("echo {step} >> order")),
            sink.clone(),
        );
    }
    bench
        .executor
        .cancel(&second.attempt, CancelReason::RunTimeout);
    let report = reports.recv().unwrap();
    assert_eq!(report.attempt, second.attempt);
    assert_eq!(failure(&report.result).0, ErrorClass::Timeout);
    assert_eq!(
        (report.result.started_at, report.result.exit_code),
        (None, None)
    );
    std::fs::write(release, "go\n").unwrap();
    first.recv().unwrap().result.end.unwrap();
    for _ in 0..2 {
        reports.recv().unwrap().result.end.unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(bench.path("order")).unwrap(),
        "c\nd\n"
    );
}

#[rstest]
#[case::to_the_log(false)]
#[case::to_a_masking_pipe(true)]
fn a_grandchild_that_holds_the_output_is_ended_with_the_step(#[case] secret: bool) {
    let bench = Bench::new();
    let script = "sleep 3600 & echo $! > child; echo done";
    let request = if secret {
        bench.sh_with_secret("s", script)
    } else {
        bench.sh("s", script)
    };
    bench.run(request).end.unwrap();
    let child = std::fs::read_to_string(bench.path("child")).unwrap();
    assert!(!lives(child.trim()));
    assert_eq!(bench.log("s.0.log"), "done\n");
}

#[rstest]
#[case::to_the_log(false)]
#[case::to_a_masking_pipe(true)]
fn closing_the_output_early_shortens_nothing(#[case] secret: bool) {
    let bench = Bench::new();
    let release = bench.pipe("release");
    let begun = bench.pipe("begun");
    let script = "echo out; exec >&- 2>&-; echo ready > begun; read line < release; exit 75";
    let request = if secret {
        bench.sh_with_secret("s", script)
    } else {
        bench.sh("s", script)
    };
    let reports = bench.start(request);
    said(&begun);
    std::fs::write(release, "go\n").unwrap();
    let result = reports.recv().unwrap().result;
    assert_eq!(
        failure(&result),
        (ErrorClass::TransientIo, "exit code 75: out".into())
    );
}

/// Without a subreaper nobody ends what left the group; it must not hold up the
/// report either.
#[test]
fn an_escaped_holder_of_the_pipe_does_not_hang_the_embedded_executor() {
    let bench = Bench::new();
    let pipe = bench.pipe("pipe");
    let script = "setsid sh -c 'echo $$ > pipe; exec sleep 3600' & wait $!; exit 0 & sleep 0";
    let script = script.replace("wait $!; ", "read line < go; ");
    let go = bench.pipe("go");
    let reports = bench.start(bench.sh_with_secret("s", &script));
    let escaped = said(&pipe);
    std::fs::write(go, "go\n").unwrap();
    reports.recv().unwrap().result.end.unwrap();
    assert!(lives(&escaped));
    let remains = bench
        .executor
        .stop_remains(&"run-1".parse().unwrap(), &bench.workspace)
        .unwrap();
    assert_eq!(remains.killed, [escaped.parse::<i32>().unwrap()]);
    assert!(!lives(&escaped));
}

#[test]
fn a_dropped_executor_leaves_nothing_behind() {
    let bench = Bench::with(ProcessExecutor::builder().max_in_flight(1).build().unwrap());
    let pipe = bench.pipe("pipe");
    let (sink, reports) = sink();
    let script = "trap '' TERM; echo $$ > pipe; while :; do sleep 3600; done";
    bench.executor.start(
        StepRequest {
            timeout: Some(LONG),
            ..bench.sh("a", script)
        },
        sink.clone(),
    );
    bench.executor.start(bench.sh("b", "true"), sink);
    let pid = said(&pipe);
    drop(bench.executor);
    assert!(!lives(&pid));
    for _ in 0..2 {
        assert_eq!(
            failure(&reports.recv().unwrap().result).0,
            ErrorClass::WorkerLost
        );
    }
}

#[test]
fn times_beyond_all_clocks_are_no_deadline() {
    let bench = Bench::new();
    let pipe = bench.pipe("pipe");
    let request = StepRequest {
        timeout: Some(Duration::MAX),
        kill_grace: Duration::MAX,
        ..bench.sh("s", "echo ready > pipe; exec sleep 3600")
    };
    let reports = bench.start(request.clone());
    said(&pipe);
    bench
        .executor
        .cancel(&request.attempt, CancelReason::Cancelled);
    let result = reports.recv().unwrap().result;
    assert_eq!(failure(&result).0, ErrorClass::Cancelled);
}

#[test]
fn a_sink_that_panics_harms_nobody_else() {
    std::panic::set_hook(Box::new(|_| {}));
    let bench = Bench::new();
    let sink = |_: rok_executor::StepReport| panic!("a bad sink");
    bench
        .executor
        .start(bench.sh("a", "true"), std::sync::Arc::new(sink));
    assert!(bench.run(bench.sh("b", "true")).end.is_ok());
}

#[test]
fn a_cleared_scratch_folder_is_made_again() {
    let bench = Bench::new();
    bench.run(bench.sh("a", "true")).end.unwrap();
    std::fs::remove_dir_all(&bench.workspace.scratch).unwrap();
    let copied = bench
        .run(bench.sh("b", "cp $ROK_INPUTS $ROK_OUTPUT"))
        .end
        .unwrap();
    assert_eq!(copied.outputs, serde_json::json!({ "n": 1 }));
}

#[test]
fn many_short_steps_are_all_reported_once() {
    let bench = Bench::new();
    let (sink, reports) = sink();
    for number in 0..200 {
        bench
            .executor
            .start(bench.sh(&format!("s{number}"), "exit 0"), sink.clone());
    }
    drop(sink);
    assert_eq!(
        reports
            .iter()
            .filter(|report| report.result.end.is_ok())
            .count(),
        200
    );
}
