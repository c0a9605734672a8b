//! Imported workflows, run: the page's commands, and a graph of tasks each of
//! which says when it begins and ends.

mod support;

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/page.rs"]
mod page;

use page::{commands, shell};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use support::Bench;

const PAGE: &str = include_str!("../../../../docs/howto/import-a-workflow.md");

/// The page's block that begins so, without its fence.
fn block(begin: &str) -> &'static str {
    let mut blocks = PAGE.split("\n```").filter_map(|part| part.split_once('\n'));
    let found = blocks.find(|(_, text)| text.starts_with(begin));
    found.expect("the page shows it").1
}

/// A folder with the page's files.
fn bench() -> Bench {
    let bench = Bench::new();
    fs::create_dir_all(bench.path().join(".github/workflows")).expect("a folder");
    bench.write(".github/workflows/ci.yaml", block("name: CI"));
    bench.write(".github/workflows/release.yaml", block("on: push"));
    bench.write("small.json", block("{\n  \"name\": \"Small\""));
    bench
}

#[test]
fn the_pages_commands_do_what_it_says() {
    let bench = bench();
    for command in commands("howto/import-a-workflow.md") {
        let refused = command.contains("release.yaml");
        let ran = shell(&bench, &command).exits(if refused { 2 } else { 0 });
        if refused {
            assert_eq!(ran.err.trim_end(), block("error[ROK0014]").trim_end());
        }
    }
    let plan = fs::read_to_string(bench.path().join("ci.plan.yaml")).expect("it was written");
    assert_eq!(
        plan.trim_end(),
        block("# Imported from a GitHub").trim_end()
    );
    let log = bench.rok(["logs", "ci-1", "check"]).exits(0);
    assert_eq!(log.out, "compiled\n");
    for run in ["ci-1", "rehearsal-1"] {
        let summary = bench.rok(["summary", run, "--json"]).exits(0).json();
        assert_eq!(summary["outcome"], "succeeded");
    }
    // A plan that is there stays as it is.
    let again = bench
        .rok(["plan", "import", "small.json", "-o", "commands.yaml"])
        .exits(1);
    assert!(
        again.err.contains("commands.yaml is there already"),
        "{}",
        again.err
    );
}

/// Layers of tasks, each with some parents in the layers before: the shape of
/// scientific workflows, in a small way.
fn layered() -> Vec<(String, Vec<usize>)> {
    let mut tasks: Vec<(String, Vec<usize>)> = Vec::new();
    let mut chance = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |bound: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        usize::try_from(chance % bound as u64).expect("less than the bound")
    };
    for (layer, width) in [1, 12, 16, 1, 14, 10, 5, 1].into_iter().enumerate() {
        let before = tasks.len();
        for n in 0..width {
            let mut parents: Vec<usize> = match (before, width) {
                (0, _) => Vec::new(),
                // All meet in one.
                (_, 1) => (before.saturating_sub(16)..before).collect(),
                _ => (0..=next(3))
                    .map(|_| before - 1 - next(before.min(20)))
                    .collect(),
            };
            parents.sort_unstable();
            parents.dedup();
            tasks.push((format!("layer{layer}.task {n}"), parents));
        }
    }
    tasks
}

fn wfformat(tasks: &[(String, Vec<usize>)]) -> Value {
    let script = "echo \"+$ROK_STEP_ID\" >>journal; sleep 0.01; echo \"-$ROK_STEP_ID\" >>journal";
    let command = json!({ "program": "sh", "arguments": ["-c", script] });
    let specified: Vec<Value> = tasks
        .iter()
        .enumerate()
        .map(|(at, (name, parents))| {
            let parents: Vec<&String> = parents.iter().map(|parent| &tasks[*parent].0).collect();
            let children = tasks.iter().filter(|(_, parents)| parents.contains(&at));
            let children: Vec<&String> = children.map(|(name, _)| name).collect();
            json!({ "id": name, "name": name, "parents": parents, "children": children })
        })
        .collect();
    let executed = tasks
        .iter()
        .map(|(name, _)| json!({ "id": name, "runtimeInSeconds": 1.5, "command": command }));
    let executed: Vec<Value> = executed.collect();
    json!({ "name": "Layers", "schemaVersion": "1.5", "workflow": {
        "specification": { "tasks": specified },
        "execution": { "makespanInSeconds": 1, "executedAt": "2026-02-16T23:00:00Z", "tasks": executed } } })
}

/// Where each step begins and ends in a list of such moments.
fn moments(list: impl Iterator<Item = (bool, String)>) -> BTreeMap<String, (usize, usize)> {
    let mut moments = BTreeMap::new();
    for (at, (begins, step)) in list.enumerate() {
        let moment = moments.entry(step).or_insert((usize::MAX, usize::MAX));
        *(if begins { &mut moment.0 } else { &mut moment.1 }) = at;
    }
    moments
}

#[test]
fn every_edge_of_an_imported_graph_is_kept_by_the_log_and_by_the_tasks_themselves() {
    let bench = Bench::new();
    let tasks = layered();
    assert_eq!(tasks.len(), 60);
    bench.write("layers.json", &wfformat(&tasks).to_string());
    bench
        .rok([
            "plan",
            "import",
            "layers.json",
            "--max-parallel",
            "8",
            "-o",
            "plan.yaml",
        ])
        .exits(0);
    bench
        .rok(["run", "plan.yaml", "--run-id", "r", "-q"])
        .exits(0);
    let events = bench.events("r");
    let of_log = moments(events.iter().filter_map(|event| {
        let begins = match event["event_type"].as_str()? {
            "step.started" => true,
            "step.succeeded" => false,
            _ => return None,
        };
        Some((begins, event["step_id"].as_str()?.to_owned()))
    }));
    let journal = fs::read_to_string(bench.path().join("journal")).expect("the tasks wrote it");
    let of_tasks = moments(journal.lines().map(|line| {
        let (sign, step) = line.split_at(1);
        (sign == "+", step.to_owned())
    }));
    let id = |at: usize| tasks[at].0.replace(['.', ' '], "_");
    let mut edges = 0;
    for moments in [&of_log, &of_tasks] {
        assert_eq!(moments.len(), tasks.len());
        for (at, (_, parents)) in tasks.iter().enumerate() {
            let (began, ended) = moments[&id(at)];
            assert!(began < ended && ended < usize::MAX);
            for parent in parents {
                edges += 1;
                assert!(
                    moments[&id(*parent)].1 < began,
                    "{} before {}",
                    id(at),
                    id(*parent)
                );
            }
        }
    }
    assert!(edges > 200, "{edges}");
}
