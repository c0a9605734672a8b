//! A registry in memory and its fixtures, and the same as a stage of `acme`.

use rok_facades::registry::{RegistryEngine as _, RegistryQuery};
use rok_registry::{Registry, Root};
use rok_test_support::components::{ALL, FINDS, MemoryRegistry, PASSES};
use serde_json::Value;
use std::process::Command;
use std::sync::Arc;

#[test]
fn a_registry_in_memory_gives_the_fixtures() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = MemoryRegistry::of(ALL);
    let roots = vec![Root::Source(Arc::new(source.clone()))];
    let registry = Registry::new(roots, folder.path().join("components.lock"));
    let refused = registry.find(&RegistryQuery::default());
    assert!(
        refused.is_err(),
        "what comes from elsewhere runs only where it is locked"
    );
    registry.lock().expect("it locks");
    let found = registry.find(&RegistryQuery::default()).expect("found");
    let names = found.components.iter();
    let names: Vec<&str> = names.map(|found| found.component.name.as_str()).collect();
    assert!(
        names.contains(&"passes") && names.contains(&"words"),
        "{names:?}"
    );
    assert!(!names.contains(&"gone"), "archived: {names:?}");
    assert_eq!(source.asked(), ALL.len(), "each is asked for once");
}

#[test]
fn a_stage_of_fixtures_runs_and_names_what_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    for fixture in [PASSES, FINDS] {
        fixture.write(&folder.path().join(".rok/components"));
    }
    let path = std::env::var_os("PATH").expect("there are programs");
    let done = Command::new(env!("CARGO_BIN_EXE_acme"))
        .args(["orch", "--stage", "ci", "--format", "json"])
        .current_dir(&folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder.path())
        .output()
        .expect("acme starts");
    let report: Value = serde_json::from_slice(&done.stdout).expect("a report");
    assert_eq!(done.status.code(), Some(1), "{report}");
    let status = |name: &str| {
        let mut results = report["results"].as_array().into_iter().flatten();
        results
            .find(|result| result["component"] == name)
            .map(|result| &result["status"])
    };
    assert_eq!(status("passes"), Some(&"pass".into()), "{report}");
    assert_eq!(status("finds"), Some(&"fail".into()), "{report}");
}
