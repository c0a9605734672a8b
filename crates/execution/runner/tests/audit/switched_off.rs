//! ROK off and RAC off: what is left of the audit contract, and that it is said.

use crate::house::{facades, house_with, order};
use rok_events::{Body, Contract};
use rok_facades::testing::{Fault, TestEngine};
use rok_rac::{Deadline, Duty, Expected};
use rok_vocabulary::{Outcome, Profile, ReconciliationStatus, RunPhase};
use rstest::rstest;
use std::sync::Arc;

const ALL: [&str; 5] = [
    "authorize_run r",
    "start_trace r",
    "evaluate_policy r",
    "record_run_outcome r",
    "complete_trace r",
];

/// Which domains are asked, and in which words the profile is told.
#[rstest]
#[case(Contract::Full, &ALL, "STRICT", "COMPLETE")]
#[case(Contract::WithoutRac, &["authorize_run r", "evaluate_policy r"], "STRICT without RAC", "DISABLED")]
#[case(Contract::Off, &[], "STRICT without governance", "DISABLED")]
fn what_is_left(
    #[case] contract: Contract,
    #[case] asked: &[&str],
    #[case] words: &str,
    #[case] status: &str,
) {
    let engine = Arc::new(TestEngine::ok());
    let mut house = house_with(facades(&engine));
    let extra = Expected::new(
        "artifacts/emit".parse().unwrap(),
        Deadline::after(std::time::Duration::from_secs(1)),
    );
    let order = order("steps: { a: { call: ok } }").contract(contract);
    let order = if contract.reconciles() {
        order
    } else {
        order.expect([extra])
    };
    house.run("r", order);
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
    let calls = engine.calls();
    assert_eq!(
        calls
            .iter()
            .filter(|call| ALL.contains(&call.as_str()))
            .count(),
        asked.len()
    );
    for call in asked {
        assert!(calls.contains(&(*call).to_owned()), "{call}: {calls:?}");
    }
    let result = house.state("r").last_reconciliation().unwrap();
    assert_eq!(result.status.as_str(), status);
    assert_eq!(house.state("r").profile_in_words(), words);
    let duties = house.count("r", "expectation.declared");
    let acks = house.count("r", "ack.received");
    assert_eq!(
        (duties > 0, acks > 0),
        (contract.reconciles(), contract.reconciles())
    );
    // From the first event on, in every event that tells of a state.
    let first = &house.events_of("r")[0].body;
    assert!(matches!(first, Body::RunCreated { data, .. } if data.settings.contract == contract));
    for event in house.events_of("r") {
        match &event.body {
            Body::RunCompleted { data, .. } => assert_eq!(data.profile, words),
            Body::RunStateChanged(change) => {
                let tells = matches!(
                    change.to,
                    RunPhase::Created | RunPhase::GovernanceCheck | RunPhase::Finalizing
                );
                let said = change.data.governance.as_deref();
                let disabled = tells && contract == Contract::Off;
                assert_eq!(said, disabled.then_some("disabled"), "{}", change.to);
            }
            _ => {}
        }
    }
}

/// What still holds without RAC: authorization and policies.
#[rstest]
#[case("authorize_run", Fault::Deny, (RunPhase::Failed, Outcome::Denied))]
#[case("authorize_run", Fault::Unavailable, (RunPhase::Failed, Outcome::Denied))]
#[case("evaluate_policy", Fault::Deny, (RunPhase::Failed, Outcome::Succeeded))]
#[case("evaluate_policy", Fault::Unavailable, (RunPhase::Failed, Outcome::Succeeded))]
#[case("evaluate_policy", Fault::Panic, (RunPhase::Failed, Outcome::Succeeded))]
// Nobody owes these.
#[case("start_trace", Fault::Panic, (RunPhase::Completed, Outcome::Succeeded))]
#[case("record_run_outcome", Fault::Refuse, (RunPhase::Completed, Outcome::Succeeded))]
#[case("complete_trace", Fault::Unavailable, (RunPhase::Completed, Outcome::Succeeded))]
fn without_rac(
    #[case] operation: &'static str,
    #[case] fault: Fault,
    #[case] end: (RunPhase, Outcome),
) {
    let engine = Arc::new(TestEngine::faulty(fault).only(operation));
    let mut house = house_with(facades(&engine));
    house.run(
        "r",
        order("steps: { a: { call: ok } }").contract(Contract::WithoutRac),
    );
    // Nothing is waited for: it ends at the same instant.
    assert_eq!(house.ended("r"), end);
}

/// Without governance no domain can keep a run from anything.
#[rstest]
#[case(Fault::Deny)]
#[case(Fault::Panic)]
fn without_governance(#[case] fault: Fault) {
    let engine = Arc::new(TestEngine::faulty(fault));
    let mut house = house_with(facades(&engine));
    let plan = "steps: { a: { call: ok }, b: { call: bad, required: false } }";
    house.run("r", order(plan).contract(Contract::Off));
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Partial));
    assert!(engine.calls().is_empty());
}

/// Acks mean nothing where nothing is declared: they are absorbed.
#[rstest]
#[case(Contract::WithoutRac)]
#[case(Contract::Off)]
fn acks_are_absorbed(#[case] contract: Contract) {
    let mut house = crate::house::house();
    let order = order("steps: { a: { call: wait } }").contract(contract);
    house.run("r", order.profile(Profile::Strict));
    let ack = rok_rac::DomainAck::success(
        &crate::house::id("r"),
        rok_vocabulary::Epoch::FIRST,
        Duty::START_TRACE,
        "t",
        house.now(),
    );
    house.ack(ack.unwrap());
    house.settle();
    assert_eq!(house.count("r", "ack.received"), 0);
    house.end("r", "a");
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
    let status = house.state("r").last_reconciliation().unwrap().status;
    assert_eq!(status, ReconciliationStatus::Disabled);
}
