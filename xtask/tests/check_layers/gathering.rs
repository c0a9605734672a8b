//! From files on disk to findings with file and line.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use xtask::check_layers::{EdgeKind, Graph, Policy, Report, check};

use crate::house::{SMALL, broken_in};

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn manifest(name: &str, layer: &str, role: &str, dependencies: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [package.metadata.layer]\nlayer = \"{layer}\"\nrole = \"{role}\"\ndomain = \"d\"\n{dependencies}"
    )
}

/// A workspace of two crates, `rok-plan` below `rok-runner`.
fn house(plan_dependencies: &str, plan_source: &str) -> TempDir {
    let root = TempDir::new().unwrap();
    let at = root.path();
    write(
        at,
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*/*\"]\n",
    );
    write(at, "layers.toml", SMALL);
    let runner = manifest("rok-runner", "L5", "driver", "");
    write(at, "crates/execution/runner/Cargo.toml", &runner);
    write(at, "crates/execution/runner/src/lib.rs", "");
    let plan = manifest("rok-plan", "L6", "library", plan_dependencies);
    write(at, "crates/platform/plan/Cargo.toml", &plan);
    write(at, "crates/platform/plan/src/lib.rs", plan_source);
    root
}

fn look(root: &TempDir) -> (Graph, Report) {
    let graph = xtask::graph(root.path()).unwrap();
    let report = check(&graph, &Policy::parse(SMALL).unwrap(), None);
    (graph, report)
}

fn places(report: &Report) -> Vec<String> {
    let found = report
        .contracts
        .iter()
        .flat_map(|c| &c.violations)
        .flat_map(|v| &v.places);
    found.map(|p| format!("{}:{}", p.file, p.line)).collect()
}

#[test]
fn a_clean_house_is_clean() {
    let root = house("", "#![no_std]\n");
    let (graph, report) = look(&root);
    assert_eq!(report.exit_code, 0, "{:?}", report.faults);
    assert_eq!(graph.files, 2);
    assert!(graph.crates["rok-plan"].no_std);
    assert!(!graph.crates["rok-runner"].no_std);
}

#[test]
fn an_edge_is_found_in_manifest_and_sources_even_when_renamed() {
    let dependency = "[dependencies]\n# up\nup = { package = \"rok-runner\", path = \"../../execution/runner\" }\n";
    let root = house(dependency, "mod deep;\n");
    let plan = "crates/platform/plan";
    write(
        root.path(),
        &format!("{plan}/src/deep.rs"),
        "mod deeper;\nuse up::Thing;\n",
    );
    write(
        root.path(),
        &format!("{plan}/src/deep/deeper.rs"),
        "\n\nfn f() { up::go() }\n",
    );
    let (_, report) = look(&root);
    assert_eq!(broken_in(&report), ["LYR001"]);
    assert_eq!(
        places(&report),
        [
            "crates/platform/plan/Cargo.toml:11",
            "crates/platform/plan/src/deep.rs:2",
            "crates/platform/plan/src/deep/deeper.rs:3",
        ]
    );
}

#[test]
fn kinds_of_dependencies_are_told_apart() {
    let path = "{ path = \"../../execution/runner\" }";
    let dependencies = format!(
        "[dev-dependencies]\nrok-runner = {path}\n[target.'cfg(unix)'.build-dependencies]\nrok-runner = {path}\n"
    );
    let root = house(&dependencies, "");
    write(
        root.path(),
        "crates/platform/plan/build.rs",
        "fn main() { rok_runner::go() }\n",
    );
    write(
        root.path(),
        "crates/platform/plan/tests/t.rs",
        "use rok_runner as _;\nuse rok_plan as _;\n",
    );
    let (graph, _) = look(&root);
    let mut edges: Vec<_> = graph.edges.iter().map(|e| (e.kind, e.at.line)).collect();
    edges.sort();
    assert_eq!(edges, [(EdgeKind::Build, 12), (EdgeKind::Dev, 10)]);
    let mut paths: Vec<_> = graph
        .mentions
        .iter()
        .map(|m| (m.kind, m.to.as_str()))
        .collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            (EdgeKind::Build, "rok-runner"),
            (EdgeKind::Dev, "rok-plan"),
            (EdgeKind::Dev, "rok-runner")
        ]
    );
}

#[test]
fn a_test_module_in_its_own_file_is_test_code() {
    let root = house("", "#[cfg(test)]\nmod tests;\n");
    write(
        root.path(),
        "crates/platform/plan/src/tests.rs",
        "use std::fs;\n",
    );
    let (graph, _) = look(&root);
    assert_eq!(graph.mentions[0].kind, EdgeKind::Dev);
}

#[test]
fn a_source_taken_from_another_crate_is_an_escape() {
    let source = "#[path = \"../../../execution/runner/src/lib.rs\"]\nmod runner;\n\
                  include!(\"../../../execution/runner/src/lib.rs\");\n\
                  #[path = \"other.rs\"]\nmod fine;\n";
    let root = house("", source);
    write(root.path(), "crates/platform/plan/src/other.rs", "");
    let (graph, _) = look(&root);
    let lines: Vec<usize> = graph.escapes.iter().map(|e| e.at.line).collect();
    assert_eq!(lines, [3, 2]);
    assert!(graph.unreadable.is_empty(), "{:?}", graph.unreadable);
}

#[test]
fn what_cannot_be_parsed_or_found_is_told_with_its_line() {
    let root = house("", "mod gone;\n");
    let (_, report) = look(&root);
    assert_eq!(report.exit_code, 2);
    assert!(
        report.faults[0].contains("line 1: there is no file for `mod gone`"),
        "{:?}",
        report.faults
    );

    let root = house("", "\nfn f( {\n");
    let (_, report) = look(&root);
    assert!(
        report.faults[0].starts_with("crates/platform/plan/src/lib.rs: line "),
        "{:?}",
        report.faults
    );
}

#[test]
fn a_crate_without_a_class_is_seen_as_such() {
    let root = house("", "");
    let bare = "[package]\nname = \"rok-plan\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    write(root.path(), "crates/platform/plan/Cargo.toml", bare);
    let (graph, report) = look(&root);
    assert_eq!(graph.crates["rok-plan"].claims.layer, None);
    // The small house has no contract on classes, but its one floor rule now governs nobody.
    assert_eq!(report.exit_code, 2);
}

#[test]
fn without_a_policy_there_is_no_check() {
    let root = house("", "");
    fs::remove_file(root.path().join("layers.toml")).unwrap();
    let error = xtask::gather(root.path()).unwrap_err().to_string();
    assert!(
        error.contains("cannot read") && error.contains("layers.toml"),
        "{error}"
    );
}
