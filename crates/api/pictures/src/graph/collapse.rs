//! Steps that are alike drawn as one: `individuals ×10`.
//!
//! First those of one kind that have the same neighbours; where a layer is
//! still too wide to be read, those of one kind in that layer.

use super::{Edge, Gate, Graph, Node, links};
use crate::layout::{Link, ranks};
use crate::state::State;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

/// A layer with more steps than this is wider than a screen.
const READABLE: usize = 12;
/// Fewer than this that are alike stay apart.
const ALIKE: usize = 3;

/// What steps that are drawn as one have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'a> {
    layer: usize,
    stem: &'a str,
    gate: Option<Gate>,
    optional: bool,
    neighbours: Vec<Link>,
}

/// The graph with fewer steps, and how many steps each stands for; `None`
/// where all fit.
pub(super) fn collapse(graph: &Graph) -> Option<(Graph, Vec<usize>)> {
    let links = links(graph);
    let ranks = ranks(graph.nodes.len(), &links);
    if too_wide(&ranks).is_empty() {
        return None;
    }
    // Siblings may lie in different layers only if the layout moved them, so
    // exact ones are alike in their layer too.
    let siblings = groups(graph, &links, &ranks, true);
    let (narrowed, counts) = merge(graph, &links, &siblings);
    let links = self::links(&narrowed);
    let ranks = self::ranks(narrowed.nodes.len(), &links);
    if too_wide(&ranks).is_empty() {
        return Some((narrowed, counts));
    }
    // From the graph as it was: a group of groups would count groups.
    let links = self::links(graph);
    let ranks = self::ranks(graph.nodes.len(), &links);
    Some(merge(graph, &links, &groups(graph, &links, &ranks, false)))
}

fn too_wide(ranks: &[usize]) -> BTreeSet<usize> {
    let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
    for rank in ranks {
        *widths.entry(*rank).or_default() += 1;
    }
    let wide = widths.into_iter().filter(|(_, width)| *width > READABLE);
    wide.map(|(rank, _)| rank).collect()
}

/// The group of each step: the first step of its kind.
fn groups(graph: &Graph, links: &[Link], ranks: &[usize], siblings: bool) -> Vec<usize> {
    let wide = too_wide(ranks);
    let mut neighbours = vec![Vec::new(); graph.nodes.len()];
    for link in links.iter().filter(|_| siblings) {
        // Which end is the other one stands in which of them is out of bounds.
        let none = usize::MAX;
        neighbours[link.from].push(Link {
            from: none,
            ..*link
        });
        neighbours[link.to].push(Link { to: none, ..*link });
    }
    let mut kinds: BTreeMap<Kind<'_>, Vec<usize>> = BTreeMap::new();
    for (at, node) in graph.nodes.iter().enumerate() {
        let mut neighbours = core::mem::take(&mut neighbours[at]);
        neighbours.sort_unstable();
        let kind = Kind {
            layer: ranks[at],
            stem: stem(&node.id),
            gate: node.gate,
            optional: node.optional,
            neighbours,
        };
        kinds.entry(kind).or_default().push(at);
    }
    let mut of_stem: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &graph.nodes {
        *of_stem.entry(stem(&node.id)).or_default() += 1;
    }
    let mut group: Vec<usize> = (0..graph.nodes.len()).collect();
    for (kind, members) in kinds {
        // A layer that can be read is left as it is; and a stem that is found
        // all over the graph names no kind of step.
        let names_a_kind = members.len() * 2 > of_stem[kind.stem];
        let worth_it = siblings || wide.contains(&kind.layer) && names_a_kind;
        if members.len() >= ALIKE && worth_it {
            for member in &members {
                group[*member] = members[0];
            }
        }
    }
    group
}

/// An id without what numbers it: `individuals_ID0000001`, `deploy[3]` and
/// `shard-12` are `individuals`, `deploy` and `shard`.
fn stem(id: &str) -> &str {
    let numbered = |c: char| c.is_ascii_digit() || matches!(c, '[' | ']' | '_' | '-' | '.');
    let bare = id.trim_end_matches(numbered);
    let bare = match bare.strip_suffix("ID").or_else(|| bare.strip_suffix("id")) {
        Some(rest) if rest.ends_with(numbered) && bare.len() < id.len() => {
            rest.trim_end_matches(numbered)
        }
        _ => bare,
    };
    if bare.is_empty() { id } else { bare }
}

fn merge(graph: &Graph, links: &[Link], group: &[usize]) -> (Graph, Vec<usize>) {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, first) in group.iter().enumerate() {
        members.entry(*first).or_default().push(at);
    }
    let place: BTreeMap<usize, usize> = members.keys().copied().zip(0..).collect();
    let nodes = members.values().map(|members| node(graph, members));
    let mut edges: Vec<Link> = links
        .iter()
        .map(|link| Link {
            from: place[&group[link.from]],
            to: place[&group[link.to]],
            kind: link.kind,
        })
        .collect();
    edges.sort_unstable();
    edges.dedup();
    let edges = edges.into_iter().map(|link| Edge {
        from: link.from,
        to: link.to,
        kind: super::EdgeKind::of(link.kind),
    });
    let merged = Graph {
        title: graph.title.clone(),
        subtitle: graph.subtitle.clone(),
        nodes: nodes.collect(),
        edges: edges.collect(),
    };
    let count = |members: &Vec<usize>| {
        let counts = members.iter().map(|at| graph.nodes[*at].children.max(1));
        counts.sum()
    };
    (merged, members.values().map(count).collect())
}

/// One node for several.
fn node(graph: &Graph, members: &[usize]) -> Node {
    let first = &graph.nodes[members[0]];
    if members.len() == 1 {
        return first.clone();
    }
    let all = || members.iter().map(|member| &graph.nodes[*member]);
    let states: Option<Vec<State>> = all().map(|node| node.state).collect();
    let state = states
        .as_ref()
        .and_then(|states| State::of_all(states.iter().copied()));
    let mut ids: Vec<String> = all().take(8).map(|node| node.id.clone()).collect();
    if members.len() > ids.len() {
        ids.push(format!("and {} more", members.len() - ids.len()));
    }
    Node {
        id: stem(&first.id).to_string(),
        name: String::new(),
        state,
        gate: first.gate,
        optional: first.optional,
        children: 0,
        note: states
            .filter(|_| state == Some(State::Partial) || state > Some(State::Pending))
            .map(|states| tally(&states))
            .unwrap_or_default(),
        details: ids,
    }
}

/// How many are in which state; nothing where all are in the same.
fn tally(states: &[State]) -> String {
    let count = |state: State| states.iter().filter(|one| **one == state).count();
    let found: Vec<String> = State::ALL
        .into_iter()
        .filter(|state| count(*state) > 0)
        .map(|state| format!("{} {}", count(state), state.word()))
        .collect();
    if found.len() < 2 {
        return String::new();
    }
    found.join(", ")
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::graph::EdgeKind;
    use rstest::rstest;

    #[rstest]
    #[case("individuals_ID0000001", "individuals")]
    #[case("deploy[3]", "deploy")]
    #[case("shard-12", "shard")]
    #[case("fetch", "fetch")]
    #[case("grid", "grid")]
    #[case("grid2", "grid")]
    #[case("_1", "_1")]
    fn stems(#[case] id: &str, #[case] expected: &str) {
        assert_eq!(stem(id), expected);
    }

    fn fan(width: usize) -> Graph {
        let mut graph = Graph::new("fan");
        let first = graph.add(Node::new("first"));
        let last = graph.add(Node::new("last"));
        for at in 0..width {
            let mut node = Node::new(format!("part_{at}"));
            node.state = Some(if at == 2 {
                State::Failed
            } else {
                State::Succeeded
            });
            let node = graph.add(node);
            for (from, to) in [(first, node), (node, last)] {
                graph.edges.push(Edge {
                    from,
                    to,
                    kind: EdgeKind::Needs,
                });
            }
        }
        graph
    }

    #[test]
    fn a_narrow_graph_stays_as_it_is() {
        assert_eq!(collapse(&fan(READABLE)), None);
    }

    #[test]
    fn numbered_steps_of_no_kind_stay_apart() {
        let mut graph = Graph::new("mesh");
        for at in 0..40 {
            graph.add(Node::new(format!("task-{at}")));
        }
        // Each follows another one of the row above, and all have one stem.
        for at in 20..40 {
            let parent = (at * 7) % 20;
            graph.edges.push(Edge {
                from: parent,
                to: at,
                kind: EdgeKind::Needs,
            });
        }
        let drawn = collapse(&graph).map(|(_, counts)| counts);
        assert!(drawn.is_none_or(|counts| counts.iter().all(|count| *count == 1)));
    }

    #[test]
    fn siblings_become_one_and_say_how_they_stand() {
        let (graph, counts) = collapse(&fan(20)).expect("it is too wide");
        assert_eq!(counts, [1, 1, 20]);
        assert_eq!(graph.nodes[2].id, "part");
        assert_eq!(graph.nodes[2].state, Some(State::Partial));
        assert_eq!(graph.nodes[2].note, "19 succeeded, 1 failed");
        assert_eq!(graph.edges.len(), 2);
    }
}
