//! Budgets that are used up: traced, and final.

use crate::engine::{Engine, Fault, fault};
use rok_facades::runs::DriveEnd;
use rok_facades::runs::Verb;

super::cases_of! { "budget":
    steps_that_are_used_up_stop_the_run,
    time_that_is_used_up_stops_the_run,
    cost_that_is_used_up_stops_the_run,
    energy_that_is_used_up_stops_the_run,
    tokens_that_are_used_up_stop_the_run,
    a_budget_that_suffices_stops_nothing,
    a_budget_can_hold_the_run_until_somebody_goes_on,
}

/// Two steps, the first of which uses so much; the second must not begin.
fn stops(engine: &Engine, budget: &str, first: &str) -> Result<(), Fault> {
    let ended = engine.run(&format!(
        "budget: {{ {budget} }}\nsteps: {{ a: {{ run: {first} }}, b: {{ run: ['true'], needs: [a] }} }}",
    ))?;
    ended.has_status("failed")?;
    ended.has("budget.exceeded", 1)?;
    ended.has("step.started", 1)
}

fn steps_that_are_used_up_stop_the_run(engine: &Engine) -> Result<(), Fault> {
    stops(engine, "max_steps: 1", "['true']")
}

fn time_that_is_used_up_stops_the_run(engine: &Engine) -> Result<(), Fault> {
    stops(engine, "max_time: 1ms", "sleep 0.05")
}

fn used(what: &str) -> String {
    format!("'printf ''{{\"{what}\": 2}}'' > \"$ROK_USAGE\"'")
}

fn cost_that_is_used_up_stops_the_run(engine: &Engine) -> Result<(), Fault> {
    stops(engine, "max_cost_usd: 1", &used("cost_usd"))
}

fn energy_that_is_used_up_stops_the_run(engine: &Engine) -> Result<(), Fault> {
    stops(engine, "max_energy_kwh: 1", &used("energy_kwh"))
}

fn tokens_that_are_used_up_stop_the_run(engine: &Engine) -> Result<(), Fault> {
    stops(engine, "max_tokens: 1", &used("tokens"))
}

fn a_budget_that_suffices_stops_nothing(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run(
        "budget: { max_steps: 2, max_time: 1h, max_cost_usd: 1, max_energy_kwh: 1, max_tokens: 1 }\n\
         steps: { a: { run: ['true'] }, b: { run: ['true'], needs: [a] } }",
    )?;
    ended.has_status("succeeded")?;
    ended.has("budget.exceeded", 0)
}

fn a_budget_can_hold_the_run_until_somebody_goes_on(engine: &Engine) -> Result<(), Fault> {
    let run = engine.submit(
        "budget: { max_steps: 1, on_exceeded: hold }\n\
         steps: { a: { run: ['true'] }, b: { run: ['true'], needs: [a] } }",
    )?;
    match engine.drive(&run)? {
        DriveEnd::Held(_) => {}
        other => return fault(format!("it is not held: {other:?}")),
    }
    engine.command(&run, Verb::Cancel)?;
    let ended = engine.ended(run)?;
    ended.has("budget.exceeded", 1)?;
    ended.has("step.started", 1)
}
