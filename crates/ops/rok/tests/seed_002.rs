//! Service runs from end to end, sentence by sentence: tests/seed-002.md names
//! the test of each.

mod support;
#[path = "support/table.rs"]
mod table;
#[path = "support/workers.rs"]
mod workers;

#[path = "seed_002/calls.rs"]
mod calls;
#[path = "seed_002/console.rs"]
mod console;
#[path = "seed_002/diagnosis.rs"]
mod diagnosis;
#[path = "seed_002/traps.rs"]
mod traps;

use serde_json::Value;
use support::{Bench, Ran};
use workers::Workers;

#[test]
fn the_table_names_tests_that_exist() {
    table::names_tests_that_exist("seed-002.md", "Seed 002", 50);
}

/// Runs a plan for the site of the seed, as run `r1`.
pub(crate) fn run(bench: &Bench, workers: &Workers, plan: &str) -> Ran {
    bench.write("services.toml", &workers.map());
    let inputs = [
        "--input",
        "website_id=site_123",
        "--input",
        "domain=example.com",
    ];
    let mut command = bench.command(["run", plan, "--run-id", "r1"]);
    command.args(inputs).env("ROK_SERVICES", "services.toml");
    Ran::from(command.output().expect("rok starts"))
}

/// The last event of a type, of a step.
pub(crate) fn event<'e>(events: &'e [Value], kind: &str, step: &str) -> &'e Value {
    let fits = |event: &&Value| event["event_type"] == kind && event["step_id"] == step;
    let found = events.iter().rev().find(fits);
    found.unwrap_or_else(|| panic!("no {kind} of {step}"))
}

/// A plan of services: each with the one that it needs, or none.
pub(crate) fn plan(head: &str, services: &[(&str, &str)]) -> String {
    let steps = services.iter().map(|(service, needs)| {
        let needs = if needs.is_empty() {
            String::new()
        } else {
            format!(", needs: [{needs}]")
        };
        format!("  {service}: {{ service: {service}{needs} }}\n")
    });
    let inputs = "inputs: { website_id: { type: string }, domain: { type: string } }";
    let steps: String = steps.collect();
    format!("plan: p\nsuccess: any\n{head}\n{inputs}\nsteps:\n{steps}")
}
