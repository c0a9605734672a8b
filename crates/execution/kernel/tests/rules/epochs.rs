//! What a next epoch owes and keeps.

use crate::bench::{duty, plan, seconds};
use rok_events::Body;
use rok_rac::{Deadline, Duty, Expected};
use rok_vocabulary::{ErrorClass, Outcome, RunPhase};

const ONE: &str = "steps: { a: { call: f } }";

/// What the plan expects is owed in every epoch, not in the first alone.
#[test]
fn the_next_epoch_declares_what_the_plan_expects() {
    let report = duty("artifacts/emit/report");
    let expected = Expected::new(report.clone(), Deadline::after(seconds(9)))
        .with_metadata(serde_json::json!({ "path": "report.json" }));
    let mut run = plan(ONE).expect(expected).start();
    run.fail(0, ErrorClass::ValidationFailed);
    let ack = run.done(&report);
    run.say(ack);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
    run.resume().unwrap();
    let again = run.state().ledger().expectation(&report).unwrap();
    assert_eq!(again.metadata["path"], "report.json");
    assert_eq!(again.deadline, Deadline::after(seconds(9)));
    run.begin();
    run.succeed(0);
    run.answer_all();
    run.wake();
    assert_eq!(run.reconciliation().missing, [report]);
}

/// Declaring is idempotent by domain, action and key.
#[test]
fn a_duty_that_is_declared_twice_is_one_duty() {
    let twice = Expected::new(Duty::START_TRACE, Deadline::after(seconds(60)));
    let run = plan(ONE).expect(twice).create();
    assert_eq!(run.count("expectation.declared"), 5);
    let declared = run.events.iter().find_map(|event| match &event.body {
        Body::RunStateChanged(change) => Some(change.data.expectations.declared.clone()),
        _ => None,
    });
    assert_eq!(declared.unwrap().len(), 5);
}
