//! Nothing of a step is alive once it has ended, however it ended.

use crate::running::{Fifo, Scene};
use rstest::rstest;

/// Whatever the step does, its timeout ends it and all that it started; the
/// next step finds nothing of it.
#[rstest]
#[case::ignores_term("trap '' TERM; STAY")]
#[case::ignores_everything("trap '' TERM INT HUP QUIT PIPE; STAY; STAY")]
#[case::grandchildren("(STAY; STAY) & sh -c 'STAY & STAY' & STAY")]
#[case::session_of_its_own("setsid STAY & STAY")]
#[case::session_that_ignores_term("trap '' TERM; setsid STAY & STAY")]
#[case::other_process_group("bash -c 'set -m; STAY & STAY & wait'")]
#[case::daemon(
    "(setsid sh -c 'trap \"\" TERM HUP; STAY & STAY' </dev/null >/dev/null 2>&1 &); STAY"
)]
#[case::daemon_without_a_name(
    "(cd /; exec env -i setsid sh -c '(STAY &) ; STAY') </dev/null >/dev/null 2>&1 & STAY"
)]
#[case::closes_its_pipes("exec <&- >&- 2>&-; trap '' TERM; STAY; STAY")]
#[case::stopped("kill -STOP $$; STAY")]
#[case::stopped_child("trap '' TERM; (kill -STOP $(sh -c 'echo $PPID'); STAY) & STAY")]
#[case::leader_obeys_and_its_child_does_not("(trap '' TERM; STAY) & trap 'exit 0' TERM; wait")]
#[case::answers_term_by_another("trap 'setsid STAY & exit 0' TERM; STAY & wait")]
#[case::leaps(r#"echo 'setsid sh "$0" STAY & exit' >leap.sh; sh leap.sh STAY; STAY"#)]
fn a_step_is_gone_after_its_timeout(#[case] line: &str) {
    let line = line.replace('\'', "''");
    let scene = Scene::new(&format!(
        "plan: p\nsteps:\n  a: {{ run: '{line}', timeout: 300ms, kill_grace: 200ms }}\n  look: {{ after: [a], run: LOOK }}\n"
    ));
    scene.run().exits(1);
    assert_eq!(scene.survivors(), Vec::<String>::new());
    assert_eq!(scene.class("a"), "timeout");
    assert_eq!(scene.step("look")["state"], "succeeded");
}

/// What outlives a step that has ended by itself goes with it.
#[rstest]
#[case::background("STAY & true", 0)]
#[case::background_that_ignores_hangup("trap '' HUP TERM; STAY & true", 0)]
#[case::daemon("(setsid STAY </dev/null >/dev/null 2>&1 &); true", 0)]
#[case::daemon_without_a_name(
    "(cd /; env -i setsid sh -c '(STAY &)' </dev/null >/dev/null 2>&1 &); true",
    0
)]
#[case::daemon_that_keeps_the_output("(setsid STAY &); echo said", 0)]
#[case::of_a_failed_step("setsid STAY & exit 3", 1)]
#[case::of_a_killed_step("setsid STAY & kill -KILL $$", 1)]
#[case::of_a_crashed_step("setsid STAY & kill -SEGV $$", 1)]
fn what_a_step_leaves_is_ended_with_it(#[case] line: &str, #[case] code: i32) {
    let line = line.replace('\'', "''");
    let scene = Scene::new(&format!(
        "plan: p\nsteps:\n  a: {{ run: '{line}' }}\n  look: {{ after: [a], run: LOOK }}\n"
    ));
    scene.run().exits(code);
    assert_eq!(scene.survivors(), Vec::<String>::new());
    assert_eq!(scene.step("look")["state"], "succeeded");
}

/// Ending one step's processes leaves a parallel step's alone.
#[test]
fn a_parallel_step_keeps_its_processes() {
    let scene = Scene::new(
        "plan: p
max_parallel: 4
steps:
  long:
    run: |
      (setsid sh -c 'read x <go && echo still here >said' &)
      echo up >ready
      read x <done
  short: { run: 'read x <ready; (setsid STAY &); true' }
  between: { needs: [short], run: 'echo on >go; while ! [ -s said ]; do sleep 0.01; done; LOOK; echo on >done' }
",
    );
    for name in ["ready", "go", "done"] {
        Fifo::new(&scene, name);
    }
    scene.run().exits(0);
    assert_eq!(scene.survivors(), Vec::<String>::new());
}

#[test]
fn a_failed_hard_gate_ends_what_runs_beside_it() {
    let scene = Scene::new(
        "plan: p
max_parallel: 4
steps:
  beside: { run: \"trap '' TERM; (setsid STAY &); echo up >ready; STAY\", kill_grace: 200ms }
  gate: { gate: hard, run: 'read x <ready; exit 1' }
  later: { needs: [gate], run: touch ran }
  also: { after: [beside], run: touch ran }
",
    );
    Fifo::new(&scene, "ready");
    let ran = scene.run().exits(1);
    assert_eq!(scene.survivors(), Vec::<String>::new());
    assert_eq!(scene.class("gate"), "hard_gate_failed");
    assert_eq!(scene.class("beside"), "cancelled");
    for skipped in ["later", "also"] {
        assert_eq!(scene.step(skipped)["state"], "skipped", "{}", ran.out);
    }
    assert!(!scene.bench.path().join("ran").exists());
    let gates = scene.summary()["gate_failures"].clone();
    assert_eq!(gates.as_array().map(Vec::len), Some(1), "{gates}");
}

#[test]
fn the_runs_own_limit_ends_its_steps() {
    let scene = Scene::new(
        "plan: p
max_duration: 500ms
max_parallel: 4
steps:
  a: { run: \"trap '' TERM; (setsid STAY &); STAY\", kill_grace: 200ms }
  b: { run: 'STAY' }
  later: { needs: [a], run: touch ran }
  also: { after: [b], run: touch ran }
",
    );
    scene.run().exits(1);
    assert_eq!(scene.survivors(), Vec::<String>::new());
    assert_eq!(scene.summary()["outcome"], "timed_out");
    for step in ["a", "b"] {
        assert_eq!(scene.step(step)["state"], "failed");
        assert_eq!(scene.class(step), "timeout");
    }
    assert!(!scene.bench.path().join("ran").exists());
}

#[test]
fn a_cancelled_run_leaves_nothing() {
    let scene = Scene::new(
        "plan: p
steps:
  a: { run: \"trap '' TERM; (setsid STAY &); echo up >ready; STAY\", kill_grace: 200ms }
",
    );
    let ready = Fifo::new(&scene, "ready");
    let run = scene.start();
    ready.read();
    let args = ["cancel", "r", "--reason", "no longer wanted"];
    scene.bench.rok(args).exits(0);
    run.finish().exits(1);
    assert_eq!(scene.survivors(), Vec::<String>::new());
    assert_eq!(scene.summary()["outcome"], "cancelled");
    assert_eq!(scene.class("a"), "cancelled");
}
