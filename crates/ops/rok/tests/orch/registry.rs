//! The stage that administers the registry, and what the registry refuses.

use super::{bench, component, ends, orch, result};
use serde_json::json;

const FMT: &str = "type: validator\ntags: [ci]\nentrypoint: { run: [\"true\"] }";

#[test]
fn components_are_listed_inspected_added_and_removed() {
    let bench = bench(&[("fmt", FMT)]);
    let listed = orch(&bench, "--stage registry").exits(0).json();
    assert_eq!(ends(&listed), [("fmt", "pass")]);
    assert_eq!(listed["orchestrator"], "RegistryOrchestrator");

    bench.write(
        "new.component.yaml",
        &format!("name: lint\nversion: 2.0.0\nstatus: active\n{FMT}\n"),
    );
    let added = orch(&bench, "--stage registry --action add=new.component.yaml")
        .exits(0)
        .json();
    assert_eq!(result(&added, "lint")["messages"], json!(["added"]));
    let seen = orch(&bench, "--stage registry --action inspect=lint")
        .exits(0)
        .json();
    assert_eq!(result(&seen, "lint")["output"]["version"], "2.0.0");
    let removed = orch(&bench, "--stage registry --action remove=lint")
        .exits(0)
        .json();
    assert_eq!(result(&removed, "lint")["messages"], json!(["removed"]));
    orch(&bench, "--stage registry --action inspect=lint").exits(3);
    assert!(!bench.runs().join("events.jsonl").exists());
}

#[test]
fn a_registry_with_faults_is_told_and_runs_nothing() {
    let bench = bench(&[("fmt", FMT)]);
    orch(&bench, "--stage registry --action validate").exits(0);
    component(
        &bench,
        "broken",
        "type: validatr\nentrypoint: { run: [\"true\"] }",
    );
    let report = orch(&bench, "--stage registry --action validate")
        .exits(3)
        .json();
    assert_eq!(report["results"][0]["status"], "fail");
    let told = report["results"][0]["errors"][0]["message"]
        .as_str()
        .expect("why");
    assert!(told.contains("validatr"), "{told}");
    let refused = orch(&bench, "--stage ci").exits(3).json();
    assert_eq!(refused["error"]["kind"], "registry");
    assert_eq!(refused["results"], json!([]));
}

#[test]
fn a_run_of_nothing_is_no_success() {
    let empty = orch(&bench(&[]), "--stage ci").exits(3);
    assert_eq!(empty.json()["error"]["code"], "ROK0221");
    let bench = bench(&[("fmt", FMT)]);
    let unknown = orch(&bench, "--stage ci --name nope").exits(3).json();
    assert_eq!(unknown["status"], "failed");
    let none = orch(&bench, "--stage ci --tags nightly").exits(3);
    assert!(none.err.contains("it has no tag `nightly`"), "{}", none.err);
}

#[test]
fn a_dry_run_of_the_registry_changes_nothing() {
    let bench = bench(&[("fmt", FMT)]);
    orch(&bench, "--stage registry --action remove=fmt --dry-run").exits(2);
    orch(&bench, "--stage registry --action inspect=fmt").exits(0);
}

#[test]
fn a_registry_that_is_not_sound_passes_no_stage_of_its_own() {
    let requires = |other: &str| format!("{FMT}\nrequires: {{ {other}: \"*\" }}");
    let bench = bench(&[
        ("a", &requires("b")),
        ("b", &requires("a")),
        ("old", &format!("status: archived\n{FMT}")),
    ]);
    for words in ["--stage registry", "--stage registry --action list"] {
        let report = orch(&bench, words).exits(3).json();
        assert_eq!(report["status"], "failed");
        let told = report["error"]["message"].as_str().expect("why");
        assert!(
            told.contains("components require each other: a@1.0.0 → b@1.0.0 → a@1.0.0"),
            "{told}"
        );
        assert_eq!(result(&report, "old")["status"], "skip");
        assert_eq!(
            result(&report, "old")["messages"],
            json!(["archived: never runs"])
        );
    }
    component(&bench, "a", FMT);
    orch(&bench, "--stage registry").exits(0);
    // Nothing that is meant ever runs, or what is required never does.
    orch(&bench, "--stage registry --name old").exits(3);
    component(&bench, "a", &requires("old"));
    let report = orch(&bench, "--stage registry").exits(3).json();
    let told = report["error"]["message"].as_str().expect("why");
    assert!(told.contains("of old there is 1.0.0 (archived)"), "{told}");
}
