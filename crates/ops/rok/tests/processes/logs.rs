//! What a step prints, and who may read it.

use crate::running::{Fifo, Running, Scene};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

#[test]
fn each_attempt_has_its_log() {
    let scene = Scene::new(
        "plan: p
steps:
  a:
    retry: { max: 1, base: 1ms }
    run: 'echo out $ROK_ATTEMPT; echo err $ROK_ATTEMPT >&2; printf \"\\377 no newline\"; [ $ROK_ATTEMPT = 1 ] || exit 75'
  silent: { needs: [a], run: 'true' }
  never: { if: 'false', run: 'true' }
",
    );
    scene.run().exits(0);
    let logs = scene.bench.runs().join("r/logs");
    for attempt in 0..2 {
        let log = fs::read(logs.join(format!("a.{attempt}.log"))).expect("a log");
        let expected = format!("out {attempt}\nerr {attempt}\n");
        assert_eq!(log, [expected.as_bytes(), b"\xff no newline"].concat());
    }
    let shown = |args: &[&str]| scene.bench.rok([&["logs", "r"], args].concat());
    assert_eq!(
        shown(&["a"]).exits(0).out,
        "out 1\nerr 1\n\u{fffd} no newline"
    );
    assert_eq!(
        shown(&["a", "--attempt", "0", "-n", "2"]).exits(0).out,
        "err 0\n\u{fffd} no newline"
    );
    assert_eq!(shown(&["a", "-n", "0"]).exits(0).out, "");
    assert_eq!(
        shown(&["a", "-n", "99"]).exits(0).out,
        "out 1\nerr 1\n\u{fffd} no newline"
    );
    assert_eq!(
        shown(&["a", "--follow"]).exits(0).out,
        "out 1\nerr 1\n\u{fffd} no newline"
    );
    assert_eq!(shown(&["silent"]).exits(0).out, "");
    let never = shown(&["never"]).exits(3);
    assert!(
        never
            .err
            .contains("has no output of step `never`: the step is skipped"),
        "{}",
        never.err
    );
    assert!(
        shown(&["a", "--attempt", "7"])
            .exits(3)
            .err
            .contains("attempt 7")
    );
    let unknown = shown(&["silnt"]).exits(3);
    assert!(unknown.err.contains("silent"), "{}", unknown.err);
    scene.bench.rok(["logs", "nobody", "a"]).exits(2);
}

/// A follower sees what is printed while the step runs, and ends with it.
#[test]
fn a_log_is_followed_to_its_end() {
    let scene = Scene::new(
        "plan: p\nsteps: { a: { run: 'echo one; echo up >ready; read x <go; echo two; sleep 0.2; echo three' } }\n",
    );
    let (ready, _go) = (Fifo::new(&scene, "ready"), Fifo::new(&scene, "go"));
    let run = scene.start();
    ready.read();
    let follower = Running::start(scene.bench.command(["logs", "r", "a", "--follow"]));
    fs::write(scene.bench.path().join("go"), "on\n").expect("the step reads it");
    run.finish().exits(0);
    assert_eq!(follower.finish().exits(0).out, "one\ntwo\nthree\n");
}

/// A step that prints for ever is stopped by its timeout, and its log is whole.
#[test]
fn a_flood_is_stopped_by_the_timeout() {
    let scene = Scene::new("plan: p\nsteps: { a: { run: [yes], timeout: 300ms } }\n");
    scene.run().exits(1);
    assert_eq!(scene.class("a"), "timeout");
    let log = fs::metadata(scene.bench.runs().join("r/logs/a.0.log")).expect("a log");
    assert!(log.len() > 1000);
    assert_eq!(scene.survivors(), Vec::<String>::new());
}

/// Escape sequences of a step do not reach the terminal by way of a reason.
#[test]
fn a_reason_holds_no_escape_sequences() {
    let scene = Scene::new(
        "plan: p\nsteps: { a: { run: \"printf '\\\\033[2J\\\\033]0;title\\\\007bad\\\\r\\\\n'; exit 1\" } }\n",
    );
    let ran = scene.run().exits(1);
    for text in [
        &ran.out,
        &ran.err,
        &scene.bench.rok(["explain", "r", "a"]).out,
    ] {
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }
}

fn walk(path: &Path, each: &mut impl FnMut(&Path)) {
    each(path);
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("ours").flatten() {
            walk(&entry.path(), each);
        }
    }
}

/// Folders are 0700 and files 0600, even where everybody may do everything.
#[test]
fn a_run_is_private_whatever_the_umask() {
    let scene = Scene::new(
        "plan: p
steps:
  a: { run: 'echo x; stat -c %A \"$ROK_INPUTS\" \"$(dirname \"$ROK_OUTPUT\")\"; umask; echo up >ready; read x <go; echo \"{}\" >\"$ROK_OUTPUT\"' }
  b: { after: [a], run: exit 1, required: false }
",
    );
    let (ready, _go) = (Fifo::new(&scene, "ready"), Fifo::new(&scene, "go"));
    let rok = env!("CARGO_BIN_EXE_rok");
    let mut command = scene.bench.command::<&str>([]);
    command = {
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args([
            "-c",
            "umask 0; exec \"$0\" \"$@\"",
            rok,
            "run",
            "plan.yaml",
            "--run-id",
            "r",
        ]);
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        shell.current_dir(scene.bench.path());
        shell
    };
    let run = Running::start(command);
    ready.read();
    let check = |scene: &Scene| {
        let mut files = 0;
        walk(&scene.bench.runs(), &mut |path| {
            let meta = fs::symlink_metadata(path).expect("ours");
            let mode = if meta.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(meta.mode() & 0o7777, mode, "{}", path.display());
            files += 1;
        });
        assert!(files > 8, "{files}");
    };
    check(&scene);
    fs::write(scene.bench.path().join("go"), "on\n").expect("the step reads it");
    run.finish().exits(0);
    check(&scene);
    let log = scene.bench.rok(["logs", "r", "a"]).exits(0).out;
    assert_eq!(log, "x\n-rw-------\ndrwx------\n0000\n");
    scratch_is_empty(&scene);
}

/// A run that has ended leaves nothing outside its folder.
#[track_caller]
fn scratch_is_empty(scene: &Scene) {
    let mut left = Vec::new();
    for entry in fs::read_dir(scene.bench.path()).expect("ours").flatten() {
        if entry.file_name().to_string_lossy().starts_with("rok-") {
            walk(&entry.path(), &mut |path| {
                if path != entry.path() {
                    left.push(path.to_owned());
                }
            });
        }
    }
    assert_eq!(left, Vec::<std::path::PathBuf>::new());
    let procs = fs::read_dir(scene.bench.runs().join("r/procs")).expect("ours");
    assert_eq!(procs.count(), 0);
}
