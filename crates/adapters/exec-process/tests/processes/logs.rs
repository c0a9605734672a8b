//! What a step does to its own log.

use crate::support::{Bench, SECRET, failure};
use rok_vocabulary::ErrorClass;
use rstest::rstest;

const LOG: &str = "$ROK_ARTIFACTS/../logs/s.0.log";

#[rstest]
#[case::removed("echo said; rm \"$LOG\"", "it is gone")]
#[case::removed_unsaid("rm \"$LOG\"", "it is gone")]
#[case::folder_moved(
    "mv \"$ROK_ARTIFACTS/../logs\" \"$ROK_ARTIFACTS/../old\"",
    "it is gone"
)]
#[case::replaced(
    "echo said; rm \"$LOG\"; echo said > \"$LOG\"",
    "another file lies in its place"
)]
#[case::linked(
    "rm \"$LOG\"; ln -s /dev/null \"$LOG\"",
    "another file lies in its place"
)]
#[case::a_pipe(
    "rm \"$LOG\"; mkfifo \"$LOG\"; exit 3",
    "another file lies in its place"
)]
#[case::cut("echo said; : > \"$LOG\"", "it was cut, from 5 bytes to 0")]
#[case::overwritten("echo said; echo ok > \"$LOG\"", "it was cut, from 5 bytes to 3")]
#[case::by_its_device("echo said; echo no > /dev/stderr", "it was cut, from 5 bytes to 3")]
fn a_step_that_spoils_its_log_fails(#[case] script: &str, #[case] what: &str) {
    let bench = Bench::new();
    let result = bench.run(bench.sh("s", &format!("LOG=\"{LOG}\"\n{script}")));
    let (class, reason) = failure(&result);
    assert_eq!(class, ErrorClass::PolicyViolation, "{reason}");
    let told = format!("its own log was tampered with: {what}");
    assert!(reason.contains(&told), "{reason}");
    assert_eq!(result.record.log, None);
}

#[test]
fn a_masked_log_is_written_by_nobody_else() {
    let bench = Bench::new();
    let script = format!("echo said; echo \"$TOKEN\" >> \"{LOG}\"");
    let result = bench.run(bench.sh_with_secret("s", &script));
    let (class, reason) = failure(&result);
    assert_eq!(class, ErrorClass::PolicyViolation);
    assert!(
        reason.contains("bytes were written past the masking"),
        "{reason}"
    );
    assert!(!reason.contains(SECRET));
}

#[rstest]
#[case::nothing(":", 0)]
#[case::lines("echo a; echo b >&2", 4)]
#[case::a_child("(echo a; sh -c 'echo b')", 4)]
#[case::appended("echo a; echo b >> /dev/stderr", 4)]
fn a_step_that_prints_succeeds(#[case] script: &str, #[case] bytes: u64) {
    let bench = Bench::new();
    let result = bench.run(bench.sh("s", script));
    result.end.unwrap();
    let log = result.record.log.unwrap();
    assert_eq!((log.bytes, log.sha256.is_some()), (bytes, bytes > 0));
}

#[test]
fn what_lies_where_a_log_belongs_is_not_waited_for() {
    let bench = Bench::new();
    bench.run(bench.sh("s", ":")).end.unwrap();
    let planted = bench.workspace.logs.join("next.0.log");
    let made = std::process::Command::new("mkfifo").arg(planted).status();
    assert!(made.unwrap().success());
    let (_, reason) = failure(&bench.run(bench.sh("next", "echo said")));
    assert!(reason.contains("cannot open log"), "{reason}");
}
