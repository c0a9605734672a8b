//! What is tried again, what never is, and who stands in.

use crate::engine::{Engine, Fault};

super::cases_of! { "retry":
    what_is_transient_is_tried_again_until_it_succeeds,
    tries_end,
    what_is_final_is_not_tried_again,
    what_may_not_be_repeated_is_not_tried_again,
    a_fallback_stands_in_and_the_run_is_partial,
    a_fallback_rests_while_nothing_fails,
}

fn what_is_transient_is_tried_again_until_it_succeeds(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run(
        "steps: { a: { run: '[ \"$ROK_ATTEMPT\" = 2 ] || exit 75', retry: { max: 3, base: 1ms } } }",
    )?;
    ended.has_status("succeeded")?;
    ended.has("step.started", 3)?;
    ended.has("step.retried", 2)
}

fn tries_end(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run("steps: { a: { run: exit 75, retry: { max: 2, base: 1ms } } }")?;
    ended.has_status("failed")?;
    ended.failed_as("a", "transient_io")?;
    ended.has("step.started", 3)
}

fn what_is_final_is_not_tried_again(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run("steps: { a: { run: exit 65, retry: { max: 2, base: 1ms } } }")?;
    ended.failed_as("a", "validation_failed")?;
    ended.has("step.started", 1)?;
    ended.has("step.retried", 0)
}

fn what_may_not_be_repeated_is_not_tried_again(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run(
        "defaults: { retry: { max: 3, base: 1ms } }\nsteps: { a: { run: exit 75, idempotent: false } }",
    )?;
    ended.has_status("failed")?;
    ended.has("step.started", 1)
}

fn a_fallback_stands_in_and_the_run_is_partial(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run(
        "steps: { a: { run: exit 65, fallback: b }, b: { run: ['true'] }, c: { run: ['true'], needs: [a] } }",
    )?;
    ended.has_status("partial")?;
    ended.has("step.fell_back", 1)?;
    ended.has("step.succeeded", 2)
}

fn a_fallback_rests_while_nothing_fails(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run("steps: { a: { run: ['true'], fallback: b }, b: { run: ['true'] } }")?;
    ended.has_status("succeeded")?;
    ended.has("step.started", 1)
}
