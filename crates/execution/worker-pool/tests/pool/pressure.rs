//! Back-pressure, failures that stay where they are, and the end of a pool.

use crate::world::{seconds, settings, world};
use rok_executor::CancelReason;
use rok_log::CommandKind;
use rok_vocabulary::{Outcome, RunPhase};
use rok_worker_pool::PoolSettings;

const ONE: &str = "steps: { a: { call: ok } }";
const WAITS: &str = "steps: { a: { call: wait } }";

#[test]
fn no_more_runs_are_in_memory_than_there_is_room_for() {
    let mut world = world();
    for n in 0..10 {
        world.submit(&format!("run-{n}"), WAITS);
    }
    let mut pool = world.pool_with(PoolSettings {
        in_flight: 4,
        ..settings("a")
    });
    pool.settle();
    assert_eq!((pool.stats().in_flight, world.backlog().due), (4, 6));
    world.end("run-2", "a");
    pool.settle();
    world.succeeded("run-2");
    assert_eq!((pool.stats().in_flight, world.backlog().due), (4, 5));
}

#[test]
fn a_command_reaches_its_run_on_whichever_shard_that_is() {
    let mut world = world();
    let runs = ["one", "two", "three"];
    for run in runs {
        world.submit(run, WAITS);
    }
    let mut pool = world.pool_with(PoolSettings {
        shards: 3,
        in_flight: 3,
        ..settings("a")
    });
    pool.settle();
    assert_eq!(pool.stats().in_flight, 3, "a run for each shard");
    for run in runs {
        world.command(run, CommandKind::Cancel, None);
    }
    pool.settle();
    for run in runs {
        assert_eq!(world.ended(run), (RunPhase::Failed, Outcome::Cancelled));
    }
}

#[test]
fn a_step_that_panics_fails_its_run_and_no_other() {
    let mut world = world();
    world.submit("bad", "steps: { a: { call: panic } }");
    world.submit("untidy", "steps: { a: { call: untidy } }");
    world.submit("good", ONE);
    let mut pool = world.pool("a");
    pool.settle();
    world.succeeded("good");
    // What never reports is given up on by the run's own deadlines.
    world.pass(&mut [&mut pool], seconds(120));
    for run in ["bad", "untidy"] {
        assert_eq!(world.ended(run).0, RunPhase::Failed);
    }
    assert_eq!(pool.stats().restarts, 0);
}

#[test]
fn a_run_that_cannot_be_equipped_is_left_alone_for_a_while() {
    let mut world = world();
    for run in ["panics", "refused", "good"] {
        world.submit(run, WAITS);
    }
    let of = |set: &std::sync::Mutex<std::collections::BTreeSet<_>>, run: &str| {
        set.lock().unwrap().insert(crate::world::id(run));
    };
    of(&world.wardrobe.panics, "panics");
    of(&world.wardrobe.refuses, "refused");
    let mut pool = world.pool("a");
    let turns = pool.settle();
    assert!(turns < 20, "it comes to rest: {turns}");
    assert_eq!((pool.stats().in_flight, pool.stats().broken), (1, 2));
    assert_eq!(
        world.tales("worker.pool.run_broken"),
        [
            "worker.pool.run_broken run=panics: it panicked: told to panic",
            "worker.pool.run_broken run=refused: told to refuse",
        ]
    );
    assert_eq!(pool.stats().restarts, 0, "the others go on");
    // What was wrong is mended: within a minute it goes on.
    world.wardrobe.panics.lock().unwrap().clear();
    world.wardrobe.refuses.lock().unwrap().clear();
    world.pass(&mut [&mut pool], seconds(61));
    for run in ["panics", "refused", "good"] {
        world.end(run, "a");
    }
    pool.settle();
    for run in ["panics", "refused", "good"] {
        world.succeeded(run);
    }
}

#[test]
fn a_drained_pool_claims_nothing_and_lets_what_runs_end() {
    let mut world = world();
    world.submit(
        "running",
        "steps: { a: { call: wait }, b: { call: ok, needs: [a] } }",
    );
    world.submit("waiting", "steps: { a: { call: ok, gate: manual } }");
    let mut pool = world.pool("a");
    pool.settle();
    pool.drain();
    world.submit("late", ONE);
    pool.settle();
    assert_eq!((pool.stats().claimed, pool.stats().in_flight), (2, 1));
    world.end("running", "a");
    pool.settle();
    assert!(!pool.turn(0).unwrap(), "nothing is left");
    assert_eq!(pool.stats().in_flight, 0);
    assert_eq!(world.hand.starts("running", "b"), 0, "nothing new started");
    assert!(world.hand.cancelled().is_empty());
    // All of it is there for the next, at once and without a recovery.
    let mut next = world.pool("next");
    next.settle();
    world.succeeded("running");
    world.succeeded("late");
    assert_eq!(world.hand.starts("running", "a"), 1);
    assert_eq!(world.count("running", "run.recovered"), 0);
    assert_eq!(world.phase("waiting"), RunPhase::Executing);
}

#[test]
fn what_does_not_end_within_the_grace_is_stopped_and_resumable() {
    let mut world = world();
    world.submit("polite", WAITS);
    world.submit("deaf", "steps: { a: { call: deaf } }");
    let mut pool = world.pool("a");
    pool.settle();
    pool.drain();
    pool.settle();
    world.pass(&mut [&mut pool], seconds(29));
    assert!(world.hand.cancelled().is_empty());
    world.pass(&mut [&mut pool], seconds(1));
    let interrupted = |step: &str| (step.to_owned(), CancelReason::Interrupted);
    let mut cancelled = world.hand.cancelled();
    // Stopping what is over already does nothing.
    cancelled.dedup();
    assert_eq!(cancelled, [interrupted("deaf/a"), interrupted("polite/a")]);
    assert_eq!(pool.stats().in_flight, 1, "it waits for its report");
    // Its kill grace and a little more, then the pool goes all the same.
    world.pass(&mut [&mut pool], seconds(20));
    assert_eq!(pool.stats().in_flight, 0);
    world.hand.lose_everything();
    let mut next = world.pool("next");
    next.settle();
    for run in ["polite", "deaf"] {
        assert_eq!(world.count(run, "run.recovered"), 1);
        assert_eq!(world.hand.starts(run, "a"), 2);
        world.end(run, "a");
    }
    next.settle();
    for run in ["polite", "deaf"] {
        world.succeeded(run);
    }
}

#[test]
fn a_cancelled_run_ends_while_the_pool_drains() {
    let mut world = world();
    world.submit("one", WAITS);
    let mut pool = world.pool("a");
    pool.settle();
    pool.drain();
    pool.settle();
    world.command("one", CommandKind::Cancel, None);
    pool.settle();
    assert_eq!(world.ended("one"), (RunPhase::Failed, Outcome::Cancelled));
    assert!(!pool.turn(0).unwrap());
}
