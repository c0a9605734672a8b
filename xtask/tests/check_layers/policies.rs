//! What is wrong with a policy, and that each fault is told.

use rstest::rstest;
use xtask::check_layers::{Policy, Status, Unreadable, check, human, json};

use crate::house::{SMALL, edge, small};

fn changed(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "nothing to change");
    SMALL.replace(from, to)
}

#[rstest]
#[case::schema(changed("schema = 1", "schema = 2"), "schema 2 is not 1")]
#[case::unknown_key(changed("why =", "because ="), "unknown field `because`")]
#[case::unknown_selector_key(
    changed("from = [{ layer", "from = [{ layers"),
    "unknown field `layers`"
)]
#[case::unknown_kind(
    changed("kind = \"import\"", "kind = \"imports\""),
    "unknown kind `imports`"
)]
#[case::id(changed("LYR001", "LYR1"), "LYR and three digits")]
#[case::no_why(changed("below is below", " "), "`why` is empty")]
#[case::no_instead(changed("turn it round", ""), "`instead` is empty")]
#[case::no_probe(
    changed("probes = [{", "# probes = [{"),
    "`probes` is missing or empty"
)]
#[case::no_layer(
    changed("from = [{ layer = [\"L6\"]", "from = [{ layer = [\"L9\"]"),
    "there is no layer L9"
)]
#[case::no_role(
    changed("allow = [{ layer", "allow = [{ role = [\"libary\"], layer"),
    "no layer has the role libary"
)]
#[case::neither(
    changed("allow = [{ layer = [\"L6\"] }]", ""),
    "either `allow` or `forbid`"
)]
#[case::foreign_key(
    changed("instead =", "packages = [\"x\"]\ninstead ="),
    "has no `packages`"
)]
#[case::open_floor(
    changed("imports_anything", "# imports_anything"),
    "L5 has no `allow` contract"
)]
#[case::half_open_floor(
    changed("allow =", "edges = [\"normal\"]\nallow ="),
    "L6 has no `allow` contract"
)]
#[case::twice(format!("{SMALL}{}", &SMALL[SMALL.find("[[contract]]").unwrap()..]), "LYR001 is defined twice")]
#[case::no_contract(SMALL[..SMALL.find("[[contract]]").unwrap()].to_owned(), "there is no contract")]
#[case::planned_layer(
    changed("schema = 1", "schema = 1\n[planned]\nlayers = [\"L9\"]"),
    "no layer L9"
)]
#[case::exception_to_nothing(
    format!("{SMALL}[[exception]]\ncontract = \"LYR9\"\nfrom = \"a\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2026-01-01\n"),
    "names LYR9"
)]
#[case::exception_without_reason(
    format!("{SMALL}[[exception]]\ncontract = \"LYR001\"\nfrom = \"a\"\nreason = \"\"\nowner = \"o\"\nexpires = 2026-01-01\n"),
    "has no reason"
)]
#[case::exception_without_owner(
    format!("{SMALL}[[exception]]\ncontract = \"LYR001\"\nfrom = \"a\"\nreason = \"r\"\nexpires = 2026-01-01\n"),
    "missing field `owner`"
)]
#[case::exception_with_a_time(
    format!("{SMALL}[[exception]]\ncontract = \"LYR001\"\nfrom = \"a\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2026-01-01T00:00:00Z\n"),
    "`expires` is a day"
)]
fn a_faulty_policy_is_refused_with_its_fault(#[case] text: String, #[case] fault: &str) {
    let error = Policy::parse(&text).unwrap_err().to_string();
    assert!(error.contains(fault), "{error}");
}

#[test]
fn every_fault_is_told_at_once() {
    let text = changed("below is below", "")
        .replace("turn it round", "")
        .replace("schema = 1", "schema = 7");
    let error = Policy::parse(&text).unwrap_err().to_string();
    assert!(
        error.contains("3 fault(s)") && error.contains("schema 7") && error.contains("`why`"),
        "{error}"
    );
}

#[rstest]
#[case::no_importer(
    changed("from = [{ layer = [\"L6\"] }]", "from = [{ layer = [\"L6\"] }, { layer = [\"L5\"] }]"),
    &["rok-plan"], Status::BadPolicy, "can match nothing"
)]
#[case::names_nobody(
    changed("allow = [{ layer = [\"L6\"] }]", "allow = [{ layer = [\"L6\"] }, { name = [\"rok-pln\"] }]"),
    &[], Status::BadPolicy, "neither a crate nor planned"
)]
#[case::misses_its_probe(
    changed("allow = [{ layer = [\"L6\"] }]", "allow = [{ layer = [\"L5\", \"L6\"] }]"),
    &[], Status::BadPolicy, "does not catch"
)]
fn a_policy_that_proves_nothing_is_refused(
    #[case] text: String,
    #[case] gone: &[&str],
    #[case] status: Status,
    #[case] fault: &str,
) {
    let mut graph = small();
    if !gone.is_empty() {
        graph.crates.clear();
    }
    let report = check(&graph, &Policy::parse(&text).unwrap(), None);
    assert_eq!((report.status, report.exit_code), (status, 2));
    assert!(
        report.faults.iter().any(|f| f.contains(fault)),
        "{:?}",
        report.faults
    );
}

#[test]
fn a_contract_may_wait_for_what_is_planned_and_says_so() {
    let text = changed("schema = 1", "schema = 1\n[planned]\nlayers = [\"L6\"]");
    let policy = Policy::parse(&text).unwrap();
    let mut graph = small();
    graph.crates.remove("rok-plan");
    let report = check(&graph, &policy, None);
    assert_eq!((report.exit_code, report.idle, report.passed), (0, 1, 0));
    assert!(human(&report).contains("waiting for planned crates: LYR001"));

    let report = check(&small(), &policy, None);
    assert_eq!((report.exit_code, report.idle, report.passed), (0, 0, 1));
    assert!(report.notes[0].contains("take it out of `planned`"));
}

#[test]
fn a_source_that_cannot_be_read_leaves_nothing_proved() {
    let mut graph = small();
    graph.unreadable.push(Unreadable {
        file: "src/lib.rs".into(),
        cause: "line 3: expected `;`".into(),
    });
    let report = check(&graph, &Policy::parse(SMALL).unwrap(), None);
    assert_eq!(report.exit_code, 2);
    assert!(report.faults[0].starts_with("src/lib.rs: line 3"));
}

#[test]
fn the_report_ends_with_the_tally_and_what_was_looked_at() {
    let mut graph = small();
    graph.files = 12;
    graph.edges.push(edge(
        "rok-plan",
        "rok-runner",
        xtask::check_layers::EdgeKind::Normal,
    ));
    let report = check(&graph, &Policy::parse(SMALL).unwrap(), None);
    let text = human(&report);
    assert_eq!(
        text,
        "LYR001: L6 imports L6\n\
         \x20 rok-plan (L6 library) imports rok-runner (L5 driver) (normal)\n\
         \x20   rok-plan/Cargo.toml:9  rok-runner.workspace = true\n\
         \x20 why:     below is below\n\
         \x20 instead: turn it round\n\
         \x20 more:    cargo xtask check-layers explain LYR001\n\
         \n\
         \n\
         self-test: 6 of 6 forbidden edges caught\n\
         contracts: 0 passed, 1 failed; looked at 2 crates, 1 edges between them, 0 to others, \
         12 files, 0 paths\n"
    );
}

#[test]
fn json_says_the_same() {
    let mut graph = small();
    graph.edges.push(edge(
        "rok-plan",
        "rok-runner",
        xtask::check_layers::EdgeKind::Normal,
    ));
    let report = check(&graph, &Policy::parse(SMALL).unwrap(), None);
    let value: serde_json::Value = serde_json::from_str(&json(&report)).unwrap();
    assert_eq!(value["status"], "violations");
    assert_eq!(value["exit_code"], 1);
    let violation = &value["contracts"][0]["violations"][0];
    assert_eq!(violation["from"], "rok-plan");
    assert_eq!(violation["places"][0]["line"], 9);
    assert_eq!(value["looked_at"]["edges"], 1);
}
