//! Two owners: the one whose claim is over can append nothing, and lets go.

use crate::house::{House, Order, house, id, order, ran_out, seconds, shard};
use rok_executor::CancelReason;
use rok_log::{CommandKind, EventReader, Inbox, Owner, RunQueue};
use rok_vocabulary::{Outcome, RunPhase};
use serde_json::Value;

const PLAN: &str =
    "steps: { a: { call: ok }, b: { call: wait, needs: [a] }, c: { call: ok, needs: [b] } }";

fn started() -> House {
    let mut house = house();
    house.create("r", order(PLAN));
    house.create("other", order("steps: { a: { call: wait } }"));
    house.settle();
    house
}

/// The lease ran out, another owner claimed the run: the first owner's commit
/// is stale, it drops the run and stops its steps; its other run goes on.
#[test]
fn the_first_owner_lets_go() {
    let mut house = started();
    let second = Owner::new("second");
    let claim = house.store.claim(&id("r"), &second, ran_out()).unwrap();
    let before = house.store.read(&id("r")).unwrap();
    // The first owner does not know, and wants to record a result.
    house.hand.end("r", "b", Ok(Value::Null));
    house.hand.end("other", "a", Ok(Value::Null));
    house.settle();
    assert_eq!(house.lost, [id("r")]);
    assert!(house.shard.run(&id("r")).is_none());
    assert_eq!(
        house.store.read(&id("r")).unwrap(),
        before,
        "nothing was appended"
    );
    assert_eq!(house.hand.starts("r", "c"), 0, "nothing was started");
    assert_eq!(
        house.ended("other"),
        (RunPhase::Completed, Outcome::Succeeded)
    );
    assert_eq!(claim.next_seq.0, before.lines().count() as u64);
}

/// What still runs there is stopped, so that the second owner may start it.
#[test]
fn the_first_owner_stops_its_steps() {
    let mut house = house();
    let plan = "steps: { a: { call: wait }, b: { call: wait }, c: { call: ok, needs: [b] } }";
    house.run("r", order(plan));
    let second = Owner::new("second");
    house.store.claim(&id("r"), &second, ran_out()).unwrap();
    house.hand.end("r", "a", Ok(Value::Null));
    house.settle();
    assert_eq!(house.lost, [id("r")]);
    // `a` is over already; it is stopped too where its result is not durable.
    let stopped = house.hand.cancelled();
    assert!(stopped.contains(&("r/b".to_owned(), CancelReason::Interrupted)));
    assert!(
        stopped
            .iter()
            .all(|(_, reason)| *reason == CancelReason::Interrupted)
    );
}

/// A command that the first owner took and could not record is not answered by
/// it: the second owner takes it.
#[test]
fn a_command_is_answered_by_who_records_it() {
    let mut house = house();
    house.run("r", order("steps: { g: { call: ok, gate: manual } }"));
    let second = Owner::new("second");
    house.store.claim(&id("r"), &second, ran_out()).unwrap();
    house.command("r", CommandKind::Approve, Some("g"));
    assert_eq!(house.lost, [id("r")]);
    assert!(house.answers.is_empty());
    assert_eq!(
        house.store.take(&id("r")).unwrap().len(),
        1,
        "it still waits"
    );
    let store = house.store.clone();
    house.crash(Box::new(store), rok_facades::testing::facades());
    house.shard.read_inbox(&id("r"));
    house.settle();
    assert_eq!(house.answers.len(), 1);
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
}

/// Two shards that both believe to own a run: one history comes of it.
#[test]
fn two_shards_make_one_history() {
    let mut house = started();
    let store = house.store.clone();
    let facades = rok_facades::testing::facades();
    let first = std::mem::replace(
        &mut house.shard,
        shard(
            Box::new(store.clone()),
            facades.clone(),
            &house.clock,
            &house.hand,
            "x",
        ),
    );
    house.crash(Box::new(store), facades);
    house.settle();
    let second = std::mem::replace(&mut house.shard, first);
    // The first wakes up late and takes a result of its own attempt.
    house.pass(seconds(1));
    house.command("r", CommandKind::Cancel, None);
    assert_eq!(house.lost, [id("r")]);
    house.shard = second;
    house.shard.read_inbox(&id("r"));
    house.settle();
    assert_eq!(house.ended("r"), (RunPhase::Failed, Outcome::Cancelled));
}

/// A run that somebody else claims as soon as it is there is not driven here.
#[test]
fn a_newborn_that_is_claimed_away() {
    let mut house = house();
    // The other one sees the run before this shard has claimed it: as the store
    // has it, a run that exists, and is held.
    let mut thief = house.store.clone();
    house.shard = shard(
        Box::new(crate::stores::Stolen::new(
            house.store.clone(),
            move |run| {
                thief.claim(run, &Owner::new("thief"), ran_out()).unwrap();
            },
        )),
        rok_facades::testing::facades(),
        &house.clock,
        &house.hand,
        "first",
    );
    let Order {
        plan,
        settings,
        expected,
    } = order(PLAN);
    house.create(
        "r",
        Order {
            plan,
            settings,
            expected,
        },
    );
    house.settle();
    assert_eq!(house.lost, [id("r")]);
    assert_eq!(house.hand.starts("r", "a"), 0);
}
