//! Resource limits.

use crate::boxed::Boxed;
use rok_sandbox::Offer;
use rstest::rstest;
use std::os::unix::process::CommandExt as _;

/// Nobody in particular, who may own files.
const USER: u32 = 65_534;

#[rstest]
#[case::memory(
    "{ max_memory_mib: 256 }",
    "[python3, -c, \"b'x' * (300 << 20)\"]",
    "validation_failed",
    "MemoryError",
    1
)]
#[case::processor(
    "{ max_cpu: 1s }",
    "[python3, -c, 'while True: pass']",
    "sandbox_violation",
    "more processor time",
    5
)]
#[case::file(
    "{ write: [out], max_file_mib: 1 }",
    "[dd, if=/dev/zero, of=out/x, bs=1M, count=3]",
    "sandbox_violation",
    "larger file",
    5
)]
// A shell tells by its own exit code of the signal that ended a program of its.
#[case::processor_of_a_line(
    "{ max_cpu: 1s }",
    "\"python3 -c 'while True: pass'; exit $?\"",
    "sandbox_violation",
    "a program of it used more processor time than its sandbox permits (max_cpu: 1s): exit code 152",
    5
)]
#[case::file_of_a_line(
    "{ write: [out], max_file_mib: 1 }",
    "\"dd if=/dev/zero of=out/x bs=1M count=3; exit $?\"",
    "sandbox_violation",
    "a program of it wrote a larger file than its sandbox permits (max_file_mib: 1): exit code 153",
    5
)]
#[case::no_such_limit(
    "{ max_file_mib: 1 }",
    "exit 152",
    "validation_failed",
    "exit code 152",
    1
)]
#[case::open_files(
    "{ max_open_files: 8 }",
    "[python3, -c, \"x = [open('plan.yaml') for _ in range(9)]\"]",
    "validation_failed",
    "Too many open files",
    1
)]
#[case::no_process(
    "{ max_processes: 1 }",
    "[python3, -c, 'import os; os.fork()']",
    "validation_failed",
    "PermissionError",
    1
)]
fn a_step_is_bounded(
    #[case] sandbox: &str,
    #[case] run: &str,
    #[case] class: &str,
    #[case] part: &str,
    #[case] code: i32,
) {
    let boxed = Boxed::plan(&format!(
        "steps:\n  a:\n    sandbox: {sandbox}\n    run: {run}\n"
    ));
    let Some(ran) = boxed.run() else { return };
    ran.exits(code);
    let (told, reason) = boxed.failure();
    assert_eq!(told, class, "{reason}");
    assert!(reason.contains(part), "{reason}");
}

#[test]
fn threads_are_no_processes() {
    let boxed = Boxed::plan(
        "steps:
  a:
    sandbox: { max_processes: 1 }
    run: [python3, -c, \"import threading; t = threading.Thread(target=print, args=('ran',)); t.start(); t.join()\"]
",
    );
    let Some(ran) = boxed.run() else { return };
    ran.exits(0);
    assert_eq!(boxed.log(), "ran\n");
}

/// Forks until it cannot, and says how often it could.
const BOMB: &str = r"
import os, time
n = 0
while n < 4000:
    try:
        pid = os.fork()
    except OSError:
        break
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    n += 1
print(n)
";

/// The kernel counts no processes of root, so this is asked for as another user.
#[test]
fn a_fork_bomb_is_bounded() {
    let boxed =
        Boxed::plan("steps: { a: { sandbox: { max_processes: 20 }, run: [python3, bomb.py] } }\n");
    std::fs::write(boxed.path("work/bomb.py"), BOMB).unwrap();
    if Offer::of_this_machine().counts_processes {
        let Some(ran) = boxed.run() else { return };
        ran.exits(0);
    } else {
        let ran = boxed
            .ran(&["run", "plan.yaml", "--run-id", "refused"])
            .exits(5);
        assert!(
            ran.out.contains("counts no processes of root"),
            "{}",
            ran.out
        );
        let folders = ["", "work", "work/out", "tmp", "home"];
        for folder in folders {
            let path = boxed.path(folder);
            std::os::unix::fs::chown(path, Some(USER), Some(USER)).unwrap();
        }
        std::fs::remove_dir_all(boxed.path("runs")).unwrap();
        std::fs::remove_dir_all(boxed.path("tmp/rok-0")).unwrap();
        let mut command = boxed.rok(&["run", "plan.yaml", "--run-id", "r"]);
        command.uid(USER).gid(USER);
        match command.output() {
            Ok(output) => drop(crate::support::Ran::from(output).exits(0)),
            // The build may lie where only root can enter.
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
                return;
            }
        }
    }
    let forked: u32 = boxed.log().trim().parse().unwrap();
    assert!((1..20).contains(&forked), "{forked}");
}
