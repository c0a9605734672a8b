//! The table of the architecture, importer by importer, as a person reads it.

use rstest::rstest;
use xtask::check_layers::{EdgeKind, Graph};

use crate::house::{broken, crates, edge, real_policy};

/// One crate of every kind that the house knows.
const HOUSE: [&str; 17] = [
    "cli L1 product cli",
    "service L2 library service",
    "adapter L3 adapter process",
    "engine L4 engine incidents",
    "other-engine L4 engine traces",
    "facade L4 facade facades",
    "contract L4 contract rac",
    "pure5 L5 pure execution",
    "rok-kernel L5 pure execution",
    "runner L5 driver execution",
    "pure6 L6 pure platform",
    "port L6 port platform",
    "store L6 store platform",
    "library L6 library platform",
    "rok L7 ops ops",
    "rok-test-support L8 test tests",
    "tool L8 tool tools",
];

fn importable(importer: &str, kind: EdgeKind) -> Vec<String> {
    let policy = real_policy();
    let house = crates(&HOUSE);
    let before = broken(&house, &policy);
    let names = HOUSE.iter().filter_map(|w| w.split_whitespace().next());
    names
        .filter(|target| *target != importer)
        .filter(|target| {
            let mut graph = Graph::clone(&house);
            graph.edges.push(edge(importer, target, kind));
            broken(&graph, &policy) == before
        })
        .map(str::to_owned)
        .collect()
}

const L6: &str = "pure6 port store library";

#[rstest]
#[case("cli", "service adapter")]
#[case("service", "adapter facade contract pure6 port store library")]
#[case("adapter", "facade contract pure6 port store library")]
#[case("engine", "facade contract pure5 runner pure6 port store library")]
#[case("facade", "contract pure6 port store library")]
#[case("contract", "pure6")]
#[case("pure5", "contract rok-kernel pure6")]
#[case("rok-kernel", "contract pure5 pure6")]
#[case("runner", "facade contract pure5 rok-kernel pure6 port store library")]
#[case("pure6", "")]
#[case("port", "pure6 store library")]
#[case("store", "pure6 port library")]
#[case("library", "pure6 port store")]
#[case("rok-test-support", "contract pure6 port store library")]
fn what_a_crate_may_ship_with(#[case] importer: &str, #[case] allowed: &str) {
    for kind in [EdgeKind::Normal, EdgeKind::Build] {
        assert_eq!(
            importable(importer, kind).join(" "),
            allowed,
            "{importer} ({kind})"
        );
    }
}

#[rstest]
#[case("cli", "service adapter rok-test-support".into())]
#[case("runner", format!("facade contract pure5 rok-kernel {L6} rok-test-support"))]
#[case("pure5", format!("facade contract rok-kernel runner {L6} rok-test-support"))]
#[case("pure6", "port store library rok-test-support".into())]
fn what_its_tests_may_borrow(#[case] importer: &str, #[case] allowed: String) {
    assert_eq!(
        importable(importer, EdgeKind::Dev).join(" "),
        allowed,
        "{importer}"
    );
}

#[test]
fn the_composition_root_imports_all_that_ships() {
    let allowed = importable("rok", EdgeKind::Normal);
    assert_eq!(
        allowed.len(),
        HOUSE.len() - 3,
        "all but itself and L8: {allowed:?}"
    );
}

#[test]
fn a_tool_imports_all_that_ships() {
    assert_eq!(importable("tool", EdgeKind::Normal).len(), HOUSE.len() - 2);
}
