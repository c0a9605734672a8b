//! Runs with the same `concurrency` key, in processes of their own.

mod support;

#[path = "support/running.rs"]
mod running;

use running::{Fifo, Running, Scene};
use rustix::process::Signal;
use std::fs;
use std::time::{Duration, Instant};

/// A run that stays until there is a file `pass-RUN`.
fn plan(on_limit: &str, key: &str) -> String {
    format!(
        "plan: p
concurrency: {{ key: '{key}', on_limit: {on_limit} }}
inputs: {{ who: {{ type: string }} }}
steps:
  stay:
    kill_grace: 200ms
    run: |
      echo ${{{{ inputs.who }}}} >>journal
      echo up >ready-${{{{ inputs.who }}}}
      while [ ! -e pass-${{{{ inputs.who }}}} ]; do sleep 0.05; done
"
    )
}

fn start(scene: &Scene, who: &str) -> Running {
    let input = format!("who={who}");
    let args = ["run", "plan.yaml", "--run-id", who, "--input", &input];
    Running::start(scene.bench.command(args))
}

/// A scene whose place `key` is held by run `a`, which is under way.
fn held(on_limit: &str, key: &str) -> (Scene, Running) {
    let scene = Scene::new(&plan(on_limit, key));
    let ready = Fifo::new(&scene, "ready-a");
    let a = start(&scene, "a");
    ready.read();
    (scene, a)
}

/// A run that waits for its place.
fn queued(scene: &Scene, who: &str) -> Running {
    let run = start(scene, who);
    until_explained(scene, who, "waits for a place");
    run
}

fn resume(scene: &Scene, run: &str) -> support::Ran {
    Running::start(scene.bench.command(["resume", run])).finish()
}

fn pass(scene: &Scene, who: &str) {
    scene.bench.write(&format!("pass-{who}"), "");
}

fn journal(scene: &Scene) -> String {
    fs::read_to_string(scene.bench.path().join("journal")).unwrap_or_default()
}

fn outcome(scene: &Scene, run: &str) -> String {
    let summary = scene.bench.rok(["summary", run, "--json"]).exits(0).json();
    summary["outcome"].as_str().unwrap_or("none").to_owned()
}

/// Waits until a run says in its explanation what is looked for.
fn until_explained(scene: &Scene, run: &str, what: &str) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let told = scene.bench.rok(["explain", run]);
        if told.out.contains(what) {
            return;
        }
        assert!(Instant::now() < until, "{} {}", told.out, told.err);
    }
}

#[test]
fn the_next_run_waits_in_the_order_of_creation() {
    let (scene, a) = held("queue", "one");
    let b = queued(&scene, "b");
    let c = queued(&scene, "c");
    assert_eq!(journal(&scene), "a\n", "one at a time");
    for who in ["c", "b", "a"] {
        pass(&scene, who);
    }
    a.finish().exits(0);
    let ran = b.finish().exits(0);
    assert!(ran.err.contains("waits for run a"), "{}", ran.err);
    c.finish().exits(0);
    assert_eq!(journal(&scene), "a\nb\nc\n");
    for run in ["a", "b", "c"] {
        scene.bench.rok(["verify", run, "--sealed"]).exits(0);
    }
    assert!(
        scene.bench.rok(["ls"]).exits(0).out.lines().count() == 4,
        "places are no runs"
    );
}

#[test]
fn the_death_of_a_run_frees_its_place() {
    let (scene, a) = held("queue", "one");
    let b = queued(&scene, "b");
    pass(&scene, "b");
    a.signal(Signal::KILL);
    a.finish();
    b.finish().exits(0);
    // It goes on in a place of its own.
    pass(&scene, "a");
    fs::remove_file(scene.bench.path().join("ready-a")).expect("it is ours");
    resume(&scene, "a").exits(0);
}

#[test]
fn a_run_that_waits_can_be_cancelled_and_interrupted() {
    let (scene, a) = held("queue", "one");
    let b = queued(&scene, "b");
    scene
        .bench
        .rok(["cancel", "b", "--reason", "no more"])
        .exits(0);
    b.finish().exits(1);
    assert_eq!(outcome(&scene, "b"), "cancelled");
    let c = queued(&scene, "c");
    c.signal(Signal::INT);
    c.finish().exits(130);
    pass(&scene, "a");
    a.finish().exits(0);
    pass(&scene, "c");
    resume(&scene, "c").exits(0);
}

#[test]
fn a_run_that_must_not_wait_is_not_created() {
    let (scene, a) = held("reject", "one");
    let ran = start(&scene, "b").finish().exits(1);
    assert!(
        ran.err.contains("ROK0120") && ran.err.contains("a has it"),
        "{}",
        ran.err
    );
    assert!(!scene.bench.runs().join("b").exists());
    pass(&scene, "a");
    a.finish().exits(0);
    pass(&scene, "b");
    start(&scene, "b").finish().exits(0);
}

#[test]
fn the_next_run_may_have_the_oldest_cancelled() {
    let (scene, a) = held("cancel_oldest", "one");
    pass(&scene, "b");
    start(&scene, "b").finish().exits(0);
    a.finish().exits(1);
    assert_eq!(outcome(&scene, "a"), "cancelled");
    let events = scene.bench.events("a");
    let told = |event: &serde_json::Value| {
        let reason = event["reason"].as_str().unwrap_or_default();
        event["event_type"] == "run.cancel_requested" && reason.contains("run b takes its place")
    };
    assert!(events.iter().any(told), "{events:?}");
}

#[test]
fn keys_that_differ_do_not_wait_for_each_other() {
    let (scene, a) = held("queue", "of-${{ inputs.who }}");
    pass(&scene, "b");
    start(&scene, "b").finish().exits(0);
    pass(&scene, "a");
    a.finish().exits(0);
}

#[test]
fn a_sub_run_never_waits_for_its_own_parent() {
    let scene =
        Scene::new("plan: parent\nconcurrency: { key: one }\nsteps: { sub: { plan: child } }\n");
    scene.write(
        "child.yaml",
        "plan: child\nconcurrency: { key: one }\nsteps: { a: { run: 'true' } }\n",
    );
    scene.run().exits(1);
    assert_eq!(scene.class("sub"), "config_error");
    assert_eq!(scene.survivors(), Vec::<String>::new());
}
