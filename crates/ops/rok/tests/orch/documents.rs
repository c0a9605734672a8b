//! Execution plans: read and written.

use super::{bench, component};
use rstest::rstest;
use serde_json::{Value, json};

const STEP: &str = "type: tool\nentrypoint: { run: [\"true\"] }";

#[test]
fn an_execution_plan_becomes_a_plan_that_runs_and_comes_back() {
    let bench = bench(&[("fetch", STEP), ("check", STEP), ("publish", STEP)]);
    let document = json!({
        "plan_id": "nightly",
        "nodes": ["fetch", "check", {"id": "publish"}],
        "edges": [["fetch", "check"], {"from": "check", "to": "publish"}],
        "default_mode": "local",
        "description": "Every night.",
    });
    bench.write("nightly.json", &document.to_string());
    let words = [
        "plan",
        "import",
        "--from",
        "execution-plan",
        "nightly.json",
        "-o",
        "nightly.yaml",
    ];
    bench.rok(words).exits(0);
    bench.rok(["run", "nightly.yaml", "--run-id", "r"]).exits(0);
    let shown = bench
        .rok(["plan", "show", "nightly.yaml", "--as", "execution-plan"])
        .exits(0);
    let shown: Value = shown.json();
    assert_eq!(shown["nodes"], json!(["fetch", "check", "publish"]));
    assert_eq!(
        shown["edges"],
        json!([{"from": "fetch", "to": "check"}, {"from": "check", "to": "publish"}])
    );
    assert_eq!(
        (&shown["plan_id"], &shown["default_mode"]),
        (&"nightly".into(), &"local".into())
    );
    assert_eq!(shown["description"], "Every night.");
}

#[test]
fn what_a_node_requires_is_a_node_and_runs_before_it() {
    let needs = "type: tool\nrequires: { fetch: \"*\" }\nentrypoint: { run: [\"true\"] }";
    let bench = bench(&[("fetch", STEP), ("check", needs)]);
    let import = |nodes: Value| {
        let document = json!({ "plan_id": "nightly", "nodes": nodes });
        bench.write("nightly.json", &document.to_string());
        bench.rok(["plan", "import", "--from", "execution-plan", "nightly.json"])
    };
    let refused = import(json!(["check"])).exits(2);
    let why = "node `check` requires `fetch`, which is no node";
    assert!(refused.err.contains(why), "{}", refused.err);
    let plan = import(json!(["check", "fetch"])).exits(0).out;
    bench.write("nightly.yaml", &plan);
    let show = ["plan", "show", "nightly.yaml", "--as", "execution-plan"];
    let shown: Value = bench.rok(show).exits(0).json();
    assert_eq!(shown["edges"], json!([{ "from": "fetch", "to": "check" }]));
}

/// What decides how a run goes and has no place in a document is not dropped.
#[rstest]
#[case("on_failure: rollback\n", "", "on_failure")]
#[case("budget: { max_steps: 3 }\n", "", "budget")]
#[case("", ", compensate: { run: ['true'] }", "compensate of step `a`")]
#[case("", ", if: 'true'", "if of step `a`")]
#[case("secrets: [TOKEN]\n", "", "secrets")]
fn a_plan_that_says_more_than_a_document_is_none(
    #[case] of_plan: &str,
    #[case] of_step: &str,
    #[case] told: &str,
) {
    let bench = bench(&[("fetch", STEP)]);
    component(&bench, "a", STEP);
    let imported = bench.write("p.json", r#"{"plan_id":"p","nodes":["a"]}"#);
    let imported = imported.to_string_lossy();
    let import = ["plan", "import", "--from", "execution-plan", &imported];
    let plan = bench.rok(import).exits(0).out;
    let plan = plan.replacen('\n', &format!("\n{of_plan}"), 1);
    let more = of_step.trim_start_matches(", ");
    let plan = plan.replacen("  a:\n", &format!("  a:\n    {more}\n"), 1);
    bench.write("p.yaml", &plan);
    bench.rok(["plan", "validate", "p.yaml"]).exits(0);
    let show = ["plan", "show", "p.yaml", "--as", "execution-plan"];
    let refused = bench.rok(show).exits(2);
    let why = format!("has no place for {told}; ");
    assert!(refused.err.contains(&why), "{}", refused.err);
}

/// Nodes are components: what a step does otherwise is not dropped.
#[test]
fn what_is_no_component_has_no_place_in_a_document() {
    let bench = bench(&[("fetch", STEP)]);
    let show = ["plan", "show", "p.yaml", "--as", "execution-plan"];
    bench.write("p.yaml", "plan: p\nsteps: { inline: { run: ['true'] } }\n");
    let refused = bench.rok(show).exits(2);
    assert!(refused.err.contains("ROK0224"), "{}", refused.err);
    assert!(refused.err.contains("inline"), "{}", refused.err);
    assert_eq!(refused.out, "");
    bench.write("p.yaml", "plan: p\nsteps: { fetch: { run: ['false'] } }\n");
    let refused = bench.rok(show).exits(2);
    let why = "has no place for what step `fetch` does";
    assert!(refused.err.contains(why), "{}", refused.err);
    bench.write(
        "p.yaml",
        "plan: p\nsteps: { a: { run: ['true'] }, b: { run: ['true'], after: [a] } }\n",
    );
    let refused = bench.rok(show).exits(2);
    assert!(refused.err.contains("after of step `b`"), "{}", refused.err);
}

/// Where its nodes run is kept, of the whole and of a node.
#[rstest]
#[case("distributed")]
#[case("hybrid")]
fn a_document_says_where_its_nodes_run(#[case] mode: &str) {
    let bench = bench(&[("fetch", STEP), ("check", STEP)]);
    let document = json!({
        "plan_id": "nightly",
        "nodes": ["fetch", { "id": "check", "mode": "local" }],
        "edges": [["fetch", "check"]],
        "default_mode": mode,
    });
    bench.write("nightly.json", &document.to_string());
    let import = ["plan", "import", "--from", "execution-plan", "nightly.json"];
    let imported = bench.rok(import.into_iter().chain(["-o", "nightly.yaml"]));
    imported.exits(0);
    bench.rok(["plan", "validate", "nightly.yaml"]).exits(0);
    let show = ["plan", "show", "nightly.yaml", "--as", "execution-plan"];
    let shown: Value = bench.rok(show).exits(0).json();
    assert_eq!(shown["default_mode"], mode);
    assert_eq!(shown["nodes"], document["nodes"]);
    // No agent is there: hybrid is done here.
    let code = i32::from(mode == "distributed");
    bench
        .rok(["run", "nightly.yaml", "--run-id", "r"])
        .exits(code);
}

#[test]
fn a_document_may_be_yaml() {
    let bench = bench(&[("fetch", STEP)]);
    bench.write("p.yaml", "plan_id: p\nnodes: [fetch]\n");
    let ran = bench
        .rok(["plan", "import", "--from", "execution-plan", "p.yaml"])
        .exits(0);
    assert!(ran.out.starts_with("plan: p\n"), "{}", ran.out);
}

#[rstest]
#[case(json!({"plan_id": "p", "nodes": ["nope"]}), 3, "nope")]
#[case(json!({"plan_id": "p", "nodes": ["fetch", "fetch"]}), 2, "twice")]
#[case(json!({"plan_id": "p", "nodes": ["fetch"], "edges": [["fetch", "chekc"]]}), 2, "chekc")]
#[case(json!({"plan_id": "p", "nodes": ["fetch"], "edges": [["fetch", "fetch"]]}), 2, "fetch")]
#[case(json!({"plan_id": "p", "nodes": []}), 2, "")]
#[case(json!({"plan_id": "p", "nodes": ["fetch"], "edgs": []}), 2, "edgs")]
#[case(json!({"plan_id": "p", "nodes": [{"id": "fetch", "mod": "local"}]}), 2, "no execution plan")]
#[case(json!({"plan_id": "p", "nodes": ["fetch"], "default_mode": "remote"}), 2, "remote")]
#[case(json!({"plan_id": "p", "nodes": [["fetch", "local"]]}), 2, "`nodes[0]` must be a component's id")]
#[case(json!(["p", ["fetch"]]), 2, "must be an object, and is a list")]
#[case(json!({"plan_id": "Not An Id", "nodes": ["fetch"]}), 2, "")]
fn what_is_no_execution_plan_is_refused(
    #[case] document: Value,
    #[case] code: i32,
    #[case] told: &str,
) {
    let bench = bench(&[("fetch", STEP)]);
    bench.write("p.json", &document.to_string());
    let ran = bench
        .rok(["plan", "import", "--from", "execution-plan", "p.json"])
        .exits(code);
    assert!(ran.err.contains(told), "{}", ran.err);
    assert_eq!(ran.out, "");
}
