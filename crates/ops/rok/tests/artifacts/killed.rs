//! `kill -9` at the worst moments: half-way through a step, and half-way
//! through storing what it made.

use crate::running::{Fifo, Running, Scene};
use crate::{contents, emitted, put_aside};
use rustix::process::Signal;
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn what_a_killed_attempt_left_is_put_aside_before_the_next() {
    let scene = Scene::new(
        r"plan: p
steps:
  make:
    run: |
      test ! -e out/half || exit 65
      mkdir -p out
      if test -e first; then echo whole > out/whole; exit 0; fi
      touch first; echo half > out/half; echo > begun; STAY
    artifacts: [{ path: 'out/*', required: true }]
  use: { needs: [make], run: test ! -e out/half; grep -q whole out/whole }
",
    );
    scene.bench.write("mine", "mine");
    let begun = Fifo::new(&scene, "begun");
    let running = scene.start();
    begun.read();
    running.signal(Signal::KILL);
    running.finish();
    fs::remove_file(scene.bench.path().join("begun")).unwrap();
    scene.bench.rok(["resume", "r"]).exits(0);
    let reason = "the attempt was lost half-way".to_owned();
    assert_eq!(
        put_aside(&scene.bench, "r"),
        [("out/half".to_owned(), reason)]
    );
    assert_eq!(emitted(&scene.bench, "r"), ["out/whole"]);
    let lost = scene
        .bench
        .events("r")
        .into_iter()
        .find(|event| event["error_class"] == "worker_lost");
    assert_eq!(lost.expect("an attempt was lost")["data"]["log_bytes"], 0);
    scene.bench.rok(["verify", "r", "--sealed"]).exits(0);
    assert_eq!(
        fs::read_dir(scene.bench.runs().join("r/attempts"))
            .unwrap()
            .count(),
        0
    );
}

/// Ctrl-C is told to nobody who writes the log; the next owner tells it.
#[test]
fn what_an_interrupted_attempt_left_is_told_by_the_next_owner() {
    let scene = Scene::new(
        r"plan: p
steps:
  make:
    run: |
      if test -e first; then echo whole > out; exit 0; fi
      touch first; echo half > out; echo > begun; STAY
    kill_grace: 0s
    artifacts: [{ path: out, required: true }]
",
    );
    let begun = Fifo::new(&scene, "begun");
    let running = scene.start();
    begun.read();
    running.signal(Signal::INT);
    running.finish().exits(130);
    assert!(
        !scene.bench.path().join("out").exists(),
        "nobody can read it by now"
    );
    fs::remove_file(scene.bench.path().join("begun")).unwrap();
    scene.bench.rok(["resume", "r"]).exits(0);
    let reason = "the attempt was lost half-way".to_owned();
    assert_eq!(put_aside(&scene.bench, "r"), [("out".to_owned(), reason)]);
}

/// Killed while a large file is on its way into the store: nothing has a name
/// that is not whole, and nothing is in the log.
#[test]
fn killed_while_storing_nothing_is_half_stored() {
    let scene = Scene::new(
        r"plan: p
steps:
  make:
    run: truncate -s 512M big; echo small > small
    artifacts: [{ path: small, required: true }, { path: big, required: true }]
",
    );
    let running = scene.start();
    let on_its_way = scene.bench.runs().join(".cas~/tmp");
    let until = Instant::now() + Duration::from_secs(60);
    // A big one is on its way when a file there holds more than the small one.
    loop {
        assert!(Instant::now() < until, "it is never stored");
        let files = fs::read_dir(&on_its_way).into_iter().flatten().flatten();
        if files
            .filter_map(|file| file.metadata().ok())
            .any(|meta| meta.len() > 1 << 20)
        {
            break;
        }
        std::thread::yield_now();
    }
    running.signal(Signal::KILL);
    running.finish();
    assert_eq!(contents(&scene.bench).len(), 0, "nothing has a name yet");
    assert_eq!(emitted(&scene.bench, "r"), Vec::<String>::new());
    let resumed = Running::start(scene.bench.command(["resume", "r"]));
    resumed.finish().exits(0);
    assert_eq!(scene.class("make"), "none");
    assert_eq!(emitted(&scene.bench, "r"), ["small", "big"]);
    assert_eq!(contents(&scene.bench).len(), 2);
    scene.bench.rok(["verify", "r", "--sealed"]).exits(0);
}
