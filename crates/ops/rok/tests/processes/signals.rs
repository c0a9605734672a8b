//! A signal to `rok` leaves a run that can be resumed, and nothing alive.

use crate::running::{Fifo, Running, Scene};
use rstest::rstest;
use rustix::process::{Signal, kill_process_group};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// `first` finishes; `second` stays until it is told that it may pass.
const PLAN: &str = "plan: p
steps:
  first: { run: 'echo first >>journal; echo {\\\"n\\\":1} >\"$ROK_OUTPUT\"' }
  second:
    needs: [first]
    kill_grace: 200ms
    run: |
      echo \"second $ROK_ATTEMPT $ROK_IDEMPOTENCY_KEY\" >>journal
      [ -e pass ] && exit 0
      trap '' TERM INT
      (setsid STAY &)
      echo up >ready
      STAY
      STAY
";

fn resume(scene: &Scene) -> Running {
    Running::start(scene.bench.command(["resume", "r"]))
}

/// Runs the plan as run `r` by a command that begins another.
fn begun_by(scene: &Scene, words: &[&str]) -> Running {
    let rok = scene.bench.command(["run", "plan.yaml", "--run-id", "r"]);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command.arg(rok.get_program()).args(rok.get_args());
    let given = rok
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(given);
    command.current_dir(scene.bench.path()).stdin(Stdio::null());
    Running::start(command)
}

/// Who runs these tests may be deaf to a terminal that closes; `rok` is not.
fn hearing(scene: &Scene) -> Running {
    begun_by(scene, &["env", "--default-signal=HUP"])
}

fn journal(scene: &Scene) -> Vec<String> {
    let text = fs::read_to_string(scene.bench.path().join("journal")).expect("the steps write it");
    text.lines().map(str::to_owned).collect()
}

#[rstest]
#[case::ctrl_c(Signal::INT, 130)]
#[case::term(Signal::TERM, 143)]
#[case::hang_up(Signal::HUP, 129)]
fn a_signal_leaves_a_resumable_run(#[case] signal: Signal, #[case] code: i32) {
    let scene = Scene::new(PLAN);
    let ready = Fifo::new(&scene, "ready");
    let run = hearing(&scene);
    ready.read();
    run.signal(signal);
    let ran = run.finish().exits(code);
    assert_eq!(scene.survivors(), Vec::<String>::new());
    assert!(ran.err.contains("rok resume r"), "{}", ran.err);

    let summary = scene.summary();
    assert_eq!(
        (&summary["phase"], &summary["sealed"]),
        (&"EXECUTING".into(), &false.into())
    );
    let check = scene.bench.rok(["resume", "r", "--check"]).exits(0);
    assert!(
        check.out.contains("resumable, in the same epoch"),
        "{}",
        check.out
    );
    scene.bench.rok(["verify", "r"]).exits(0);
    scene.bench.rok(["verify", "r", "--sealed"]).exits(4);

    scene.bench.write("pass", "");
    resume(&scene).finish().exits(0);
    let journal = journal(&scene);
    assert_eq!(journal.len(), 3, "{journal:?}");
    assert_eq!(journal[0], "first");
    assert_eq!(journal[1], "second 0 r/0/second");
    assert_eq!(journal[2], "second 1 r/0/second");
    let summary = scene.summary();
    assert_eq!(
        (&summary["phase"], &summary["epoch"]),
        (&"COMPLETED".into(), &0.into())
    );
    assert_eq!(scene.step("first")["outputs"]["n"], 1);
    scene.bench.rok(["verify", "r", "--sealed"]).exits(0);
    scene.bench.rok(["resume", "r"]).exits(1);
}

/// A terminal that closes says so by its shell and by the kernel.
#[test]
fn a_second_hang_up_does_not_cut_the_clean_stop_short() {
    let scene = Scene::new(
        "plan: p
steps:
  a:
    kill_grace: 1h
    run: \"trap 'echo asked >asked; read go <go; exit 0' TERM; echo up >ready; while :; do sleep 0.01 || :; done\"
",
    );
    let (ready, asked) = (Fifo::new(&scene, "ready"), Fifo::new(&scene, "asked"));
    let _go = Fifo::new(&scene, "go");
    let run = hearing(&scene);
    ready.read();
    run.signal(Signal::HUP);
    asked.read();
    run.signal(Signal::HUP);
    fs::write(scene.bench.path().join("go"), "go\n").unwrap();
    let ran = run.finish().exits(129);
    assert!(ran.err.contains("rok resume r"), "{}", ran.err);
    scene.bench.rok(["resume", "r", "--check"]).exits(0);
}

#[test]
fn what_nohup_began_outlives_its_terminal() {
    let scene = Scene::new("plan: p\nsteps: { a: { run: 'echo up >ready; read go <go' } }\n");
    let (ready, _go) = (Fifo::new(&scene, "ready"), Fifo::new(&scene, "go"));
    let run = begun_by(&scene, &["nohup"]);
    ready.read();
    run.signal(Signal::HUP);
    fs::write(scene.bench.path().join("go"), "go\n").unwrap();
    run.finish().exits(0);
}

/// A terminal sends Ctrl-C to its whole foreground group: the step is not in it.
#[test]
fn ctrl_c_of_a_terminal_does_not_reach_the_step() {
    let scene = Scene::new(
        "plan: p
steps:
  a: { run: \"trap 'echo INT >>got' INT; trap 'echo TERM >>got; exit 0' TERM; echo up >ready; while :; do sleep 0.01 || :; done\" }
",
    );
    let ready = Fifo::new(&scene, "ready");
    let run = Running::start({
        use std::os::unix::process::CommandExt as _;
        let mut command = scene.bench.command(["run", "plan.yaml", "--run-id", "r"]);
        command.process_group(0);
        command
    });
    ready.read();
    kill_process_group(run.pid, Signal::INT).expect("it runs");
    run.finish().exits(130);
    let got = fs::read_to_string(scene.bench.path().join("got"));
    assert_eq!(got.expect("it traps"), "TERM\n");
    assert_eq!(scene.survivors(), Vec::<String>::new());
}

/// The second signal does not wait for the grace; what is left behind is ended
/// by the next owner, before the step runs again.
#[test]
fn a_second_ctrl_c_stops_at_once_and_resume_ends_what_is_left() {
    let scene = Scene::new(
        "plan: p
steps:
  a:
    kill_grace: 1h
    run: |
      if [ -e pass ]; then LOOK; exit; fi
      trap 'echo asked >asked' TERM
      sh stay.sh
      echo up >ready
      while :; do sleep 0.01 || :; done
",
    );
    // Apart, so that the step's own command line does not hold the mark.
    scene.write("stay.sh", "setsid STAY &");
    let (ready, asked) = (Fifo::new(&scene, "ready"), Fifo::new(&scene, "asked"));
    let run = scene.start();
    ready.read();
    run.signal(Signal::INT);
    asked.read();
    run.signal(Signal::INT);
    run.finish().exits(130);
    assert_ne!(
        scene.survivors(),
        Vec::<String>::new(),
        "the marks can be found"
    );

    scene.bench.write("pass", "");
    resume(&scene).finish().exits(0);
    assert_eq!(scene.survivors(), Vec::<String>::new());
    let recovered = scene.bench.events("r").into_iter();
    let recovered: Vec<_> = recovered
        .filter(|event| event["event_type"] == "run.recovered")
        .collect();
    assert_eq!(recovered.len(), 1);
    let killed = recovered[0]["data"]["killed"].as_u64();
    assert!(killed.is_some_and(|n| n >= 2), "{}", recovered[0]);
}

/// A step that may not be repeated is not: its interruption asks for a person.
#[test]
fn an_interrupted_step_that_is_not_idempotent_is_not_repeated() {
    let scene = Scene::new(
        "plan: p
steps:
  a: { idempotent: false, run: 'echo once >>journal; echo up >ready; STAY' }
",
    );
    let ready = Fifo::new(&scene, "ready");
    let run = scene.start();
    ready.read();
    run.signal(Signal::INT);
    run.finish().exits(130);
    resume(&scene).finish().exits(1);
    assert_eq!(journal(&scene), ["once"]);
    assert_eq!(scene.survivors(), Vec::<String>::new());
}

/// Waits until the run's log has an event of a type.
fn wait_for(scene: &Scene, event_type: &str) {
    let log = scene.bench.runs().join("r/events.jsonl");
    let word = format!("\"event_type\":\"{event_type}\"");
    let until = Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(&log).is_ok_and(|text| text.contains(&word)) {
        assert!(Instant::now() < until, "no {event_type}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A signal does not wait for what a run waits for.
#[rstest]
#[case::retry(
    "run: exit 75, retry: { max: 1, base: 1h, max_delay: 1h }",
    "step.retried"
)]
#[case::person("run: 'true', gate: manual", "run.held")]
fn a_waiting_run_stops_at_once(#[case] step: &str, #[case] event_type: &str) {
    let scene = Scene::new(&format!("plan: p\nsteps: {{ a: {{ {step} }} }}\n"));
    let args = ["run", "plan.yaml", "--run-id", "r", "--wait"];
    let run = Running::start(scene.bench.command(args));
    wait_for(&scene, event_type);
    run.signal(Signal::TERM);
    run.finish().exits(143);
    scene.bench.rok(["verify", "r"]).exits(0);
    scene.bench.rok(["resume", "r", "--check"]).exits(0);
}

/// A step that may not be repeated is not, in a next epoch either, before
/// somebody answers for it: whether it was interrupted or failed.
#[rstest]
#[case::interrupted("echo up >ready; STAY", true)]
#[case::failed("exit 1", false)]
fn what_may_not_be_repeated_takes_a_reason_to_run_again(#[case] end: &str, #[case] killed: bool) {
    let scene = Scene::new(&format!(
        "plan: p\nsteps:\n  a: {{ idempotent: false, run: 'echo once >>journal; test ! -e go || exit 0; {end}' }}\n"
    ));
    if killed {
        let ready = Fifo::new(&scene, "ready");
        let run = scene.start();
        ready.read();
        run.signal(Signal::KILL);
        run.finish().exits(-1);
        let cancel = ["cancel", "r", "--reason", "stop"];
        scene.bench.rok(cancel);
    } else {
        scene.run().exits(1);
    }
    scene.write("go", "");
    let journal = || fs::read_to_string(scene.bench.path().join("journal")).expect("ours");
    let events = scene.bench.events("r").len();
    let told = scene.bench.rok(["resume", "r", "--check"]);
    assert!(told.out.contains("`a` would run again"), "{}", told.out);
    let refused = scene.bench.rok(["resume", "r"]).exits(1);
    for part in ["ROK0104", "`a` would run again", "rok resume r --reason"] {
        assert!(refused.err.contains(part), "{}", refused.err);
    }
    assert_eq!(
        (journal().as_str(), scene.bench.events("r").len()),
        ("once\n", events)
    );
    let reason = ["resume", "r", "--reason", "nothing was paid"];
    scene.bench.rok(reason).exits(0);
    assert_eq!(journal(), "once\nonce\n");
}
