//! Execution: conditions, gates, limits and holds.

use crate::bench::{plan, seconds};
use rok_kernel::Effect;
use rok_vocabulary::{ErrorClass, Outcome, RunPhase, StepState};
use serde_json::json;

/// A manual gate never starts without a person's word, and an `if` that cannot
/// be evaluated fails it all the same.
#[test]
fn a_manual_gate_whose_condition_fails_is_a_failed_step() {
    let mut run = plan(
        "steps: { a: { call: f }, b: { call: f, gate: manual, needs: [a], if: \"steps.a.outputs.n > 1\" } }",
    )
    .start();
    run.succeed_with(0, json!({}));
    let slot = run.state().step(1);
    assert_eq!(
        (slot.state, slot.class),
        (StepState::Failed, Some(ErrorClass::ConfigError))
    );
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
    assert_eq!(run.count("run.held"), 0);
}

/// A function's label is the same whether it is known ahead, because nothing is
/// left for it, or computed of what it is given.
#[test]
fn the_label_of_a_call_is_that_of_what_it_is_given() {
    let labels = [json!(null), json!({}), json!({"n": 1})].map(|outputs| {
        let steps = "steps: { a: { call: f }, b: { call: g, needs: [a] } }";
        let mut run = plan(steps).start();
        run.succeed_with(0, outputs);
        let label = run.state().step(1).inputs_hash;
        assert_eq!(label, Some(run.state().resolve(1).unwrap().label()));
        label
    });
    assert!(labels[0] != labels[1] && labels[1] != labels[2]);
}

/// A failed gate stops what runs; an executor that never reports does not hold
/// the run for ever.
#[test]
fn an_attempt_that_a_gate_stopped_is_given_up() {
    let mut run = plan("steps: { g: { call: f, gate: hard }, a: { call: f } }").start();
    run.fail(0, ErrorClass::ValidationFailed);
    assert!(
        run.open
            .iter()
            .any(|effect| matches!(effect, Effect::CancelStep { .. }))
    );
    run.wake();
    assert_eq!(run.state().step(1).state, StepState::Failed);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
    assert_eq!(run.state().step(1).class, Some(ErrorClass::Cancelled));
    assert_eq!(run.count("gate.failed"), 1);
}

/// Nothing starts once the time is up, whatever comes first: the result or the
/// timer.
#[test]
fn a_result_after_the_run_s_time_starts_nothing_more() {
    let mut run =
        plan("max_duration: 10s\nsteps: { a: { call: f }, b: { call: f, needs: [a] } }").start();
    run.after(seconds(10)).succeed(0);
    assert_eq!(run.state().step(0).state, StepState::Succeeded);
    assert_eq!(run.state().step(1).class, Some(ErrorClass::Timeout));
    assert_eq!(run.count("step.started"), 1);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::TimedOut));
}

/// An owner that stops leaves what is ready to the next one. That is no hold:
/// the next owner's time counts.
#[test]
fn an_owner_that_stops_does_not_hold_the_run() {
    let mut run = plan(
        "order: dag\nsteps: { a: { call: f }, b: { call: f, needs: [a] }, c: { call: f, gate: manual } }",
    )
    .start();
    assert_eq!(run.state().step(2).state, StepState::Waiting);
    run.drain();
    run.succeed(0);
    assert!(run.state().hold().is_none(), "b is ready");
    run.after(seconds(60)).crash();
    assert!(run.is_running(1, 0));
    run.succeed(1);
    assert!(run.state().hold().is_some());
    run.approve("c");
    run.succeed(2);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
}

#[test]
fn room_for_no_step_is_room_for_one() {
    let mut setup = plan("steps: { a: { call: f } }");
    setup.settings.max_parallel = 0;
    assert!(setup.start().is_running(0, 0));
}

/// The warning stands in the record once an epoch, when the step first starts:
/// never for what did not run, and not again for a retry or a child.
#[test]
fn what_is_deprecated_is_told_when_it_starts() {
    let mut run = plan(
        "steps:
  a: { call: f, deprecated: use z, retry: { max: 1, classes: [transient_io] } }
  b: { call: f }
  c: { needs: [a], for_each: \"[1, 2]\", call: f, deprecated: use y }
  d: { needs: [c], call: f, deprecated: use x, if: \"false\" }
",
    )
    .start();
    assert_eq!(run.count("component.deprecated"), 1);
    run.fail(0, ErrorClass::TransientIo);
    run.wake();
    assert!(run.is_running(0, 1), "it is tried again");
    assert_eq!(run.count("component.deprecated"), 1);
    run.crash();
    run.succeed(0);
    run.succeed(1);
    assert_eq!(run.count("component.deprecated"), 2);
    let children = run.state().fan_out(2).unwrap().children();
    for ix in children {
        run.succeed(ix);
    }
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
    assert_eq!(run.count("component.deprecated"), 2);
}
