//! What people see, as snapshots; what programs see; streams that end early.

use crate::fake::{Done, Fake, at, event, run, run_id, run_in, step, succeeded_summary, totals};
use insta::assert_snapshot;
use rok_service::views::*;
use rstest::rstest;
use std::io::{self, Write};
use std::path::Path;

fn on_a_terminal(fake: Fake, arguments: &[&str]) -> Done {
    run_in(Path::new("/nowhere"), fake, arguments, |terminal| {
        terminal.pretend(true, false, false)
    })
}

fn in_ascii(fake: Fake, arguments: &[&str]) -> Done {
    run_in(Path::new("/nowhere"), fake, arguments, |terminal| {
        terminal.pretend(false, false, true)
    })
}

fn some_events() -> Vec<EventLine> {
    let mut failed = event(4, "step.failed", Some("load"), 2_500);
    failed.error_class = Some("validation_failed".to_owned());
    failed.reason = Some("exit code 3: \u{1b}[31moops".to_owned());
    let mut entered = event(5, "run.state_changed", None, 2_501);
    entered.new_state = Some("GOVERNANCE_CHECK".to_owned());
    let mut approved = event(6, "gate.approved", Some("publish"), 2_502);
    approved.actor = String::from("user:ada");
    approved.reason = Some("four eyes saw it".to_owned());
    let mut ack = event(8, "ack.received", None, 2_700);
    ack.line = r#"{"seq":8,"data":{"duty":"logs/start_trace","status":"SUCCESS"}}"#.into();
    let mut again = event(7, "step.started", Some("load"), 2_600);
    again.attempt = 1;
    vec![
        event(0, "run.created", None, 0),
        event(1, "step.started", Some("fetch"), 250),
        event(2, "step.succeeded", Some("fetch"), 1_250),
        event(3, "step.started", Some("load"), 1_250),
        failed,
        entered,
        approved,
        again,
        ack,
        event(9, "run.dreamt", None, 2_800),
    ]
}

#[test]
fn a_failed_run_is_summed_up_as_seed_004_does() {
    assert_snapshot!(run(Fake::failed(), &["summary", "run_abc"]).seen());
}

#[test]
fn a_run_of_services_says_what_they_found() {
    let mut summary = succeeded_summary();
    let found = |service: &str, severity: &str, headline: &str| {
        serde_json::json!({
            "rule": "technical", "service": service, "type": "technical",
            "severity": severity, "headline": headline, "evidence": null,
        })
    };
    summary.diagnosis = Some(DiagnosisView {
        website_id: "site_123".to_owned(),
        domain: "example.com".to_owned(),
        event_id: Some("run_abc:41".to_owned()),
        diagnosis: Some(serde_json::json!({
            "primary_cause": found("technical-seo", "high", "2 broken links\u{1b}[31m"),
            "supporting_causes": [found("vitals-monitor", "low", "slow")],
            "what_to_do_next": ["Mend the links", "Get serp-intelligence to report"],
            "confidence": "low", "confidence_score": 60,
            "missing_services": ["serp-intelligence", "domain-authority"],
            "timed_out_services": ["domain-authority"],
            "degraded_services": ["serp-intelligence"],
        })),
        error: None,
    });
    let fake = Fake {
        summary: summary.clone(),
        ..Fake::new()
    };
    assert_snapshot!(run(fake, &["summary", "run_abc"]).seen());
    let found = summary.diagnosis.as_mut().unwrap();
    (found.diagnosis, found.error) = (None, Some("the rules do not fit".to_owned()));
    let done = run(
        Fake {
            summary,
            ..Fake::new()
        },
        &["summary", "run_abc"],
    );
    let said = "Diagnosis: none: the rules do not fit";
    assert!(done.seen().contains(said), "{}", done.seen());
}

#[test]
fn a_failed_run_in_ascii() {
    assert_snapshot!(in_ascii(Fake::failed(), &["summary", "run_abc"]).seen());
}

#[test]
fn a_succeeded_run_in_colour() {
    let done = run_in(
        Path::new("/nowhere"),
        Fake::failed(),
        &["summary", "run_abc"],
        |terminal| terminal.pretend(true, true, false),
    );
    assert!(
        done.out.contains("\u{1b}[1m\u{1b}[31mFAILED\u{1b}[0m"),
        "{:?}",
        done.out
    );
    let plain = run_in(
        Path::new("/nowhere"),
        Fake::failed(),
        &["summary", "run_abc", "--no-color"],
        |terminal| terminal.pretend(true, true, false),
    );
    assert!(!plain.out.contains('\u{1b}'));
}

#[test]
fn a_summary_tells_everything_that_is_unusual() {
    let mut fake = Fake::failed();
    let summary = &mut fake.summary;
    summary.epoch = Epoch(1);
    summary.degraded = true;
    summary.retries = 3;
    summary.steps[0].attempt = 2;
    summary.profile = "STANDARD".to_owned();
    summary.outcome = Some(Outcome::TimedOut);
    summary.reconciliation.status = ReconciliationStatus::Incomplete;
    summary.reconciliation.missing = vec!["incidents/create_incident".parse().unwrap()];
    summary.reconciliation.drift = vec!["artifacts/emit/report.json".parse().unwrap()];
    summary.reconciliation.failed = vec![FailedDuty {
        duty: "logs/complete_trace".parse().unwrap(),
        kind: AckErrorKind::Unavailable,
        error: "no route to the collector".to_owned(),
    }];
    summary.approvals = vec![ApprovalView {
        step: "publish_internal".to_owned(),
        decision: "rejected".to_owned(),
        actor: "user:grace".to_owned(),
        reason: Some("too early".to_owned()),
        at: at(1000),
    }];
    summary.artifacts = vec![ArtifactView {
        step: "fetch".to_owned(),
        path: "out/data.parquet".to_owned(),
        sha256: "ab".repeat(32),
        bytes: 10,
    }];
    assert_snapshot!(run(fake, &["summary", "run_abc"]).seen());
}

#[test]
fn a_run_goes_and_ends() {
    let mut fake = Fake::new();
    fake.events = some_events();
    assert_snapshot!(run(fake, &["run", "deliverable"]).seen());
}

#[test]
fn a_run_that_waits_says_how_to_release_it() {
    assert_snapshot!(run(Fake::held(), &["--dir", "my runs", "run", "deliverable"]).seen());
}

#[test]
fn a_quiet_run_says_nothing_beside_the_result() {
    let mut fake = Fake::held();
    fake.events = some_events();
    let done = run(fake, &["run", "deliverable", "--quiet"]);
    assert_eq!((done.err.as_str(), done.code), ("", 1));
}

#[test]
fn a_run_that_was_stopped_says_how_to_go_on() {
    let mut fake = Fake::held();
    fake.summary.hold = None;
    fake.summary.status = "executing".to_owned();
    fake.end = DriveEnd::Interrupted;
    assert_snapshot!(run(fake, &["resume", "run_abc", "--reason", "power is back"]).seen());
}

#[rstest]
#[case::failed(Fake::failed())]
#[case::held(Fake::held())]
#[case::succeeded(Fake::new())]
fn a_status_is_short(#[case] fake: Fake) {
    let name = fake.summary.status.clone();
    assert_snapshot!(
        format!("status_{name}"),
        run(fake, &["status", "run_abc"]).seen()
    );
}

#[test]
fn events_for_people_are_a_line_each() {
    let mut fake = Fake::new();
    fake.events = some_events();
    assert_snapshot!(on_a_terminal(fake, &["events", "run_abc"]).seen());
}

#[test]
fn events_for_programs_are_the_logs_own_lines() {
    let mut fake = Fake::new();
    fake.events = some_events()[..2].to_vec();
    let lines =
        "{\"seq\":0,\"event_type\":\"run.created\"}\n{\"seq\":1,\"event_type\":\"step.started\"}\n";
    assert_eq!(run(fake, &["events", "run_abc"]).out, lines);
    let mut fake = Fake::new();
    fake.events = some_events()[..2].to_vec();
    assert_eq!(
        on_a_terminal(fake, &["events", "run_abc", "--json"]).out,
        lines
    );
}

#[test]
fn an_explanation() {
    assert_snapshot!(run(Fake::new(), &["explain", "run_abc", "publish_internal"]).seen());
}

#[rstest]
#[case("intact", VerifyVerdict::Intact, &["verify", "run_abc"], 0)]
#[case("open", VerifyVerdict::Open, &["verify", "run_abc"], 0)]
#[case("open_sealed", VerifyVerdict::Open, &["verify", "run_abc", "--sealed"], 4)]
#[case("broken", VerifyVerdict::Broken, &["verify", "run_abc"], 4)]
fn a_verdict(
    #[case] name: &str,
    #[case] verdict: VerifyVerdict,
    #[case] arguments: &[&str],
    #[case] code: u8,
) {
    let mut fake = Fake::new();
    fake.report.verdict = verdict;
    if verdict == VerifyVerdict::Broken {
        fake.report.faults = vec![VerifyFault {
            file: "events.jsonl".to_owned(),
            line: Some(17),
            byte: Some(4711),
            what: "the chain does not lead here".to_owned(),
        }];
        fake.report.notes = vec!["an event type is not known".to_owned()];
        fake.report.phase = None;
    }
    let done = run(fake, arguments);
    assert_eq!(done.code, code);
    assert_snapshot!(format!("verify_{name}"), done.seen());
}

#[test]
fn a_list_of_runs() {
    let listing = |id: &str, status: &str| RunListing {
        run_id: id.to_owned(),
        plan: Some("deliverable".parse().unwrap()),
        status: status.to_owned(),
        phase: Some(RunPhase::Failed),
        outcome: Some(Outcome::Failed),
        created_at: Some(at(0)),
        updated_at: Some(at(5)),
        epoch: Some(Epoch(0)),
        parent: (id == "run_abd").then(|| "run_abc".to_owned()),
        rollback: (id == "run_abf").then(|| "incomplete".to_owned()),
        interrupted: false,
        queued: None,
        broken: None,
    };
    let mut fake = Fake::new();
    fake.listing = vec![
        listing("run_abc", "failed"),
        listing("run_abd", "blocked"),
        RunListing {
            plan: None,
            phase: None,
            outcome: None,
            created_at: None,
            interrupted: false,
            broken: Some("events.jsonl:17: no JSON".to_owned()),
            ..listing("run_abe", "broken")
        },
        listing("run_abf", "failed"),
    ];
    assert_snapshot!(run(fake, &["ls"]).seen());
    let none = run(Fake::new(), &["ls"]);
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", "no runs\n"));
}

#[rstest]
#[case("yaml_summary", &["summary", "run_abc", "--yaml"])]
#[case("yaml_events", &["events", "run_abc", "--yaml"])]
#[case("yaml_config", &["config", "show", "--yaml"])]
#[case("yaml_error", &["summary", "run_zzz", "--yaml"])]
fn yaml_is_what_json_is(#[case] name: &str, #[case] arguments: &[&str]) {
    let mut fake = Fake::held();
    fake.events = some_events()[..2].to_vec();
    let done = run(fake, arguments);
    assert_snapshot!(name, format!("{}{}", done.out, done.err));
}

#[test]
fn json_is_stable() {
    assert_snapshot!(
        "json_summary",
        run(Fake::held(), &["summary", "run_abc", "--json"]).out
    );
    assert_snapshot!(
        "json_status",
        run(Fake::failed(), &["status", "run_abc", "--json"]).out
    );
    assert_snapshot!(
        "json_verify",
        run(Fake::new(), &["verify", "run_abc", "--json"]).out
    );
    assert_snapshot!(
        "json_explain",
        run(Fake::new(), &["explain", "run_abc", "--json"]).out
    );
    assert_snapshot!(
        "json_check",
        run(Fake::new(), &["resume", "run_abc", "--check", "--json"]).out
    );
    assert_snapshot!(
        "json_approve",
        run(
            Fake::new(),
            &["approve", "run_abc", "p", "--reason", "ok", "--json"]
        )
        .out
    );
    assert_snapshot!(
        "json_config",
        run(Fake::new(), &["config", "show", "--json"]).out
    );
    assert_snapshot!(
        "json_error",
        run(Fake::new(), &["status", "xyz", "--json"]).seen()
    );
    let run = run(Fake::failed(), &["run", "deliverable", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(summary["status"], "failed");
}

#[test]
fn settings_with_their_sources() {
    let arguments = [
        "config",
        "show",
        "--profile",
        "STANDARD",
        "--set",
        "roles=a,b",
    ];
    assert_snapshot!(run(Fake::new(), &arguments).out);
}

#[test]
fn a_log_is_handed_on_as_it_is() {
    let mut fake = Fake::new();
    fake.log = b"one\ntwo\xff\n".to_vec();
    let done = run(fake, &["logs", "run_abc", "load", "--attempt", "1"]);
    assert_eq!(done.out, "one\ntwo\u{fffd}\n");
    assert!(
        done.asked[0].contains("attempt: Some(1)"),
        "{:?}",
        done.asked
    );
}

/// A pipe whose reader reads so many bytes and goes.
struct Head(usize);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[rstest]
#[case(Fake::new(), &["events", "run_abc"], 0)]
#[case(Fake::new(), &["events", "run_abc", "--follow"], 0)]
#[case(Fake::new(), &["logs", "run_abc", "load"], 0)]
#[case(Fake::new(), &["summary", "run_abc"], 0)]
#[case(Fake::new(), &["plan", "schema"], 0)]
#[case(Fake::new(), &["--help"], 0)]
#[case(Fake::failed(), &["run", "deliverable"], 1)]
fn a_reader_that_goes_away_is_no_error(
    #[case] mut fake: Fake,
    #[case] arguments: &[&str],
    #[case] code: u8,
) {
    fake.events = some_events();
    fake.log = b"line\n".repeat(100);
    let done = run_in(Path::new("/nowhere"), fake, arguments, |terminal| {
        terminal.with_stdout(Head(10))
    });
    assert_eq!(done.code, code, "{}", done.err);
    assert!(!done.err.contains("error"), "{}", done.err);
    if arguments.contains(&"--follow") {
        assert_eq!(done.asked.last().unwrap(), "stopped");
    }
}

/// A file on a full disk.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let config = ["config", "show"];
    let done = run_in(Path::new("/nowhere"), Fake::new(), &config, |terminal| {
        terminal.with_stdout(Full)
    });
    assert_eq!(done.code, 1);
    assert!(done.err.starts_with("error[ROK0012]"), "{}", done.err);
}

#[test]
fn a_partial_run_is_told_apart() {
    let mut fake = Fake::new();
    let steps = vec![
        step("fetch", StepState::Succeeded),
        step("optional", StepState::Failed),
    ];
    fake.summary = succeeded_summary();
    fake.summary.totals = totals(&steps);
    fake.summary.steps = steps;
    fake.summary.outcome = Some(Outcome::Partial);
    fake.end = DriveEnd::Ended {
        phase: RunPhase::Completed,
        outcome: Outcome::Partial,
        refused_by: None,
        attested: None,
    };
    let done = run(fake, &["run", "deliverable", "--strict"]);
    assert_eq!(done.code, 1);
    assert!(done.out.contains("Status: ◐ PARTIAL"), "{}", done.out);
    assert_eq!(run_id().as_str(), "run_abc");
}
