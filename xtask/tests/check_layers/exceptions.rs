//! Exceptions: in use, expired, unused, and without a day to compare with.

use rstest::rstest;
use xtask::check_layers::{Date, EdgeKind, ExceptionState, Policy, Status, check, human};

use crate::house::{SMALL, broken_in, edge, small};

const EXCEPTION: &str = r#"
[[exception]]
contract = "LYR001"
from = "rok-plan"
to = "rok-runner"
reason = "until the port is cut"
owner = "ops"
expires = 2026-12-31
"#;

fn policy() -> Policy {
    Policy::parse(&format!("{SMALL}{EXCEPTION}")).unwrap()
}

#[rstest]
#[case::before("2026-11-21", ExceptionState::InUse, Status::Clean, 0)]
#[case::on_its_last_day("2026-12-31", ExceptionState::InUse, Status::Clean, 0)]
#[case::after("2027-01-01", ExceptionState::Expired, Status::StaleException, 3)]
fn an_exception_holds_until_its_last_day(
    #[case] today: &str,
    #[case] state: ExceptionState,
    #[case] status: Status,
    #[case] code: u8,
) {
    let mut graph = small();
    graph
        .edges
        .push(edge("rok-plan", "rok-runner", EdgeKind::Normal));
    let today: Date = today.parse().unwrap();
    let report = check(&graph, &policy(), Some(today));
    assert_eq!(report.exceptions[0].state, state);
    assert_eq!(report.exceptions[0].covers.len(), 1);
    assert_eq!((report.status, report.exit_code), (status, code));
    assert!(
        human(&report).contains("until the port is cut"),
        "it is told in any case"
    );
}

#[test]
fn an_exception_that_excuses_nothing_is_stale() {
    let today: Date = "2026-11-21".parse().unwrap();
    let report = check(&small(), &policy(), Some(today));
    assert_eq!(report.exceptions[0].state, ExceptionState::Unused);
    assert_eq!(report.exit_code, 3);
    assert!(human(&report).contains("delete it from layers.toml"));
}

#[test]
fn an_exception_excuses_its_own_pair_only() {
    let mut graph = small();
    graph.add(crate::house::member("rok-log L6 library platform"));
    graph
        .edges
        .push(edge("rok-plan", "rok-runner", EdgeKind::Normal));
    graph
        .edges
        .push(edge("rok-log", "rok-runner", EdgeKind::Normal));
    let today: Date = "2026-11-21".parse().unwrap();
    let report = check(&graph, &policy(), Some(today));
    assert_eq!(broken_in(&report), ["LYR001"]);
    assert_eq!(report.contracts[0].violations[0].from, "rok-log");
    assert_eq!(report.exit_code, 1);
}

#[test]
fn a_violation_outweighs_a_stale_exception() {
    let mut graph = small();
    graph.add(crate::house::member("rok-log L6 library platform"));
    graph
        .edges
        .push(edge("rok-log", "rok-runner", EdgeKind::Normal));
    let report = check(&graph, &policy(), Some("2026-11-21".parse().unwrap()));
    assert_eq!(report.exceptions[0].state, ExceptionState::Unused);
    assert_eq!(report.exit_code, 1);
}

#[test]
fn exceptions_without_a_day_to_compare_with_are_refused() {
    let mut graph = small();
    graph
        .edges
        .push(edge("rok-plan", "rok-runner", EdgeKind::Normal));
    let report = check(&graph, &policy(), None);
    assert_eq!(report.exit_code, 2);
    assert!(report.faults[0].contains("no day"), "{:?}", report.faults);
}
