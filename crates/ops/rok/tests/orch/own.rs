//! This project's own components: they are sound, and they are what its CI
//! checks.

use crate::support::{Bench, Ran, command_in};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

fn orch(words: &[&str]) -> Ran {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let elsewhere = Bench::new();
    let mut command = command_in(&root, ["orch"]);
    command
        .args(words)
        .arg("--dir")
        .arg(elsewhere.path().join("runs"));
    Ran::from(command.output().expect("rok starts"))
}

#[test]
fn our_own_registry_is_sound() {
    orch(&["--stage", "registry", "--action", "validate"]).exits(0);
}

#[test]
fn our_own_stages_check_what_ci_checks() {
    let report = orch(&["--stage", "ci", "--dry-run"]).exits(0).json();
    let components = report["dry_run"]["components"]
        .as_array()
        .expect("components");
    let does = |one: &Value| one["does"].as_str().unwrap_or_default().to_owned();
    let all: BTreeSet<String> = components.iter().map(does).collect();
    // Which checks these must be, the tests of `cargo xtask ci` say.
    let made = all
        .iter()
        .filter(|does| does.contains("cargo xtask ci --only "));
    assert_eq!(
        (made.count(), all.len()),
        (components.len(), components.len()),
        "{all:#?}"
    );
    assert!(components.len() > 8, "{all:#?}");
    let words = [
        "--stage",
        "pre-commit",
        "--dry-run",
        "--files",
        "xtask/src/main.rs",
    ];
    let report = orch(&words).exits(0).json();
    let first = &report["dry_run"]["components"][0];
    assert_eq!(first["component"], "fmt");
    assert_eq!(first["why"], "xtask/src/main.rs is its concern");
}
