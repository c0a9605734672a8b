//! What a plan may be, and what the record of its run looks like.

use crate::engine::{Engine, Fault, fault, is};
use rok_facades::runs::ErrorKind;
use serde_json::Value;

super::cases_of! { "schema":
    plans_that_are_wrong_are_refused_and_leave_nothing,
    a_plan_comes_back_as_it_was_taken,
    every_event_says_what_when_and_of_which_run,
}

/// Each is wrong in one way.
const WRONG: [(&str, &str); 8] = [
    (
        "an unknown key",
        "steps: { a: { run: ['true'], retries: 3 } }",
    ),
    ("a step without work", "steps: { a: { timeout: 1s } }"),
    ("no steps", "max_duration: 1m"),
    (
        "an edge to nowhere",
        "steps: { a: { run: ['true'], needs: [b] } }",
    ),
    (
        "a cycle",
        "steps: { a: { run: ['true'], needs: [b] }, b: { run: ['true'], needs: [a] } }",
    ),
    (
        "a key twice",
        "steps: { a: { run: ['true'], run: ['false'] } }",
    ),
    (
        "a duration without a unit",
        "steps: { a: { run: ['true'], timeout: 5 } }",
    ),
    ("no YAML", "steps: { a: ["),
];

fn plans_that_are_wrong_are_refused_and_leave_nothing(engine: &Engine) -> Result<(), Fault> {
    let before = engine.count()?;
    for (what, lines) in WRONG {
        match engine.submit(lines) {
            Ok(run) => return fault(format!("a plan with {what} became run {run}")),
            Err(error) if error.kind == ErrorKind::Usage => {}
            Err(error) => return fault(format!("{what} is refused as {:?}", error.kind)),
        }
    }
    is("runs of what was refused", &(engine.count()? - before), &0)
}

fn a_plan_comes_back_as_it_was_taken(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run("version: 7\nsteps: { a: { run: ['true'] } }")?;
    ended.has_status("succeeded")?;
    let bytes = engine.runs().plan(&ended.run)?;
    match rok_plan::parse(&bytes, "the plan of the run") {
        Ok(plan) => is("its canonical bytes", &plan.to_canonical_json(), &bytes),
        Err(error) => fault(format!("the run's plan cannot be read: {error}")),
    }
}

fn every_event_says_what_when_and_of_which_run(engine: &Engine) -> Result<(), Fault> {
    let ended = engine.run("steps: { a: { run: ['true'] }, b: { run: ['false'], needs: [a] } }")?;
    for event in &ended.events {
        let line: Value = serde_json::from_str(&event.line)
            .map_err(|error| Fault::Broken(format!("event {}: {error}", event.seq)))?;
        for key in ["event_id", "event_type", "run_id", "timestamp_utc"] {
            if line[key].as_str().is_none_or(str::is_empty) {
                return fault(format!(
                    "event {} ({}) has no `{key}`",
                    event.seq, event.event_type
                ));
            }
        }
        is(
            "the run of an event",
            &line["run_id"],
            &Value::from(ended.run.as_str()),
        )?;
    }
    Ok(())
}
