//! What must hold of `graph`, case by case.

use super::*;
use crate::source::Source;
use crate::tree;
use alloc::string::ToString;
use proptest::prelude::*;

/// A graph of `count` steps with these `needs` edges.
fn graph(count: usize, edges: &[(usize, usize)]) -> (Graph, usize) {
    let line = |step: usize| {
        let needs: BTreeSet<String> = edges
            .iter()
            .filter(|(from, to)| *from == step && from != to)
            .map(|(_, to)| format!("s{to}"))
            .collect();
        let needs: Vec<_> = needs.into_iter().collect();
        format!("s{step}: {{ needs: [{}] }}\n", needs.join(", "))
    };
    let text: String = (0..count).map(line).collect();
    let source = Source::new(&text);
    let mut findings = Findings::default();
    let root = tree::load(&source, &mut findings).expect("a mapping");
    let entries = root.map().expect("a mapping");
    let graph = Graph::build(entries, Order::Dag, &mut findings, &Nearest::default());
    let cycles = if findings.is_empty() {
        0
    } else {
        findings.into_errors("g", &source).faults.len()
    };
    (graph, cycles)
}

/// The slow way: everything that can be reached.
fn reach(graph: &Graph, from: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<usize> = graph.before(from).collect();
    while let Some(step) = open.pop() {
        if seen.insert(step) {
            open.extend(graph.before(step));
        }
    }
    seen
}

proptest! {
    #[test]
    fn cycles_and_ancestors_are_those_of_the_slow_way(
        count in 1_usize..90,
        edges in prop::collection::vec((0_usize..90, 0_usize..90), 0..120),
        acyclic in any::<bool>(),
    ) {
        let edges: Vec<_> = edges
            .into_iter()
            .map(|(a, b)| (a % count, b % count))
            .map(|(a, b)| if acyclic { (a.max(b), a.min(b)) } else { (a, b) })
            .collect();
        let (graph, cycles) = graph(count, &edges);
        let cyclic = (0..count).any(|step| reach(&graph, step).contains(&step));
        prop_assert_eq!(cycles > 0, cyclic);
        prop_assert_eq!(graph.topological.is_none(), cyclic);
        if !cyclic {
            let all: BTreeSet<_> = (0..count).flat_map(|a| (0..count).map(move |b| (a, b))).collect();
            let expected: BTreeSet<_> =
                (0..count).flat_map(|a| reach(&graph, a).into_iter().map(move |b| (a, b))).collect();
            prop_assert_eq!(graph.ancestors(all), expected);
        }
    }
}

#[test]
fn a_cycle_begins_with_its_first_step() {
    let text = "a: { needs: [b] }\nb: { needs: [d] }\nc: {}\nd: { after: [a, c] }\n";
    let source = Source::new(text);
    let mut findings = Findings::default();
    let root = tree::load(&source, &mut findings).expect("a mapping");
    Graph::build(
        root.map().expect("a mapping"),
        Order::Dag,
        &mut findings,
        &Nearest::default(),
    );
    let errors = findings.into_errors("g", &source);
    assert_eq!(
        errors.faults[0].message,
        "the steps wait for each other: a → b → d → a".to_string()
    );
    assert_eq!(source.slice(&errors.faults[0].span), "b");
}
