//! What needs no commit of its own: questions that leave nothing behind.

use crate::hand::Witness;
use crate::house::{House, facades, house_with, id, order, shard};
use crate::logbook;
use crate::stores::{Stolen, faulty};
use rok_events::Body;
use rok_facades::Facades;
use rok_facades::testing::TestEngine;
use rok_log::{EventReader as _, Fault};
use rok_rac::Duty;
use rok_vocabulary::{Outcome, RunPhase};
use rstest::rstest;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const ONE: &str = "steps: { a: { call: ok } }";
const FAILS: &str = "steps: { a: { call: bad } }";

fn pure() -> Facades {
    facades(&Arc::new(TestEngine::ok().pure()))
}

fn impure() -> Facades {
    facades(&Arc::new(TestEngine::ok()))
}

/// How many commits a run takes, and the types of its events.
fn commits(facades: Facades, plan: &str) -> (usize, Vec<String>) {
    let mut house = house_with(facades.clone());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let store = Stolen::new(house.store.clone(), move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    house.shard = shard(Box::new(store), facades, &house.clock, &house.hand, "first");
    house.create("r", order(plan));
    house.settle();
    house.ended("r");
    let events = house.events_of("r").iter();
    let types = events.map(|event| event.body.event_type().as_str().to_owned());
    (count.load(Ordering::SeqCst), types.collect())
}

#[rstest]
#[case::asked_afterwards(impure(), 7)]
#[case::leaves_nothing(pure(), 4)]
fn a_run_of_one_step_takes_as_many_commits_as_something_waits_for(
    #[case] facades: Facades,
    #[case] expected: usize,
    #[values(ONE, FAILS)] plan: &str,
) {
    let (_, undisturbed) = commits(impure(), plan);
    let (found, events) = commits(facades, plan);
    assert_eq!(found, expected);
    assert_eq!(events, undisturbed, "the log says the same");
}

/// An engine that remembers, or tells somebody, must not hear of what a failed
/// commit undoes.
#[rstest]
#[case::asked_afterwards(TestEngine::ok(), false)]
#[case::leaves_nothing(TestEngine::ok().pure(), true)]
fn who_leaves_something_behind_is_asked_about_what_is_durable(
    #[case] engine: TestEngine,
    #[case] is_ahead: bool,
) {
    let engine = Arc::new(engine);
    let mut ahead = false;
    for n in 1.. {
        let mut house = house_with(facades(&engine));
        let store = faulty(&house.store, n, Fault::Lost);
        let doors = facades(&engine);
        house.shard = shard(store, doors, &house.clock, &house.hand, "first");
        let before = engine.calls().len();
        house.create("r", order(ONE));
        if house.try_settle().is_ok() {
            break;
        }
        let calls = engine.calls().split_off(before);
        let asked = |call: &str| calls.contains(&format!("{call} r"));
        let over = has(&house, |body| matches!(body, Body::StepSucceeded { .. }));
        let judged = has(
            &house,
            |body| matches!(body, Body::AckReceived { data } if data.duty == Duty::EVALUATE_POLICY),
        );
        ahead |= asked("evaluate_policy") && !over;
        ahead |= asked("record_run_outcome") && !judged;
    }
    assert_eq!(ahead, is_ahead);
}

fn has(house: &House, so: impl Fn(&Body) -> bool) -> bool {
    if house.store.read(&id("r")).is_err() {
        return false;
    }
    let events = logbook::read(&house.store, &id("r"));
    events.iter().any(|(event, _)| so(&event.body))
}

/// Each domain says it of itself: what comes after one that does not waits
/// for its answer to be durable.
#[test]
fn one_domain_that_remembers_is_waited_for_alone() {
    let engine = Arc::new(TestEngine::ok().pure());
    let facades = Facades::new(
        Arc::new(Witness::default()),
        Arc::clone(&engine) as _,
        engine as _,
    );
    let (found, _) = commits(facades, ONE);
    assert_eq!(found, 5, "one before the incident is recorded, one with it");
}

/// What was asked ahead of a commit that failed is asked again.
#[test]
fn what_a_failed_commit_undid_is_decided_again() {
    let mut ends = Vec::new();
    for n in 1.. {
        let mut house = house_with(pure());
        let store = faulty(&house.store, n, Fault::Lost);
        house.shard = shard(store, pure(), &house.clock, &house.hand, "first");
        house.create("r", order(ONE));
        if house.try_settle().is_ok() {
            assert_eq!(n, 5, "there are four commits");
            break;
        }
        assert!(house.shard.is_empty(), "commit {n}: it goes on from memory");
        let store = Box::new(house.store.clone());
        house.crash(store, pure());
        if house.store.read(&id("r")).is_err() {
            house.create("r", order(ONE));
        }
        house.settle();
        ends.push(house.ended("r"));
    }
    assert_eq!(ends[..], [(RunPhase::Completed, Outcome::Succeeded); 4]);
}
