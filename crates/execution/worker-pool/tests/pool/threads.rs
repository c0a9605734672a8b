//! A pool on its own threads and the machine's clock.

use crate::world::{World, settings, world_at};
use rok_log::{CommandKind, Signals as _};
use rok_runner::{Clock as _, SystemClock};
use rok_worker_pool::{PoolSettings, WorkerPool};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const THREE: &str =
    "steps: { a: { call: ok }, b: { call: ok, needs: [a] }, c: { call: ok, needs: [b] } }";

/// Waits for something that a store's change brings about.
fn wait_for(world: &World, what: &str, so: impl Fn() -> bool) {
    let (sender, changes) = channel();
    let _heard = world.store.subscribe(Arc::new(move |_| {
        // The last that was heard wakes whoever waits.
        let _ = sender.send(());
    }));
    let until = Instant::now() + Duration::from_secs(60);
    while !so() {
        let left = until.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "{what} never comes");
        let _ = changes.recv_timeout(left.min(Duration::from_millis(100)));
    }
}

fn start(world: &World, settings: PoolSettings) -> WorkerPool {
    world.builder(settings).start().unwrap()
}

#[test]
fn a_pool_on_threads_drives_what_comes_and_drains() {
    let mut world = world_at(SystemClock.now());
    let pool = start(
        &world,
        PoolSettings {
            shards: 4,
            in_flight: 32,
            ..settings("threads")
        },
    );
    for n in 0..200 {
        world.submit(&format!("run-{n}"), THREE);
    }
    world.submit("gate", "steps: { ask: { call: ok, gate: manual } }");
    wait_for(&world, "the end of all", || pool.stats().ended == 200);
    wait_for(&world, "the gate", || pool.stats().parked == 1);
    world.command("gate", CommandKind::Approve, Some("ask"));
    wait_for(&world, "the gate's run", || pool.stats().ended == 201);
    pool.drain();
    pool.join();
    for n in 0..200 {
        world.succeeded(&format!("run-{n}"));
    }
    world.succeeded("gate");
    assert_eq!(world.tales("worker.pool.started").len(), 1);
    assert_eq!(world.tales("worker.pool.stopped").len(), 1);
    assert_eq!(pool.stats().in_flight, 0);
}

#[test]
fn an_idle_pool_hears_of_what_is_submitted() {
    let mut world = world_at(SystemClock.now());
    let pool = start(
        &world,
        PoolSettings {
            // It would not look by itself within this test.
            glance: Duration::from_secs(3_600),
            ..settings("idle")
        },
    );
    for n in 0..20 {
        let run = format!("run-{n}");
        world.submit(&run, THREE);
        wait_for(&world, "its end", || pool.stats().ended == n + 1);
        world.succeeded(&run);
    }
    pool.drain();
    pool.join();
}

/// A time that comes rings no bell: whoever rests asks for it.
#[test]
fn an_idle_pool_wakes_for_what_is_due_by_its_time() {
    let mut world = world_at(SystemClock.now());
    let pool = start(
        &world,
        PoolSettings {
            // It would not look by itself within this test.
            glance: Duration::from_secs(3_600),
            park_after: Duration::ZERO,
            ..settings("times")
        },
    );
    let retry = "retry: { max: 2, base: 200ms }";
    world.submit("run", &format!("steps: {{ a: {{ call: io1, {retry} }} }}"));
    wait_for(&world, "its end", || pool.stats().ended == 1);
    world.succeeded("run");
    assert_eq!(pool.stats().parked, 1, "it was let go meanwhile");
    pool.drain();
    pool.join();
}
