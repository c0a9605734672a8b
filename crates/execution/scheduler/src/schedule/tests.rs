//! Readiness against a naive model, on random DAGs and results.

use super::*;
use crate::graph::{Edge, GraphError};
use proptest::prelude::*;

#[test]
fn a_cycle_is_refused() {
    let edges = [Edge::needs(0, 1), Edge::after(1, 2), Edge::needs(2, 1)];
    assert!(matches!(
        Graph::new(3, edges, |_| 0),
        Err(GraphError::Cycle { node: 1 | 2 })
    ));
}

#[test]
fn an_unknown_node_is_refused() {
    assert!(matches!(
        Graph::new(1, [Edge::needs(0, 1)], |_| 0),
        Err(GraphError::UnknownNode { .. })
    ));
}

#[test]
fn a_closed_lane_does_not_hold_up_the_other() {
    let graph = Graph::new(3, [], |node| usize::from(node == 1)).unwrap();
    let mut schedule = Schedule::new(&graph);
    assert_eq!(schedule.pop_ready(&graph, |lane| lane == 1), Some(1));
    assert_eq!(schedule.pop_ready(&graph, |_| true), Some(0));
}

#[test]
fn what_is_taken_out_of_order_is_not_offered_until_it_is_offered_again() {
    let graph = Graph::new(3, [], |_| 0).unwrap();
    let mut schedule = Schedule::new(&graph);
    assert!(schedule.take(&graph, 1));
    assert!(!schedule.take(&graph, 1));
    assert_eq!(schedule.pop_ready(&graph, |_| true), Some(0));
    assert_eq!(schedule.next_ready(|_| true), Some(2));
    schedule.offer_again(&graph, 1);
    assert_eq!(schedule.pop_ready(&graph, |_| true), Some(1));
    schedule.finish(&graph, 1, Finish::Succeeded);
    schedule.offer_again(&graph, 1);
    assert_eq!(schedule.pop_ready(&graph, |_| true), Some(2));
    assert_eq!(schedule.pop_ready(&graph, |_| true), None);
}

#[test]
fn a_failure_outweighs_a_skip() {
    let graph = Graph::new(3, [Edge::needs(0, 2), Edge::needs(1, 2)], |_| 0).unwrap();
    let mut schedule = Schedule::new(&graph);
    schedule.finish(&graph, 0, Finish::Skipped(Doom::Skip));
    schedule.finish(&graph, 1, Finish::Failed);
    assert_eq!(schedule.pop_doomed(), Some((2, Doom::Failure)));
    assert_eq!(schedule.pop_doomed(), None);
}

fn cases() -> impl Strategy<Value = (usize, Vec<(u32, u32, bool)>, Vec<u8>)> {
    (1_usize..14).prop_flat_map(|n| {
        let edge = (0..n as u32, 0..n as u32, any::<bool>());
        (
            Just(n),
            proptest::collection::vec(edge, 0..30),
            proptest::collection::vec(0_u8..3, n),
        )
    })
}

proptest! {
    /// A node is offered exactly when its parents are finished and its needs
    /// succeeded; it is doomed exactly when a need did not; all nodes finish.
    #[test]
    fn agrees_with_the_definition((n, edges, results) in cases()) {
        let edges: Vec<_> = edges.into_iter().filter(|(a, b, _)| a < b).collect();
        let graph = Graph::new(
            n,
            edges.iter().map(|&(a, b, needs)| if needs { Edge::needs(a, b) } else { Edge::after(a, b) }),
            |node| node as usize % LANES,
        ).unwrap();
        let mut schedule = Schedule::new(&graph);
        let mut how: Vec<Option<Finish>> = vec![None; n];
        let ready = |how: &[Option<Finish>], node: u32| {
            how[node as usize].is_none() && edges.iter().all(|&(a, b, needs)| {
                b != node || if needs { how[a as usize] == Some(Finish::Succeeded) } else { how[a as usize].is_some() }
            })
        };
        loop {
            if let Some((node, doom)) = schedule.pop_doomed() {
                let failed = edges.iter().any(|&(a, b, needs)| needs && b == node
                    && matches!(how[a as usize], Some(Finish::Failed | Finish::Skipped(Doom::Failure))));
                let skipped = edges.iter().any(|&(a, b, needs)| needs && b == node
                    && matches!(how[a as usize], Some(Finish::Skipped(Doom::Skip))));
                prop_assert!(failed || skipped);
                prop_assert_eq!(doom == Doom::Failure, failed);
                how[node as usize] = Some(Finish::Skipped(doom));
                schedule.finish(&graph, node, Finish::Skipped(doom));
            } else if let Some(node) = schedule.pop_ready(&graph, |_| true) {
                prop_assert!(ready(&how, node), "offered too early, or twice");
                prop_assert!((0..node).all(|earlier| !ready(&how, earlier)), "declaration order");
                let result = match results[node as usize] {
                    0 => Finish::Succeeded,
                    1 => Finish::Failed,
                    _ => Finish::Skipped(Doom::Skip),
                };
                how[node as usize] = Some(result);
                schedule.finish(&graph, node, result);
            } else {
                break;
            }
        }
        prop_assert!(how.iter().all(Option::is_some));
        prop_assert_eq!(schedule.unfinished(), 0);
    }
}

#[test]
fn a_fallback_waits_until_its_step_has_failed() {
    // 1 stands in for 0, 2 needs 0.
    let graph = Graph::new(3, [Edge::needs(0, 2)], |_| 0).unwrap();
    let graph = graph.with_fallbacks([(0, 1)]).unwrap();
    let mut schedule = Schedule::new(&graph);
    assert_eq!(schedule.pop_ready(&graph, |_| true), Some(0));
    assert_eq!(schedule.pop_ready(&graph, |_| true), None);
    schedule.release(&graph, 1);
    schedule.release(&graph, 1);
    assert_eq!(schedule.pop_ready(&graph, |_| true), Some(1));
    schedule.finish(&graph, 1, Finish::Succeeded);
    schedule.finish(&graph, 0, Finish::Succeeded);
    assert_eq!(schedule.pop_doomed(), None);
    assert_eq!(schedule.pop_ready(&graph, |_| true), Some(2));
}

#[test]
fn a_fallback_of_what_did_not_fail_is_not_needed() {
    let graph = Graph::new(2, [], |_| 0).unwrap();
    let graph = graph.with_fallbacks([(0, 1)]).unwrap();
    let mut schedule = Schedule::new(&graph);
    schedule.finish(&graph, 0, Finish::Succeeded);
    assert_eq!(schedule.pop_doomed(), Some((1, Doom::Unneeded)));
    assert_eq!(schedule.pop_doomed(), None);
}
