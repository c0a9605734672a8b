//! Owners that die, sleep, or are cut off: their runs go on elsewhere, and
//! they write nothing more.

use crate::world::{World, id, monotonic, seconds, settings, world};
use rok_executor::CancelReason;
use rok_log::{Lease, Owner, RunQueue as _};
use rok_runner::{RunnerError, VirtualClock};
use rok_vocabulary::{Outcome, RunPhase};
use rok_worker_pool::testing::HandPool;
use std::sync::Arc;

const WAITS: &str = "steps: { a: { call: wait }, b: { call: ok, needs: [a] } }";

fn waiting(world: &mut World, owner: &'static str, runs: &[&str]) -> HandPool {
    for run in runs {
        world.submit(run, WAITS);
    }
    let mut pool = world.pool(owner);
    pool.settle();
    assert_eq!(pool.stats().in_flight, runs.len());
    pool
}

#[test]
fn what_a_dead_owner_left_is_taken_over_once_its_lease_is_over() {
    let mut world = world();
    let runs = ["one", "two", "three"];
    drop(waiting(&mut world, "dead", &runs));
    world.hand.lose_everything();
    let mut next = world.pool("next");
    world.pass(&mut [&mut next], seconds(29));
    assert_eq!(next.stats().claimed, 0, "the lease keeps others away");
    world.pass(&mut [&mut next], seconds(2));
    assert_eq!(next.stats().in_flight, 3);
    for run in runs {
        assert_eq!(
            world.hand.starts(run, "a"),
            2,
            "the lost attempt and another"
        );
        assert_eq!(world.count(run, "run.recovered"), 1);
        world.end(run, "a");
    }
    next.settle();
    for run in runs {
        world.succeeded(run);
        assert_eq!(world.hand.starts(run, "b"), 1);
    }
}

#[test]
fn what_an_owner_left_who_is_known_to_be_gone_is_taken_over_at_once() {
    let mut world = world();
    drop(waiting(&mut world, "dead", &["one", "two"]));
    let mut other = waiting(&mut world, "other", &["three"]);
    world.hand.lose_everything();
    let mut next = world.pool_where("next", |owner| owner.as_str() == "dead");
    next.settle();
    assert_eq!(
        next.stats().in_flight,
        2,
        "what others have is left to them"
    );
    for run in ["one", "two"] {
        assert_eq!(world.hand.starts(run, "a"), 2);
        assert_eq!(world.count(run, "run.recovered"), 1);
        world.end(run, "a");
    }
    next.settle();
    other.settle();
    for run in ["one", "two"] {
        world.succeeded(run);
    }
    assert_eq!(world.hand.starts("three", "a"), 1);
}

#[test]
fn leases_are_renewed_while_steps_take_their_time() {
    let mut world = world();
    let mut first = waiting(&mut world, "first", &["one"]);
    let mut other = world.pool("other");
    world.pass(&mut [&mut first, &mut other], seconds(300));
    assert_eq!(
        (first.stats().renewals >= 10, other.stats().claimed),
        (true, 0)
    );
    world.end("one", "a");
    first.settle();
    world.succeeded("one");
    assert_eq!(world.count("one", "run.recovered"), 0);
}

#[test]
fn an_owner_that_slept_past_its_lease_starts_over() {
    let mut world = world();
    let mut slept = waiting(&mut world, "slept", &["one"]);
    world.clock.advance(seconds(31));
    let mut next = world.pool("next");
    next.settle();
    assert_eq!(next.stats().in_flight, 1);
    let before = world.row("one").next_seq;
    assert!(matches!(slept.turn(0), Err(RunnerError::LeaseOver)));
    slept.settle();
    assert_eq!(world.row("one").next_seq, before, "it wrote nothing");
    assert_eq!(slept.stats().in_flight, 0);
    let interrupted = [("one/a".to_owned(), CancelReason::Interrupted)];
    assert_eq!(world.hand.cancelled(), interrupted);
    assert_eq!(world.tales("worker.pool.shard_failed").len(), 1);
    // The step that its next owner started is the one that is left.
    world.end("one", "a");
    next.settle();
    world.succeeded("one");
}

#[test]
fn an_owner_that_does_not_know_it_lost_a_run_is_refused_by_the_store() {
    let mut world = world();
    let mut first = waiting(&mut world, "first", &["one", "two"]);
    // Its own clock has stood still: another took the run in between.
    let far = Lease::new(
        rok_runner::Clock::now(&*world.clock).after(seconds(60)),
        seconds(60),
    );
    let claim = world.store.claim(&id("one"), &Owner::new("thief"), far);
    let before = world.row("one").next_seq;
    world.end("one", "a");
    first.settle();
    assert_eq!(
        world.row("one").next_seq,
        before,
        "compare-and-append refuses it"
    );
    assert_eq!(
        world.tales("worker.pool.run_lost"),
        ["worker.pool.run_lost run=one"]
    );
    assert_eq!((first.stats().lost, first.stats().in_flight), (1, 1));
    // The others of the commit are not touched by it.
    world.end("two", "a");
    first.settle();
    world.succeeded("two");
    let fence = claim.unwrap().fence;
    world
        .store
        .release(&id("one"), fence, Some(crate::world::T0));
    first.settle();
    world.end("one", "a");
    first.settle();
    world.succeeded("one");
}

#[test]
fn what_is_lost_while_a_step_runs_is_stopped_with_the_next_renewal() {
    let mut world = world();
    let mut first = waiting(&mut world, "first", &["one"]);
    let far = Lease::new(
        rok_runner::Clock::now(&*world.clock).after(seconds(60)),
        seconds(60),
    );
    world
        .store
        .claim(&id("one"), &Owner::new("thief"), far)
        .unwrap();
    world.pass(&mut [&mut first], seconds(11));
    assert_eq!(first.stats().lost, 1);
    let interrupted = [("one/a".to_owned(), CancelReason::Interrupted)];
    assert_eq!(world.hand.cancelled(), interrupted);
    assert!(world.wardrobe.out.lock().unwrap().is_empty());
}

#[test]
fn the_watch_stops_what_a_held_up_shard_has_started() {
    let mut world = world();
    let mut held_up = waiting(&mut world, "held-up", &["one", "two"]);
    assert!(held_up.watch() <= seconds(15));
    world.clock.advance(seconds(29));
    assert_eq!(held_up.watch(), seconds(1));
    assert!(world.hand.cancelled().is_empty());
    // Its thread does not come to turn: the disk does not answer, say.
    world.clock.advance(seconds(1));
    held_up.watch();
    let cancelled = world.hand.cancelled();
    let interrupted = |step: &str| (step.to_owned(), CancelReason::Interrupted);
    assert_eq!(cancelled, [interrupted("one/a"), interrupted("two/a")]);
    assert_eq!(world.tales("worker.pool.lease_over").len(), 1);
    held_up.watch();
    assert_eq!(world.hand.cancelled().len(), 2, "once");
    // Once it turns again it goes on as any new owner does.
    held_up.settle();
    world.pass(&mut [&mut held_up], seconds(1));
    for run in ["one", "two"] {
        world.end(run, "a");
    }
    held_up.settle();
    for run in ["one", "two"] {
        world.succeeded(run);
        assert_eq!(world.hand.starts(run, "a"), 2);
    }
}

#[test]
fn clocks_that_differ_cost_time_and_no_run() {
    let mut world = world();
    let first = waiting(&mut world, "first", &["one"]);
    // The other machine's clock is a minute ahead: the lease seems over to it.
    let ahead = Arc::new(VirtualClock::new(crate::world::T0.after(seconds(60))));
    let builder = world.builder(settings("ahead"));
    let mut other = builder
        .clock(Arc::clone(&ahead) as _, monotonic(Arc::clone(&ahead)))
        .by_hand();
    other.settle();
    assert_eq!(other.stats().in_flight, 1);
    world.end("one", "a");
    let mut first = first;
    first.settle();
    assert_eq!(first.stats().lost, 1);
    world.end("one", "a");
    other.settle();
    assert_eq!(
        world.ended("one"),
        (RunPhase::Completed, Outcome::Succeeded)
    );
}
