//! The exit-code table, and what a report says beside it.

use crate::support::{Bench, failure};
use rok_executor::Program;
use rok_vocabulary::ErrorClass;
use rstest::rstest;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

#[rstest]
#[case("exit 1", ErrorClass::ValidationFailed, "exit code 1", Some(1))]
#[case("exit 65", ErrorClass::ValidationFailed, "exit code 65", Some(65))]
#[case("exit 66", ErrorClass::ContractInputMissing, "exit code 66", Some(66))]
#[case("exit 75", ErrorClass::TransientIo, "exit code 75", Some(75))]
#[case("exit 78", ErrorClass::ConfigError, "exit code 78", Some(78))]
#[case("exit 255", ErrorClass::ValidationFailed, "exit code 255", Some(255))]
#[case(
    "kill -KILL $$",
    ErrorClass::Unknown,
    "killed by signal 9 (SIGKILL)",
    None
)]
#[case(
    "kill -SEGV $$",
    ErrorClass::Unknown,
    "killed by signal 11 (SIGSEGV)",
    None
)]
#[case(
    "echo one; echo 'it broke' >&2; exit 3",
    ErrorClass::ValidationFailed,
    "exit code 3: it broke",
    Some(3)
)]
fn exits(
    #[case] script: &str,
    #[case] class: ErrorClass,
    #[case] reason: &str,
    #[case] code: Option<i32>,
) {
    let bench = Bench::new();
    let result = bench.run(bench.sh("s", script));
    assert_eq!(failure(&result), (class, reason.to_owned()));
    assert_eq!(result.exit_code, code);
    assert!(result.started_at.is_some());
}

/// A child that stays below us has our peak on its account, which is not told
/// as its own.
#[test]
fn the_peak_of_a_process_is_its_own_or_unknown() {
    let bench = Bench::new();
    let small = bench.run(bench.sh("small", ":"));
    assert_eq!(small.usage.max_rss, 0);
    let large = "x=$(head -c 100000000 /dev/zero | tr '\\0' x); : ${#x}";
    let large = bench.run(bench.sh("large", large));
    assert!(large.usage.max_rss > 90_000_000, "{:?}", large.usage);
}

#[test]
fn a_success_reports_what_it_used_and_leaves_a_private_log() {
    let bench = Bench::new();
    let result = bench.run(bench.sh(
        "s",
        "echo out; echo err >&2; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done",
    ));
    let success = result.end.unwrap();
    assert!(success.outputs.is_null() && success.artifacts.is_empty());
    assert_eq!(result.exit_code, Some(0));
    assert!(result.usage.cpu > Duration::ZERO);
    assert!(result.wall > Duration::ZERO);
    assert_eq!(bench.log("s.0.log"), "out\nerr\n");
    let mode = std::fs::metadata(bench.workspace.logs.join("s.0.log"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!bench.workspace.procs.join("s.0").exists());
    drop(bench.executor);
    let left = std::fs::read_dir(&bench.workspace.procs).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn a_later_epoch_has_its_own_log() {
    let bench = Bench::new();
    let mut request = bench.sh("s", "echo again");
    request.attempt.step.epoch = rok_vocabulary::Epoch(2);
    bench.run(request).end.unwrap();
    assert_eq!(bench.log("s.0.e2.log"), "again\n");
}

#[test]
fn a_run_without_a_folder_has_its_files_and_drops_its_output() {
    let bench = Bench::new();
    let mut request = bench.sh(
        "s",
        r#"echo lost; test -z "${ROK_ARTIFACTS-}"; dirname "$ROK_INPUTS" > where; cp "$ROK_INPUTS" "$ROK_OUTPUT""#,
    );
    request.workspace = None;
    let result = bench.run(request);
    assert_eq!(result.end.unwrap().outputs, serde_json::json!({ "n": 1 }));
    let own = std::fs::read_to_string(bench.path("where")).unwrap();
    assert!(!std::path::Path::new(own.trim()).exists());
}

#[test]
fn bash_lines_fail_within_a_pipe() {
    let bench = Bench::new();
    let line = |bash| Program::Shell {
        bash,
        script: "false | true".into(),
        values: Vec::new(),
    };
    assert!(bench.run(bench.request("a", line(false))).end.is_ok());
    assert!(bench.run(bench.request("b", line(true))).end.is_err());
}
