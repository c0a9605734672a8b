//! What each command asks of the engine, and how it exits.

use crate::fake::{Fake, run, run_in};
use rok_service::views::{CommandAnswer, DriveEnd, ErrorKind, Outcome, RunPhase, RunsError};
use rstest::rstest;
use std::fs;

#[test]
fn run_hands_everything_on() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("in.json"),
        r#"{"dataset": "iris", "folds": 10}"#,
    )
    .unwrap();
    let arguments = [
        "run",
        "deliverable",
        "--input",
        "min_accuracy=0.9",
        "-i",
        "folds=5",
        "--inputs",
        "in.json",
        "--label",
        "team=data",
        "--run-id",
        "nightly-1",
        "--reason",
        "because",
        "--mode",
        "sync",
        "--wait",
    ];
    let done = run_in(dir.path(), Fake::new(), &arguments, |terminal| terminal);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(
        done.asked,
        [
            "submit builtin:deliverable inputs {\"dataset\": String(\"iris\"), \"folds\": Number(10)} \
             [(\"min_accuracy\", \"0.9\"), (\"folds\", \"5\")] labels {\"team\": \"data\"} \
             parallel Some(1) id Some(\"nightly-1\") by user:ada because Some(\"because\")",
            "drive nightly-1 wait true",
        ]
    );
}

#[rstest]
#[case(&["approve", "run_abc", "publish", "--reason", "seen"],
    "Approve(\"publish\") run_abc by user:ada because Some(\"seen\")", "approved publish of run_abc\n")]
#[case(&["reject", "run_abc", "publish", "--reason", "no"],
    "Reject(\"publish\") run_abc by user:ada because Some(\"no\")", "rejected publish of run_abc\n")]
#[case(&["cancel", "run_abc"], "Cancel run_abc by user:ada because None", "cancelled run_abc\n")]
fn decisions_carry_who_and_why(
    #[case] arguments: &[&str],
    #[case] asked: &str,
    #[case] told: &str,
) {
    let done = run(Fake::new(), arguments);
    assert_eq!(done.asked, [asked]);
    assert_eq!((done.out.as_str(), done.code), (told, 0));
}

/// A rollback has done what was asked for once everything is undone, although
/// the run it is about has failed.
#[rstest]
#[case("rolled_back", None, 0)]
#[case("failed", None, 1)]
#[case("rolled_back", Some(ErrorKind::Protocol), 4)]
#[case("failed", Some(ErrorKind::Denied), 5)]
fn rollback_hands_on_what_was_decided(
    #[case] status: &str,
    #[case] refused_by: Option<ErrorKind>,
    #[case] exit: u8,
) {
    let mut fake = Fake::failed();
    fake.summary.status = status.to_owned();
    fake.end = DriveEnd::Ended {
        phase: RunPhase::Failed,
        outcome: Outcome::Failed,
        refused_by,
        attested: None,
    };
    let arguments = [
        "rollback", "run_abc", "--reason", "agreed", "--done", "refund", "--again", "mail",
    ];
    let done = run(fake, &arguments);
    assert_eq!(
        done.asked,
        [
            "rollback run_abc by user:ada because Some(\"agreed\") done [\"refund\"] again [\"mail\"]"
        ]
    );
    assert_eq!(done.code, exit);
}

#[test]
fn a_decision_tells_what_comes_next() {
    let nobody_drives = run(Fake::held(), &["approve", "run_abc", "p", "--reason", "ok"]);
    assert_eq!(nobody_drives.err, "then:\n  rok resume run_abc\n");

    let closed_by_it = run(Fake::new(), &["reject", "run_abc", "p", "--reason", "no"]);
    assert_eq!(closed_by_it.err, "");

    let mut fake = Fake::new();
    fake.answer = CommandAnswer::Done { by_owner: true };
    let by_owner = run(fake, &["approve", "run_abc", "p", "--reason", "ok"]);
    assert_eq!(by_owner.err, "");

    let mut fake = Fake::new();
    fake.answer = CommandAnswer::Delivered;
    let delivered = run(fake, &["approve", "run_abc", "p", "--reason", "ok"]);
    // It may still be refused.
    assert_eq!(delivered.code, 1);
    assert!(
        delivered.out.contains("not yet approved: p of")
            && delivered.out.contains("has not answered yet"),
        "{}",
        delivered.out
    );
}

#[test]
fn resume_check_changes_nothing() {
    let done = run(Fake::new(), &["resume", "run_abc", "--check"]);
    assert_eq!((done.code, done.asked.len()), (0, 0));
    assert_eq!(
        done.out,
        "run_abc: resumable, as the next epoch\n  it failed; succeeded steps are kept\n  \
         would run: load\n  rok resume run_abc\n"
    );
    let mut fake = Fake::new();
    fake.resumable.resumable = false;
    fake.resumable.how = "refused".to_owned();
    assert_eq!(run(fake, &["resume", "run_abc", "--check"]).code, 1);
}

#[rstest]
#[case(ErrorKind::Usage, "ROK0109", 2)]
#[case(ErrorKind::NotFound, "ROK0111", 3)]
#[case(ErrorKind::State, "ROK0104", 1)]
#[case(ErrorKind::Busy, "ROK0103", 1)]
#[case(ErrorKind::Protocol, "ROK0105", 4)]
#[case(ErrorKind::Denied, "ROK0107", 5)]
#[case(ErrorKind::Storage, "ROK0106", 1)]
fn a_refusal_exits_by_its_kind_and_shows_its_code(
    #[case] kind: ErrorKind,
    #[case] code: &'static str,
    #[case] exit: u8,
) {
    let mut fake = Fake::new();
    fake.refuse = Some(RunsError::new(kind, code, "this is why").help("do that"));
    let done = run(fake, &["run", "deliverable"]);
    assert_eq!(done.code, exit);
    assert_eq!(
        done.err,
        format!("error[{code}]: this is why\n  help: do that\n")
    );
    assert_eq!(done.out, "");
}

#[rstest]
#[case(&["status", "xyz"], 2, "error[ROK0101]: no run `xyz` here\n  help: `rok ls` lists the runs\n")]
#[case(&["run", "nothing.yaml"], 3,
    "error[ROK0002]: no plan file at nothing.yaml\n  help: `rok plan list` shows the plans that are here\n")]
#[case(&["run", "deliverabel"], 3,
    "error[ROK0002]: no plan file at deliverabel\n  help: did you mean the built-in plan `deliverable`?\n")]
#[case(&["run", "deliverable", "--run-id", "a/b"], 2, "error[ROK0005]: ")]
#[case(&["run", "deliverable", "--inputs", "none.json"], 2, "error[ROK0006]: none.json: ")]
#[case(&["run", "deliverable", "--detach"], 2, "error[ROK0010]: --detach is not supported yet\n")]
#[case(&["run", "deliverable", "--detach"], 2, "error[ROK0010]: --detach is not")]
#[case(&["approve", "run_abc", "no step", "--reason", "x"], 3, "error[ROK0111]: ")]
#[case(&["ls", "--since", "yesterday"], 2, "error[ROK0005]: `yesterday` is neither")]
#[case(&["ls", "--profile", "strict"], 2, "error[ROK0008]: --profile: `strict` is no profile")]
#[case(&["ls", "--set", "profil=STRICT"], 2, "error[ROK0007]: --set profil: unknown setting")]
#[case(&["ls", "--config", "gone.toml"], 2, "error[ROK0009]: /nowhere/gone.toml: ")]
#[case(&["ls", "--profile", "STRICT", "--set", "rac_enabled=false"], 2,
    "error[ROK0117]: rac_enabled = false (flag --set rac_enabled) contradicts profile = STRICT (flag --profile)")]
#[case(&["help", "ROK9999"], 2, "error[ROK0011]: no error has the code ROK9999\n")]
fn refusals_of_our_own(#[case] arguments: &[&str], #[case] code: u8, #[case] begin: &str) {
    let done = run(Fake::new(), arguments);
    assert_eq!(done.code, code, "{}", done.err);
    assert!(done.err.starts_with(begin), "{}", done.err);
    assert!(done.asked.is_empty(), "{:?}", done.asked);
}

#[test]
fn a_verbose_refusal_names_its_page() {
    let done = run(Fake::new(), &["status", "xyz", "-v"]);
    assert!(
        done.err.ends_with("  more: rok help ROK0101\n"),
        "{}",
        done.err
    );
}

#[test]
fn every_contradiction_is_told_at_once() {
    let done = run(
        Fake::new(),
        &[
            "ls",
            "--profile",
            "STRICT",
            "--set",
            "enabled=false",
            "--set",
            "rac_enabled=true",
            "--set",
            "grace_period_ms=0",
        ],
    );
    assert_eq!(done.code, 2);
    assert_eq!(
        done.err.matches("error[ROK0117]").count(),
        3,
        "{}",
        done.err
    );
}

#[test]
fn filters_of_events_and_lists_are_handed_on() {
    let done = run(
        Fake::new(),
        &[
            "events",
            "run_abc",
            "--tail",
            "5",
            "--type",
            "step.*,gate.failed",
            "--step",
            "a",
            "--follow",
        ],
    );
    assert_eq!(
        done.asked,
        [
            "follow EventQuery { tail: Some(5), types: [\"step.*\", \"gate.failed\"], steps: [\"a\"], from: None, limit: None }"
        ]
    );
    let done = run(
        Fake::new(),
        &[
            "ls",
            "--status",
            "failed,blocked",
            "--plan",
            "etl",
            "--since",
            "2026-02-16T00:00:00Z",
            "--label",
            "a=b",
        ],
    );
    assert_eq!(
        done.asked,
        [
            "list ListQuery { statuses: [\"failed\", \"blocked\"], plan: Some(\"etl\"), \
          since: Some(Timestamp(1771200000000)), labels: {\"a\": \"b\"} }"
        ]
    );
}
