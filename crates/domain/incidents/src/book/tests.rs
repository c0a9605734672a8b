//! What must hold of `book`, case by case.

use super::*;
use proptest::prelude::*;
use rok_facades::{IncidentCategory, IncidentFacade, OwnedOutcomeFacts, OwnedRunFacts};
use rok_rac::{Duty, Reconciliation};
use rok_vocabulary::{
    AckErrorKind, AckStatus, Actor, ErrorClass, Outcome, ReconciliationStatus, Timestamp,
};
use rstest::rstest;
use std::sync::Arc;

const MINUTE: i64 = 60_000;

fn failed(run: &str, step: &str, class: ErrorClass, ms: i64) -> OwnedOutcomeFacts {
    let at = Timestamp::from_millis(ms);
    let run = OwnedRunFacts::new(run.parse().unwrap(), "demo".parse().unwrap(), at);
    OwnedOutcomeFacts {
        error_class: Some(class),
        step: Some(step.parse().unwrap()),
        ..OwnedOutcomeFacts::new(run, Outcome::Failed)
    }
}

fn succeeded(run: &str) -> OwnedOutcomeFacts {
    let at = Timestamp::from_millis(0);
    let run = OwnedRunFacts::new(run.parse().unwrap(), "demo".parse().unwrap(), at);
    OwnedOutcomeFacts::new(run, Outcome::Succeeded)
}

fn facade() -> IncidentFacade {
    IncidentFacade::new(Arc::new(IncidentBook::new()))
}

fn record(facade: &IncidentFacade, facts: &OwnedOutcomeFacts) -> Incident {
    facade.record_run_outcome(&facts.borrow()).record.unwrap()
}

fn ada() -> Actor {
    Actor::User("ada".into())
}

#[test]
fn every_run_has_an_incident_and_a_success_is_closed() {
    let facade = facade();
    for run in ["r1", "r2"] {
        let incident = record(&facade, &succeeded(run));
        assert_eq!(incident.status, IncidentStatus::Closed);
        assert_eq!((incident.severity, incident.count), (Severity::None, 1));
        assert_eq!(incident.occurrence_of, None);
    }
    // Nobody handles them, so they are not remembered.
    assert_eq!(facade.list(&IncidentFilter::default()).unwrap(), []);
}

/// A law of what may be asked before it is durable that it was: whoever asked
/// finds the book as it was.
#[rstest]
#[case::succeeded(succeeded("r1"), true)]
#[case::failed(failed("r1", "build", ErrorClass::Timeout, 0), false)]
#[case::policy(failed("r1", "build", ErrorClass::PolicyViolation, 0), false)]
fn what_is_pure_leaves_nothing_in_the_book(#[case] facts: OwnedOutcomeFacts, #[case] pure: bool) {
    let facade = facade();
    assert_eq!(facade.is_pure(&facts.borrow()), pure);
    let id = record(&facade, &facts).id;
    assert_eq!(facade.history(&id).is_err(), pure);
}

#[test]
fn a_repeated_call_yields_the_same_record_and_the_same_ack() {
    let facade = facade();
    let facts = failed("r1", "build", ErrorClass::Timeout, 0);
    let first = facade.record_run_outcome(&facts.borrow());
    record(&facade, &failed("r2", "build", ErrorClass::Timeout, MINUTE));
    let mut later = facts;
    later.run.now = Timestamp::from_millis(2 * MINUTE);
    let again = facade.record_run_outcome(&later.borrow());
    assert_eq!(first.record, again.record);
    assert_eq!(first.ack.id(), again.ack.id());
}

#[test]
fn an_engine_that_forgot_everything_yields_the_same_ack_id() {
    let facts = failed("r1", "build", ErrorClass::Timeout, 0);
    let one = facade().record_run_outcome(&facts.borrow()).ack;
    let other = facade().record_run_outcome(&facts.borrow()).ack;
    assert_eq!(one.status(), AckStatus::Success);
    assert_eq!(one.id(), other.id());
}

#[test]
fn the_same_within_an_hour_is_one_incident_with_occurrences() {
    let facade = facade();
    let first = record(&facade, &failed("r1", "build", ErrorClass::Timeout, 0));
    let second = record(
        &facade,
        &failed("r2", "build", ErrorClass::Timeout, 59 * MINUTE),
    );
    assert_eq!(
        (second.count, second.occurrence_of.as_ref()),
        (2, Some(&first.id))
    );
    assert_ne!(second.id, first.id);
    let listed = facade.list(&IncidentFilter::default()).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].count, listed[0].run_id.as_str()), (2, "r1"));
    let third = record(
        &facade,
        &failed("r3", "build", ErrorClass::Timeout, 60 * MINUTE),
    );
    assert_eq!((third.count, third.occurrence_of), (1, None));
}

#[rstest]
#[case::another_step("test", ErrorClass::Timeout)]
#[case::another_class("build", ErrorClass::TransientIo)]
fn what_differs_is_another_incident(#[case] step: &str, #[case] class: ErrorClass) {
    let facade = facade();
    record(&facade, &failed("r1", "build", ErrorClass::Timeout, 0));
    assert_eq!(record(&facade, &failed("r2", step, class, 1)).count, 1);
}

#[test]
fn what_recurs_after_it_was_resolved_is_a_new_incident() {
    let facade = facade();
    let first = record(&facade, &failed("r1", "build", ErrorClass::Timeout, 0));
    let at = Timestamp::from_millis(1);
    facade
        .resolve(&first.id, &ada(), "restarted it", at)
        .unwrap();
    let next = record(&facade, &failed("r2", "build", ErrorClass::Timeout, 2));
    assert_eq!((next.count, next.occurrence_of), (1, None));
}

#[test]
fn an_incident_is_acknowledged_and_resolved_once() {
    let facade = facade();
    let id = record(&facade, &failed("r1", "build", ErrorClass::Timeout, 0)).id;
    let at = Timestamp::from_millis(5);
    let acknowledged = facade.acknowledge(&id, &ada(), "seen", at).unwrap();
    assert_eq!(acknowledged.status, IncidentStatus::Acknowledged);
    assert_eq!(
        acknowledged,
        facade.acknowledge(&id, &ada(), "seen", at).unwrap()
    );
    let resolved = facade.resolve(&id, &ada(), "fixed", at).unwrap();
    assert_eq!(resolved.note.as_deref(), Some("fixed"));
    let error = facade
        .acknowledge(&id, &Actor::Manual, "seen", at)
        .unwrap_err();
    assert_eq!(error.error.kind(), AckErrorKind::Refused);
    let error = facade.acknowledge("inc-0", &ada(), "seen", at).unwrap_err();
    assert_eq!(error.error.kind(), AckErrorKind::Invalid);
}

#[test]
fn an_occurrence_is_handled_with_its_first() {
    let facade = facade();
    let first = record(&facade, &failed("r1", "build", ErrorClass::Timeout, 0));
    let second = record(&facade, &failed("r2", "build", ErrorClass::Timeout, 1));
    let at = Timestamp::from_millis(2);
    let error = facade.resolve(&second.id, &ada(), "x", at).unwrap_err();
    assert!(error.to_string().contains(&first.id), "{error}");
}

#[test]
fn the_incident_of_a_success_cannot_be_handled() {
    let facade = facade();
    let id = record(&facade, &succeeded("r1")).id;
    let error = facade.acknowledge(&id, &ada(), "seen", Timestamp::default());
    assert_eq!(error.unwrap_err().error.kind(), AckErrorKind::Invalid);
}

#[test]
fn drift_has_an_incident_of_its_own() {
    let facade = facade();
    let mut facts = succeeded("r1");
    facts.reconciliation = Some(Reconciliation {
        status: ReconciliationStatus::Incomplete,
        drift: vec![Duty::START_TRACE],
        ..Reconciliation::disabled()
    });
    let outcome = record(&facade, &facts);
    let drift = facade.open_drift_incident(&facts.borrow()).record.unwrap();
    assert_ne!(outcome.id, drift.id);
    assert_eq!(drift.category, IncidentCategory::Governance);
    assert_eq!(drift.status, IncidentStatus::Open);
}

#[test]
fn the_list_is_filtered_and_newest_first() {
    let facade = facade();
    record(&facade, &failed("r1", "a", ErrorClass::Timeout, 0));
    record(&facade, &failed("r2", "b", ErrorClass::Internal, 1));
    record(&facade, &succeeded("r3"));
    let runs = |filter: &IncidentFilter| -> Vec<String> {
        let listed = facade.list(filter).unwrap();
        listed.iter().map(|i| i.run_id.to_string()).collect()
    };
    assert_eq!(runs(&IncidentFilter::default()), ["r2", "r1"]);
    let high = IncidentFilter {
        at_least: Some(Severity::High),
        ..IncidentFilter::default()
    };
    assert_eq!(runs(&high), ["r2"]);
    let at = Timestamp::from_millis(9);
    let id = &facade.list(&high).unwrap()[0].id;
    facade.acknowledge(id, &ada(), "seen", at).unwrap();
    let acknowledged = IncidentFilter {
        status: Some(IncidentStatus::Acknowledged),
        ..IncidentFilter::default()
    };
    assert_eq!(runs(&acknowledged), ["r2"]);
    let one = IncidentFilter {
        run: Some("r1".parse().unwrap()),
        ..IncidentFilter::default()
    };
    assert_eq!(runs(&one), ["r1"]);
}

#[test]
fn a_restored_book_goes_on_counting() {
    let facade = facade();
    let first = record(&facade, &failed("r1", "build", ErrorClass::Timeout, 0));
    let second = record(&facade, &failed("r2", "build", ErrorClass::Timeout, 1));
    let book = IncidentBook::new();
    for incident in [&first, &second, &second] {
        book.restore(incident.clone()).unwrap();
    }
    let facade = IncidentFacade::new(Arc::new(book));
    let third = record(&facade, &failed("r3", "build", ErrorClass::Timeout, 2));
    assert_eq!((third.count, third.occurrence_of), (3, Some(first.id)));
    let again = record(&facade, &failed("r2", "build", ErrorClass::Timeout, 9));
    assert_eq!(again, second);
}

#[test]
fn a_record_can_be_read_back() {
    let incident = record(&facade(), &failed("r1", "build", ErrorClass::Timeout, 0));
    let json = serde_json::to_string(&incident).unwrap();
    assert!(!json.contains("null"), "{json}");
    assert_eq!(serde_json::from_str::<Incident>(&json).unwrap(), incident);
}

proptest! {
    /// Whatever comes in whatever order: memory is bounded, and every record
    /// belongs to its run.
    #[test]
    fn the_book_is_bounded(runs in prop::collection::vec((0_u8..50, 0_u8..3, 0_i64..10_000_000), 1..80)) {
        let book = IncidentBook::keeping(8);
        for (run, step, ms) in runs {
            let facts = failed(&format!("r{run}"), &format!("s{step}"), ErrorClass::Timeout, ms);
            let borrowed = facts.borrow();
            let key = DutyKey::new(&borrowed.run, Duty::CREATE_INCIDENT);
            let incident = book.record_run_outcome(&key, &borrowed).unwrap();
            prop_assert_eq!(&incident.run_id, &facts.run.run);
            prop_assert!(incident.count >= 1);
            let pages = book.pages().unwrap();
            prop_assert!(pages.by_id.len() <= 8 && pages.current.len() <= 8);
            prop_assert_eq!(pages.order.len(), pages.by_id.len());
        }
    }
}
