//! Fan-outs: what the children of one share, and what is their own.

use crate::bench::plan;
use rok_events::InputsHash;
use rok_kernel::{Needs, ResolvedAction, RunState, StepIx};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const PLAN: &str = "steps:
  list: { call: list }
  each: { needs: [list], for_each: steps.list.outputs.items, call: f }
";

const EACH: StepIx = 1;

fn call(state: &RunState, ix: StepIx) -> (Needs, Option<(Value, u32)>) {
    match state.resolve(ix).unwrap().action {
        ResolvedAction::Call { needs, item, .. } => (needs, item),
        other => panic!("not a call: {other:?}"),
    }
}

/// A copy of the list for each of its items would make a run of a long list
/// as slow as the list is long, twice over.
#[test]
fn children_share_what_their_step_needs() {
    let mut run = plan(PLAN).start();
    let list = json!({ "items": ["a", "b", "a"] });
    run.succeed_with(0, list.clone());
    let state = run.state();
    let children = state.fan_out(EACH).unwrap().children();
    let (shared, _) = call(state, children.start);
    assert_eq!(**shared.outputs(), json!({ "list": list }));
    for (ix, at) in children.zip(0..) {
        let (needs, item) = call(state, ix);
        assert!(Arc::ptr_eq(needs.outputs(), shared.outputs()));
        assert_eq!(item, Some((list["items"][at as usize].clone(), at)));
    }
}

/// What a child comes of is the list, its item and its place, by one label.
#[test]
fn a_child_is_labelled_by_its_item_and_by_what_its_step_needs() {
    let labels = |items: Value| {
        let mut run = plan(PLAN).start();
        run.succeed_with(0, json!({ "items": items }));
        let children = run.state().fan_out(EACH).unwrap().children();
        let labels = children.map(|ix| run.state().step(ix).inputs_hash.unwrap());
        labels.collect::<Vec<_>>()
    };
    let first = labels(json!(["a", "b", "a"]));
    assert_eq!(first, labels(json!(["a", "b", "a"])));
    let other = labels(json!(["a", "b", "c"]));
    let all = first.iter().chain(&other).map(InputsHash::as_str);
    assert_eq!(all.collect::<BTreeSet<_>>().len(), 6);
}
