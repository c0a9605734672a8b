//! What must hold of `answer`, case by case.

use super::*;
use crate::testing::{Fault, TestEngine, facades, facades_over};
use crate::{Facades, OutcomeFacts, OwnedOutcomeFacts, OwnedRunFacts, RunFacts};
use proptest::prelude::*;
use rok_rac::{Deadline, Expected, Ledger, Received, Reconciliation, Scope};
use rok_vocabulary::{AckStatus, Outcome, ReconciliationStatus, Timestamp};
use rstest::rstest;
use std::sync::Arc;

fn facts() -> OwnedOutcomeFacts {
    let at = Timestamp::from_millis(1_000);
    let run = OwnedRunFacts::new("run_abc".parse().unwrap(), "demo".parse().unwrap(), at);
    OwnedOutcomeFacts::new(run, Outcome::Succeeded)
}

/// Every duty that a facade answers, as its ack.
fn acks(facades: &Facades, run: &RunFacts<'_>, outcome: &OutcomeFacts<'_>) -> Vec<DomainAck> {
    vec![
        facades.traces.start_trace(run).ack,
        facades.governance.evaluate_policy(outcome).ack,
        facades.incidents.record_run_outcome(outcome).ack,
        facades.incidents.open_drift_incident(outcome).ack,
        facades.traces.complete_trace(outcome, &[]).ack,
    ]
}

fn over(fault: Fault) -> Facades {
    facades_over(&Arc::new(TestEngine::faulty(fault)))
}

#[test]
fn engines_that_do_right_close_the_contract() {
    let facts = facts();
    let (run, outcome) = (facts.run.borrow(), facts.borrow());
    let mut ledger = Ledger::new(facts.run.run.clone(), run.epoch);
    let drift = Duty::CREATE_INCIDENT.keyed("drift").unwrap();
    for duty in [
        Duty::START_TRACE,
        Duty::EVALUATE_POLICY,
        Duty::CREATE_INCIDENT,
        Duty::COMPLETE_TRACE,
        drift,
    ] {
        let deadline = Deadline::after(core::time::Duration::from_secs(5));
        ledger.declare(Expected::new(duty, deadline), run.now);
    }
    let facades = facades();
    for ack in acks(&facades, &run, &outcome) {
        assert_eq!(ledger.receive(ack), Received::Answer);
    }
    // A crash between call and append repeats the calls, never the records.
    for ack in acks(&facades, &run, &outcome) {
        assert_eq!(ledger.receive(ack), Received::Redelivery);
    }
    assert!(ledger.reconcile(Scope::Everything, run.now).is_clean());
}

#[rstest]
#[case(Fault::Unavailable, AckErrorKind::Unavailable)]
#[case(Fault::Refuse, AckErrorKind::Refused)]
#[case(Fault::Invalid, AckErrorKind::Invalid)]
#[case(Fault::Panic, AckErrorKind::Refused)]
#[case(Fault::NoId, AckErrorKind::Invalid)]
#[case(Fault::WrongRun, AckErrorKind::Invalid)]
fn every_fault_is_a_failed_ack(#[case] fault: Fault, #[case] kind: AckErrorKind) {
    let facts = facts();
    for ack in acks(&over(fault), &facts.run.borrow(), &facts.borrow()) {
        assert_eq!(ack.status(), AckStatus::Failed);
        assert_eq!(ack.error_kind(), Some(kind), "{}", ack.duty());
        assert_eq!(ack.run_id(), &facts.run.run);
    }
}

#[test]
fn an_engine_that_makes_two_records_of_one_duty_is_drift() {
    let facts = facts();
    let facades = over(Fault::Duplicate);
    let first = facades.incidents.record_run_outcome(&facts.borrow()).ack;
    let second = facades.incidents.record_run_outcome(&facts.borrow()).ack;
    assert_ne!(first.id(), second.id());
}

#[rstest]
#[case(Fault::Unavailable)]
#[case(Fault::Refuse)]
#[case(Fault::Invalid)]
#[case(Fault::Panic)]
#[case(Fault::Deny)]
fn a_governance_that_cannot_answer_denies(#[case] fault: Fault) {
    let (facts, facades) = (facts(), over(fault));
    let authorization = facades.governance.authorize_run(&facts.run.borrow());
    assert!(!authorization.granted);
    assert!(!authorization.reason.is_empty());
}

#[test]
fn a_call_that_owes_no_ack_says_who_and_what_failed() {
    let facades = over(Fault::Unavailable);
    let error = facades.incidents.list(&crate::IncidentFilter::default());
    assert_eq!(
        error.unwrap_err().to_string(),
        "incidents did not list incidents (unavailable): told to be unavailable"
    );
}

#[test]
fn a_drift_incident_names_what_drifted() {
    let mut facts = facts();
    facts.reconciliation = Some(Reconciliation {
        status: ReconciliationStatus::Incomplete,
        drift: vec![Duty::START_TRACE],
        ..Reconciliation::disabled()
    });
    let answer = facades().incidents.open_drift_incident(&facts.borrow());
    assert_eq!(answer.ack.duty().key(), Some("drift"));
    let reason = answer.record.unwrap().reason.unwrap();
    assert!(reason.contains("logs/start_trace"), "{reason}");
}

#[test]
fn an_incident_that_a_person_opens_needs_a_fit_key() {
    let facts = facts();
    let report = crate::IncidentReport {
        run: facts.run.borrow(),
        severity: rok_vocabulary::Severity::Low,
        category: crate::IncidentCategory::Operator,
        step: None,
        reason: "looks odd",
    };
    let facade = facades().incidents;
    let error = facade.open("a\nb", &report).unwrap_err();
    assert_eq!(error.error.kind(), AckErrorKind::Invalid);
    let opened = facade.open("odd-1", &report).unwrap();
    assert_eq!(opened, facade.open("odd-1", &report).unwrap());
}

proptest! {
    #[test]
    fn any_reason_makes_a_printable_bounded_one(reason in any::<String>()) {
        let text = EngineError::refused(reason).reason();
        prop_assert!(!text.is_empty());
        prop_assert!(text.chars().count() <= REASON_MAX);
        prop_assert!(!text.chars().any(char::is_control));
    }

    #[test]
    fn facts_survive_being_owned(name in "[a-z]{1,9}", roles in prop::collection::vec("[a-z]{1,5}", 0..3)) {
        let mut facts = facts();
        facts.run.roles = roles;
        facts.step = Some(name.parse().unwrap());
        facts.time_use = Some(0.5);
        prop_assert_eq!(OwnedOutcomeFacts::from(&facts.borrow()), facts);
    }
}
