//! How the end of a run becomes the end of a report.

use super::*;
use rok_facades::runs::{HoldView, RunsError};
use rok_vocabulary::{HoldReason, RunPhase};
use rstest::rstest;
use serde_json::json;

fn summary(reason: &str) -> RunSummary {
    let at = "2026-01-01T00:00:00.000Z";
    let summary = json!({
        "run_id": "r", "plan": "ci", "plan_version": 1, "plan_name": null, "plan_sha256": "",
        "phase": "FAILED", "status": "failed", "outcome": "failed", "epoch": 0,
        "error": {"class": "policy_violation", "reason": reason}, "hold": null,
        "submitter": "user:ada", "labels": {}, "inputs": {}, "created_at": at,
        "completed_at": at, "duration_ms": 1, "profile": "STRICT", "degraded": false,
        "totals": {"total": 0, "pending": 0, "waiting": 0, "running": 0, "succeeded": 0,
            "failed": 0, "skipped": 0, "compensated": 0},
        "retries": 0, "gate_failures": [],
        "reconciliation": {"status": "COMPLETE", "expected": 0, "acked": 0, "missing": [],
            "failed": [], "drift": [], "rac_disabled": false},
        "incident": null, "lessons": [], "budget": [], "rollback": null, "approvals": [],
        "overrides": [], "driven_by": null, "sealed": true, "events": 1, "steps": [],
        "artifacts": [],
    });
    serde_json::from_value(summary).unwrap_or_else(|error| panic!("{error}"))
}

fn ended(end: &DriveEnd) -> (Result<Option<ReportStatus>, OrchestratorError>, RunReport) {
    let mut report = RunReport::begun("ci", "X", "r", Timestamp::from_millis(0));
    let ended = Shared::ended(end, &summary("why"), &mut report);
    (ended, report)
}

fn closed(outcome: Outcome, refused_by: Option<ErrorKind>) -> DriveEnd {
    DriveEnd::Ended {
        phase: RunPhase::Failed,
        outcome,
        refused_by,
        attested: None,
    }
}

#[rstest]
#[case(Outcome::Succeeded, ReportStatus::Success)]
#[case(Outcome::Partial, ReportStatus::Partial)]
#[case(Outcome::Failed, ReportStatus::Failed)]
#[case(Outcome::TimedOut, ReportStatus::TimedOut)]
#[case(Outcome::Cancelled, ReportStatus::Cancelled)]
fn an_outcome_is_a_status(#[case] outcome: Outcome, #[case] status: ReportStatus) {
    assert_eq!(ended(&closed(outcome, None)).0, Ok(Some(status)));
}

#[test]
fn a_run_whose_record_refuses_it_is_a_protocol_violation() {
    let (ended, _) = ended(&closed(Outcome::Succeeded, Some(ErrorKind::Protocol)));
    assert_eq!(ended.unwrap_err().exit_code(), 4);
}

#[rstest]
#[case(closed(Outcome::Succeeded, Some(ErrorKind::Denied)))]
#[case(closed(Outcome::Denied, None))]
fn what_is_denied_is_a_violation_of_a_policy(#[case] end: DriveEnd) {
    assert_eq!(ended(&end).0.unwrap_err().exit_code(), 5);
}

#[test]
fn what_cannot_be_attested_is_no_success() {
    let error = RunsError::new(ErrorKind::Storage, "ROK0140", "no key");
    let end = DriveEnd::Ended {
        phase: RunPhase::Completed,
        outcome: Outcome::Succeeded,
        refused_by: None,
        attested: Some(Box::new(Err(error))),
    };
    assert_eq!(ended(&end).0.unwrap_err().exit_code(), 4);
}

#[test]
fn a_run_that_waits_is_blocked_and_one_that_was_stopped_can_go_on() {
    let hold = HoldView {
        reason: HoldReason::ALL[0],
        steps: Vec::new(),
        since: Timestamp::from_millis(0),
        message: "waits for ada".into(),
        gates: Vec::new(),
        run: None,
    };
    let (held, report) = ended(&DriveEnd::Held(hold));
    assert_eq!(held, Ok(Some(ReportStatus::Blocked)));
    assert_eq!(report.messages, ["waits for ada"]);
    let (stopped, report) = ended(&DriveEnd::Interrupted);
    assert_eq!(stopped, Ok(Some(ReportStatus::Cancelled)));
    assert!(report.messages[0].contains("rok resume r"), "{report:?}");
}
