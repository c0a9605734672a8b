//! Overrides: a person answers for a failed hard gate, within the plan's
//! ceiling, and the record never forgets it.

use crate::bench::{Bench, plan, policy, seconds};
use rok_events::{Body, PolicyStage, SkipCause};
use rok_kernel::{CommandKind, Effect, Rejected, Resumability};
use rok_vocabulary::{AckErrorKind, ErrorClass, ExpectationStatus, Outcome, RunPhase, StepState};
use rstest::rstest;

const GATED: &str = "overrides: { max: 1, expires: 1h }
steps:
  first: { call: f }
  gate: { call: f, gate: hard, needs: [first] }
  then: { call: f, needs: [gate] }
";

/// The run, closed because its gate (step 1) failed.
fn failed(plan_text: &'static str) -> Bench {
    let mut run = plan(plan_text).start();
    run.succeed(0);
    run.fail(1, ErrorClass::ValidationFailed);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
    run
}

fn ask(run: &mut Bench, who: &str, step: &str) -> Result<Option<String>, Rejected> {
    let mut command = run.ask(who, CommandKind::Override(step.parse().unwrap()));
    command.reason = Some("the data is fine".into());
    run.give(command)
}

fn refused(run: &Bench) -> String {
    match run.state().resumability(run.now) {
        Resumability::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_overridden_gate_is_passed_and_the_run_is_at_best_partial() {
    let mut run = failed(GATED);
    assert_eq!(
        refused(&run),
        "the hard gate `gate` failed, and that is final without an override"
    );
    let lines = run.events.len();
    assert_eq!(ask(&mut run, "user:bob", "gate"), Ok(None));
    let segment: Vec<&str> = run.events[lines..]
        .iter()
        .map(|event| event.body.event_type().as_str())
        .collect();
    assert_eq!(
        segment,
        ["override.approved", "run.override_applied", "run.sealed"]
    );
    let Body::RunOverrideApplied { data, reason, .. } = &run.events[lines + 1].body else {
        panic!("{segment:?}")
    };
    assert_eq!(data.approval, format!("run:{lines}"));
    assert_eq!(
        (reason.as_str(), data.used, data.max),
        ("the data is fine", 1, 1)
    );
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));

    run.resume().unwrap();
    let duty = run.review(1);
    assert_eq!(
        run.state().ledger().expectation(&duty).map(|e| e.status),
        Some(ExpectationStatus::Pending)
    );
    run.begin();
    let gate = run.state().step(1);
    assert_eq!(
        (gate.state, gate.skip),
        (StepState::Skipped, Some(SkipCause::Override))
    );
    assert_eq!(
        gate.reason.as_deref(),
        Some("passed by override of user:bob: the data is fine")
    );
    assert!(run.is_running(2, 0), "what needs the gate goes on");
    run.succeed(2);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Partial));
    assert_eq!(run.reconciliation().missing, []);
}

#[test]
fn an_override_that_nobody_has_reviewed_fails_the_check() {
    let mut run = failed(GATED);
    ask(&mut run, "user:bob", "gate").unwrap();
    run.resume().unwrap();
    let review = Effect::ReviewOverride { step: 1 };
    assert!(run.is_open(&review));
    run.answer_all_but(std::slice::from_ref(&review));
    run.say(rok_kernel::Input::Claimed { owner: "w".into() });
    run.succeed(2);
    run.answer_all_but(std::slice::from_ref(&review));
    assert_eq!(run.phase(), RunPhase::GovernanceCheck);
    run.crash();
    assert!(run.is_open(&review), "a new owner asks for it again");
    run.answer_all_but(std::slice::from_ref(&review));
    run.wake();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Partial));
    assert_eq!(run.reconciliation().missing, [run.review(1)]);
}

#[test]
fn a_review_that_fails_fails_the_check() {
    let mut run = failed(GATED);
    ask(&mut run, "user:bob", "gate").unwrap();
    run.resume().unwrap();
    let ack = run.failure(&run.review(1), AckErrorKind::Refused);
    run.say(rok_kernel::Input::Ack { ack, record: None });
    run.begin();
    run.succeed(2);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Partial));
}

#[rstest]
#[case::a_plan_that_permits_none(
    "steps: { first: { call: f }, gate: { call: f, gate: hard, needs: [first] } }",
    "user:bob",
    "gate",
    "the plan permits no override"
)]
#[case::a_ceiling_of_none(
    "overrides: { max: 0 }\nsteps: { first: { call: f }, gate: { call: f, gate: hard, needs: [first] } }",
    "user:bob",
    "gate",
    "the plan permits 0 overrides a run, and 0 were applied"
)]
#[case::no_gate(GATED, "user:bob", "first", "it is no hard gate that failed")]
fn what_cannot_be_overridden(
    #[case] plan_text: &'static str,
    #[case] who: &str,
    #[case] step: &str,
    #[case] why: &str,
) {
    let mut run = failed(plan_text);
    let refused = ask(&mut run, who, step).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("step `{step}` cannot be overridden: {why}")
    );
    assert!(run.resume().is_err());
}

#[test]
fn an_override_needs_a_reason() {
    let mut run = failed(GATED);
    for reason in [None, Some(" ".to_owned())] {
        let mut command = run.ask("user:bob", CommandKind::Override("gate".parse().unwrap()));
        command.reason = reason;
        let refused = run.give(command).unwrap_err();
        assert!(
            refused.to_string().ends_with("an override needs a reason"),
            "{refused}"
        );
    }
}

#[test]
fn only_a_closed_run_is_overridden_and_once() {
    let mut run = plan(GATED).start();
    let early = ask(&mut run, "user:bob", "gate").unwrap_err();
    assert!(
        early
            .to_string()
            .ends_with("the run is EXECUTING, not closed as FAILED"),
        "{early}"
    );
    let mut run = failed(GATED);
    ask(&mut run, "user:bob", "gate").unwrap();
    let again = ask(&mut run, "user:ann", "gate").unwrap_err();
    assert!(again.to_string().contains("user:bob did so at"), "{again}");
}

const FOUR_EYES: &str = "overrides: { any_of: [user:ann, role:boss], not_submitter: true }
steps: { first: { call: f }, gate: { call: f, gate: hard, needs: [first] } }
";

#[rstest]
#[case::not_named(
    "user:bob",
    Some("user:bob may not override `gate`: user:ann or role:boss, other than the submitter may")
)]
#[case::submitter(
    "manual+boss",
    Some(
        "manual may not override `gate`: whoever submitted the run may not, user:ann or role:boss, other than the submitter may"
    )
)]
#[case::named("user:ann", None)]
#[case::role("user:bob+boss", None)]
fn the_plan_says_who_may(#[case] who: &str, #[case] why: Option<&str>) {
    let mut run = failed(FOUR_EYES);
    let lines = run.events.len();
    let denied = ask(&mut run, who, "gate").unwrap();
    assert_eq!(denied.as_deref(), why);
    assert_eq!(
        run.events.len() > lines,
        why.is_none(),
        "a denial leaves the seal alone"
    );
}

#[test]
fn the_policies_decide_too() {
    let mut run = failed(GATED);
    let lines = run.events.len();
    let mut command = run.ask("user:bob", CommandKind::Override("gate".parse().unwrap()));
    command.reason = Some("x".into());
    command.authorization = Some(policy(PolicyStage::Action, false));
    assert!(run.give(command).unwrap().is_some());
    assert_eq!(run.events.len(), lines);
    assert!(run.resume().is_err());
}

#[test]
fn an_override_expires_before_it_is_used() {
    let mut run = failed(GATED);
    ask(&mut run, "user:bob", "gate").unwrap();
    run.after(seconds(3600));
    assert!(refused(&run).starts_with("the override of the hard gate `gate` expired at"));
    assert!(matches!(run.resume(), Err(Rejected::NotResumable { .. })));
    let again = ask(&mut run, "user:bob", "gate").unwrap_err();
    assert!(
        again
            .to_string()
            .ends_with("the plan permits 1 overrides a run, and 1 were applied")
    );
}

#[test]
fn an_override_in_use_holds_for_its_epoch() {
    let mut run = failed(GATED);
    ask(&mut run, "user:bob", "gate").unwrap();
    run.resume().unwrap();
    run.after(seconds(7200));
    run.begin();
    assert!(run.is_running(2, 0));
}

#[test]
fn each_failed_gate_is_overridden_on_its_own() {
    let mut run = plan(
        "overrides: { max: 2 }
steps:
  one: { call: f, gate: hard }
  two: { call: f, gate: hard, needs: [one] }
  then: { call: f, needs: [two] }
",
    )
    .start();
    run.fail(0, ErrorClass::ValidationFailed);
    run.answer_all();
    ask(&mut run, "user:bob", "one").unwrap();
    run.resume().unwrap();
    run.begin();
    run.fail(1, ErrorClass::ValidationFailed);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
    assert!(refused(&run).contains("`two`"));
    ask(&mut run, "user:bob", "two").unwrap();
    run.resume().unwrap();
    run.begin();
    let skips: Vec<_> = run.state().steps()[..2]
        .iter()
        .map(|slot| slot.skip)
        .collect();
    assert_eq!(
        skips,
        [Some(SkipCause::Override); 2],
        "the first is still passed"
    );
    run.succeed(2);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Partial));
    assert_eq!(run.count("step.started"), 3);
}

#[test]
fn an_epoch_that_never_came_to_the_gate_leaves_it_overridden() {
    let mut run = failed(GATED);
    ask(&mut run, "user:bob", "gate").unwrap();
    run.resume().unwrap();
    run.command(CommandKind::Cancel).unwrap();
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Cancelled));
    run.resume().unwrap();
    run.begin();
    assert_eq!(run.state().step(1).skip, Some(SkipCause::Override));
}
