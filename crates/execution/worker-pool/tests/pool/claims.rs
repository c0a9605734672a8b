//! Who claims what, and in which order.

use crate::world::{seconds, settings, world};
use rok_log::{CommandKind, Verdict};
use rok_vocabulary::{Outcome, RunPhase};
use rok_worker_pool::{PoolSettings, Rate, Rates};

const ONE: &str = "steps: { a: { call: ok } }";
const WAITS: &str = "steps: { a: { call: wait } }";

#[test]
fn what_is_submitted_is_driven_to_its_end() {
    let mut world = world();
    let mut pool = world.pool("a");
    pool.settle();
    for n in 0..40 {
        world.submit(&format!("run-{n}"), ONE);
    }
    pool.settle();
    for n in 0..40 {
        world.succeeded(&format!("run-{n}"));
        assert_eq!(world.hand.starts(&format!("run-{n}"), "a"), 1);
    }
    let stats = pool.stats();
    assert_eq!((stats.claimed, stats.ended, stats.in_flight), (40, 40, 0));
    assert_eq!(world.wardrobe.ended.lock().unwrap().len(), 40);
    assert!(world.wardrobe.out.lock().unwrap().is_empty());
    assert!(stats.turns < 40, "many runs share a commit: {stats:?}");
}

/// What a run needs before its first step is one commit: its admission, and
/// that it was claimed.
#[test]
fn a_run_is_admitted_and_begun_in_one_commit() {
    let mut world = world();
    world.submit("r", WAITS);
    world.submit("untidy", "steps: { a: { call: untidy } }");
    let mut pool = world.pool("a");
    pool.turn(0).unwrap();
    assert_eq!(world.phase("r"), RunPhase::Created);
    pool.turn(0).unwrap();
    assert_eq!(
        (world.phase("r"), pool.stats().turns),
        (RunPhase::Executing, 1)
    );
    assert_eq!(world.hand.starts("r", "a"), 1);
    // One that is not admitted is not claimed.
    pool.settle();
    assert_eq!(world.phase("untidy"), RunPhase::Failed);
    assert_eq!(world.hand.starts("untidy", "a"), 0);
}

/// Created by whoever submits it; then it begins, and it ends.
#[test]
fn a_run_of_one_step_takes_two_commits_of_its_pool() {
    let mut world = world();
    world.submit("run", ONE);
    let mut pool = world.pool("a");
    pool.settle();
    world.succeeded("run");
    assert_eq!(pool.stats().turns, 2);
}

#[test]
fn what_was_said_to_a_run_before_it_was_claimed_is_answered_before_it_begins() {
    let mut world = world();
    world.submit("cancelled", ONE);
    world.submit("other", ONE);
    let cancel = world.command("cancelled", CommandKind::Cancel, None);
    let mut pool = world.pool("a");
    pool.settle();
    let answer = world.answer("cancelled", &cancel).expect("it is answered");
    assert_eq!(answer.verdict, Verdict::Accepted);
    assert_eq!(
        world.ended("cancelled"),
        (RunPhase::Failed, Outcome::Cancelled)
    );
    assert_eq!(world.hand.starts("cancelled", "a"), 0);
    world.succeeded("other");
}

#[test]
fn pools_and_shards_share_no_run() {
    let mut world = world();
    for n in 0..30 {
        world.submit(&format!("run-{n}"), WAITS);
    }
    let small = |owner| PoolSettings {
        in_flight: 16,
        shards: 2,
        ..settings(owner)
    };
    let (mut a, mut b) = (world.pool_with(small("a")), world.pool_with(small("b")));
    a.settle();
    b.settle();
    assert_eq!((a.stats().in_flight, b.stats().in_flight), (16, 14));
    for n in 0..30 {
        let run = format!("run-{n}");
        assert_eq!(world.hand.starts(&run, "a"), 1);
        world.end(&run, "a");
    }
    a.settle();
    b.settle();
    (0..30).for_each(|n| world.succeeded(&format!("run-{n}")));
    assert_eq!((a.stats().lost, b.stats().lost), (0, 0));
}

/// One place, so that the order of claims is the order of starts.
fn one_at_a_time() -> PoolSettings {
    PoolSettings {
        in_flight: 1,
        aging: seconds(60),
        ..settings("a")
    }
}

fn order_of(
    world: &crate::world::World,
    pool: &mut rok_worker_pool::testing::HandPool,
    runs: &[&str],
) -> Vec<String> {
    let mut order = Vec::new();
    for _ in runs {
        pool.settle();
        let running = runs
            .iter()
            .find(|run| world.hand.starts(run, "a") == 1 && !order.contains(&(**run).to_owned()));
        let running = (*running.expect("one is under way")).to_owned();
        world.end(&running, "a");
        order.push(running);
    }
    pool.settle();
    order
}

#[test]
fn the_more_urgent_go_first() {
    let mut world = world();
    for (run, priority) in [("mid", 0), ("low", -5), ("high", 5), ("mid-2", 0)] {
        world.submit(run, &format!("priority: {priority}\n{WAITS}"));
        world.clock.advance(seconds(1));
    }
    let mut pool = world.pool_with(one_at_a_time());
    let order = order_of(&world, &mut pool, &["mid", "low", "high", "mid-2"]);
    assert_eq!(order, ["high", "mid", "mid-2", "low"]);
}

#[test]
fn who_waits_long_comes_before_who_is_more_urgent() {
    let mut world = world();
    world.submit("old", &format!("priority: 0\n{WAITS}"));
    world.clock.advance(seconds(299));
    world.submit("urgent", &format!("priority: 5\n{WAITS}"));
    world.clock.advance(seconds(2));
    world.submit("late", &format!("priority: 5\n{WAITS}"));
    let mut pool = world.pool_with(one_at_a_time());
    // Five steps of priority are worth five minutes.
    let order = order_of(&world, &mut pool, &["old", "urgent", "late"]);
    assert_eq!(order, ["urgent", "old", "late"]);
}

#[test]
fn one_with_a_taken_key_waits_in_the_store() {
    let mut world = world();
    let plan = format!("concurrency: {{ key: k, limit: 1 }}\n{WAITS}");
    for run in ["first", "second", "third"] {
        world.submit(run, &plan);
        world.clock.advance(seconds(1));
    }
    let mut pool = world.pool("a");
    pool.settle();
    assert_eq!(world.hand.starts("first", "a"), 1);
    assert_eq!(world.hand.starts("second", "a"), 0);
    assert_eq!((pool.stats().in_flight, world.backlog().behind), (1, 2));
    // One that waits behind others is cancelled without a place.
    let cancel = world.command("second", CommandKind::Cancel, None);
    pool.settle();
    assert!(world.answer("second", &cancel).is_some());
    assert_eq!(
        world.ended("second"),
        (RunPhase::Failed, Outcome::Cancelled)
    );
    assert_eq!(world.hand.starts("third", "a"), 0);
    world.end("first", "a");
    pool.settle();
    assert_eq!(world.hand.starts("third", "a"), 1);
    assert_eq!(world.hand.starts("second", "a"), 0);
}

#[test]
fn a_refused_command_of_one_that_waits_behind_is_answered_once() {
    let mut world = world();
    let plan = format!("concurrency: {{ key: k, limit: 1 }}\n{WAITS}");
    world.submit("first", &plan);
    world.submit("second", &plan);
    let mut pool = world.pool("a");
    pool.settle();
    let approve = world.command("second", CommandKind::Approve, Some("a"));
    let turns = pool.settle();
    assert!(turns < 20, "it comes to rest: {turns}");
    let answer = world.answer("second", &approve).expect("it is answered");
    assert!(answer.verdict == Verdict::Refused, "{answer:?}");
    assert_eq!((pool.stats().in_flight, world.backlog().behind), (1, 1));
}

#[test]
fn runs_begin_no_faster_than_their_rate() {
    let mut world = world();
    let mut rates = Rates::default();
    let rate = Rate {
        burst: 1,
        every: seconds(10),
    };
    rates.plans.insert("p".into(), rate);
    let mut pool = world.pool_with(PoolSettings {
        rates,
        ..settings("a")
    });
    for run in ["first", "second", "third"] {
        world.submit(run, ONE);
        pool.settle();
    }
    world.succeeded("first");
    assert_eq!(world.phase("second"), RunPhase::Authorized);
    // Whoever waits for a token is cancelled all the same, and comes to rest.
    let cancel = world.command("third", CommandKind::Cancel, None);
    let turns = pool.settle();
    assert!(turns < 20, "it comes to rest: {turns}");
    assert!(world.answer("third", &cancel).is_some());
    assert_eq!(world.ended("third"), (RunPhase::Failed, Outcome::Cancelled));
    world.pass(&mut [&mut pool], seconds(9));
    assert_eq!(world.hand.starts("second", "a"), 0);
    world.pass(&mut [&mut pool], seconds(2));
    world.succeeded("second");
}
