//! `why`, `can` and `explain`.

use xtask::check_layers::{AskError, EdgeKind, explain, why};

use crate::house::{crates, edge, real_policy};

#[test]
fn why_tells_the_rule_and_the_path_of_today() {
    let mut graph = crates(&[
        "rok-cli L1 product p",
        "rok-service L2 library s",
        "rok-log L6 port platform",
    ]);
    graph
        .edges
        .push(edge("rok-cli", "rok-service", EdgeKind::Normal));
    graph
        .edges
        .push(edge("rok-service", "rok-log", EdgeKind::Normal));
    let policy = real_policy();
    let answer = why(&graph, &policy, "cli", "rok-log").unwrap();
    assert!(!answer.allowed());
    assert_eq!(answer.path, ["rok-cli", "rok-service", "rok-log"]);
    assert_eq!(answer.verdicts[0].forbidden_by, ["LYR003"]);
    let text = answer.human(&policy);
    assert!(text.contains("normal: forbidden by LYR003"), "{text}");
    assert!(
        text.contains("instead: Add a use case to `service`"),
        "{text}"
    );
    assert!(text.contains("rok-cli → rok-service → rok-log"), "{text}");
}

#[test]
fn why_tells_a_dev_dependency_from_one_that_ships() {
    let graph = crates(&["rok-log L6 port platform", "rok-test-support L8 test tests"]);
    let answer = why(&graph, &real_policy(), "log", "test-support").unwrap();
    let told: Vec<_> = answer
        .verdicts
        .iter()
        .map(|v| (v.kind, v.allowed))
        .collect();
    // The floor's own rule bars it; the dev-dependency is what LYR010 lets through.
    assert_eq!(
        told,
        [
            (EdgeKind::Normal, false),
            (EdgeKind::Build, false),
            (EdgeKind::Dev, true)
        ]
    );
    assert!(answer.path.is_empty());
}

#[test]
fn an_unknown_crate_is_told_with_the_nearest_one() {
    let graph = crates(&["rok-kernel L5 pure execution"]);
    let error = why(&graph, &real_policy(), "kernal", "kernel").unwrap_err();
    assert_eq!(
        error,
        AskError::UnknownCrate {
            name: "kernal".into(),
            near: Some("rok-kernel".into())
        }
    );
    assert!(error.to_string().ends_with("did you mean rok-kernel?"));
}

#[test]
fn explain_says_rule_reason_and_whom_it_governs() {
    let graph = crates(&["rok-runner L5 driver execution"]);
    let text = explain(&graph, &real_policy(), "lyr007").unwrap();
    assert!(text.contains("LYR007: L5 execution imports"), "{text}");
    assert!(text.contains("governs:    rok-runner"), "{text}");
    assert!(text.contains("exceptions: none"), "{text}");
    assert!(explain(&graph, &real_policy(), "LYR999").is_err());
}
