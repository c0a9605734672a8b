//! Each contract of `layers.toml`, broken once; and what must stay allowed.

use rstest::rstest;
use xtask::check_layers::{Claims, Crate, EdgeKind, Escape, Graph, Place, check};

use crate::house::{broken, crates, edge, member, mention, real_policy};

fn imports(members: &[&str], from: &str, to: &str, kind: EdgeKind) -> Graph {
    let mut graph = crates(members);
    graph.edges.push(edge(from, to, kind));
    graph
}

fn names(members: &[&str], from: &str, path: &str, public: bool) -> Graph {
    let mut graph = crates(members);
    graph.mentions.push(mention(from, path, public));
    graph
}

fn with(change: impl FnOnce(&mut Crate)) -> Graph {
    let mut graph = Graph::default();
    let mut changed = member("rok-log L6 port platform");
    change(&mut changed);
    graph.add(changed);
    graph
}

fn escape() -> Graph {
    let mut graph = with(|_| {});
    graph.escapes.push(Escape {
        from: "rok-log".into(),
        target: "../../plan/src/lib.rs".into(),
        at: Place::new("crates/platform/log/src/lib.rs", 3, "#[path] mod plan;"),
    });
    graph
}

use EdgeKind::{Build, Dev, Normal};

#[rstest]
#[case::no_class("LYR001", with(|c| c.claims = Claims::default()))]
#[case::unknown_layer("LYR001", with(|c| c.claims.layer = Some("L9".into())))]
#[case::role_of_another_floor("LYR001", with(|c| c.claims.role = Some("engine".into())))]
#[case::empty_domain("LYR001", with(|c| c.claims.domain = Some(" ".into())))]
#[case::wrong_folder("LYR002", with(|c| c.folder = "crates/domain/log".into()))]
#[case::folder_of_no_floor("LYR002", with(|c| c.folder = "crates/log".into()))]
#[case::too_deep("LYR002", with(|c| c.folder = "crates/platform/a/log".into()))]
#[case::wrong_name("LYR002", with(|c| c.folder = "crates/platform/logs".into()))]
#[case("LYR003", imports(&["a L1 product a", "b L6 store b"], "a", "b", Normal))]
#[case("LYR004", imports(&["a L2 library a", "b L5 pure b"], "a", "b", Normal))]
#[case("LYR005", imports(&["a L3 adapter a", "b L2 library b"], "a", "b", Normal))]
#[case("LYR006", imports(&["a L4 engine a", "b L3 adapter b"], "a", "b", Dev))]
#[case("LYR007", imports(&["a L5 driver a", "b L3 adapter b"], "a", "b", Normal))]
#[case("LYR008", imports(&["a L6 port a", "b L5 pure b"], "a", "b", Build))]
#[case::source_path("LYR008", names(&["a L6 port a", "rok-b L5 pure b"], "a", "rok_b::X", false))]
#[case("LYR009", imports(&["a L7 ops a", "b L8 test b"], "a", "b", Normal))]
#[case("LYR010", imports(&["a L7 ops a", "b L8 test b"], "a", "b", Dev))]
#[case("LYR011", imports(&["a L4 engine a", "b L4 engine b"], "a", "b", Normal))]
#[case("LYR012", imports(&["a L4 facade a", "b L4 facade b"], "a", "b", Normal))]
#[case("LYR013", names(&["a L7 ops a", "rok-b L4 engine b"], "a", "rok_b::X", true))]
#[case("LYR014", names(&["a L2 library a", "rok-b L6 store b"], "a", "rok_b::X", true))]
#[case("LYR015", imports(&["a L6 pure a", "b L6 library b"], "a", "b", Normal))]
#[case("LYR016", with(|c| { c.claims.role = Some("pure".into()); c.no_std = false; }))]
#[case("LYR017", names(&["a L6 pure a"], "a", "std::time::Instant", false))]
#[case("LYR017", names(&["a L4 contract a"], "a", "uuid::Uuid::now_v7", false))]
#[case("LYR018", imports(&["a L5 pure a"], "a", "tokio", Normal))]
#[case("LYR019", imports(&["a L4 engine a", "rok-kernel L5 pure b"], "a", "rok-kernel", Normal))]
#[case("LYR020", imports(&["a L4 facade a", "rok-kernel L5 pure b"], "rok-kernel", "a", Normal))]
#[case("LYR021", imports(&["a L4 facade a", "rok-test-support L8 test b"], "rok-test-support", "a", Normal))]
#[case("LYR022", escape())]
fn a_broken_contract_is_found(#[case] id: &str, #[case] graph: Graph) {
    let broken = broken(&graph, &real_policy());
    assert!(broken.iter().any(|b| b == id), "{broken:?}");
}

#[test]
fn every_contract_has_a_case_above() {
    let cases = include_str!("contracts.rs");
    for contract in real_policy().contracts {
        assert!(
            cases.contains(&format!("\"{}\"", contract.id)),
            "{} has no case",
            contract.id
        );
    }
}

#[rstest]
#[case::own_engine(imports(&["a L4 engine x", "b L4 engine x"], "a", "b", Normal), &[])]
#[case::borrowed_helper(imports(&["a L6 pure a", "rok-test-support L8 test t"], "a", "rok-test-support", Dev), &[])]
#[case::private_use(names(&["a L2 library a", "rok-b L6 store b"], "a", "rok_b::X", false), &[])]
#[case::view_downwards(names(&["a L2 library a", "rok-b L6 pure b"], "a", "rok_b::X", true), &[])]
#[case::std_like(names(&["a L6 pure a"], "a", "stdx::time", false), &[])]
#[case::std_elsewhere(names(&["a L6 store a"], "a", "std::fs", false), &[])]
#[case::pure_uuid(names(&["a L5 pure a"], "a", "uuid::Uuid::new_v5", false), &[])]
#[case::itself(names(&["rok-b L6 pure b"], "rok-b", "rok_b::X", true), &[])]
fn what_no_contract_forbids_passes(#[case] graph: Graph, #[case] expected: &[&str]) {
    // The made-up crates have no proper names or folders; that is LYR002's case.
    let broken: Vec<String> = broken(&graph, &real_policy())
        .into_iter()
        .filter(|id| id != "LYR002")
        .collect();
    assert_eq!(broken, expected);
}

#[test]
fn one_edge_with_many_uses_is_one_finding_with_every_place() {
    let mut graph = imports(&["a L6 port a", "rok-b L5 pure b"], "a", "rok-b", Normal);
    for line in [3, 5, 5, 8] {
        let mut used = mention("a", "rok_b::X", false);
        used.at.line = line;
        graph.mentions.push(used);
    }
    let report = check(&graph, &real_policy(), None);
    let found = report.contracts.iter().find(|c| c.id == "LYR008").unwrap();
    assert_eq!(found.violations.len(), 1);
    let lines: Vec<usize> = found.violations[0].places.iter().map(|p| p.line).collect();
    assert_eq!(lines, [9, 3, 5, 8], "the manifest, then the sources");
}
