//! Crates, edges and policies for the other tests to write down.

use std::path::{Path, PathBuf};

use xtask::check_layers::{
    Claims, Crate, Edge, EdgeKind, Graph, Mention, Place, Policy, Report, check,
};

/// The workspace that this crate belongs to.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("xtask lies in the workspace")
        .to_owned()
}

/// The policy of this workspace.
pub(crate) fn real_policy() -> Policy {
    let text = std::fs::read_to_string(workspace().join("layers.toml")).unwrap();
    Policy::parse(&text).unwrap_or_else(|e| panic!("{e}"))
}

/// A crate from `name layer role domain`, in its floor's folder.
pub(crate) fn member(words: &str) -> Crate {
    let words: Vec<&str> = words.split_whitespace().collect();
    let [name, layer, role, domain] = words[..] else {
        panic!("name layer role domain")
    };
    let floor = match layer {
        "L1" => "crates/product/",
        "L2" => "crates/api/",
        "L3" => "crates/adapters/",
        "L4" => "crates/domain/",
        "L5" => "crates/execution/",
        "L6" => "crates/platform/",
        "L7" => "crates/ops/",
        _ => "",
    };
    Crate {
        name: name.to_owned(),
        folder: format!("{floor}{}", name.trim_start_matches("rok-")),
        claims: Claims {
            layer: Some(layer.to_owned()),
            role: Some(role.to_owned()),
            domain: Some(domain.to_owned()),
        },
        no_std: true,
        root: None,
    }
}

/// A graph of these crates, without an edge.
pub(crate) fn crates(members: &[&str]) -> Graph {
    let mut graph = Graph::default();
    for words in members {
        graph.add(member(words));
    }
    graph
}

/// A manifest's edge.
pub(crate) fn edge(from: &str, to: &str, kind: EdgeKind) -> Edge {
    let at = Place::new(
        format!("{from}/Cargo.toml"),
        9,
        format!("{to}.workspace = true"),
    );
    Edge {
        from: from.to_owned(),
        to: to.to_owned(),
        kind,
        at,
    }
}

/// A source's path.
pub(crate) fn mention(from: &str, path: &str, public: bool) -> Mention {
    let first = path.split("::").next().unwrap_or(path);
    Mention {
        from: from.to_owned(),
        to: first.replace('_', "-"),
        path: path.to_owned(),
        kind: EdgeKind::Normal,
        public,
        at: Place::new("src/lib.rs", 7, path),
    }
}

/// The ids of the contracts that `graph` breaks, whatever else is wrong.
pub(crate) fn broken(graph: &Graph, policy: &Policy) -> Vec<String> {
    broken_in(&check(graph, policy, None))
}

/// The ids of the contracts that are broken in a report.
pub(crate) fn broken_in(report: &Report) -> Vec<String> {
    let failed = report.contracts.iter().filter(|c| !c.violations.is_empty());
    failed.map(|c| c.id.clone()).collect()
}

/// A house of two floors, small enough to be wrong in one way at a time.
pub(crate) const SMALL: &str = r#"
schema = 1

[[layer]]
id = "L5"
name = "execution"
folders = ["crates/execution/*"]
roles = ["driver"]
imports_anything = "it is the top floor here"

[[layer]]
id = "L6"
name = "platform"
folders = ["crates/platform/*"]
roles = ["library"]

[[contract]]
id = "LYR001"
title = "L6 imports L6"
kind = "import"
from = [{ layer = ["L6"] }]
allow = [{ layer = ["L6"] }]
why = "below is below"
instead = "turn it round"
probes = [{ from = { layer = "L6", role = "library" }, to = { layer = "L5", role = "driver" } }]
"#;

/// The small house, with one crate a floor.
pub(crate) fn small() -> Graph {
    crates(&[
        "rok-runner L5 driver execution",
        "rok-plan L6 library platform",
    ])
}
