//! Stages of components from end to end, sentence by sentence: seed-003.md
//! names the test of each.

mod support;

#[expect(dead_code, reason = "scenes and pipes are for other files")]
#[path = "support/running.rs"]
mod running;
#[path = "support/table.rs"]
mod table;

#[path = "orch/capabilities.rs"]
mod capabilities;
#[path = "orch/commit.rs"]
mod commit;
#[path = "orch/documents.rs"]
mod documents;
#[path = "orch/hook.rs"]
mod hook;
#[path = "orch/judged.rs"]
mod judged;
#[path = "orch/modes.rs"]
mod modes;
#[path = "orch/own.rs"]
mod own;
#[path = "orch/record.rs"]
mod record;
#[path = "orch/recorded.rs"]
mod recorded;
#[path = "orch/registry.rs"]
mod registry;
#[path = "orch/reports.rs"]
mod reports;
#[path = "orch/resilience.rs"]
mod resilience;
#[path = "orch/staged.rs"]
mod staged;
#[path = "orch/stages.rs"]
mod stages;

use serde_json::Value;
use support::{Bench, Ran};

#[test]
fn the_table_names_tests_that_exist() {
    table::names_tests_that_exist("seed-003.md", "Seed 003", 55);
}

/// A folder with components, each a name and what its manifest says besides
/// name, version and status.
pub(crate) fn bench(components: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path().join(".rok/components")).expect("a folder");
    for (name, rest) in components {
        component(&bench, name, rest);
    }
    bench
}

/// Adds a component, or puts it in the place of the one of that name.
pub(crate) fn component(bench: &Bench, name: &str, rest: &str) {
    let status = if rest.contains("status:") {
        ""
    } else {
        "status: active\n"
    };
    let text = format!("name: {name}\nversion: 1.0.0\n{status}{rest}\n");
    bench.write(&format!(".rok/components/{name}.component.yaml"), &text);
}

/// Runs `rok orch`, its words apart by spaces.
pub(crate) fn orch(bench: &Bench, words: &str) -> Ran {
    bench.rok(std::iter::once("orch").chain(words.split_whitespace()))
}

/// The result of a component.
#[track_caller]
pub(crate) fn result<'r>(report: &'r Value, component: &str) -> &'r Value {
    let results = report["results"].as_array().expect("results");
    let found = results.iter().find(|one| one["component"] == component);
    found.unwrap_or_else(|| panic!("no {component} in {report:#}"))
}

/// The components of a report and how they ended, in its order.
pub(crate) fn ends(report: &Value) -> Vec<(&str, &str)> {
    let results = report["results"].as_array().expect("results").iter();
    let ends = results.map(|one| {
        let word = |key: &str| one[key].as_str().unwrap_or_default();
        (word("component"), word("status"))
    });
    ends.collect()
}
