//! `stop_remains`: what a dead owner left is found, ended and waited for. The
//! owner is played by this test, which starts the processes itself.

use crate::support::{Bench, lives, said};
use rok_executor::Executor as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

fn stat(pid: u32) -> (u32, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    (fields[2].parse().unwrap(), fields[19].parse().unwrap())
}

fn record(bench: &Bench, name: &str, pid: u32, start: u64, boot_id: &str) {
    std::fs::create_dir_all(&bench.workspace.procs).unwrap();
    let text = serde_json::json!({
        "pid": pid, "start_time": start, "boot_id": boot_id, "pgid": pid,
    });
    std::fs::write(bench.workspace.procs.join(name), text.to_string()).unwrap();
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap()
        .trim()
        .to_owned()
}

/// A process without any mark of rok, in a group of its own.
fn unmarked(bench: &Bench, script: &str) -> Child {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).current_dir(bench.dir.path());
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .process_group(0)
        .spawn()
        .unwrap()
}

fn marked(bench: &Bench, script: &str, run: &str) -> Child {
    let mut command = Command::new("setsid");
    command
        .args(["sh", "-c", script])
        .current_dir(bench.dir.path());
    command
        .env("ROK_RUN_ID", run)
        .env("ROK_STEP_ID", "s")
        .env("ROK_ATTEMPT", "0");
    command
        .env("ROK_ARTIFACTS", &bench.workspace.artifacts)
        .spawn()
        .unwrap()
}

fn stop(bench: &Bench) -> Vec<i32> {
    bench
        .executor
        .stop_remains(&"run-1".parse().unwrap(), &bench.workspace)
        .unwrap()
        .killed
}

/// A step may speak before its record is written; a later step's end shows that
/// the supervisor is done with the first.
fn spawned(bench: &Bench) {
    bench.run(bench.sh("later", "true")).end.unwrap();
}

#[test]
fn a_recorded_group_and_its_descendants_are_ended() {
    let bench = Bench::new();
    let pipe = bench.pipe("pipe");
    let script = "trap '' TERM; sleep 3600 & env -i setsid sleep 3600 & echo $$ $! > pipe; wait";
    let mut child = unmarked(&bench, script);
    let words = said(&pipe);
    let pids: Vec<&str> = words.split_whitespace().collect();
    record(&bench, "s.0", child.id(), stat(child.id()).1, &boot_id());
    std::fs::create_dir_all(&bench.workspace.scratch).unwrap();
    std::fs::write(bench.workspace.scratch.join("s.0.output"), "{}").unwrap();

    let killed = stop(&bench);
    assert!(killed.len() >= 3, "{killed:?}");
    assert!(pids.iter().all(|pid| !lives(pid)));
    assert!(!bench.workspace.procs.join("s.0").exists());
    assert!(!bench.workspace.scratch.join("s.0.output").exists());
    child.wait().unwrap();
    assert_eq!(stop(&bench), Vec::<i32>::new());
}

#[test]
fn one_that_was_never_recorded_is_known_by_its_environment() {
    let bench = Bench::new();
    let pipe = bench.pipe("pipe");
    let mut child = marked(&bench, "echo $$ > pipe; exec sleep 3600", "run-1");
    let pid = said(&pipe);
    assert_eq!(stop(&bench), [pid.parse::<i32>().unwrap()]);
    assert!(!lives(&pid));
    child.wait().unwrap();
}

#[test]
fn a_recycled_id_another_boot_and_another_run_are_left_alone() {
    let bench = Bench::new();
    let pipe = bench.pipe("pipe");
    let mut child = unmarked(&bench, "echo $$ > pipe; exec sleep 3600");
    said(&pipe);
    let start = stat(child.id()).1;
    record(&bench, "recycled.0", child.id(), start + 1, &boot_id());
    record(&bench, "reboot.0", child.id(), start, "another-boot");
    record(
        &bench,
        "me.0",
        std::process::id(),
        stat(std::process::id()).1,
        &boot_id(),
    );
    std::fs::write(bench.workspace.procs.join("cut.0"), "{\"pid\":").unwrap();
    let mut other = marked(&bench, "echo $$ > pipe; exec sleep 3600", "run-2");
    said(&pipe);

    assert_eq!(stop(&bench), Vec::<i32>::new());
    assert!(lives(&child.id().to_string()) && lives(&other.id().to_string()));
    assert_eq!(
        std::fs::read_dir(&bench.workspace.procs).unwrap().count(),
        0
    );
    for child in [&mut child, &mut other] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn live_attempts_of_this_executor_are_left_alone() {
    let bench = Bench::new();
    let (pipe, go) = (bench.pipe("pipe"), bench.pipe("go"));
    let reports = bench.start(bench.sh("s", "echo ready > pipe; read line < go"));
    said(&pipe);
    spawned(&bench);
    assert_eq!(stop(&bench), Vec::<i32>::new());
    assert!(bench.workspace.procs.join("s.0").exists());
    std::fs::write(go, "go\n").unwrap();
    reports.recv().unwrap().result.end.unwrap();
}

#[test]
fn a_running_step_is_on_record() {
    let bench = Bench::new();
    let (pipe, go) = (bench.pipe("pipe"), bench.pipe("go"));
    let reports = bench.start(bench.sh("s", "echo $$ > pipe; read line < go"));
    let pid: u32 = said(&pipe).parse().unwrap();
    spawned(&bench);
    let text = std::fs::read(bench.workspace.procs.join("s.0")).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let (group, start) = stat(pid);
    assert_eq!(group, pid);
    assert_eq!(
        found,
        serde_json::json!({ "pid": pid, "start_time": start, "boot_id": boot_id(), "pgid": pid })
    );
    std::fs::write(go, "go\n").unwrap();
    reports.recv().unwrap().result.end.unwrap();
    assert!(!bench.workspace.procs.join("s.0").exists());
}
