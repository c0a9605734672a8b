//! Closing a run where it stands.

use crate::bench::{Bench, duty, plan, seconds};
use rok_kernel::{CommandKind, Effect, Input, Rejected};
use rok_vocabulary::{AckStatus, ErrorClass, Outcome, Profile, RunPhase, StepState};

fn fault() -> Input {
    Input::Fault {
        reason: "rok panicked: oops".into(),
    }
}

fn states(run: &Bench) -> Vec<StepState> {
    run.state().steps().iter().map(|slot| slot.state).collect()
}

/// The clock of a held run stands still; closing it must not.
#[test]
fn a_fault_under_a_hold_ends_the_hold() {
    let mut run = plan("steps: { a: { call: f, gate: manual } }").start();
    assert!(run.state().hold().is_some());
    run.say(fault());
    assert!(run.state().hold().is_none());
    // Nobody answers.
    run.wake();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
    assert_eq!(run.finalize_ack(), AckStatus::Failed);
}

/// What finishes while a run is being closed has finished: it is not run again.
#[test]
fn a_result_that_comes_while_closing_is_kept() {
    let mut run =
        plan("steps: { a: { call: f }, b: { call: f }, c: { call: f, needs: [a] } }").start();
    run.say(fault());
    run.answer_all();
    assert!(!run.state().is_sealed(), "work is still under way");
    run.succeed(0);
    run.fail(1, ErrorClass::Cancelled);
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
    assert_eq!(
        states(&run),
        [StepState::Succeeded, StepState::Failed, StepState::Skipped]
    );
    assert_eq!(run.finalize_ack(), AckStatus::Failed);
    run.resume().unwrap();
    run.begin();
    assert!(run.is_running(1, 0) && run.is_running(2, 0) && !run.is_running(0, 0));
}

/// No step is left without an end, whether its attempt reports or not.
#[test]
fn an_attempt_that_never_reports_is_given_up() {
    let mut run = plan("steps: { a: { call: f }, b: { call: f, needs: [a] } }").start();
    run.say(fault());
    run.answer_all();
    assert_eq!(run.wake_at, Some(run.now.after(seconds(5))));
    run.wake();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
    assert_eq!(states(&run), [StepState::Failed, StepState::Skipped]);
    assert!(run.reconciliation().missing.is_empty());
}

/// An owner that dies while it closes leaves attempts that are lost.
#[test]
fn a_crash_while_closing_loses_the_attempts() {
    let mut run = plan("steps: { a: { call: f } }").start();
    run.say(fault());
    run.crash();
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
    assert_eq!(states(&run), [StepState::Failed]);
    assert_eq!(run.state().step(0).class, Some(ErrorClass::WorkerLost));
}

#[test]
fn drift_under_standard_gets_its_incident_in_a_closing_too() {
    let mut run = plan("steps: { a: { call: f } }")
        .profile(Profile::Standard)
        .create();
    run.answer_all();
    let ack = run.done(&duty("incidents/create_incident/x"));
    run.say(ack);
    run.command(CommandKind::Cancel).unwrap();
    run.answer_all_but(&[Effect::OpenDriftIncident]);
    assert_eq!(run.open, [Effect::OpenDriftIncident]);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Cancelled));
}

#[test]
fn a_run_that_is_being_closed_cannot_be_cancelled() {
    let mut run = plan("steps: { a: { call: f } }").create();
    run.say(fault());
    let phase = RunPhase::Created;
    let refused = run.command(CommandKind::Cancel);
    assert_eq!(refused, Err(Rejected::ExecutionOver { phase }));
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
}

/// A step that fails as `internal` (its function panicked) is a failed step,
/// and the run's end is orderly.
#[test]
fn a_step_that_fails_as_internal_leaves_a_clean_run() {
    let mut run = plan("steps: { a: { call: f } }").start();
    run.fail(0, ErrorClass::Internal);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
    assert_eq!(run.finalize_ack(), AckStatus::Success);
    assert!(run.reconciliation().is_clean());
}
