//! Runs that wait are not in memory: a time or a command wakes them.

use crate::world::{seconds, settings, world};
use rok_log::{CommandKind, Records as _, Verdict};
use rok_vocabulary::{Outcome, RunPhase};
use rok_worker_pool::PoolSettings;

const GATE: &str = "steps: { ask: { call: ok, gate: manual }, then: { call: ok, needs: [ask] } }";

#[test]
fn a_run_at_a_gate_is_not_in_memory_and_an_approval_wakes_it() {
    let mut world = world();
    let mut pool = world.pool("a");
    world.submit("run", GATE);
    pool.settle();
    let stats = pool.stats();
    assert_eq!((stats.in_flight, stats.parked), (0, 1));
    assert!(world.row("run").hold.is_some());
    world.pass(&mut [&mut pool], seconds(600));
    assert_eq!(pool.stats().claimed, 1, "nobody looks at it meanwhile");
    let approve = world.command("run", CommandKind::Approve, Some("ask"));
    pool.settle();
    let answer = world.answer("run", &approve).expect("it is answered");
    assert_eq!(answer.verdict, Verdict::Accepted);
    world.succeeded("run");
    assert_eq!(
        world.count("run", "run.recovered"),
        0,
        "nothing was interrupted"
    );
}

#[test]
fn a_command_that_makes_no_sense_is_answered_and_the_run_waits_on() {
    let mut world = world();
    let mut pool = world.pool("a");
    world.submit("run", GATE);
    pool.settle();
    let approve = world.command("run", CommandKind::Approve, Some("then"));
    let turns = pool.settle();
    assert!(turns < 10, "it comes to rest: {turns}");
    let answer = world.answer("run", &approve).expect("it is answered");
    assert_eq!(answer.verdict, Verdict::Refused);
    assert_eq!(pool.stats().in_flight, 0);
    world.command("run", CommandKind::Reject, Some("ask"));
    pool.settle();
    assert_eq!(world.ended("run").0, RunPhase::Failed);
}

#[test]
fn cancel_pause_and_unpause_reach_runs_that_nobody_has() {
    let mut world = world();
    let mut pool = world.pool("a");
    world.submit("cancelled", GATE);
    world.submit(
        "paused",
        "steps: { a: { call: wait }, b: { call: ok, needs: [a] } }",
    );
    pool.settle();
    world.command("cancelled", CommandKind::Cancel, None);
    world.command("paused", CommandKind::Pause, None);
    world.end("paused", "a");
    pool.settle();
    assert_eq!(
        world.ended("cancelled"),
        (RunPhase::Failed, Outcome::Cancelled)
    );
    assert_eq!(pool.stats().in_flight, 0, "a paused run waits for a person");
    assert_eq!(world.hand.starts("paused", "b"), 0);
    world.command("paused", CommandKind::Unpause, None);
    pool.settle();
    world.succeeded("paused");
}

#[test]
fn a_retry_far_away_is_waited_for_in_the_store() {
    let mut world = world();
    let mut pool = world.pool("a");
    let retry = "retry: { max: 2, base: 50s }";
    world.submit("run", &format!("steps: {{ a: {{ call: io1, {retry} }} }}"));
    pool.settle();
    let stats = pool.stats();
    assert_eq!((stats.in_flight, stats.parked), (0, 1));
    let at = world.row("run").wake_at.expect("it says when");
    assert!(at >= crate::world::T0.after(seconds(50)));
    assert_eq!(world.backlog().later, 1);
    world.pass(&mut [&mut pool], seconds(49));
    assert_eq!(world.hand.starts("run", "a"), 1);
    // Up to ten per cent of jitter.
    world.pass(&mut [&mut pool], seconds(7));
    world.succeeded("run");
    assert_eq!(world.hand.starts("run", "a"), 2);
}

#[test]
fn a_retry_that_is_near_stays_in_memory() {
    let mut world = world();
    let mut pool = world.pool_with(PoolSettings {
        park_after: seconds(5),
        ..settings("a")
    });
    world.submit(
        "run",
        "steps: { a: { call: io1, retry: { max: 2, base: 2s } } }",
    );
    pool.settle();
    assert_eq!((pool.stats().in_flight, pool.stats().parked), (1, 0));
    world.pass(&mut [&mut pool], seconds(3));
    world.succeeded("run");
    assert_eq!(pool.stats().claimed, 1);
}

#[test]
fn a_gate_nobody_answers_ends_by_itself() {
    let mut world = world();
    let mut pool = world.pool("a");
    world.submit(
        "run",
        "steps: { ask: { call: ok, gate: manual, expires: 60s } }",
    );
    pool.settle();
    assert_eq!(pool.stats().in_flight, 0);
    world.pass(&mut [&mut pool], seconds(61));
    assert_eq!(world.ended("run").0, RunPhase::Failed);
}

#[test]
fn a_closed_run_is_visited_for_its_commands_and_ends_once() {
    let mut world = world();
    let mut pool = world.pool("a");
    world.submit("run", "steps: { a: { call: ok } }");
    pool.settle();
    let cancel = world.command("run", CommandKind::Cancel, None);
    let turns = pool.settle();
    assert!(turns < 10, "it comes to rest: {turns}");
    assert!(world.answer("run", &cancel).is_some());
    assert_eq!((pool.stats().ended, pool.stats().in_flight), (1, 0));
    assert_eq!(world.wardrobe.ended.lock().unwrap().len(), 1);
    world.succeeded("run");
}

#[test]
fn thousands_of_runs_wait_and_none_is_in_memory() {
    let mut world = world();
    let mut pool = world.pool("a");
    let plan = crate::world::compile(&format!("plan: p\n{GATE}"));
    for n in 0..3_000 {
        world.submit_plan(&format!("run-{n}"), &plan);
    }
    pool.settle();
    let stats = pool.stats();
    assert_eq!((stats.in_flight, stats.parked, stats.ended), (0, 3_000, 0));
    assert!(world.wardrobe.out.lock().unwrap().is_empty());
    // One of them is as near as if it were alone.
    world.command("run-1234", CommandKind::Approve, Some("ask"));
    let turns = pool.settle();
    assert!(turns < 40, "{turns}");
    world.succeeded("run-1234");
    assert_eq!(pool.stats().claimed, 3_001);
}

#[test]
fn a_run_of_services_is_submitted_with_its_first_row() {
    let mut world = world();
    let plan = "inputs: { website_id: { type: string }, domain: { type: string } }\n\
        steps: { vitals-monitor: { service: vitals-monitor } }\n";
    world.submit("a", plan);
    let rows = world.store.records("kbase_events", None, 9).unwrap();
    let keys: Vec<&str> = rows.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["a:0"]);
    let row: serde_json::Value = serde_json::from_slice(&rows[0].1).unwrap();
    assert_eq!(row["payload"]["status"], "started");
    assert_eq!(row["payload"]["services_planned"][0], "vitals-monitor");
}
