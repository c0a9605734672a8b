//! Steps at agents that fail in the middle: the suite's own, on loopback, so
//! that the engine really loses them.

use crate::engine::{Ended, Engine, Fault, fault, is, unshown};
use rok_facades::runs::{DriveEnd, Verb};
use rok_vocabulary::Outcome;
use serde_json::Value;

super::cases_of! { "federation":
    a_step_is_done_by_the_agent_that_stands_in_for_a_dead_one,
    a_step_is_done_here_where_an_agent_is_late,
    a_step_is_done_here_where_an_agent_forges,
    under_quarantine_a_forged_result_ends_the_step,
    what_may_not_be_repeated_waits_for_a_person,
}

/// The lines of a plan with one step at the agent of that name.
fn step(engine: &Engine, agent: &str, keys: &str) -> Result<String, Fault> {
    if !engine.has_agents() {
        return unshown(
            "it is not known to have the suite's agents: only an engine of this process is given them",
        );
    }
    Ok(format!(
        "steps: {{ a: {{ agent: conformance-{agent}, timeout: 30s, {keys} }} }}"
    ))
}

/// Runs it to its end.
fn run(engine: &Engine, agent: &str, keys: &str) -> Result<Ended, Fault> {
    engine.run(&step(engine, agent, keys)?)
}

/// The data of the only event of that type.
fn data(ended: &Ended, event_type: &str) -> Result<Value, Fault> {
    ended.has(event_type, 1)?;
    let found = ended.events.iter().find(|one| one.event_type == event_type);
    let line = found.map_or("", |event| &*event.line);
    let line: Value =
        serde_json::from_str(line).map_err(|error| Fault::Broken(error.to_string()))?;
    Ok(line["data"].clone())
}

/// It began once, was taken away for that reason, and ended by the one that works.
fn stood_in_for(ended: &Ended, trigger: &str) -> Result<(), Fault> {
    ended.has_status("succeeded")?;
    ended.has("step.started", 1)?;
    let fell = data(ended, "step.fell_back")?;
    is("the trigger", &fell["trigger"], &trigger.into())?;
    let done = data(ended, "step.succeeded")?;
    is(
        "who did it",
        &done["agent"]["id"],
        &"conformance-works".into(),
    )?;
    is("its outputs", &done["outputs"]["by"], &"works".into())
}

/// It began once, and nobody stood in.
fn nobody_stood_in(ended: &Ended, trigger: &str) -> Result<(), Fault> {
    ended.has("step.started", 1)?;
    let fell = data(ended, "step.fell_back")?;
    is("the trigger", &fell["trigger"], &trigger.into())?;
    match fell.get("to_agent") {
        None => Ok(()),
        Some(to) => fault(format!("{to} took it over")),
    }
}

fn a_step_is_done_by_the_agent_that_stands_in_for_a_dead_one(engine: &Engine) -> Result<(), Fault> {
    let ended = run(engine, "dies", "federation: remote_prefer")?;
    stood_in_for(&ended, "agent_lost")
}

fn a_step_is_done_here_where_an_agent_is_late(engine: &Engine) -> Result<(), Fault> {
    let ended = run(
        engine,
        "stays",
        "federation: remote_prefer, max_latency: 300ms",
    )?;
    stood_in_for(&ended, "latency")
}

fn a_step_is_done_here_where_an_agent_forges(engine: &Engine) -> Result<(), Fault> {
    let ended = run(engine, "forges", "federation: remote_prefer")?;
    stood_in_for(&ended, "signature_mismatch")
}

fn under_quarantine_a_forged_result_ends_the_step(engine: &Engine) -> Result<(), Fault> {
    let ended = run(engine, "forges-too", "federation: quarantine")?;
    ended.has_status("failed")?;
    ended.failed_as("a", "policy_violation")?;
    nobody_stood_in(&ended, "signature_mismatch")
}

/// Whether it is done, nobody knows: a person decides.
fn what_may_not_be_repeated_waits_for_a_person(engine: &Engine) -> Result<(), Fault> {
    let keys = "federation: remote_prefer, idempotent: false";
    let run = engine.submit(&step(engine, "dies-too", keys)?)?;
    match engine.drive(&run)? {
        DriveEnd::Held(_) => {}
        other => return fault(format!("it is not held: {other:?}")),
    }
    engine.command(&run, Verb::Cancel)?;
    let ended = engine.ended(run)?;
    ended.has_outcome(Outcome::Cancelled)?;
    nobody_stood_in(&ended, "agent_lost")
}
