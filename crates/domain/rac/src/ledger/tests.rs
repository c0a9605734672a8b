//! The set algebra of the ledger, and the profile table.

use super::*;
use crate::expectation::Deadline;
use crate::profile::{Verdict, judge};
use alloc::vec;
use proptest::prelude::*;
use rok_vocabulary::{AckErrorKind, Profile};
use rstest::rstest;

const T0: Timestamp = Timestamp::from_millis(1_000);

fn run() -> RunId {
    "run_abc".parse().unwrap()
}

fn ledger(duties: &[Duty]) -> Ledger {
    let mut ledger = Ledger::new(run(), Epoch::FIRST);
    for duty in duties {
        let deadline = Deadline::after(Duration::from_secs(5));
        assert_eq!(
            ledger.declare(Expected::new(duty.clone(), deadline), T0),
            Declared::New
        );
    }
    ledger
}

fn success(duty: Duty, result: &str) -> DomainAck {
    DomainAck::success(&run(), Epoch::FIRST, duty, result, T0).unwrap()
}

fn failed(duty: Duty, kind: AckErrorKind) -> DomainAck {
    DomainAck::failed(&run(), Epoch::FIRST, duty, kind, "no", T0).unwrap()
}

#[test]
fn declaring_twice_is_declaring_once() {
    let mut ledger = ledger(&[Duty::START_TRACE]);
    let again = Expected::new(Duty::START_TRACE, Deadline::after(Duration::from_secs(9)));
    assert_eq!(ledger.declare(again, T0), Declared::Already);
    assert_eq!(ledger.expectations().len(), 1);
}

#[test]
fn a_redelivery_is_absorbed_and_another_result_is_drift() {
    let mut ledger = ledger(&[Duty::CREATE_INCIDENT]);
    assert_eq!(
        ledger.receive(success(Duty::CREATE_INCIDENT, "inc-1")),
        Received::Answer
    );
    assert_eq!(
        ledger.receive(success(Duty::CREATE_INCIDENT, "inc-1")),
        Received::Redelivery
    );
    assert!(ledger.reconcile(Scope::Everything, T0).is_clean());
    assert_eq!(
        ledger.receive(success(Duty::CREATE_INCIDENT, "inc-2")),
        Received::Duplicate
    );
    assert_eq!(
        ledger.reconcile(Scope::Everything, T0).drift,
        vec![Duty::CREATE_INCIDENT]
    );
}

#[test]
fn an_undeclared_ack_is_drift() {
    let mut ledger = ledger(&[]);
    assert_eq!(
        ledger.receive(success(Duty::START_TRACE, "t")),
        Received::Unexpected
    );
    assert_eq!(
        ledger.reconcile(Scope::Everything, T0).drift,
        vec![Duty::START_TRACE]
    );
}

#[test]
fn a_rollback_reopens_the_duty_until_it_is_acked_anew() {
    let mut ledger = ledger(&[Duty::CREATE_INCIDENT]);
    ledger.receive(success(Duty::CREATE_INCIDENT, "inc-1"));
    let undo = DomainAck::rolled_back(
        &run(),
        Epoch::FIRST,
        Duty::CREATE_INCIDENT,
        "inc-1",
        "wrong run",
        T0,
    )
    .unwrap();
    assert_eq!(ledger.receive(undo.clone()), Received::Undone);
    let open = ledger.reconcile(Scope::Everything, T0);
    assert_eq!(
        (open.missing, open.drift),
        (vec![Duty::CREATE_INCIDENT], vec![])
    );
    assert_eq!(ledger.receive(undo), Received::Redelivery);
    assert_eq!(
        ledger.receive(success(Duty::CREATE_INCIDENT, "inc-2")),
        Received::Answer
    );
    assert!(ledger.reconcile(Scope::Everything, T0).is_clean());
}

#[test]
fn a_rollback_of_nothing_is_no_drift() {
    let mut ledger = ledger(&[Duty::CREATE_INCIDENT]);
    let undo = DomainAck::rolled_back(
        &run(),
        Epoch::FIRST,
        Duty::CREATE_INCIDENT,
        "inc-9",
        "?",
        T0,
    )
    .unwrap();
    assert_eq!(ledger.receive(undo), Received::NothingToUndo);
    assert_eq!(ledger.reconcile(Scope::Everything, T0).drift, vec![]);
}

#[test]
fn an_unmet_deadline_makes_the_duty_missing_and_a_late_ack_still_answers_it() {
    let mut ledger = ledger(&[Duty::START_TRACE]);
    ledger.expire(T0.after(Duration::from_millis(4_999)));
    assert!(ledger.is_open(&Duty::START_TRACE));
    ledger.expire(T0.after(Duration::from_secs(5)));
    assert_eq!(ledger.expectations()[0].status, ExpectationStatus::Missing);
    assert_eq!(
        ledger.receive(success(Duty::START_TRACE, "t")),
        Received::Answer
    );
    assert!(ledger.reconcile(Scope::Everything, T0).is_clean());
}

#[test]
fn a_phase_deadline_has_no_clock_until_the_phase() {
    let mut ledger = Ledger::new(run(), Epoch::FIRST);
    let deadline = Deadline::after_entering(RunPhase::GovernanceCheck, Duration::from_secs(5));
    ledger.declare(Expected::new(Duty::EVALUATE_POLICY, deadline), T0);
    assert_eq!(ledger.next_deadline(Scope::Everything), None);
    ledger.expire(T0.after(Duration::from_secs(3600)));
    assert!(ledger.is_open(&Duty::EVALUATE_POLICY));
    ledger.entered(RunPhase::GovernanceCheck, T0.after(Duration::from_secs(60)));
    assert_eq!(
        ledger.next_deadline(Scope::Everything),
        Some(T0.after(Duration::from_secs(65)))
    );
}

#[test]
fn the_sign_of_life_is_left_out_of_the_check_and_makes_the_run_stale() {
    let mut ledger = Ledger::new(run(), Epoch::FIRST);
    let deadline = Deadline::after(Duration::from_secs(35));
    ledger.declare(Expected::new(Duty::FINALIZE_RUN, deadline).liveness(), T0);
    assert!(ledger.reconcile(Scope::GovernanceCheck, T0).is_clean());
    assert_eq!(
        ledger.reconcile(Scope::Everything, T0).status,
        ReconciliationStatus::Incomplete
    );
    let late = ledger.reconcile(Scope::Everything, T0.after(Duration::from_secs(35)));
    assert_eq!(late.status, ReconciliationStatus::Stale);
}

#[derive(Clone, Copy)]
enum Fault {
    Missing,
    Refused,
    Drift,
    UnavailableIncident,
    UnavailableTrace,
    UnavailablePolicy,
}

/// The table of the audit contract, row by row.
#[rstest]
#[case(Fault::Missing, Profile::Strict, false, false)]
#[case(Fault::Missing, Profile::Standard, false, false)]
#[case(Fault::Missing, Profile::ObserveOnly, true, false)]
#[case(Fault::Refused, Profile::Strict, false, false)]
#[case(Fault::Refused, Profile::Standard, false, false)]
#[case(Fault::Refused, Profile::ObserveOnly, true, false)]
#[case(Fault::Drift, Profile::Strict, false, false)]
#[case(Fault::Drift, Profile::Standard, true, false)]
#[case(Fault::Drift, Profile::ObserveOnly, true, false)]
#[case(Fault::UnavailableIncident, Profile::Strict, false, false)]
#[case(Fault::UnavailableIncident, Profile::Standard, true, true)]
#[case(Fault::UnavailableIncident, Profile::ObserveOnly, true, false)]
#[case(Fault::UnavailableTrace, Profile::Standard, true, true)]
#[case(Fault::UnavailablePolicy, Profile::Standard, false, false)]
fn profiles(
    #[case] fault: Fault,
    #[case] profile: Profile,
    #[case] accepted: bool,
    #[case] is_degraded: bool,
) {
    let mut ledger = ledger(&[
        Duty::CREATE_INCIDENT,
        Duty::EVALUATE_POLICY,
        Duty::COMPLETE_TRACE,
    ]);
    let bad = match fault {
        Fault::UnavailablePolicy => Duty::EVALUATE_POLICY,
        Fault::UnavailableTrace => Duty::COMPLETE_TRACE,
        _ => Duty::CREATE_INCIDENT,
    };
    for duty in [
        Duty::CREATE_INCIDENT,
        Duty::EVALUATE_POLICY,
        Duty::COMPLETE_TRACE,
    ] {
        let answer = match fault {
            Fault::Missing if duty == bad => continue,
            Fault::Refused if duty == bad => failed(duty, AckErrorKind::Refused),
            Fault::UnavailableIncident | Fault::UnavailableTrace | Fault::UnavailablePolicy
                if duty == bad =>
            {
                failed(duty, AckErrorKind::Unavailable)
            }
            _ => success(duty, "r"),
        };
        ledger.receive(answer);
    }
    if matches!(fault, Fault::Drift) {
        ledger.receive(success(bad, "another"));
    }
    match judge(profile, &ledger.reconcile(Scope::Everything, T0)) {
        Verdict::Acceptable {
            degraded,
            drift_incident,
        } => {
            assert!(accepted);
            assert_eq!(degraded, is_degraded);
            assert_eq!(
                drift_incident,
                matches!(fault, Fault::Drift) && profile == Profile::Standard
            );
        }
        Verdict::Refused { reasons } => {
            assert!(!accepted, "{reasons:?}");
            assert!(!reasons.is_empty());
        }
    }
}

#[rstest]
#[case(AckStatus::Success, None, None)]
#[case(AckStatus::Success, Some("r"), Some("also an error"))]
#[case(AckStatus::Failed, None, None)]
#[case(AckStatus::Failed, Some("r"), Some("e"))]
fn a_contradictory_ack_cannot_be_restored(
    #[case] status: AckStatus,
    #[case] result: Option<&str>,
    #[case] error: Option<&str>,
) {
    let id = success(Duty::START_TRACE, "r").id();
    let kind = error.map(|_| AckErrorKind::Refused);
    let ack = DomainAck::restore(
        id,
        &run(),
        Epoch::FIRST,
        Duty::START_TRACE,
        status,
        result,
        error,
        kind,
        T0,
    );
    assert!(ack.is_err());
}

fn duties() -> impl Strategy<Value = Duty> {
    prop_oneof![
        Just(Duty::START_TRACE),
        Just(Duty::CREATE_INCIDENT),
        Just(Duty::COMPLETE_TRACE),
        (0..3u8).prop_map(|n| Duty::CREATE_INCIDENT
            .keyed(&alloc::format!("k{n}"))
            .unwrap()),
    ]
}

proptest! {
    /// Whatever comes in whatever order: redelivering everything changes
    /// nothing, and clean means exactly one success for each expectation.
    #[test]
    fn set_algebra(
        declared in proptest::collection::vec(duties(), 0..5),
        acks in proptest::collection::vec((duties(), 0..3u8, 0..6u8), 0..12),
    ) {
        let mut ledger = Ledger::new(run(), Epoch::FIRST);
        for duty in &declared {
            ledger.declare(Expected::new(duty.clone(), Deadline::after(Duration::from_secs(1))), T0);
        }
        let mut given = Vec::new();
        for (duty, result, kind) in acks {
            let ack = if kind == 0 { failed(duty, AckErrorKind::Refused) } else { success(duty, &alloc::format!("r{result}")) };
            ledger.receive(ack.clone());
            given.push(ack);
        }
        let before = ledger.clone();
        for ack in &given {
            prop_assert_eq!(ledger.receive(ack.clone()), Received::Redelivery);
        }
        prop_assert_eq!(&ledger, &before);
        let result = ledger.reconcile(Scope::Everything, T0);
        let distinct: alloc::collections::BTreeMap<_, _> = given.iter().map(|a| (a.id(), a)).collect();
        let exact = ledger.expectations().iter().all(|e| {
            let mut of = distinct.values().filter(|a| *a.duty() == e.id);
            of.next().is_some_and(|a| a.status() == AckStatus::Success) && of.next().is_none()
        });
        let unexpected = distinct.values().any(|a| ledger.expectation(a.duty()).is_none());
        prop_assert_eq!(result.is_clean(), exact && !unexpected);
        prop_assert_eq!(result.expected as usize, ledger.expectations().len());
        prop_assert_eq!(result.acked as usize + result.missing.len(), result.expected as usize);
    }
}
