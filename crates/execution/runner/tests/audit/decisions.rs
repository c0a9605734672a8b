//! Decisions of people through the shard: approvals, overrides, pauses, with
//! the domains behind them, over crashes.

use crate::house::{House, facades, house, house_with, order, seconds};
use rok_facades::testing::{Fault, TestEngine};
use rok_kernel::Input;
use rok_log::CommandKind;
use rok_runner::CommandOutcome;
use rok_vocabulary::{Actor, ErrorClass, HoldReason, Outcome, Profile, RunPhase, StepState};
use rstest::rstest;
use std::sync::Arc;

const GATE: &str = "steps:
  a: { call: ok, gate: manual, approvers: { any_of: [user:ann, role:rm], count: 2 }, expires: 1h }
";

fn gate(house: &mut House, who: &str, kind: CommandKind) -> CommandOutcome {
    house.command_by("r", who, kind, Some("a"));
    house.answers.pop().expect("every command is answered")
}

fn refused(outcome: CommandOutcome) -> (String, bool) {
    match outcome {
        CommandOutcome::Refused { reason, denied } => (reason, denied),
        CommandOutcome::Accepted => panic!("it was accepted"),
    }
}

#[test]
fn two_persons_approve_over_a_crash() {
    let mut house = house();
    house.run("r", order(GATE));
    let approve = CommandKind::Approve;
    assert_eq!(
        gate(&mut house, "user:ann", approve),
        CommandOutcome::Accepted
    );
    let (why, denied) = refused(gate(&mut house, "user:eve", approve));
    assert_eq!(
        (why.as_str(), denied),
        (
            "user:eve may not approve `a`: user:ann or role:rm may",
            true
        )
    );
    house.crash(
        Box::new(house.store.clone()),
        rok_facades::testing::facades(),
    );
    house.settle();
    assert_eq!(house.hand.starts("r", "a"), 0);
    let (why, denied) = refused(gate(&mut house, "user:ann", approve));
    assert!(why.contains("counts once: 1 more must") && !denied, "{why}");
    assert_eq!(
        gate(&mut house, "user:bob+rm", approve),
        CommandOutcome::Accepted
    );
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
}

#[rstest]
#[case::while_it_is_driven(false)]
#[case::while_nobody_is_there(true)]
fn a_gate_expires(#[case] alone: bool) {
    let mut house = house();
    house.run("r", order(GATE));
    assert_eq!(
        house.state("r").hold().map(|hold| hold.reason),
        Some(HoldReason::ManualGate)
    );
    if alone {
        house.pass_quietly(seconds(86_400));
        house.crash(
            Box::new(house.store.clone()),
            rok_facades::testing::facades(),
        );
        house.settle();
    } else {
        house.pass(seconds(3_599));
        assert!(house.state("r").hold().is_some());
        house.pass(seconds(1));
    }
    assert_eq!(house.state("r").step(0).class, Some(ErrorClass::Timeout));
    assert_eq!(house.hand.starts("r", "a"), 0);
    assert_eq!(house.ended("r"), (RunPhase::Failed, Outcome::Failed));
}

#[test]
fn a_pause_holds_new_steps_back_over_a_crash() {
    let mut house = house();
    house.run(
        "r",
        order("max_duration: 1m\nsteps: { a: { call: wait }, b: { call: ok, needs: [a] } }\n"),
    );
    house.command("r", CommandKind::Pause, None);
    house.end("r", "a");
    house.pass(seconds(3_600));
    assert_eq!(house.steps("r"), [StepState::Succeeded, StepState::Pending]);
    house.crash(
        Box::new(house.store.clone()),
        rok_facades::testing::facades(),
    );
    house.settle();
    assert_eq!(house.steps("r"), [StepState::Succeeded, StepState::Pending]);
    house.command("r", CommandKind::Unpause, None);
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
}

/// A step's own limit is its executor's; the run's is the kernel's alone,
/// whose clock stands still under a pause.
#[test]
fn what_runs_under_a_pause_is_not_stopped_by_the_runs_limit() {
    let mut house = house();
    house.run(
        "r",
        order("max_duration: 1m\nsteps: { a: { call: wait } }\n"),
    );
    house.command("r", CommandKind::Pause, None);
    house.pass(seconds(3_600));
    assert_eq!(house.hand.cancelled(), []);
    house.command("r", CommandKind::Unpause, None);
    house.pass(seconds(61));
    assert_eq!(house.hand.cancelled().len(), 1);
    assert_eq!(house.ended("r"), (RunPhase::Failed, Outcome::TimedOut));
}

const HARD: &str = "overrides: { max: 1, expires: 1h }
steps: { a: { call: bad, gate: hard }, b: { call: ok, needs: [a] } }
";

fn resume(house: &mut House) {
    let input = Input::Resume {
        actor: Actor::Manual,
        reason: None,
        command: None,
    };
    house.shard.say(&crate::house::id("r"), input);
    house.settle();
}

#[rstest]
#[case::reviewed(None, Profile::Strict, RunPhase::Completed, false)]
#[case::strict(Some(Fault::Unavailable), Profile::Strict, RunPhase::Failed, false)]
#[case::standard(Some(Fault::Unavailable), Profile::Standard, RunPhase::Completed, true)]
#[case::refused(Some(Fault::Refuse), Profile::Standard, RunPhase::Failed, false)]
fn an_override_is_reviewed_or_the_run_fails(
    #[case] fault: Option<Fault>,
    #[case] profile: Profile,
    #[case] phase: RunPhase,
    #[case] degraded: bool,
) {
    let engine = Arc::new(match fault {
        Some(fault) => TestEngine::faulty(fault).only("open"),
        None => TestEngine::ok(),
    });
    let mut house = house_with(facades(&engine));
    house.run("r", order(HARD).profile(profile));
    assert_eq!(house.ended("r"), (RunPhase::Failed, Outcome::Failed));
    resume(&mut house);
    assert!(house.state("r").is_sealed(), "not without an override");
    assert_eq!(
        gate(&mut house, "user:bob", CommandKind::Override),
        CommandOutcome::Accepted
    );
    resume(&mut house);
    assert_eq!(house.ended("r"), (phase, Outcome::Partial));
    assert_eq!(house.steps("r"), [StepState::Skipped, StepState::Succeeded]);
    assert_eq!(
        house.hand.starts("r", "a"),
        1,
        "an overridden gate does not run again"
    );
    assert_eq!(house.state("r").is_degraded(), degraded);
    let opened = engine
        .calls()
        .into_iter()
        .filter(|call| call.starts_with("open "));
    assert_eq!(opened.count(), 1);
}

#[test]
fn the_review_is_asked_for_again_after_a_crash() {
    let mut house = house();
    house.run(
        "r",
        order(&HARD.replace("b: { call: ok", "b: { call: wait")),
    );
    assert_eq!(
        gate(&mut house, "user:bob", CommandKind::Override),
        CommandOutcome::Accepted
    );
    house.crash(
        Box::new(house.store.clone()),
        rok_facades::testing::facades(),
    );
    house.settle();
    resume(&mut house);
    house.crash(
        Box::new(house.store.clone()),
        rok_facades::testing::facades(),
    );
    house.settle();
    house.end("r", "b");
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Partial));
}

#[test]
fn policies_may_deny_an_override_and_nothing_follows_the_seal() {
    let engine = Arc::new(TestEngine::faulty(Fault::Deny).only("authorize_action"));
    let mut house = house_with(facades(&engine));
    house.run("r", order(HARD));
    let lines = house.events_of("r").len();
    let (_, denied) = refused(gate(&mut house, "user:bob", CommandKind::Override));
    assert!(denied);
    assert_eq!(house.events_of("r").len(), lines);
}
