//! Manual gates: who may decide, how many must, and for how long.

use crate::bench::{Bench, plan, seconds};
use rok_events::{Body, HeldData};
use rok_kernel::{CommandKind, Input, Rejected};
use rok_vocabulary::{ErrorClass, HoldReason, Outcome, RunPhase, StepState};
use rstest::rstest;

const FOUR_EYES: &str = "steps:
  gate: { call: f, gate: manual, approvers: { any_of: [user:ann, role:rm], count: 2, not_submitter: true } }
";

fn approve() -> CommandKind {
    CommandKind::Approve("gate".parse().unwrap())
}

fn reject() -> CommandKind {
    CommandKind::Reject("gate".parse().unwrap())
}

fn give(bench: &mut Bench, who: &str, kind: CommandKind) -> Result<Option<String>, Rejected> {
    let command = bench.ask(who, kind);
    bench.give(command)
}

fn held(bench: &Bench) -> HeldData {
    let held = bench
        .events
        .iter()
        .rev()
        .find_map(|event| match &event.body {
            Body::RunHeld { data, .. } => Some(data.clone()),
            _ => None,
        });
    held.expect("the run was held")
}

fn finish(mut bench: Bench) -> (RunPhase, Outcome) {
    bench.answer_all();
    bench.end()
}

#[test]
fn two_different_persons_let_it_pass() {
    let mut bench = plan(FOUR_EYES).start();
    assert_eq!(
        held(&bench).release,
        "approve or reject: 2 of user:ann or role:rm, other than the submitter"
    );
    assert_eq!(give(&mut bench, "user:ann", approve()), Ok(None));
    assert!(bench.state().hold().is_some() && bench.count("run.released") == 0);
    assert_eq!(bench.state().missing_approvals(0), 1);
    let again = give(&mut bench, "user:ann", approve()).unwrap_err();
    assert_eq!(
        again.to_string(),
        "user:ann approved step `gate` before, and counts once: 1 more must"
    );
    bench.crash();
    assert_eq!(
        bench.state().missing_approvals(0),
        1,
        "a fold forgets nothing"
    );
    assert_eq!(give(&mut bench, "user:bob+rm", approve()), Ok(None));
    assert!(bench.is_running(0, 0));
    bench.succeed(0);
    assert_eq!(finish(bench), (RunPhase::Completed, Outcome::Succeeded));
}

#[rstest]
#[case::nobody_named(
    "user:bob",
    "user:bob may not approve `gate`: user:ann or role:rm, other than the submitter may"
)]
#[case::submitter(
    "manual+rm",
    "manual may not approve `gate`: whoever submitted the run may not, user:ann or role:rm, other than the submitter may"
)]
fn who_is_not_allowed_is_told_who_is(#[case] who: &str, #[case] why: &str) {
    let mut bench = plan(FOUR_EYES).start();
    let command = bench.ask(who, approve());
    let denied = bench.give(command.clone()).unwrap();
    assert_eq!(denied.as_deref(), Some(why));
    assert_eq!(
        (
            bench.state().missing_approvals(0),
            bench.count("gate.approved")
        ),
        (2, 0)
    );
    assert_eq!(
        bench.count("policy.evaluated"),
        3,
        "the denial is in the log"
    );
    bench.crash();
    let events = bench.events.len();
    let again = bench.give(command).unwrap();
    assert_eq!(
        (again.as_deref(), bench.events.len()),
        (Some(why), events),
        "absorbed, and denied again"
    );
}

#[test]
fn the_submitter_may_stop_what_they_may_not_let_pass() {
    let mut bench = plan(FOUR_EYES).start();
    let why = give(&mut bench, "user:bob", reject()).unwrap();
    assert_eq!(
        why.as_deref(),
        Some("user:bob may not reject `gate`: user:ann or role:rm, other than the submitter may")
    );
    assert_eq!(give(&mut bench, "manual+rm", reject()), Ok(None));
    assert_eq!(bench.state().step(0).state, StepState::Failed);
    assert_eq!(finish(bench), (RunPhase::Failed, Outcome::Failed));
}

#[test]
fn a_gate_that_waited_too_long_fails() {
    let mut bench = plan("steps:\n  gate: { call: f, gate: manual, expires: 24h }\n  then: { call: f, needs: [gate] }\n").start();
    let due = bench.now.after(seconds(24 * 3600));
    assert_eq!(
        (held(&bench).expires_at, bench.wake_at),
        (Some(due), Some(due))
    );
    bench.wake();
    let slot = bench.state().step(0);
    assert_eq!(
        (slot.state, slot.class),
        (StepState::Failed, Some(ErrorClass::Timeout))
    );
    assert_eq!(
        slot.reason.as_deref(),
        Some("expired after 1d without approval")
    );
    assert_eq!(bench.state().step(1).state, StepState::Skipped);
    assert_eq!(finish(bench), (RunPhase::Failed, Outcome::Failed));
}

#[test]
fn an_expiry_is_noticed_by_a_new_owner_long_after() {
    let mut bench =
        plan("steps:\n  gate: { call: f, gate: manual, approvers: { count: 2 }, expires: 1h }\n")
            .start();
    assert_eq!(give(&mut bench, "user:ann", approve()), Ok(None));
    bench.after(seconds(3600));
    let late = give(&mut bench, "user:bob", approve());
    assert!(
        matches!(late, Err(Rejected::GateExpired { .. })),
        "{late:?}"
    );
    bench.after(seconds(30 * 24 * 3600)).crash();
    let slot = bench.state().step(0);
    assert_eq!(
        slot.reason.as_deref(),
        Some("expired after 1h with 1 of 2 approvals")
    );
    assert!(bench.state().hold().is_none());
    assert_eq!(finish(bench), (RunPhase::Failed, Outcome::Failed));
}

#[test]
fn what_is_approved_in_time_does_not_expire() {
    let mut bench = plan("steps:\n  gate: { call: f, gate: manual, expires: 1h }\n").start();
    bench.drain();
    bench.approve("gate");
    bench.after(seconds(7200)).crash();
    assert!(bench.is_running(0, 0), "the approval stands");
}

#[test]
fn a_gate_expires_while_others_work() {
    let mut bench = plan("steps:\n  gate: { call: f, gate: manual, expires: 1m, required: false }\n  long: { call: f }\n").start();
    assert!(bench.state().hold().is_none());
    bench.wake();
    assert_eq!(bench.state().step(0).state, StepState::Failed);
    assert!(bench.is_running(1, 0));
    bench.succeed(1);
    assert_eq!(finish(bench), (RunPhase::Completed, Outcome::Partial));
}

#[test]
fn several_gates_wait_at_once_and_each_is_decided_on_its_own() {
    let mut bench = plan(
        "steps:
  gate: { call: f, gate: manual, expires: 2h }
  other: { call: f, gate: manual, expires: 1h, required: false }
  third: { call: f, gate: manual }
",
    )
    .start();
    let first = held(&bench);
    assert_eq!(first.expires_at, Some(bench.now.after(seconds(3600))));
    bench.approve("third");
    assert!(bench.is_running(2, 0) && bench.state().hold().is_none());
    bench.succeed(2);
    assert_eq!(
        bench.state().hold().map(|hold| hold.reason),
        Some(HoldReason::ManualGate)
    );
    bench.wake();
    assert_eq!(bench.state().step(1).state, StepState::Failed);
    let again = held(&bench);
    assert_eq!(
        again.expires_at,
        Some(first.expires_at.unwrap().after(seconds(3600)))
    );
    bench.approve("gate");
    bench.succeed(0);
    assert_eq!(finish(bench), (RunPhase::Completed, Outcome::Partial));
}

#[test]
fn approvals_of_an_interrupted_attempt_are_asked_for_anew() {
    let mut bench = plan(
        "steps:\n  gate: { call: f, gate: manual, idempotent: false, approvers: { count: 2 } }\n",
    )
    .start();
    for who in ["user:ann", "user:bob"] {
        assert_eq!(give(&mut bench, who, approve()), Ok(None));
    }
    assert!(bench.is_running(0, 0));
    bench.crash();
    assert_eq!(bench.state().missing_approvals(0), 2);
    assert_eq!(give(&mut bench, "user:ann", approve()), Ok(None));
    assert!(!bench.is_running(0, 1));
    assert_eq!(give(&mut bench, "user:bob", approve()), Ok(None));
    assert!(bench.is_running(0, 1));
}

#[test]
fn a_denied_command_is_absorbed_by_its_id() {
    let mut bench = plan("steps:\n  gate: { call: f, gate: manual }\n").start();
    let mut command = bench.ask("user:ann", approve());
    command.authorization = Some(crate::bench::policy(rok_events::PolicyStage::Action, false));
    let denied = bench.give(command.clone()).unwrap();
    assert!(denied.is_some());
    bench.crash();
    // Whatever the policies say of it now: it was answered.
    command.authorization = Some(crate::bench::policy(rok_events::PolicyStage::Action, true));
    bench.says_nothing_new(Input::Command(command.clone()));
    assert_eq!(bench.give(command).unwrap(), denied);
}

/// Over its budget, a run goes on only for what a fallback may still save: it
/// holds no gate open that nobody can let pass any more.
#[test]
fn a_run_over_its_budget_waits_for_nobody() {
    const PLAN: &str = "budget: { max_tokens: 10 }
steps:
  work: { call: f }
  spare: { call: f, needs: [work], if: 'false', fallback: other }
  other: { call: f, needs: [work] }
  gate: { call: f, needs: [work], gate: manual, approvers: { count: 2 } }
";
    let mut bench = plan(PLAN).start();
    bench.succeed_using(0, 11);
    assert_eq!(bench.count("run.held"), 0);
    bench.answer_all();
    assert_eq!(bench.end(), (RunPhase::Failed, Outcome::Failed));
    let why = "the budget of 10 tokens is exceeded: 11 tokens".to_owned();
    assert_eq!(bench.cause(), (Some(ErrorClass::BudgetExceeded), why));
}
