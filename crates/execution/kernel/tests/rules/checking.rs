//! The governance check: what it waits for and for how long, and what it makes
//! of what it finds.

use crate::bench::{Bench, duty, plan, policy, seconds};
use rok_events::{Body, Contract, PolicyStage};
use rok_kernel::{Admission, CommandKind, Effect, Input, Rejected};
use rok_rac::{Deadline, Duty, Expected};
use rok_vocabulary::{AckErrorKind, ErrorClass, ExpectationStatus, Outcome, Profile, RunPhase};
use rstest::rstest;

const ONE: &str = "steps: { a: { call: f } }";
const GATED: &str = "steps: { a: { call: f, gate: manual } }";

fn report(deadline: Deadline) -> Expected {
    Expected::new(duty("artifacts/emit/report"), deadline)
}

fn status(run: &Bench, of: &str) -> ExpectationStatus {
    run.state().ledger().expectation(&duty(of)).unwrap().status
}

/// A plan's own deadline beyond the governance timeout does not stretch the
/// check.
#[rstest]
#[case(Deadline::after(seconds(3600)))]
#[case(Deadline::after_entering(RunPhase::Finalizing, seconds(5)))]
fn the_check_waits_for_the_governance_timeout_at_most(#[case] deadline: Deadline) {
    let mut run = plan(ONE).expect(report(deadline)).start();
    run.after(seconds(2)).succeed(0);
    let entered = run.now;
    run.answer_all();
    assert_eq!(run.phase(), RunPhase::GovernanceCheck);
    assert_eq!(run.wake_at, Some(entered.after(seconds(5))));
    run.wake();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Succeeded));
    assert_eq!(
        run.reconciliation().missing,
        [duty("artifacts/emit/report")]
    );
}

/// A plan's own, earlier deadline is not waited beyond.
#[test]
fn the_check_waits_no_longer_than_the_last_deadline() {
    let mut run = plan(ONE)
        .expect(report(Deadline::after(seconds(3))))
        .start();
    run.after(seconds(1)).succeed(0);
    run.answer_all();
    assert_eq!(run.wake_at, Some(run.now.after(seconds(2))));
    run.wake();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Succeeded));
}

#[rstest]
#[case(Effect::StartTrace, "logs/start_trace")]
#[case(Effect::EvaluatePolicy, "policies/evaluate_policy")]
#[case(Effect::CreateIncident, "incidents/create_incident")]
#[case(Effect::CompleteTrace, "logs/complete_trace")]
fn what_never_comes_is_missing_when_its_time_is_up(#[case] effect: Effect, #[case] of: &str) {
    let mut run = plan(ONE).create();
    run.answer_all_but(std::slice::from_ref(&effect));
    run.say(Input::Claimed { owner: "w".into() });
    // Past the five seconds of start_trace.
    run.after(seconds(6)).succeed(0);
    run.answer_all_but(std::slice::from_ref(&effect));
    if effect == Effect::StartTrace {
        assert_eq!(run.end(), (RunPhase::Failed, Outcome::Succeeded));
    } else {
        assert_eq!(status(&run, of), ExpectationStatus::Pending);
        let due = run.wake_at.unwrap();
        assert_eq!(due, run.now.after(seconds(5)), "exactly the timeout");
        run.now = rok_vocabulary::Timestamp::from_millis(due.as_millis() - 1);
        run.says_nothing_new(Input::Tick);
        run.wake();
        assert_eq!(run.end(), (RunPhase::Failed, Outcome::Succeeded));
    }
    assert_eq!(status(&run, of), ExpectationStatus::Missing);
    assert!(run.reconciliation().missing.contains(&duty(of)));
    assert_eq!(run.cause().0, Some(ErrorClass::PolicyViolation));
    assert!(run.cause().1.contains(&format!("{of} is missing")));
}

/// An hour under a hold costs a deadline nothing.
#[test]
fn a_hold_stops_the_clock_of_a_deadline() {
    let mut run = plan(GATED)
        .expect(report(Deadline::after(seconds(10))))
        .start();
    assert!(run.state().hold().is_some());
    run.after(seconds(3600)).approve("a");
    run.after(seconds(8)).succeed(0);
    run.answer_all();
    assert_eq!(
        run.wake_at,
        Some(run.now.after(seconds(2))),
        "eight of ten are used"
    );
    run.after(seconds(1));
    let ack = run.done(&duty("artifacts/emit/report"));
    run.say(ack);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
}

/// Somebody else's SUCCESS of `evaluate_policy` is no evaluation.
#[rstest]
#[case(Profile::Strict, false)]
#[case(Profile::Standard, false)]
#[case(Profile::ObserveOnly, true)]
fn a_run_does_not_complete_without_an_evaluation(
    #[case] profile: Profile,
    #[case] completes: bool,
) {
    let mut run = plan(ONE).profile(profile).start();
    let feigned = run.done_as(&Duty::EVALUATE_POLICY, "feigned");
    run.say(feigned);
    run.succeed(0);
    let ack = run.failure(&Duty::EVALUATE_POLICY, AckErrorKind::Unavailable);
    run.open.retain(|effect| *effect != Effect::EvaluatePolicy);
    run.say(Input::PolicyEvaluated {
        answer: None,
        ack,
        record: None,
    });
    run.answer_all();
    let phase = if completes {
        RunPhase::Completed
    } else {
        RunPhase::Failed
    };
    assert_eq!(run.end(), (phase, Outcome::Succeeded));
    if !completes {
        assert!(
            run.cause().1.contains("could not be evaluated"),
            "{:?}",
            run.cause()
        );
    }
}

#[rstest]
#[case(Profile::Strict, RunPhase::Failed)]
#[case(Profile::ObserveOnly, RunPhase::Completed)]
fn without_acks_unanswered_policies_are_a_refusal_at_once(
    #[case] profile: Profile,
    #[case] phase: RunPhase,
) {
    let mut run = plan(ONE)
        .profile(profile)
        .contract(Contract::WithoutRac)
        .start();
    run.succeed(0);
    let ack = run.failure(&Duty::EVALUATE_POLICY, AckErrorKind::Unavailable);
    run.say(Input::PolicyEvaluated {
        answer: None,
        ack,
        record: None,
    });
    run.answer_all();
    assert_eq!(run.end(), (phase, Outcome::Succeeded));
    let said = run.events.iter().any(|event| {
        matches!(&event.body, Body::PolicyEvaluated { data, reason, .. }
            if data.stage == PolicyStage::Complete && !data.allowed
                && reason.as_deref().is_some_and(|why| why.contains("could not be evaluated")))
    });
    assert!(said);
}

#[test]
fn drift_under_standard_gets_one_incident() {
    let mut run = plan(ONE).profile(Profile::Standard).start();
    for of in ["incidents/create_incident/x", "logs/start_trace/y"] {
        let ack = run.done(&duty(of));
        run.say(ack);
    }
    run.succeed(0);
    run.answer_all_but(&[Effect::OpenDriftIncident]);
    assert_eq!(run.open, [Effect::OpenDriftIncident]);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
    assert_eq!(run.reconciliation().drift.len(), 2);
}

/// The incident has the whole timeout for itself.
#[test]
fn an_incident_about_drift_may_come_after_the_timeout_of_the_rest() {
    let mut run = plan(ONE)
        .profile(Profile::Standard)
        .expect(report(Deadline::after(seconds(1))))
        .start();
    let ack = run.done(&duty("incidents/create_incident/x"));
    run.say(ack);
    run.succeed(0);
    run.answer_all_but(&[Effect::CompleteTrace]);
    run.after(seconds(4));
    let ack = run.done(&duty("artifacts/emit/report"));
    run.say(ack);
    run.after(seconds(0));
    run.answer_all_but(&[Effect::OpenDriftIncident]);
    assert_eq!(run.wake_at, Some(run.now.after(seconds(5))));
    run.after(seconds(4));
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
}

fn finalizing(profile: Profile) -> Bench {
    let mut run = plan(ONE).profile(profile).start();
    run.succeed(0);
    run.answer_all_but(&[Effect::Publish]);
    assert_eq!(run.phase(), RunPhase::Finalizing);
    let ack = run.done(&duty("incidents/create_incident/x"));
    run.say(ack);
    run
}

#[test]
fn drift_while_finalizing_fails_a_strict_run() {
    let mut run = finalizing(Profile::Strict);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Succeeded));
    assert_eq!(run.cause().0, Some(ErrorClass::PolicyViolation));
}

#[test]
fn drift_while_finalizing_gets_its_incident_before_the_end() {
    let mut run = finalizing(Profile::Standard);
    assert_eq!(run.open, [Effect::OpenDriftIncident]);
    // The publication that was under way says nothing about the incident.
    run.says_nothing_new(Input::Published(Ok(())));
    run.crash();
    assert_eq!(run.open, [Effect::OpenDriftIncident]);
    run.answer_all_but(&[Effect::Publish]);
    assert_eq!(run.open, [Effect::Publish]);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
}

#[test]
fn drift_while_finalizing_does_not_wait_for_ever() {
    let mut run = finalizing(Profile::Standard);
    assert_eq!(run.wake_at, Some(run.now.after(seconds(5))));
    run.wake();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Succeeded));
    assert!(
        run.cause()
            .1
            .contains("incidents/create_incident/drift is missing")
    );
}

#[test]
fn an_execution_that_is_over_cannot_be_cancelled() {
    let mut run = plan(ONE).start();
    run.succeed(0);
    for phase in [RunPhase::GovernanceCheck, RunPhase::Finalizing] {
        assert_eq!(run.phase(), phase);
        let refused = run.command(CommandKind::Cancel);
        assert_eq!(refused, Err(Rejected::ExecutionOver { phase }));
        run.answer_all_but(&[Effect::Publish]);
    }
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
    assert_eq!(run.count("run.cancel_requested"), 0);
}

/// A policy that is only softly violated does not keep a run from starting, and
/// the log says so.
#[test]
fn a_soft_violation_is_recorded_where_a_run_may_start() {
    let mut run = plan(ONE).create();
    let mut answer = policy(PolicyStage::Authorize, true);
    answer.violations.push(rok_kernel::Violated {
        policy: "prefer-nights".into(),
        strict: false,
        reason: Some("it is day".into()),
    });
    run.say(Input::Admitted(Admission::Checked(Some(answer))));
    assert_eq!(run.phase(), RunPhase::Authorized);
    let violated = run.events.iter().find_map(|event| match &event.body {
        Body::PolicyViolated { data, .. } => Some(data),
        _ => None,
    });
    let violated = violated.expect("it is recorded");
    assert_eq!(violated.policies, ["prefer-nights"]);
    assert!(!violated.blocking);
}

/// The events that a run without lifecycle governance goes through say so.
#[test]
fn governance_that_is_switched_off_is_said() {
    let mut run = plan(ONE).contract(Contract::Off).start();
    run.succeed(0);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
    let said = run.events.iter().filter_map(|event| match &event.body {
        Body::RunStateChanged(change) => change.data.governance.as_deref().map(|_| change.to),
        _ => None,
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            RunPhase::Created,
            RunPhase::GovernanceCheck,
            RunPhase::Finalizing
        ]
    );
}
