//! What components come to as a plan.

use super::*;
use std::time::Duration;

fn component(name: &str, more: &str) -> FoundComponent {
    let entry = if more.contains("entrypoint") {
        ""
    } else {
        "entrypoint: { run: [x] }\n"
    };
    let text = format!("name: {name}\nversion: 1.0.0\ntype: tool\nstatus: active\n{entry}{more}\n");
    let component = rok_component::parse(text.as_bytes(), "x.component.yaml")
        .unwrap_or_else(|errors| panic!("{}", errors.render()));
    FoundComponent {
        component: Arc::new(component),
        source: "x".into(),
        deprecation: None,
        pulled_in: false,
        requires: Vec::new(),
    }
}

fn compiled(
    context: &ExecutionContext,
    found: &[FoundComponent],
) -> Result<Plan, OrchestratorError> {
    let files = BTreeMap::new();
    let parts = parts(context, found, &files, &[])?;
    plan(context, "X", &parts, &Beside::default())
}

fn pipeline(chain: &[&str]) -> ExecutionContext {
    let mut context = ExecutionContext::of_stage(PIPELINE);
    context.chain = chain.iter().map(ToString::to_string).collect();
    context
}

fn steps(plan: &Plan) -> Value {
    let plan: Value = serde_json::from_slice(&plan.to_canonical_json()).unwrap();
    plan["steps"].clone()
}

#[test]
fn only_what_says_so_is_tried_again() {
    let found = [
        component("once", ""),
        component("often", "idempotent: true"),
        component("own", "idempotent: true\nretry: { max: 7 }"),
    ];
    let plan = compiled(&ExecutionContext::of_stage("ci"), &found).unwrap();
    let of = |at: usize| (plan.steps[at].idempotent, plan.steps[at].retry.max);
    assert_eq!(
        [of(0), of(1), of(2)],
        [(false, 0), (true, RETRIES), (true, 7)]
    );
}

#[test]
fn the_plan_names_each_component_by_version_and_fingerprint() {
    let found = [component("lint", "")];
    let mut context = ExecutionContext::of_stage("ci");
    context.timeout = Some(Duration::from_secs(90));
    context.budget.insert("max_steps".into(), 3.into());
    let plan = compiled(&context, &found).unwrap();
    assert_eq!(
        (plan.id.as_str(), plan.labels["orchestrator"].as_str()),
        ("ci", "X")
    );
    assert_eq!(plan.max_duration, Some(Duration::from_secs(90)));
    let step = &plan.steps[0];
    let told = step.description.as_deref().unwrap();
    let fingerprint = found[0].component.fingerprint.to_string();
    assert_eq!(told, format!("component lint@1.0.0, sha-256 {fingerprint}"));
    assert_eq!(fingerprint.len(), 64);
}

#[test]
fn what_is_deprecated_says_so_in_the_plan() {
    let manifest = "name: old\nversion: 1.0.0\ntype: tool\nstatus: deprecated\ndeprecated_by: new\nentrypoint: { run: [x] }\n";
    let old = rok_component::parse(manifest.as_bytes(), "x.component.yaml")
        .unwrap_or_else(|errors| panic!("{}", errors.render()));
    let found = [
        FoundComponent {
            component: Arc::new(old),
            ..component("x", "")
        },
        component("new", ""),
    ];
    let plan = compiled(&ExecutionContext::of_stage("ci"), &found).unwrap();
    let told: Vec<Option<&str>> = plan.steps.iter().map(|s| s.deprecated.as_deref()).collect();
    assert!(
        told.contains(&Some("component old@1.0.0 is deprecated: use new")),
        "{told:?}"
    );
    assert!(told.contains(&None), "{told:?}");
}

#[test]
fn what_is_required_comes_first() {
    let mut user = component("user", "");
    user.requires.push("base".parse().unwrap());
    let found = [component("base", ""), user];
    let plan = compiled(&ExecutionContext::of_stage("ci"), &found).unwrap();
    assert_eq!(plan.steps[1].needs, [0]);
}

#[test]
fn a_pipeline_pipes_outputs_to_inputs() {
    let found = [
        component(
            "tool_a",
            "outputs: { rows: { type: integer }, path: { type: string } }",
        ),
        component(
            "tool-b",
            "inputs: { rows: { type: integer }, limit: { type: integer, default: 3 } }\noutputs: { path: { type: string } }\nentrypoint: { run: [b, \"${{ inputs.rows + inputs.limit }}\"] }",
        ),
        component(
            "validator_x",
            "inputs: { path: { type: string } }\nentrypoint: { run: \"check ${{ inputs.path }}\" }",
        ),
    ];
    let plan = compiled(&pipeline(&["tool_a", "tool-b", "validator_x"]), &found).unwrap();
    assert_eq!(plan.steps[1].needs, [0]);
    assert_eq!(plan.steps[2].needs, [1]);
    let inputs: Vec<&str> = plan
        .inputs
        .keys()
        .map(rok_vocabulary::InputName::as_str)
        .collect();
    assert_eq!(inputs, ["limit"], "what is piped is no input of the run");
    let steps = steps(&plan);
    let run = &steps["tool-b"]["run"];
    assert_eq!(run[1], "${{ steps.tool_a.outputs.rows + inputs.limit }}");
    let last = &steps["validator_x"];
    assert_eq!(last["run"], "check ${{ steps['tool-b'].outputs.path }}");
    let outputs = "steps['tool-b'].outputs";
    let piped = format!("${{{{ {outputs} == null ? '' : {outputs} }}}}");
    assert_eq!(last["env"]["PIPE_INPUT"], piped);
}

#[test]
fn a_component_stands_once_in_a_pipeline() {
    let found = [component("a", "")];
    let error = compiled(&pipeline(&["a", "a@1.0.0"]), &found).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("twice"), "{error}");
}

#[test]
fn an_input_that_is_declared_differently_is_refused() {
    let found = [
        component(
            "a",
            "inputs: { n: { type: integer } }\nentrypoint: { run: [x, \"${{ inputs.n }}\"] }",
        ),
        component(
            "b",
            "inputs: { n: { type: string } }\nentrypoint: { run: [x, \"${{ inputs.n }}\"] }",
        ),
    ];
    let error = compiled(&ExecutionContext::of_stage("ci"), &found).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("`a` and `b`"), "{error}");
}

#[test]
fn components_that_need_each_other_make_no_plan() {
    let mut a = component("a", "");
    a.requires.push("b".parse().unwrap());
    let found = [a, component("b", "")];
    let error = compiled(&pipeline(&["a", "b"]), &found).unwrap_err();
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn files_reach_their_component_as_texts() {
    let found = [component("fmt", "")];
    let context = ExecutionContext::of_stage("pre-commit");
    let list = vec!["a b.rs".to_owned(), "${{ x }}.rs".to_owned()];
    let files = BTreeMap::from([("fmt".to_owned(), list)]);
    let around = [("COMPONENT_WORKTREE", "/w ${{ x }}".to_owned())];
    let parts = parts(&context, &found, &files, &around).unwrap();
    let plan = plan(&context, "X", &parts, &Beside::default()).unwrap();
    let env = &steps(&plan)["fmt"]["env"];
    assert_eq!(env["COMPONENT_FILES"], "a b.rs\n$${{ x }}.rs");
    assert_eq!(env["COMPONENT_WORKTREE"], "/w $${{ x }}");
}

#[test]
fn more_files_than_one_list_holds_are_given_in_parts() {
    let found = [component("check-it", "")];
    let names: Vec<String> = (0..50_000).map(|at| format!("folder/{at:060}")).collect();
    let files = BTreeMap::from([("check-it".to_owned(), names.clone())]);
    let context = ExecutionContext::of_stage("ci");
    let all = parts(&context, &found, &files, &[]).unwrap();
    let plan = plan(&context, "X", &all, &Beside::default()).unwrap();
    let document: Value = serde_json::from_slice(&plan.to_canonical_json()).unwrap();
    assert_eq!(
        document["steps"]["check-it"]["for_each"],
        "inputs.rok_files_checkHit"
    );
    let given = document["inputs"]["rok_files_checkHit"]["default"].as_array();
    let given: Vec<&str> = given.unwrap().iter().filter_map(Value::as_str).collect();
    assert!(given.iter().all(|part| part.len() <= MAX_LIST));
    let told: Vec<&str> = given.iter().flat_map(|part| part.lines()).collect();
    assert_eq!(told, names);
}

#[test]
fn nobody_else_says_what_was_staged() {
    let found = [component("a", "")];
    let mut context = ExecutionContext::of_stage("ci");
    context.inputs.push(("rok_staged".into(), "{}".into()));
    let error = compiled(&context, &found).unwrap_err();
    assert!(error.to_string().contains("rok's own"), "{error}");
}
