//! WfFormat files: what comes of them, and what is refused, with its place.

use proptest::prelude::*;
use rok_plan::{Action, Plan, parse};
use rok_plan_import::{ImportError, Imported, Options, Tasks, wfformat};
use rstest::rstest;
use serde_json::{Value, json};

const SLEEP: Tasks = Tasks::Sleep { scale: 1.0 };

fn import(file: &Value, tasks: Tasks) -> Result<Imported, ImportError> {
    wfformat(
        file.to_string().as_bytes(),
        "w.json",
        tasks,
        &Options::default(),
    )
}

fn plan(imported: &Imported) -> Plan {
    parse(imported.text.as_bytes(), "p.yaml").unwrap_or_else(|e| panic!("{}", e.render()))
}

fn edges(plan: &Plan) -> Vec<(String, Vec<String>)> {
    let id = |at: usize| plan.steps[at].id.to_string();
    let steps = plan.steps.iter().enumerate();
    steps
        .map(|(at, step)| (id(at), step.needs.iter().map(|other| id(*other)).collect()))
        .collect()
}

fn argv(plan: &Plan, at: usize) -> Vec<String> {
    let Action::Argv(items) = &plan.steps[at].action else {
        panic!("argv")
    };
    items
        .iter()
        .map(|item| item.as_literal().expect("no expression").to_owned())
        .collect()
}

/// A file of version 1.5 with these tasks and how they went.
fn split(tasks: impl Into<Value>, executed: impl Into<Value>) -> Value {
    let (tasks, executed): (Value, Value) = (tasks.into(), executed.into());
    json!({ "name": "My Flow", "schemaVersion": "1.5", "author": { "name": "ada" }, "workflow": {
        "specification": { "tasks": tasks, "files": [{ "id": "f", "sizeInBytes": 1 }] },
        "execution": { "makespanInSeconds": 1, "executedAt": "2026", "tasks": executed, "machines": [{ "nodeName": "m" }] } } })
}

fn task(id: &str, parents: &[&str], children: &[&str]) -> Value {
    json!({ "id": id, "name": id, "parents": parents, "children": children, "inputFiles": ["f"] })
}

fn diamond() -> Value {
    split(
        json!([
            task("a", &[], &["b", "c"]),
            task("b", &["a"], &["d"]),
            task("c", &["a"], &["d"]),
            task("d", &["b", "c"], &[])
        ]),
        json!([
            { "id": "d", "runtimeInSeconds": 4e-7, "coreCount": 2 },
            { "id": "c", "runtimeInSeconds": 1e3, "machines": ["m"] },
            { "id": "b", "runtimeInSeconds": 2 },
            { "id": "a", "runtimeInSeconds": 0.123_456_7, "command": { "program": "fetch", "arguments": ["--all", "${{ x }}", "it's"] } },
        ]),
    )
}

#[test]
fn tasks_become_steps_that_sleep() {
    let imported = import(&diamond(), Tasks::Sleep { scale: 0.5 }).unwrap();
    insta::assert_snapshot!(imported.text);
    let plan = plan(&imported);
    assert_eq!(
        (imported.steps, imported.id.as_str(), plan.name.as_deref()),
        (4, "my-flow", Some("My Flow"))
    );
    let seconds: Vec<_> = (0..4).map(|at| argv(&plan, at)[1].clone()).collect();
    assert_eq!(seconds, ["0.061728", "1", "500", "0"]);
    assert_eq!(imported.notes.len(), 1);
}

#[test]
fn tasks_become_their_commands() {
    let mut file = diamond();
    for at in 0..3 {
        file["workflow"]["execution"]["tasks"][at]["command"] = json!({ "program": "true" });
    }
    let imported = import(&file, Tasks::Command).unwrap();
    let plan = plan(&imported);
    assert_eq!(argv(&plan, 0), ["fetch", "--all", "${{ x }}", "it's"]);
    assert_eq!(argv(&plan, 3), ["true"]);
    assert_eq!(imported.notes.len(), 2);
}

#[test]
fn version_1_4_has_one_list_and_edges_by_name() {
    let file = json!({ "name": "Old", "schemaVersion": "1.4", "wms": { "name": "x" }, "workflow": {
        "executedAt": "20201120T093416-0800", "makespan": 3, "machines": [],
        "tasks": [
            { "name": "fetch 1/2", "id": "ID01", "type": "compute", "runtime": 13, "parents": [], "files": [{ "link": "input", "name": "x", "size": 1 }] },
            { "name": "load", "id": "2nd", "runtimeInSeconds": 0.25, "parents": ["fetch 1/2"], "cores": 1 },
            { "name": "end", "runtime": 1, "parents": ["ID01", "2nd"], "children": [] },
        ] } });
    let imported = import(&file, SLEEP).unwrap();
    let plan = plan(&imported);
    let needs = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        edges(&plan),
        [
            ("ID01".into(), vec![]),
            ("_2nd".into(), needs(&["ID01"])),
            ("end".into(), needs(&["ID01", "_2nd"]))
        ]
    );
    assert_eq!(plan.steps[0].name.as_deref(), Some("fetch 1/2"));
    assert_eq!(plan.steps[2].name, None);
}

#[rstest]
#[case::no_version(json!({ "name": "x", "workflow": {} }), SLEEP, &["/schemaVersion: the file does not say which WfFormat it is (versions 1.4 to 1.6 can be imported)"])]
#[case::other_version(json!({ "schemaVersion": "2.0" }), SLEEP, &["/schemaVersion: WfFormat `2.0` is not known (versions 1.4 to 1.6 can be imported)"])]
#[case::no_workflow(json!({ "schemaVersion": "1.5" }), SLEEP, &["/workflow: the file has no workflow"])]
#[case::no_tasks(split(json!([]), json!([])), SLEEP, &["/workflow: the workflow has no tasks"])]
#[case::circle(
    split(json!([task("a", &["c"], &["b"]), task("b", &["a"], &["c"]), task("c", &["b"], &["a"])]), json!([{ "id": "a", "runtimeInSeconds": 1 }, { "id": "b", "runtimeInSeconds": 1 }, { "id": "c", "runtimeInSeconds": 1 }])),
    SLEEP,
    &["/workflow/specification/tasks/0/parents: tasks wait for each other: `a` → `c` → `b` → `a`"]
)]
#[case::itself(
    split(json!([task("a", &["a"], &["a"])]), json!([{ "id": "a", "runtimeInSeconds": 1 }])),
    SLEEP,
    &["/workflow/specification/tasks/0/parents: tasks wait for each other: `a` → `a`"]
)]
#[case::all_of_it(
    split(
        json!([task("a", &["x", "a2"], &["y"]), task("a", &[], &[]), { "id": 5 }, { "parents": [] }]),
        json!([{ "id": "a", "runtimeInSeconds": -1 }, { "id": "z", "runtimeInSeconds": 1 }, { "id": "a", "runtimeInSeconds": 1 }]),
    ),
    SLEEP,
    &[
        "/workflow/specification/tasks/2: invalid type: integer `5`, expected a string",
        "/workflow/specification/tasks/3: the task has no id",
        "/workflow/execution/tasks/1: `z` was executed and is not specified",
        "/workflow/execution/tasks/2: `a` was executed twice",
        "/workflow/specification/tasks/1/id: `a` is the id of another task too",
        "/workflow/specification/tasks/0/parents/0: `x` is not the id of a task",
        "/workflow/specification/tasks/0/parents/1: `a2` is not the id of a task",
        "/workflow/specification/tasks/0/children/0: `y` is not the id of a task",
        "/workflow/specification/tasks/0: no runtime of `a` is on record",
        "/workflow/specification/tasks/1: `a` cannot sleep for -1 seconds",
    ]
)]
#[case::one_sided(
    split(
        json!([task("a", &[], &["b"]), task("b", &[], &[]), task("c", &["b"], &[]), task("d", &["c", "c"], &[])]),
        json!([{ "id": "a", "runtimeInSeconds": 1 }, { "id": "b", "runtimeInSeconds": 1 }, { "id": "c", "runtimeInSeconds": 1 }, { "id": "d", "runtimeInSeconds": 1 }]),
    ),
    SLEEP,
    &["/workflow/specification/tasks/3/parents: `c` is a parent twice"]
)]
#[case::one_end_alone(
    split(
        json!([task("a", &[], &["b"]), task("b", &[], &[]), task("c", &["b"], &[])]),
        json!([{ "id": "a", "runtimeInSeconds": 1 }, { "id": "b", "runtimeInSeconds": 1 }, { "id": "c", "runtimeInSeconds": 1 }]),
    ),
    SLEEP,
    &[
        "/workflow/specification/tasks/0/children: `b` is a child of `a`, and does not name it as its parent (an edge stands at both its ends: which of the two is right?)",
        "/workflow/specification/tasks/2/parents: `b` is a parent of `c`, and does not name it as its child (an edge stands at both its ends: which of the two is right?)",
    ]
)]
#[case::commands(
    split(
        json!([task("a", &[], &[]), task("b", &[], &[])]),
        json!([{ "id": "a", "runtimeInSeconds": 1, "command": { "program": "x", "arguments": ["-i", "f", "2>", "err", "|", "wc"] } }, { "id": "b", "runtimeInSeconds": 1, "command": { "arguments": ["x"] } }]),
    ),
    Tasks::Command,
    &[
        "/workflow/execution/tasks/0/command/arguments/2: `2>` means something to a shell, and a command on record has none (`--as sleep` stands in for the tasks)",
        "/workflow/execution/tasks/0/command/arguments/4: `|` means something to a shell, and a command on record has none (`--as sleep` stands in for the tasks)",
        "/workflow/specification/tasks/1: no command of `b` is on record (`--as sleep` stands in for it)",
    ]
)]
#[case::too_long(split(json!([task("a", &[], &[])]), json!([{ "id": "a", "runtimeInSeconds": 1e300 }])), SLEEP, &["/workflow/specification/tasks/0: `a` cannot sleep for 1"])]
#[case::edges_by_name(
    split(json!([{ "id": "a", "name": "A", "parents": [], "children": [] }, { "id": "b", "name": "B", "parents": ["A"], "children": [] }]), json!([{ "id": "a", "runtimeInSeconds": 1 }, { "id": "b", "runtimeInSeconds": 1 }])),
    SLEEP,
    &["/workflow/specification/tasks/1/parents/0: `A` is not the id of a task"]
)]
fn refusals(#[case] file: Value, #[case] tasks: Tasks, #[case] expected: &[&str]) {
    let error = import(&file, tasks)
        .expect_err("it cannot be carried over")
        .to_string();
    let found: Vec<&str> = error
        .lines()
        .map(|line| line.strip_prefix("w.json:").unwrap_or(line))
        .collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found:#?}\n{expected}");
    }
}

#[rstest]
#[case::nothing("", "EOF while parsing a value")]
#[case::no_json("plan: p", "expected value at line 1 column 1")]
#[case::list("[]", "invalid")]
#[case::cut(r#"{"name": "x", "workflow": {"#, "EOF while parsing")]
#[case::twice(r#"{"schemaVersion": "1.5", "workflow": {"specification": {"tasks": [{"id": "a", "parents": [], "parents": []}]}}}"#, "duplicate field `parents`")]
#[case::deep(&format!(r#"{{"x": {}"#, "[".repeat(100_000)), "EOF while parsing a list")]
#[case::no_object(
    r#"{"schemaVersion": "1.5", "workflow": {"specification": {"tasks": [1, null]}}}"#,
    "invalid type"
)]
fn files_that_are_none(#[case] text: &str, #[case] part: &str) {
    let error = wfformat(text.as_bytes(), "w.json", SLEEP, &Options::default()).unwrap_err();
    assert!(error.to_string().contains(part), "{error}");
}

#[rstest]
#[case::bytes(vec![b' '; 64 * 1024 * 1024 + 1], "the file is larger than 64 MiB")]
#[case::latin(b"{\"name\": \"caf\xe9\"}".to_vec(), "the file is not UTF-8 from byte 13 on")]
fn bytes_that_are_no_file(#[case] bytes: Vec<u8>, #[case] message: &str) {
    let error = wfformat(&bytes, "w.json", SLEEP, &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("w.json: {message}"));
}

#[test]
fn what_is_too_much_for_a_plan_is_refused() {
    let tasks: Vec<Value> = (0..60_000)
        .map(|n| task(&format!("t{n}"), &[], &[]))
        .collect();
    let executed: Vec<Value> = (0..60_000)
        .map(|n| json!({ "id": format!("t{n}"), "runtimeInSeconds": 1 }))
        .collect();
    let error = import(&split(json!(tasks), json!(executed)), SLEEP).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("w.json: no plan comes of it: the file holds more than"),
        "{error}"
    );
}

#[test]
fn the_caller_decides_id_and_parallelism() {
    let options = Options {
        id: Some("mine".into()),
        max_parallel: Some(16),
    };
    let imported = wfformat(diamond().to_string().as_bytes(), "w.json", SLEEP, &options).unwrap();
    let plan = plan(&imported);
    assert_eq!((plan.id.as_str(), plan.max_parallel), ("mine", Some(16)));
    let options = Options {
        id: Some("Not Mine".into()),
        max_parallel: None,
    };
    let error = wfformat(diamond().to_string().as_bytes(), "w.json", SLEEP, &options).unwrap_err();
    assert!(error.to_string().contains("no plan id"), "{error}");
}

/// Tasks with any names, each with parents before it.
fn graph() -> impl Strategy<Value = Vec<(String, Vec<usize>)>> {
    let name = prop_oneof!["[a-z]{1,3}", "[0-9a-zA-Z_.-]{1,8}", "\\PC{1,6}"];
    prop::collection::vec(
        (
            name,
            prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        ),
        1..20,
    )
    .prop_map(|tasks| {
        let tasks = tasks.into_iter().enumerate();
        tasks
            .map(|(at, (name, parents))| {
                let mut parents: Vec<usize> = if at == 0 {
                    Vec::new()
                } else {
                    parents.into_iter().map(|p| p.index(at)).collect()
                };
                parents.sort_unstable();
                parents.dedup();
                (format!("{name}{at}"), parents)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_edge_is_carried_over_and_no_other(graph in graph(), shift in 0..20_usize) {
        // Parents may come after their children.
        let count = graph.len();
        let order: Vec<usize> = (0..count).map(|n| (n + shift) % count).collect();
        let tasks: Vec<Value> = order.iter().map(|&at| {
            let parents: Vec<&String> = graph[at].1.iter().map(|p| &graph[*p].0).collect();
            let children: Vec<&String> = graph.iter().filter(|(_, parents)| parents.contains(&at)).map(|(name, _)| name).collect();
            json!({ "id": graph[at].0, "name": graph[at].0, "parents": parents, "children": children })
        }).collect();
        let executed: Vec<Value> = graph.iter().map(|(name, _)| json!({ "id": name, "runtimeInSeconds": 1 })).collect();
        let imported = import(&split(json!(tasks), json!(executed)), SLEEP).unwrap();
        let plan = plan(&imported);
        for (step, &at) in plan.steps.iter().zip(&order) {
            let needs: std::collections::BTreeSet<usize> = step.needs.iter().map(|other| order[*other]).collect();
            prop_assert_eq!(needs, graph[at].1.iter().copied().collect());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text in "[{}\\[\\]:,\"a-e0-9. ]{0,80}") {
        let _ = wfformat(text.as_bytes(), "w.json", SLEEP, &Options::default()).map_err(|e| e.to_string());
    }
}
