//! The crates and their edges as a picture, floor by floor, for Mermaid and for
//! Graphviz. Dev-dependencies are dotted; what a contract forbids is red.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::graph::{Crate, EdgeKind, Graph};
use super::policy::{Layer, Policy};

/// An arrow, once for each pair.
struct Arrow<'a> {
    from: &'a str,
    to: &'a str,
    ships: bool,
    forbidden: bool,
}

/// As a Mermaid flowchart.
pub fn mermaid(graph: &Graph, policy: &Policy) -> String {
    let mut out = String::from("flowchart TB\n");
    for (floor, crates) in floors(graph, policy) {
        let _ = writeln!(
            out,
            "  subgraph {}[\"{} {}\"]",
            floor.id, floor.id, floor.name
        );
        for member in crates {
            let name = &member.name;
            let _ = writeln!(out, "    {}[\"{name}<br/>{}\"]", ident(name), member.role());
        }
        out.push_str("  end\n");
    }
    let arrows = arrows(graph, policy);
    for arrow in &arrows {
        let line = if arrow.ships { "-->" } else { "-.->" };
        let _ = writeln!(out, "  {} {line} {}", ident(arrow.from), ident(arrow.to));
    }
    for (index, _) in arrows.iter().enumerate().filter(|(_, a)| a.forbidden) {
        let _ = writeln!(out, "  linkStyle {index} stroke:red");
    }
    out
}

/// As a Graphviz digraph.
pub fn dot(graph: &Graph, policy: &Policy) -> String {
    let mut out = String::from("digraph layers {\n  rankdir=TB; node [shape=box];\n");
    for (floor, crates) in floors(graph, policy) {
        let _ = writeln!(out, "  subgraph cluster_{} {{", floor.id);
        let _ = writeln!(out, "    label=\"{} {}\";", floor.id, floor.name);
        for member in crates {
            let name = &member.name;
            let _ = writeln!(
                out,
                "    \"{name}\" [label=\"{name}\\n{}\"];",
                member.role()
            );
        }
        out.push_str("  }\n");
    }
    for arrow in arrows(graph, policy) {
        let style = if arrow.ships { "solid" } else { "dotted" };
        let colour = if arrow.forbidden { "red" } else { "black" };
        let _ = writeln!(
            out,
            "  \"{}\" -> \"{}\" [style={style}, color={colour}];",
            arrow.from, arrow.to
        );
    }
    out.push_str("}\n");
    out
}

/// As a picture for browsers: what ships, what only tests import dashed.
pub fn svg(graph: &Graph, policy: &Policy) -> String {
    let mut picture = rok_pictures::Graph::new("Layers");
    picture.subtitle = "A solid line ships; a dashed one is for tests alone.".into();
    let mut places = BTreeMap::new();
    for (floor, crates) in floors(graph, policy) {
        for member in crates {
            let node = rok_pictures::Node {
                note: format!("{} {}, {}", floor.id, floor.name, member.role()),
                ..rok_pictures::Node::new(&member.name)
            };
            places.insert(member.name.as_str(), picture.add(node));
        }
    }
    let arrows = arrows(graph, policy).into_iter();
    picture.edges.extend(arrows.filter_map(|arrow| {
        Some(rok_pictures::Edge {
            from: *places.get(arrow.from)?,
            to: *places.get(arrow.to)?,
            kind: if arrow.ships {
                rok_pictures::EdgeKind::Needs
            } else {
                rok_pictures::EdgeKind::After
            },
        })
    }));
    let options = rok_pictures::GraphOptions {
        expand: true,
        ..rok_pictures::GraphOptions::default()
    };
    rok_pictures::graph_svg(&picture, options)
}

/// Floors with their crates; a floor without any is left out.
fn floors<'a>(graph: &'a Graph, policy: &'a Policy) -> Vec<(&'a Layer, Vec<&'a Crate>)> {
    let of = |floor: &Layer| {
        graph
            .crates
            .values()
            .filter(|c| c.layer() == floor.id)
            .collect()
    };
    let all = policy.layers.iter().map(|floor| (floor, of(floor)));
    all.filter(|(_, crates): &(_, Vec<_>)| !crates.is_empty())
        .collect()
}

fn arrows<'a>(graph: &'a Graph, policy: &Policy) -> Vec<Arrow<'a>> {
    let mut pairs: BTreeMap<(&str, &str), Arrow<'a>> = BTreeMap::new();
    for edge in graph.internal_edges() {
        let (Some(from), Some(to)) = (graph.crates.get(&edge.from), graph.crates.get(&edge.to))
        else {
            continue;
        };
        let arrow = pairs.entry((&edge.from, &edge.to)).or_insert(Arrow {
            from: &edge.from,
            to: &edge.to,
            ships: false,
            forbidden: false,
        });
        arrow.ships |= edge.kind != EdgeKind::Dev;
        arrow.forbidden |= policy
            .contracts
            .iter()
            .any(|c| c.forbids_import(from, to, edge.kind));
    }
    pairs.into_values().collect()
}

fn ident(name: &str) -> String {
    name.replace('-', "_")
}
