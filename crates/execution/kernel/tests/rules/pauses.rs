//! Pause and unpause: what runs finishes, nothing new starts, no time passes.

use crate::bench::{Bench, plan, seconds};
use rok_kernel::{CommandKind, Input, Rejected};
use rok_vocabulary::{ErrorClass, HoldReason, Outcome, RunPhase, StepState};
use rstest::rstest;

const TWO: &str = "max_duration: 10s\nsteps: { a: { call: f }, b: { call: f, needs: [a] } }";

fn pause(bench: &mut Bench) {
    bench.command(CommandKind::Pause).unwrap();
}

fn unpause(bench: &mut Bench) {
    bench.command(CommandKind::Unpause).unwrap();
}

fn holds(bench: &Bench) -> Option<HoldReason> {
    bench.state().hold().map(|hold| hold.reason)
}

#[test]
fn what_runs_finishes_and_nothing_new_starts() {
    let mut run = plan(TWO).start();
    pause(&mut run);
    assert_eq!(holds(&run), Some(HoldReason::Pause));
    run.succeed(0);
    assert_eq!(run.state().step(1).state, StepState::Pending);
    assert!(run.open.is_empty());
    unpause(&mut run);
    assert!(run.is_running(1, 0));
    run.succeed(1);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
}

#[test]
fn the_clock_of_a_paused_run_stands_still() {
    let mut run = plan(TWO).start();
    run.after(seconds(4));
    pause(&mut run);
    assert_eq!(run.wake_at, None, "no time limit comes nearer");
    run.after(seconds(3600));
    run.say(Input::Tick);
    run.succeed(0);
    assert!(run.state().stopping().is_none());
    unpause(&mut run);
    assert_eq!(run.wake_at, Some(run.now.after(seconds(6))));
    run.wake();
    run.fail(1, ErrorClass::Timeout);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::TimedOut));
}

#[test]
fn a_run_whose_work_is_done_ends_when_it_is_unpaused() {
    let mut run = plan("steps: { a: { call: f } }").start();
    pause(&mut run);
    run.succeed(0);
    assert_eq!(run.phase(), RunPhase::Executing);
    unpause(&mut run);
    assert_eq!(run.phase(), RunPhase::GovernanceCheck);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
}

#[test]
fn an_approval_under_a_pause_is_recorded_and_acted_on_after_it() {
    let mut run = plan("steps: { a: { call: f, gate: manual } }").start();
    assert_eq!(holds(&run), Some(HoldReason::ManualGate));
    pause(&mut run);
    run.approve("a");
    assert_eq!(holds(&run), Some(HoldReason::Pause));
    assert!(!run.is_running(0, 0));
    run.crash();
    assert!(!run.is_running(0, 0), "a new owner finds it paused");
    unpause(&mut run);
    assert!(run.is_running(0, 0));
}

#[test]
fn a_gate_waits_again_after_a_pause() {
    let mut run = plan("steps: { a: { call: f, gate: manual } }").start();
    pause(&mut run);
    unpause(&mut run);
    assert_eq!(holds(&run), Some(HoldReason::ManualGate));
}

#[test]
fn a_gate_expires_under_a_pause_too() {
    let mut run = plan("steps: { a: { call: f, gate: manual, expires: 1h } }").start();
    pause(&mut run);
    run.wake();
    assert_eq!(run.state().step(0).class, Some(ErrorClass::Timeout));
    assert_eq!(
        holds(&run),
        Some(HoldReason::Pause),
        "only the gate has failed"
    );
    unpause(&mut run);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
}

#[test]
fn a_retry_waits_for_the_end_of_a_pause() {
    let mut run = plan("steps: { a: { call: f, retry: { max: 1, base: 2s } } }").start();
    run.fail(0, ErrorClass::TransientIo);
    pause(&mut run);
    assert_eq!(run.wake_at, None);
    run.after(seconds(60));
    run.say(Input::Tick);
    assert!(!run.is_running(0, 1));
    unpause(&mut run);
    assert!(run.is_running(0, 1));
}

#[test]
fn a_paused_run_can_be_cancelled() {
    let mut run = plan(TWO).start();
    pause(&mut run);
    run.command(CommandKind::Cancel).unwrap();
    run.fail(0, ErrorClass::Cancelled);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Cancelled));
}

#[test]
fn a_pause_outlives_its_owner() {
    let mut run = plan(TWO).start();
    pause(&mut run);
    run.after(seconds(3600)).crash();
    assert_eq!(holds(&run), Some(HoldReason::Pause));
    assert!(
        !run.is_running(0, 1),
        "the lost attempt is repeated after the pause"
    );
    unpause(&mut run);
    assert!(run.is_running(0, 1));
    assert_eq!(run.state().time_left(run.now), Some(seconds(10)));
}

#[test]
fn twice_paused_is_refused_and_the_same_command_absorbed() {
    let mut run = plan(TWO).start();
    let command = run.ask("user:ann", CommandKind::Pause);
    run.give(command.clone()).unwrap();
    run.says_nothing_new(Input::Command(command));
    let again = run.command(CommandKind::Pause).unwrap_err();
    assert!(matches!(again, Rejected::PausedBefore { .. }), "{again}");
    assert!(
        again
            .to_string()
            .starts_with("the run is paused already, by user:ann since")
    );
    unpause(&mut run);
    let again = run.command(CommandKind::Unpause);
    assert_eq!(again, Err(Rejected::NotPaused));
}

#[rstest]
#[case::before_it_is_claimed(false)]
#[case::after_its_execution(true)]
fn only_a_run_that_executes_can_be_paused(#[case] after: bool) {
    let mut run = plan("steps: { a: { call: f } }").create();
    if after {
        run.begin();
        run.succeed(0);
    }
    let refused = run.command(CommandKind::Pause);
    assert!(
        matches!(refused, Err(Rejected::NotToPause { .. })),
        "{refused:?}"
    );
}
