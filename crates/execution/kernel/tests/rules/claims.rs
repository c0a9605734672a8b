//! What has come too late is absorbed, what cannot have come is refused, and a
//! log that claims what its events do not give is no log.

use crate::bench::{Bench, T0, duty, plan};
use rok_events::{Body, Event};
use rok_kernel::{Effect, Input, Rejected, RunState, StepDone, StepEnd, StepSuccess};
use rok_rac::{DomainAck, Duty};
use rok_vocabulary::{Attempt, Epoch, Outcome, RunPhase};
use rstest::rstest;
use std::sync::Arc;

const ONE: &str = "steps: { a: { call: f } }";

fn claim() -> Input {
    Input::Claimed { owner: "w2".into() }
}

#[test]
fn a_claim_is_absorbed_wherever_it_is_late() {
    let mut run = plan(ONE).start();
    run.says_nothing_new(claim());
    run.succeed(0);
    run.says_nothing_new(claim());
    run.answer_all();
    run.says_nothing_new(claim());
}

#[test]
fn a_claim_of_a_run_that_is_being_closed_is_absorbed() {
    let mut run = plan(ONE).create();
    run.answer_all();
    run.command(rok_kernel::CommandKind::Cancel).unwrap();
    run.says_nothing_new(claim());
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Cancelled));
}

#[test]
fn a_claim_before_authorization_is_refused() {
    let mut run = plan(ONE).create();
    assert!(matches!(
        run.try_say(claim()),
        Err(Rejected::Impossible { .. })
    ));
    run.answer_all();
    assert_eq!(run.phase(), RunPhase::Authorized);
}

#[rstest]
#[case(Epoch(1), Attempt(0), 0)]
#[case(Epoch(0), Attempt(1), 0)]
#[case(Epoch(0), Attempt(0), 7)]
fn a_result_of_what_was_never_started_is_refused(
    #[case] epoch: Epoch,
    #[case] attempt: Attempt,
    #[case] step: u32,
) {
    let mut run = plan(ONE).start();
    let refused = run.try_say(Input::StepDone(StepDone {
        epoch,
        step,
        attempt,
        end: StepEnd::Succeeded(StepSuccess::default()),
        data: Box::default(),
        left: Vec::new(),
    }));
    assert!(matches!(refused, Err(Rejected::Impossible { .. })));
}

#[test]
fn a_policy_answer_of_another_epoch_decides_nothing() {
    let mut run = plan(ONE).start();
    run.fail(0, rok_vocabulary::ErrorClass::ValidationFailed);
    let old = run.verdict(false);
    run.answer_all();
    run.resume().unwrap();
    run.begin();
    run.succeed(0);
    assert!(run.is_open(&Effect::EvaluatePolicy));
    run.says_nothing_new(old);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
}

#[rstest]
#[case("another", 0)]
#[case("run", 1)]
fn a_policy_answer_of_another_run_or_of_an_epoch_to_come_is_refused(
    #[case] of: &str,
    #[case] epoch: u32,
) {
    let mut run = plan(ONE).start();
    run.succeed(0);
    let Input::PolicyEvaluated { answer, .. } = run.verdict(true) else {
        unreachable!("a verdict is one")
    };
    let of = of.parse().unwrap();
    let ack = DomainAck::success(&of, Epoch(epoch), Duty::EVALUATE_POLICY, "v", T0).unwrap();
    let refused = run.try_say(Input::PolicyEvaluated {
        answer,
        ack,
        record: None,
    });
    assert!(refused.is_err());
    assert_eq!(
        run.count("policy.evaluated"),
        1,
        "that of the authorization"
    );
}

#[test]
fn an_answer_undone_is_asked_for_again_the_policies_too() {
    let mut run = plan(ONE).start();
    run.succeed(0);
    let left = [Effect::CompleteTrace];
    run.answer_all_but(&left);
    let Input::PolicyEvaluated { ack, .. } = run.verdict(true) else {
        unreachable!("a verdict is one")
    };
    let undone = DomainAck::rolled_back(
        ack.run_id(),
        run.epoch(),
        Duty::EVALUATE_POLICY,
        "v",
        "wrong policies",
        run.now,
    );
    run.say(Input::Ack {
        ack: undone.unwrap(),
        record: None,
    });
    assert!(run.is_open(&Effect::EvaluatePolicy));
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
    assert!(run.reconciliation().is_clean());
}

/// Folds a log with one event changed or left out.
fn fold(run: &Bench, change: impl Fn(&mut Event) -> bool) -> Result<(), String> {
    let plan = Arc::clone(run.state().plan());
    let mut folded = RunState::new(plan, run.state().run_id().clone());
    let mut seq = 0;
    for event in &run.events {
        let mut event = event.clone();
        if change(&mut event) {
            continue;
        }
        event.seq = rok_vocabulary::Seq(seq);
        seq += 1;
        folded.apply(&event).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn completed() -> Bench {
    let mut run = plan(ONE).start();
    run.succeed(0);
    run.answer_all();
    let late = run.done_as(&duty("incidents/create_incident/late"), "r");
    run.say(late);
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
    assert_eq!(fold(&run, |_| false), Ok(()));
    run
}

/// Law 2: a log without the proof has none.
#[test]
fn a_log_without_the_reconciliation_does_not_pass_the_check() {
    let left_out = |event: &mut Event| matches!(event.body, Body::AuditReconciled { .. });
    let error = fold(&completed(), left_out).unwrap_err();
    assert!(error.contains("no accepted reconciliation"), "{error}");
}

#[test]
fn a_log_that_claims_another_end_is_refused() {
    let outcome = |event: &mut Event| {
        if let Body::RunCompleted { data, .. } = &mut event.body {
            data.steps.succeeded = 7;
        }
        false
    };
    let error = fold(&completed(), outcome).unwrap_err();
    assert!(error.contains("not the result"), "{error}");

    let seal = |event: &mut Event| {
        if let Body::RunSealed { outcome, .. } = &mut event.body {
            *outcome = Outcome::Failed;
        }
        false
    };
    let error = fold(&completed(), seal).unwrap_err();
    assert!(error.contains("has not ended like that"), "{error}");
}

#[test]
fn an_ack_cannot_hide_as_late() {
    let hidden = |event: &mut Event| {
        if let Body::AckReceived { data } = &mut event.body {
            data.late = !data.late;
        }
        false
    };
    let error = fold(&completed(), hidden).unwrap_err();
    assert!(error.contains("late after the seal"), "{error}");
}
