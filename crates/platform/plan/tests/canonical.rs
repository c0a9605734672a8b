//! The canonical form: parsing it gives the same plan, and the same bytes.

use proptest::prelude::*;
use rok_plan::{
    Gate, Order, Plan, StepBuilder, SuccessRule, Syntax, ValueKind, builtin, builtin_ids, parse,
    template,
};
use rok_vocabulary::ErrorClass;
use rstest::rstest;
use serde_json::{Value, json};
use std::time::Duration;

fn holds(plan: &Plan) {
    let bytes = plan.to_canonical_json();
    let again = parse(&bytes, "plan.json").unwrap_or_else(|e| panic!("{}", e.render()));
    assert_eq!(&again, plan);
    assert_eq!(again.to_canonical_json(), bytes);
    let _: Value = serde_json::from_slice(&bytes).expect("canonical JSON is JSON");
}

#[rstest]
#[case(include_str!("plans/everything.yaml"))]
#[case(
    "plan: p\norder: sequential\nsteps:\n  a: { call: f }\n  b: { call: f, after: [a] }\n  c: { call: f, after: [b, a] }\n  d: { call: f, needs: [c] }\n"
)]
#[case("plan: p\nsteps:\n  a: { run: 'echo $${{ x }}', retry: { max_delay: 1s } }\n")]
#[case(
    "plan: p\ndefaults: { retry: { max: 3, base: 70s, max_delay: 2m } }\nsteps:\n  a: { call: f, idempotent: false }\n"
)]
#[case("plan: p\nsteps:\n  a: { call: f, retry: { classes: [] } }\n")]
#[case(
    "plan: p\non_failure: rollback\ndefaults: { shell: bash, timeout: 5s }\nsteps:\n  a: { call: f, compensate: { run: undo } }\n  b: { run: x, compensate: { run: undo, shell: sh, timeout: 1m } }\n  c: { run: x, compensate: { call: undo } }\n  d: { run: [x], timeout: 2s, compensate: { run: [undo, '${{ steps.d.attempt }}'] } }\n"
)]
#[case(
    "plan: p\ndefault_mode: hybrid\nsteps:\n  a: { run: x, region: eu, min_trust: SIGNED, capabilities: [gpu] }\n  b: { run: x, mode: distributed, federation: quarantine, max_latency: 3s }\n  c: { run: x, mode: local }\n  d: { run: x, cwd: /srv }\n  e: { call: f }\n  f: { agent: f, mode: distributed }\n"
)]
fn files(#[case] text: &str) {
    holds(&parse(text.as_bytes(), "plan.yaml").unwrap_or_else(|e| panic!("{}", e.render())));
}

#[test]
fn built_in_plans() {
    for id in builtin_ids() {
        let plan =
            parse(builtin(id).unwrap().as_bytes(), id).unwrap_or_else(|e| panic!("{}", e.render()));
        assert_eq!(plan.id.as_str(), id);
        holds(&plan);
    }
    assert_eq!(builtin("nothing"), None);
}

#[test]
fn the_deliverable_is_the_pipeline_of_eight_steps() {
    let plan = parse(builtin("deliverable").unwrap().as_bytes(), "deliverable").unwrap();
    assert_eq!(plan.order, Order::Sequential);
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|s| (s.id.as_str(), s.gate, s.retry.max, s.after.clone()))
        .collect();
    let hard = Some(Gate::Hard);
    assert_eq!(
        steps,
        [
            ("preflight_contract_check", hard, 0, vec![]),
            ("phase_benchmark", hard, 2, vec![0]),
            ("stage_data_layout", None, 3, vec![1]),
            ("build_steward_bundle", None, 2, vec![2]),
            ("validate_bundle_quality", hard, 0, vec![3]),
            ("build_minimal_deliverable", None, 2, vec![4]),
            ("verify_artifacts", hard, 0, vec![5]),
            ("publish_internal", Some(Gate::Manual), 0, vec![6]),
        ]
    );
    assert!(
        plan.steps
            .iter()
            .all(|step| step.retry.classes == [ErrorClass::TransientIo])
    );
}

#[test]
fn a_new_plan_is_valid() {
    let text = template("nightly-etl", Syntax::Yaml).unwrap();
    assert!(text.starts_with("# yaml-language-server: $schema="));
    let plan = parse(text.as_bytes(), "plan.yaml").unwrap_or_else(|e| panic!("{}", e.render()));
    assert_eq!(plan.id.as_str(), "nightly-etl");
    holds(&plan);
    let toml = template("nightly-etl", Syntax::Toml).unwrap();
    assert!(toml.starts_with("#:schema "));
    assert_eq!(parse(toml.as_bytes(), "plan.toml").as_ref(), Ok(&plan));
    assert!(template("Not An Id", Syntax::Yaml).is_err());
}

#[test]
fn a_plan_built_in_rust_is_the_plan_of_a_file() {
    let built = Plan::builder("etl")
        .unwrap()
        .version(2)
        .name("ETL")
        .description("Moves data.")
        .label("team", "data")
        .order(Order::Dag)
        .success(SuccessRule::Required)
        .max_duration(Duration::from_secs(600))
        .max_parallel(4)
        .input("source", ValueKind::String)
        .input_or("rounds", ValueKind::Integer, json!(3))
        .env("LOG", "info")
        .secret("TOKEN")
        .step(
            StepBuilder::call("fetch", "fetch")
                .gate(Gate::Hard)
                .retries(2)
                .timeout(Duration::from_secs(5)),
        )
        .step(
            StepBuilder::run("load", ["load", "${{ inputs.source }}"])
                .needs("fetch")
                .when("inputs.rounds > 1")
                .retries(1)
                .retry_classes(&[ErrorClass::TransientIo, ErrorClass::Timeout])
                .retry_delay(Duration::from_millis(10), Duration::from_secs(1))
                .env("T", "${{ secrets.TOKEN }}")
                .cwd("work")
                .output("rows", ValueKind::Integer)
                .artifact("rows.csv", true)
                .kill_grace(Duration::from_secs(1)),
        )
        .step(
            StepBuilder::shell("clean", "rm -rf work")
                .after("load")
                .optional()
                .not_idempotent(),
        )
        .build()
        .unwrap_or_else(|e| panic!("{}", e.render()));
    let file = "
plan: etl
version: 2
name: ETL
description: Moves data.
labels: { team: data }
max_duration: 10m
max_parallel: 4
inputs: { source: { type: string }, rounds: { type: integer, default: 3 } }
env: { LOG: info }
secrets: [TOKEN]
steps:
  fetch: { call: fetch, gate: hard, retry: { max: 2 }, timeout: 5s }
  load:
    run: [load, '${{ inputs.source }}']
    needs: [fetch]
    if: inputs.rounds > 1
    retry: { max: 1, classes: [transient_io, timeout], base: 10ms, max_delay: 1s }
    env: { T: '${{ secrets.TOKEN }}' }
    cwd: work
    outputs: { rows: { type: integer } }
    artifacts: [{ path: rows.csv, required: true }]
    kill_grace: 1s
  clean: { run: rm -rf work, after: [load], required: false, idempotent: false }
";
    assert_eq!(Ok(&built), parse(file.as_bytes(), "etl.yaml").as_ref());
    holds(&built);
}

#[test]
fn a_builder_has_no_second_validator() {
    let twice = Plan::builder("p")
        .unwrap()
        .step(StepBuilder::call("a", "f").needs("b"))
        .step(StepBuilder::call("a", "f"))
        .build()
        .unwrap_err();
    let messages: Vec<&str> = twice
        .faults
        .iter()
        .map(|fault| fault.message.as_str())
        .collect();
    assert_eq!(messages, ["there is no step `b`", "`a` is given twice"]);
    assert!(Plan::builder("Not An Id").is_err());
    assert!(Plan::builder("p").unwrap().build().is_err());
}

/// Any text at all, the characters that YAML finds hard among them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{1,40}",
        "\\PC{1,30}",
        "[\t\n\r \u{85}\u{2028}\u{2029}\u{feff}\u{7f}\u{80}\u{1b}\u{fffe}\u{10ffff}é'\":#\\\\]{1,20}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |x| x.is_finite())
            .prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z<é \"]{1,6}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_survives(argument in text(), variable in text(), list in prop::collection::vec(value(), 0..4), number in any::<f64>()) {
        let escape = |text: &str| text.replace("${{", "$${{").replace('\0', "");
        let plan = Plan::builder("p").unwrap()
            .input_or("list", ValueKind::Array, Value::from(list))
            .input_or("number", ValueKind::Number, Value::from(if number.is_finite() { number } else { 0.5 }))
            .input_or("text", ValueKind::String, Value::from(argument.as_str()))
            .step(StepBuilder::run("a", ["echo".to_owned(), escape(&argument)]).env("V", escape(&variable)))
            .build();
        let plan = plan.unwrap_or_else(|e| panic!("{}", e.render()));
        holds(&plan);
        let rok_plan::Action::Argv(argv) = &plan.steps[0].action else { panic!("argv") };
        let expected = argument.replace('\0', "");
        prop_assert_eq!(argv[1].as_literal(), Some(expected.as_str()));
    }
}
