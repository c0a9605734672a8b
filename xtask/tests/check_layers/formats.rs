//! Annotations, SARIF and pictures.

use serde_json::Value;
use xtask::check_layers::{EdgeKind, Graph, Policy, check, dot, github, mermaid, sarif, svg};

use crate::house::{SMALL, edge, small};

fn broken() -> Graph {
    let mut graph = small();
    graph
        .edges
        .push(edge("rok-plan", "rok-runner", EdgeKind::Normal));
    graph
        .edges
        .push(edge("rok-runner", "rok-plan", EdgeKind::Dev));
    graph
}

fn policy() -> Policy {
    Policy::parse(SMALL).unwrap()
}

#[test]
fn github_gets_a_line_for_each_place() {
    let text = github(&check(&broken(), &policy(), None));
    assert_eq!(
        text,
        "::error file=rok-plan/Cargo.toml,line=9,title=LYR001::rok-plan (L6 library) imports \
         rok-runner (L5 driver) (normal). Instead: turn it round\n"
    );
    assert_eq!(github(&check(&small(), &policy(), None)), "");
}

#[test]
fn a_fault_of_the_policy_is_shown_at_the_policy() {
    let mut graph = small();
    graph.crates.remove("rok-plan");
    let text = github(&check(&graph, &policy(), None));
    assert!(
        text.starts_with("::error file=layers.toml,line=1,title=LYR000::LYR001 can match"),
        "{text}"
    );
}

#[test]
fn sarif_has_rules_and_results() {
    let log: Value = serde_json::from_str(&sarif(&check(&broken(), &policy(), None))).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "LYR001");
    assert_eq!(run["results"][0]["ruleId"], "LYR001");
    let place = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "rok-plan/Cargo.toml");
    assert_eq!(place["region"]["startLine"], 9);
}

#[test]
fn the_picture_shows_floors_edges_and_what_is_forbidden() {
    assert_eq!(
        mermaid(&broken(), &policy()),
        "flowchart TB\n\
         \x20 subgraph L5[\"L5 execution\"]\n\
         \x20   rok_runner[\"rok-runner<br/>driver\"]\n\
         \x20 end\n\
         \x20 subgraph L6[\"L6 platform\"]\n\
         \x20   rok_plan[\"rok-plan<br/>library\"]\n\
         \x20 end\n\
         \x20 rok_plan --> rok_runner\n\
         \x20 rok_runner -.-> rok_plan\n\
         \x20 linkStyle 0 stroke:red\n"
    );
    let svg = svg(&broken(), &policy());
    assert!(
        svg.contains("<title>rok-runner: L5 execution, driver</title>"),
        "{svg}"
    );
    let dot = dot(&broken(), &policy());
    assert!(
        dot.contains("\"rok-plan\" -> \"rok-runner\" [style=solid, color=red];"),
        "{dot}"
    );
    assert!(
        dot.contains("\"rok-runner\" -> \"rok-plan\" [style=dotted, color=black];"),
        "{dot}"
    );
}
