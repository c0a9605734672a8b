//! Policies that are injected into runs: strict ones block, soft ones are told.

use crate::engine::{Ended, Engine, Fault, fault, is, unshown};
use rok_orchestration::{OperatorEvent, OperatorEventKind};
use rok_vocabulary::Outcome;
use serde_json::Value;

super::cases_of! { "policy":
    a_strict_policy_blocks_before_anything_runs,
    a_soft_policy_is_told_and_lets_pass,
    what_no_policy_covers_is_left_alone,
}

/// Runs one step, by that name, and looks whether the policies are in force.
fn run(engine: &Engine, step: &str) -> Result<Ended, Fault> {
    let ended = engine.run(&format!("steps: {{ {step}: {{ run: ['true'] }} }}"))?;
    let created: Value = line(&ended, "run.created")?;
    let all = created["data"]["execution_policies"].as_array();
    let named = |id: &str| {
        let mut ids = all.into_iter().flatten();
        ids.any(|policy| policy["payload"]["id"] == id)
    };
    if named("conformance-strict") && named("conformance-soft") {
        return Ok(ended);
    }
    unshown(
        "its runs are not under the suite's policies: `rok conformance --show-policies` prints them, \
         `rok serve --policy FILE` puts runs under them",
    )
}

fn line(ended: &Ended, event_type: &str) -> Result<Value, Fault> {
    let found = ended.events.iter().find(|one| one.event_type == event_type);
    let Some(found) = found else {
        return fault(format!("there is no {event_type}"));
    };
    serde_json::from_str(&found.line).map_err(|error| Fault::Broken(error.to_string()))
}

/// How often operators are told of a violation.
fn violations(ended: &Ended) -> usize {
    let lines = ended.events.iter();
    let lines = lines.filter_map(|event| serde_json::from_str::<Value>(&event.line).ok());
    let told = lines.flat_map(|line| OperatorEvent::of_line(&line));
    told.filter(|event| event.event == OperatorEventKind::PolicyViolation)
        .count()
}

fn told(ended: &Ended, policy: &str) -> Result<(), Fault> {
    if violations(ended) == 0 {
        return fault("operators hear nothing of the violation");
    }
    let named = |event: &&rok_facades::runs::EventLine| {
        event.event_type.starts_with("policy.") && event.line.contains(policy)
    };
    match ended.events.iter().find(named) {
        Some(_) => Ok(()),
        None => fault(format!("no event of the policies names `{policy}`")),
    }
}

fn a_strict_policy_blocks_before_anything_runs(engine: &Engine) -> Result<(), Fault> {
    let ended = run(engine, "forbidden")?;
    ended.has_outcome(Outcome::Denied)?;
    ended.has("step.started", 0)?;
    told(&ended, "conformance-strict")
}

fn a_soft_policy_is_told_and_lets_pass(engine: &Engine) -> Result<(), Fault> {
    let ended = run(engine, "frowned_upon")?;
    ended.has_status("succeeded")?;
    ended.has("step.started", 1)?;
    told(&ended, "conformance-soft")
}

fn what_no_policy_covers_is_left_alone(engine: &Engine) -> Result<(), Fault> {
    let ended = run(engine, "plain")?;
    ended.has_status("succeeded")?;
    is("violations", &violations(&ended), &0)
}
