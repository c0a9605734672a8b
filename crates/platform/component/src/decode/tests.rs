//! Manifests: what they say is read whole, and what is wrong is told whole, with
//! its place.

use super::*;
use alloc::string::ToString;
use core::time::Duration;
use rok_plan::Action;
use rstest::rstest;

const FULL: &str = "\
name: check_schema
version: 2.1.0-rc.1
type: validator
status: deprecated
channel: canary
deprecated_by: check-all
description: Checks the schema.
owner: team-data
tags: [schema, pre-commit]
idempotent: true
entrypoint:
  run: [./check, --path, '${{ inputs.path }}', --token, x]
  env: { TOKEN: '${{ secrets.TOKEN }}' }
inputs:
  path: { type: string, default: . }
outputs:
  findings: { type: integer }
secrets: [TOKEN]
timeout: 90s
retry: { max: 2, base: 1s }
capabilities: [os:linux, python3.12]
files: ['schema/**/*.json']
requires: { schema-tool: ^1.2, other: '*' }
";

fn component(text: &str) -> Component {
    parse(text.as_bytes(), "a.component.yaml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn faults(text: &str) -> String {
    parse(text.as_bytes(), "a.component.yaml")
        .unwrap_err()
        .to_string()
}

/// A manifest with one more line.
fn with(line: &str) -> String {
    alloc::format!(
        "name: a\nversion: 1.0.0\ntype: tool\nstatus: active\nentrypoint: {{ run: x }}\n{line}\n"
    )
}

#[test]
fn every_key_says_what_it_says() {
    let component = component(FULL);
    assert_eq!(component.id().to_string(), "check_schema@2.1.0-rc.1");
    assert_eq!(component.kind, ComponentType::Validator);
    assert_eq!(component.status, ComponentStatus::Deprecated);
    assert_eq!(component.channel, Channel::Canary);
    assert_eq!(
        component.deprecation().unwrap(),
        "component check_schema@2.1.0-rc.1 is deprecated: use check-all"
    );
    assert_eq!(component.owner.as_deref(), Some("team-data"));
    assert_eq!(
        component.tags.iter().collect::<Vec<_>>(),
        ["pre-commit", "schema"]
    );
    assert!(component.idempotent());
    assert_eq!(component.capabilities, ["os:linux", "python3.12"]);
    let step = component.step();
    assert_eq!(step.id.as_str(), "check_schema");
    assert!(matches!(&step.action, Action::Argv(argv) if argv.len() == 5));
    assert_eq!(step.timeout, Some(Duration::from_secs(90)));
    assert_eq!(step.retry.max, 2);
    assert!(step.outputs.contains_key("findings"));
    assert_eq!(component.secrets()[0].as_str(), "TOKEN");
    assert_eq!(component.inputs().len(), 1);
    assert_eq!(component.requires.len(), 2);
    assert_eq!(component.fingerprint, Digest::of(FULL.as_bytes()));
    assert!(component.files().concern("schema/a/b.json"));
    assert!(!component.files().concern("other/b.json"));
}

#[test]
fn its_step_fits_into_another_plan() {
    let component = component(FULL);
    let mut plan = serde_json::Map::new();
    plan.insert("plan".into(), "p".into());
    plan.insert("inputs".into(), component.inputs_json().into());
    plan.insert("secrets".into(), ["TOKEN"].as_slice().into());
    let mut steps = serde_json::Map::new();
    steps.insert("renamed".into(), component.step_json().into());
    plan.insert("steps".into(), steps.into());
    let text = serde_json::to_vec(&plan).unwrap();
    let plan = rok_plan::parse(&text, "p.json").unwrap();
    assert_eq!(plan.steps[0].action, component.step().action);
    assert_eq!(plan.steps[0].retry, component.step().retry);
    assert!(plan.steps[0].idempotent);
}

#[test]
fn what_does_not_say_that_it_may_be_repeated_may_not() {
    let component = component(&with("files: ['*.rs']"));
    assert!(!component.idempotent());
    assert_eq!(component.step().retry.max, 0);
    assert!(component.files().concern("a.rs"));
    assert!(!component.files().concern("src/a.rs"));
    assert_eq!(component.step_json()["idempotent"], false);
}

#[test]
fn what_it_asks_of_an_agent_is_its_step_s() {
    let text = "name: a\nversion: 1.0.0\ntype: tool\nstatus: active\ncapabilities: [gpu]\n\
                entrypoint: { agent: render, region: eu, with: { path: x } }\n";
    let step = component(text).step_json();
    assert_eq!(step["agent"], "render");
    assert_eq!(step["capabilities"][0], "gpu");
    assert_eq!(step["region"], "eu");
    assert!(faults(&with("tags: []").replace("run: x", "run: x, region: eu")).contains("`region`"));
}

#[test]
fn toml_and_json_are_read_as_well() {
    let toml = b"name = \"a\"\nversion = \"1.0.0\"\ntype = \"tool\"\nstatus = \"draft\"\n[entrypoint]\nrun = [\"x\"]\n";
    assert_eq!(
        parse(toml, "a.component.toml").unwrap().status,
        ComponentStatus::Draft
    );
    let json = br#"{"name":"a","version":"1.0.0","type":"tool","status":"draft","entrypoint":{"call":"f"}}"#;
    assert_eq!(parse(json, "a.component.json").unwrap().name.as_str(), "a");
}

#[test]
fn every_fault_is_told_at_once_in_its_place() {
    let told = faults(
        "name: Bad\nversion: 1.0\ntype: validatr\nstatus: activ\nchanel: canary\n\
         entrypoint:\n  rnu: x\nretry: { max: 1 }\ntags: [A, a, a]\n",
    );
    let expected = [
        "a.component.yaml:1:7: ",
        "a.component.yaml:2:10: `version` is no semantic version",
        "a.component.yaml:3:7: unknown type `validatr` (did you mean `validator`?)",
        "a.component.yaml:4:9: unknown status `activ` (did you mean `active`?)",
        "a.component.yaml:5:1: unknown key in a manifest `chanel` (did you mean `channel`?)",
        "a.component.yaml:7:3: unknown key in `entrypoint` `rnu` (did you mean `run`?)",
        "a.component.yaml:8:8: `retry` means nothing without `idempotent: true`",
        "a.component.yaml:9:8: an item of `tags` does not match",
        "a.component.yaml:9:14: `a` is named twice in `tags`",
    ];
    for expected in expected {
        assert!(told.contains(expected), "{expected}\n\nin\n{told}");
    }
}

#[rstest]
#[case(
    "deprecated_by: b",
    "means nothing on a component that is not deprecated"
)]
#[case("requires: { a: ^1 }", "does not require itself")]
#[case("requires: { b: one }", "is no requirement")]
#[case("requires: { b: }", "says nothing")]
#[case("requires: [b]", "`requires` must be a mapping")]
#[case("files: []", "about no file")]
#[case("files: [/etc/passwd]", "can match no file")]
#[case("files: [../x]", "can match no file")]
#[case("files: ['a[']", "is no glob")]
#[case("capabilities: ['']", "an item of `capabilities`")]
#[case(
    "outputs: { warnings: { type: integer } }",
    "the output `warnings` is no list"
)]
#[case("idempotent: yes", "`idempotent` of step `a`")]
#[case("timeout: 90", "`timeout` of step `a`")]
#[case("inputs: { x: { type: strin } }", "strin")]
#[case("secrets: [ROK_X]", "ROK_X")]
#[case("owner:", "`owner` says nothing")]
#[case("timeout:", "`timeout` says nothing")]
fn faults_of_one_key(#[case] line: &str, #[case] expected: &str) {
    let told = faults(&with(line));
    assert!(told.contains(expected), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[rstest]
#[case("{}", "does nothing")]
#[case("{ run: x, call: y }", "one executor")]
#[case("{ run: 'x ${{ inputs.path }}' }", "unknown input `path`")]
#[case("{ run: x, gate: hard }", "unknown key in `entrypoint` `gate`")]
#[case("{ run: x, needs: [y] }", "unknown key in `entrypoint` `needs`")]
#[case("{ run: x, cache: true }", "not idempotent")]
#[case("run", "`entrypoint` must be a mapping")]
fn faults_of_the_entrypoint(#[case] entrypoint: &str, #[case] expected: &str) {
    let text = alloc::format!(
        "name: a\nversion: 1.0.0\ntype: tool\nstatus: active\nentrypoint: {entrypoint}\n"
    );
    let told = faults(&text);
    assert!(told.contains(expected), "{told}");
}

#[test]
fn warnings_that_are_a_list_may_be_declared() {
    component(&with(
        "outputs: { warnings: { type: array }, n: { type: integer } }",
    ));
}

#[test]
fn what_must_be_there_is_named() {
    let told = faults("description: nothing\n");
    for key in ["name", "version", "type", "status", "entrypoint"] {
        assert!(
            told.contains(&alloc::format!("`{key}` is missing")),
            "{told}"
        );
    }
}
