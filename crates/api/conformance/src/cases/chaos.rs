//! Whatever happens to a step, its run ends in a sealed record that says so.

use crate::engine::{Engine, Fault, fault};
use rok_facades::runs::Verb;
use rok_vocabulary::Outcome;

super::cases_of! { "chaos":
    a_step_that_fails_fails_its_run,
    a_step_that_is_killed_fails_its_run,
    a_step_that_cannot_work_here_fails_its_run,
    a_step_that_never_ends_is_ended,
    a_run_that_takes_too_long_is_ended,
    a_result_that_cannot_be_read_is_no_result,
    a_result_that_was_not_declared_is_no_result,
    an_error_that_cannot_be_read_is_still_a_failure,
    much_output_harms_nothing,
    what_a_step_leaves_behind_does_not_hold_the_run,
    a_hard_gate_stops_what_has_not_begun,
    what_needs_a_failed_step_is_skipped,
    a_cancelled_run_ends,
    a_rejected_gate_ends_the_run,
    what_succeeded_is_undone_where_the_plan_says_so,
    a_run_that_undoes_nothing_says_so,
}

/// One step fails in that way, and with it the run.
fn fails(engine: &Engine, step: &str, class: &str) -> Result<(), Fault> {
    let ended = engine.run(&format!("steps: {{ a: {{ {step} }} }}"))?;
    ended.has_status("failed")?;
    ended.failed_as("a", class)
}

fn a_step_that_fails_fails_its_run(engine: &Engine) -> Result<(), Fault> {
    fails(engine, "run: exit 1", "validation_failed")
}

fn a_step_that_is_killed_fails_its_run(engine: &Engine) -> Result<(), Fault> {
    fails(engine, "run: kill -9 $$", "unknown")
}

fn a_step_that_cannot_work_here_fails_its_run(engine: &Engine) -> Result<(), Fault> {
    fails(engine, "run: exit 78", "config_error")
}

fn a_step_that_never_ends_is_ended(engine: &Engine) -> Result<(), Fault> {
    fails(
        engine,
        "run: exec sleep 1000, timeout: 50ms, kill_grace: 1s",
        "timeout",
    )
}

fn a_run_that_takes_too_long_is_ended(engine: &Engine) -> Result<(), Fault> {
    let ended =
        engine.run("max_duration: 50ms\nsteps: { a: { run: exec sleep 1000, kill_grace: 1s } }")?;
    ended.has_outcome(Outcome::TimedOut)?;
    ended.failed_as("a", "timeout")
}

fn a_result_that_cannot_be_read_is_no_result(engine: &Engine) -> Result<(), Fault> {
    fails(
        engine,
        "run: 'echo nonsense > \"$ROK_OUTPUT\"'",
        "validation_failed",
    )
}

fn a_result_that_was_not_declared_is_no_result(engine: &Engine) -> Result<(), Fault> {
    let step = "run: 'echo \"{}\" > \"$ROK_OUTPUT\"', outputs: { n: { type: integer } }";
    fails(engine, step, "validation_failed")
}

fn an_error_that_cannot_be_read_is_still_a_failure(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run("steps: { a: { run: 'echo nonsense > \"$ROK_ERROR\"; exit 1' } }")?;
    ended.has_status("failed")
}

fn much_output_harms_nothing(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run("steps: { a: { run: 'head -c 2000000 /dev/zero' } }")?;
    ended.has_status("succeeded")
}

fn what_a_step_leaves_behind_does_not_hold_the_run(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run("steps: { a: { run: 'sleep 1000 & exit 0', kill_grace: 1s } }")?;
    ended.has_status("succeeded")
}

fn a_hard_gate_stops_what_has_not_begun(engine: &Engine) -> Result<(), Fault> {
    let ended = engine
        .run("steps: { a: { gate: hard, run: exit 1 }, b: { run: ['true'], after: [a] } }")?;
    ended.has_status("failed")?;
    ended.failed_as("a", "hard_gate_failed")?;
    ended.has("step.started", 1)
}

fn what_needs_a_failed_step_is_skipped(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run(
        "steps: { a: { run: exit 1 }, b: { run: ['true'], needs: [a] }, c: { run: ['true'], needs: [b] } }",
    )?;
    ended.has_status("failed")?;
    ended.has("step.skipped", 2)
}

fn a_cancelled_run_ends(engine: &Engine) -> Result<(), Fault> {
    let run = engine.submit("steps: { a: { run: exec sleep 1000, kill_grace: 1s } }")?;
    let cancelled = std::thread::scope(|scope| {
        let driven = scope.spawn(|| engine.drive(&run));
        let cancelled = engine
            .comes_to(&run, "step.started")
            .and_then(|()| engine.command(&run, Verb::Cancel));
        driven.join().map(|driven| driven.and(cancelled))
    });
    match cancelled {
        Ok(cancelled) => cancelled?,
        Err(_) => return fault("whoever drove the run panicked"),
    }
    let ended = engine.ended(run)?;
    ended.has_outcome(Outcome::Cancelled)?;
    ended.failed_as("a", "cancelled")
}

fn a_rejected_gate_ends_the_run(engine: &Engine) -> Result<(), Fault> {
    let run = engine.submit("steps: { a: { gate: manual, run: ['true'] } }")?;
    engine.drive(&run)?;
    let step = "a"
        .parse()
        .map_err(|_| Fault::Broken("`a` is no id of a step".to_owned()))?;
    engine.command(&run, Verb::Reject(step))?;
    let ended = engine.ended(run)?;
    ended.has_status("failed")?;
    ended.has("step.started", 0)
}

fn what_succeeded_is_undone_where_the_plan_says_so(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run(
        "on_failure: rollback\n\
         steps: { a: { run: ['true'], compensate: { run: ['true'] } }, b: { run: exit 1, needs: [a] } }",
    )?;
    ended.has("step.compensated", 1)
}

fn a_run_that_undoes_nothing_says_so(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run(
        "on_failure: rollback\n\
         steps: { a: { run: ['true'], compensate: { run: exit 1 } }, b: { run: exit 1, needs: [a] } }",
    )?;
    ended.has("step.compensated", 0)?;
    match &ended.summary.rollback {
        Some(rollback) if rollback.failed.is_some() => Ok(()),
        other => fault(format!("its rollback is told as {other:?}")),
    }
}
