//! Every way a run can end, and that each is an orderly one: its acks are
//! there, the check was made, and what did not run says why.

use crate::house::{House, Order, facades, house, house_with, order, seconds};
use crate::logbook::rows;
use rok_events::{Body, SkipCause};
use rok_executor::CancelReason;
use rok_facades::testing::{Fault, TestEngine};
use rok_log::CommandKind;
use rok_phases::PhaseInput as I;
use rok_runner::CommandOutcome;
use rok_vocabulary::{ErrorClass, HoldReason, Outcome, RunPhase, StepState as S, Timestamp};
use rstest::rstest;
use std::sync::Arc;
use std::time::Duration;

const EXECUTED: [I; 4] = [I::Granted, I::Claimed, I::ExecutionOver, I::CheckPassed];

fn completed() -> Vec<I> {
    [&EXECUTED[..], &[I::Published]].concat()
}

fn failed() -> Vec<I> {
    [&EXECUTED[..], &[I::PublishedFailure]].concat()
}

/// Holds a run's end against what is expected; every end is a clean one.
fn ends(house: &House, path: &[I], outcome: Outcome, steps: &[S], class: Option<ErrorClass>) {
    let taken = rows(house.events_of("r"));
    let inputs: Vec<I> = taken.iter().map(|(_, input, _)| *input).collect();
    assert_eq!(inputs, path);
    let (_, found, states) = house.result("r");
    assert_eq!((found, states.as_slice()), (outcome, steps));
    let state = house.state("r");
    assert_eq!(state.end().0, class, "{:?}", state.end());
    let result = state.last_reconciliation().unwrap();
    assert!(result.is_clean(), "not clean: {result:?}");
}

fn skips(house: &House) -> Vec<(String, SkipCause)> {
    let skips = house
        .events_of("r")
        .iter()
        .filter_map(|event| match &event.body {
            Body::StepSkipped { step, cause, .. } => Some((step.to_string(), *cause)),
            _ => None,
        });
    skips.collect()
}

/// When each event of a type came, since the run's first.
fn times(house: &House, event_type: &str) -> Vec<Duration> {
    let events = house.events_of("r");
    let of_type = |e: &&rok_events::Event| e.body.event_type().as_str() == event_type;
    events
        .iter()
        .filter(of_type)
        .map(|e| e.at.since(events[0].at))
        .collect()
}

/// Plans that end by themselves at once.
#[rstest]
#[case::succeeded("steps: { a: { call: ok }, b: { call: ok, needs: [a] } }",
    completed(), Outcome::Succeeded, &[S::Succeeded, S::Succeeded], None, &[])]
#[case::required_failed("steps: { a: { call: bad }, b: { call: ok, needs: [a] }, c: { call: ok, needs: [b] }, d: { call: ok } }",
    failed(), Outcome::Failed, &[S::Failed, S::Skipped, S::Skipped, S::Succeeded], Some(ErrorClass::ValidationFailed),
    &[("b", SkipCause::DependencyFailed), ("c", SkipCause::DependencyFailed)])]
#[case::optional_failed("steps: { a: { call: bad, required: false }, b: { call: ok } }",
    completed(), Outcome::Partial, &[S::Failed, S::Succeeded], None, &[])]
// What is required and needs what is not is skipped because of a failure.
#[case::optional_failed_under_a_required_one("steps: { a: { call: bad, required: false }, b: { call: ok, needs: [a] } }",
    failed(), Outcome::Failed, &[S::Failed, S::Skipped], Some(ErrorClass::ValidationFailed),
    &[("b", SkipCause::DependencyFailed)])]
#[case::any_one_failed("success: any\nsteps: { a: { call: bad }, b: { call: ok } }",
    completed(), Outcome::Partial, &[S::Failed, S::Succeeded], None, &[])]
#[case::any_all_failed("success: any\nsteps: { a: { call: bad }, b: { call: bad } }",
    failed(), Outcome::Failed, &[S::Failed, S::Failed], Some(ErrorClass::ValidationFailed), &[])]
#[case::condition_false("steps: { a: { call: ok, if: \"false\" }, b: { call: ok, needs: [a] }, c: { call: ok, after: [a] } }",
    completed(), Outcome::Succeeded, &[S::Skipped, S::Skipped, S::Succeeded], None,
    &[("a", SkipCause::Condition), ("b", SkipCause::DependencySkipped)])]
#[case::condition_true("steps: { a: { call: ok }, b: { call: ok, needs: [a], if: \"steps.a.outputs.n == 1\" } }",
    completed(), Outcome::Succeeded, &[S::Succeeded, S::Succeeded], None, &[])]
#[case::condition_fails("steps: { a: { call: ok }, b: { call: ok, needs: [a], if: \"steps.a.outputs.x == 1\" } }",
    failed(), Outcome::Failed, &[S::Succeeded, S::Failed], Some(ErrorClass::ConfigError), &[])]
#[case::after_a_failure("steps: { a: { call: bad, required: false }, b: { call: ok, after: [a] } }",
    completed(), Outcome::Partial, &[S::Failed, S::Succeeded], None, &[])]
#[case::sequential_after_a_failure("order: sequential\nsteps: { a: { call: bad, required: false }, b: { call: ok } }",
    completed(), Outcome::Partial, &[S::Failed, S::Succeeded], None, &[])]
#[case::hard_gate("steps: { g: { call: bad, gate: hard }, a: { call: ok, after: [g] }, b: { call: ok, needs: [g] } }",
    failed(), Outcome::Failed, &[S::Failed, S::Skipped, S::Skipped], Some(ErrorClass::HardGateFailed),
    &[("a", SkipCause::HardGate), ("b", SkipCause::HardGate)])]
#[case::retries_used_up("steps: { a: { call: io } }",
    failed(), Outcome::Failed, &[S::Failed], Some(ErrorClass::TransientIo), &[])]
fn by_itself(
    #[case] plan: &str,
    #[case] path: Vec<I>,
    #[case] outcome: Outcome,
    #[case] steps: &[S],
    #[case] class: Option<ErrorClass>,
    #[case] skipped: &[(&str, SkipCause)],
) {
    let mut house = house();
    house.run("r", order(plan));
    ends(&house, &path, outcome, steps, class);
    let expected: Vec<_> = skipped
        .iter()
        .map(|(step, cause)| ((*step).to_owned(), *cause))
        .collect();
    assert_eq!(skips(&house), expected);
}

#[test]
fn denied() {
    let engine = Arc::new(TestEngine::faulty(Fault::Deny).only("authorize_run"));
    let mut house = house_with(facades(&engine));
    house.run("r", order("steps: { a: { call: ok } }"));
    let class = Some(ErrorClass::PolicyViolation);
    ends(&house, &[I::Denied], Outcome::Denied, &[S::Pending], class);
    let calls = engine.calls();
    for call in [
        "evaluate_policy r",
        "record_run_outcome r",
        "complete_trace r",
    ] {
        assert!(
            calls.contains(&call.to_owned()),
            "a denied run is as clean as any other"
        );
    }
}

/// Policies that cannot be asked grant nothing.
#[rstest]
#[case(Fault::Unavailable)]
#[case(Fault::Panic)]
fn denied_for_want_of_an_answer(#[case] fault: Fault) {
    let engine = Arc::new(TestEngine::faulty(fault).only("authorize_run"));
    let mut house = house_with(facades(&engine));
    house.run("r", order("steps: { a: { call: ok } }"));
    let class = Some(ErrorClass::PolicyViolation);
    ends(&house, &[I::Denied], Outcome::Denied, &[S::Pending], class);
}

#[test]
fn preflight_failed() {
    let mut house = house();
    house.run("r", order("steps: { a: { call: ok }, b: { call: unfit } }"));
    let class = Some(ErrorClass::ConfigError);
    let steps = [S::Pending, S::Pending];
    ends(
        &house,
        &[I::PreflightFailed],
        Outcome::Failed,
        &steps,
        class,
    );
    assert!(
        house
            .state("r")
            .end()
            .1
            .unwrap()
            .contains("told to be unfit")
    );
    assert_eq!(house.hand.starts("r", "a"), 0);
}

#[test]
fn cancelled_before_a_claim() {
    let mut house = house().without_workers();
    house.run("r", order("steps: { a: { call: ok } }"));
    assert_eq!(house.phase("r"), RunPhase::Authorized);
    house.command("r", CommandKind::Cancel, None);
    let path = [I::Granted, I::CancelledUnclaimed];
    let class = Some(ErrorClass::Cancelled);
    ends(&house, &path, Outcome::Cancelled, &[S::Pending], class);
    assert_eq!(house.answers, [CommandOutcome::Accepted]);
}

#[test]
fn cancelled_while_executing() {
    let mut house = house();
    let plan = "max_parallel: 2\nsteps: { a: { call: ok }, b: { call: wait }, c: { call: wait }, d: { call: ok, needs: [c] } }";
    house.run("r", order(plan));
    house.command("r", CommandKind::Cancel, None);
    let steps = [S::Succeeded, S::Failed, S::Failed, S::Skipped];
    let class = Some(ErrorClass::Cancelled);
    ends(&house, &failed(), Outcome::Cancelled, &steps, class);
    let cancelled = |step: &str| (step.to_owned(), CancelReason::Cancelled);
    assert_eq!(house.hand.cancelled(), [cancelled("r/b"), cancelled("r/c")]);
    assert_eq!(skips(&house), [("d".to_owned(), SkipCause::RunStopped)]);
}

/// A cancelled run whose executor does not hear is not held by it for ever.
#[test]
fn cancelled_and_not_heard() {
    let mut house = house();
    house.run("r", order("steps: { a: { call: deaf, kill_grace: 3s } }"));
    house.command("r", CommandKind::Cancel, None);
    assert_eq!(house.phase("r"), RunPhase::Executing);
    // The step's grace, the governance timeout, the audit's grace.
    assert_eq!(
        house.shard.wake_at(),
        Some(house.now().after(seconds(3 + 5 + 5)))
    );
    house.wake();
    let class = Some(ErrorClass::Cancelled);
    ends(&house, &failed(), Outcome::Cancelled, &[S::Failed], class);
    // What it says later is late.
    house.hand.end("r", "a", Ok(serde_json::Value::Null));
    house.settle();
    ends(&house, &failed(), Outcome::Cancelled, &[S::Failed], class);
}

#[test]
fn cancelled_under_a_hold() {
    let mut house = house();
    house.run(
        "r",
        order("steps: { g: { call: ok, gate: manual }, a: { call: ok, needs: [g] } }"),
    );
    house.pass(seconds(60));
    assert!(house.state("r").hold().is_some());
    house.command("r", CommandKind::Cancel, None);
    let class = Some(ErrorClass::Cancelled);
    ends(
        &house,
        &failed(),
        Outcome::Cancelled,
        &[S::Skipped, S::Skipped],
        class,
    );
    assert_eq!(
        (
            house.count("r", "run.held"),
            house.count("r", "run.released")
        ),
        (1, 1)
    );
}

#[test]
fn cancelled_while_a_retry_is_due() {
    let mut house = house();
    house.run(
        "r",
        order("steps: { a: { call: io, retry: { max: 3, base: 10s } } }"),
    );
    assert_eq!(house.phase("r"), RunPhase::Executing);
    house.command("r", CommandKind::Cancel, None);
    let class = Some(ErrorClass::Cancelled);
    ends(&house, &failed(), Outcome::Cancelled, &[S::Failed], class);
}

/// A hold in the middle does not count towards `max_duration`; the run times
/// out at the very instant.
#[test]
fn timed_out() {
    let mut house = house();
    let plan = "max_duration: 60s\nsteps: { g: { call: ok, gate: manual }, a: { call: wait, needs: [g] }, b: { call: ok, needs: [a] } }";
    house.run("r", order(plan));
    house.pass(seconds(3600));
    house.command("r", CommandKind::Approve, Some("g"));
    house.pass(Duration::from_millis(59_999));
    assert_eq!(house.phase("r"), RunPhase::Executing);
    house.pass(Duration::from_millis(1));
    let steps = [S::Succeeded, S::Failed, S::Failed];
    let class = Some(ErrorClass::Timeout);
    ends(&house, &failed(), Outcome::TimedOut, &steps, class);
    assert_eq!(
        house.hand.cancelled(),
        [("r/a".to_owned(), CancelReason::RunTimeout)]
    );
    for ix in [1, 2] {
        assert_eq!(house.state("r").step(ix).class, Some(ErrorClass::Timeout));
    }
    assert_eq!(times(&house, "run.stopping"), [seconds(3660)]);
}

/// Two holds, and work between them.
#[test]
fn timed_out_after_two_holds() {
    let mut house = house();
    let plan = "max_duration: 60s\norder: sequential\nsteps: { a: { call: wait }, g: { call: ok, gate: manual }, b: { call: wait }, h: { call: ok, gate: manual }, c: { call: wait } }";
    house.run("r", order(plan));
    for (step, gate) in [("a", "g"), ("b", "h")] {
        house.pass(seconds(25));
        house.end("r", step);
        house.pass(seconds(1000));
        house.command("r", CommandKind::Approve, Some(gate));
    }
    assert_eq!(house.shard.wake_at(), Some(house.now().after(seconds(10))));
    house.wake();
    let steps = [
        S::Succeeded,
        S::Succeeded,
        S::Succeeded,
        S::Succeeded,
        S::Failed,
    ];
    let class = Some(ErrorClass::Timeout);
    ends(&house, &failed(), Outcome::TimedOut, &steps, class);
}

#[test]
fn a_hard_gate_stops_what_runs() {
    let mut house = house();
    let plan = "steps: { g: { call: wait, gate: hard }, a: { call: wait }, b: { call: ok, needs: [a] }, c: { call: io, retry: { max: 5, base: 1m } } }";
    house.run("r", order(plan));
    house.fail("r", "g", ErrorClass::ValidationFailed);
    let steps = [S::Failed, S::Failed, S::Skipped, S::Failed];
    let class = Some(ErrorClass::HardGateFailed);
    ends(&house, &failed(), Outcome::Failed, &steps, class);
    assert_eq!(
        house.hand.cancelled(),
        [("r/a".to_owned(), CancelReason::Cancelled)]
    );
    // `a` was stopped, so `b` was skipped for the gate, not for `a`.
    assert_eq!(skips(&house), [("b".to_owned(), SkipCause::HardGate)]);
    assert_eq!(house.count("r", "gate.failed"), 1);
    assert!(house.state("r").gate_failures()[0].as_str() == "g");
}

/// A hard gate may try again what is transient; it fails once, after the last.
#[test]
fn a_hard_gate_fails_after_its_last_attempt() {
    let mut house = house();
    house.run(
        "r",
        order("steps: { g: { call: io, gate: hard, retry: { max: 2, base: 1s } } }"),
    );
    while !house.state("r").is_sealed() {
        assert_eq!(house.count("r", "gate.failed"), 0);
        house.wake();
    }
    let class = Some(ErrorClass::TransientIo);
    ends(&house, &failed(), Outcome::Failed, &[S::Failed], class);
    assert_eq!(house.count("r", "gate.failed"), 1);
    assert_eq!(house.hand.starts("r", "g"), 3);
}

/// `delay(n) = min(base · 2^n, max)` plus 0–10 %; the attempt starts at the very
/// instant that was recorded.
#[test]
fn retries_come_when_they_are_due() {
    let mut house = house();
    house.run(
        "r",
        order("steps: { a: { call: io, retry: { max: 4, base: 2s, max_delay: 10s } } }"),
    );
    let mut starts: Vec<Timestamp> = Vec::new();
    while !house.state("r").is_sealed() {
        let due = house.state("r").step(0).retry_due.unwrap();
        assert_eq!(house.shard.wake_at(), Some(due));
        let before = house.hand.starts("r", "a");
        house
            .clock
            .advance_to(Timestamp::from_millis(due.as_millis() - 1));
        house.settle();
        assert_eq!(house.hand.starts("r", "a"), before, "not before it is due");
        house.wake();
        assert_eq!(house.hand.starts("r", "a"), before + 1);
        starts.push(due);
    }
    let class = Some(ErrorClass::TransientIo);
    ends(&house, &failed(), Outcome::Failed, &[S::Failed], class);
    let begun = house.events_of("r")[0].at;
    let starts = std::iter::once(begun).chain(starts);
    let starts: Vec<Timestamp> = starts.collect();
    for (pair, base) in starts.windows(2).zip([2_000, 4_000, 8_000, 10_000]) {
        let delay = pair[1].since(pair[0]).as_millis();
        assert!(
            (base..=base + base / 10).contains(&delay),
            "{delay} for {base}"
        );
    }
    let recorded = house
        .events_of("r")
        .iter()
        .filter_map(|event| match &event.body {
            Body::StepStarted { .. } => Some(event.at),
            _ => None,
        });
    assert_eq!(recorded.collect::<Vec<_>>(), starts);
}

#[test]
fn a_retry_that_succeeds() {
    let mut house = house();
    let plan = "steps: { a: { call: io1, retry: { max: 1 } }, b: { call: ok, needs: [a] } }";
    house.run("r", order(plan));
    house.wake();
    ends(
        &house,
        &completed(),
        Outcome::Succeeded,
        &[S::Succeeded, S::Succeeded],
        None,
    );
    assert_eq!(house.state("r").counts().retries, 1);
}

#[test]
fn what_is_not_idempotent_is_not_tried_again() {
    let mut house = house();
    house.run(
        "r",
        order("steps: { a: { call: wait, idempotent: false } }"),
    );
    house.fail("r", "a", ErrorClass::TransientIo);
    let class = Some(ErrorClass::TransientIo);
    ends(&house, &failed(), Outcome::Failed, &[S::Failed], class);
}

/// An interrupted attempt that must not be repeated blindly waits for a person.
#[rstest]
#[case(CommandKind::Approve)]
#[case(CommandKind::Reject)]
fn interrupted_and_not_idempotent(#[case] decision: CommandKind) {
    let mut house = house();
    let plan = "max_duration: 60s\nsteps: { a: { call: wait, idempotent: false }, b: { call: wait }, c: { call: ok, needs: [a] } }";
    house.run("r", order(plan));
    house.pass(seconds(30));
    let store = house.store.clone();
    house.crash(Box::new(store), rok_facades::testing::facades());
    house.settle();
    // `b` is idempotent and runs again; when it is done, only the hold is left.
    assert!(house.state("r").hold().is_none());
    house.end("r", "b");
    let hold = house.state("r").hold().unwrap();
    assert_eq!(hold.reason, HoldReason::InterruptedStep);
    assert_eq!(house.hand.starts("r", "a"), 1);
    house.pass(seconds(3600));
    house.command("r", decision, Some("a"));
    if decision == CommandKind::Approve {
        assert_eq!(house.hand.starts("r", "a"), 2);
        house.end("r", "a");
        let steps = [S::Succeeded, S::Succeeded, S::Succeeded];
        ends(&house, &completed(), Outcome::Succeeded, &steps, None);
    } else {
        let class = Some(ErrorClass::WorkerLost);
        ends(
            &house,
            &failed(),
            Outcome::Failed,
            &[S::Failed, S::Succeeded, S::Skipped],
            class,
        );
        assert_eq!(house.hand.starts("r", "a"), 1);
    }
}

/// A manual gate: `rejected` fails it like any step.
#[rstest]
#[case(CommandKind::Approve)]
#[case(CommandKind::Reject)]
fn a_manual_gate(#[case] decision: CommandKind) {
    let mut house = house();
    let plan = "steps: { a: { call: ok }, g: { call: ok, gate: manual, needs: [a] }, b: { call: ok, needs: [g] } }";
    house.run("r", order(plan));
    let hold = house.state("r").hold().unwrap();
    assert_eq!(hold.reason, HoldReason::ManualGate);
    assert_eq!(house.steps("r"), [S::Succeeded, S::Waiting, S::Pending]);
    assert_eq!(house.hand.starts("r", "g"), 0);
    house.command("r", decision, Some("g"));
    assert_eq!(house.answers, [CommandOutcome::Accepted]);
    if decision == CommandKind::Approve {
        let steps = [S::Succeeded, S::Succeeded, S::Succeeded];
        ends(&house, &completed(), Outcome::Succeeded, &steps, None);
        assert_eq!(house.count("r", "gate.approved"), 1);
    } else {
        let class = Some(ErrorClass::PolicyViolation);
        ends(
            &house,
            &failed(),
            Outcome::Failed,
            &[S::Succeeded, S::Failed, S::Skipped],
            class,
        );
        assert_eq!(house.count("r", "gate.rejected"), 1);
    }
}

/// A decision that the policies do not allow changes nothing but the record.
#[test]
fn a_decision_that_is_denied() {
    let engine = Arc::new(
        TestEngine::faulty(Fault::Deny)
            .only("authorize_action")
            .times(1),
    );
    let mut house = house_with(facades(&engine));
    house.run("r", order("steps: { g: { call: ok, gate: manual } }"));
    house.command("r", CommandKind::Approve, Some("g"));
    assert!(matches!(
        house.answers[0],
        CommandOutcome::Refused { denied: true, .. }
    ));
    assert!(house.state("r").hold().is_some());
    house.command("r", CommandKind::Approve, Some("g"));
    ends(
        &house,
        &completed(),
        Outcome::Succeeded,
        &[S::Succeeded],
        None,
    );
}

/// Commands that make no sense are answered, and leave nothing in the log.
#[rstest]
#[case(CommandKind::Approve, Some("a"), "does not wait")]
#[case(CommandKind::Reject, Some("z"), "no step")]
fn a_command_that_makes_no_sense(
    #[case] kind: CommandKind,
    #[case] step: Option<&str>,
    #[case] why: &str,
) {
    let mut house = house();
    house.run("r", order("steps: { a: { call: wait } }"));
    let events = house.events_of("r").len();
    house.command("r", kind, step);
    let CommandOutcome::Refused { reason, denied } = &house.answers[0] else {
        panic!("{:?}", house.answers)
    };
    assert!(reason.contains(why) && !denied, "{reason}");
    assert_eq!(house.events_of("r").len(), events);
}

fn gate_failure() -> Order {
    order("steps: { a: { call: ok }, g: { call: bad, gate: hard, needs: [a] } }")
}

/// What may be resumed after each end, and what the next epoch keeps.
#[test]
fn resuming() {
    let resume = |house: &mut House| {
        let input = rok_kernel::Input::Resume {
            actor: rok_vocabulary::Actor::Manual,
            reason: None,
            command: None,
        };
        house.shard.say(&crate::house::id("r"), input);
        house.settle();
    };
    let mut house = house();
    house.run("r", order("steps: { a: { call: ok }, b: { call: io1 } }"));
    assert_eq!(house.ended("r"), (RunPhase::Failed, Outcome::Failed));
    resume(&mut house);
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
    assert_eq!(house.hand.starts("r", "a"), 1, "what succeeded is kept");
    let events = house.events_of("r").len();
    resume(&mut house);
    assert_eq!(
        house.events_of("r").len(),
        events,
        "COMPLETED is not resumed"
    );

    let mut house = crate::house::house();
    house.run("r", gate_failure());
    let events = house.events_of("r").len();
    resume(&mut house);
    assert_eq!(
        house.events_of("r").len(),
        events,
        "a failed hard gate needs an override"
    );

    // Execution succeeded and the check failed: straight to the check.
    let engine = Arc::new(
        TestEngine::faulty(Fault::Deny)
            .only("evaluate_policy")
            .times(1),
    );
    let mut house = house_with(facades(&engine));
    house.run("r", order("steps: { a: { call: ok } }"));
    assert_eq!(house.ended("r"), (RunPhase::Failed, Outcome::Succeeded));
    resume(&mut house);
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
    assert_eq!(house.hand.starts("r", "a"), 1);
}
