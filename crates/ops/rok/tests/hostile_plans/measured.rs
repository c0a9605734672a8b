//! A `rok` whose time and memory are measured and bounded.

use crate::support::{Bench, Ran};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::channel;
use std::time::Duration;
use wait4::Wait4 as _;

/// Seconds, for a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a plan may make `rok` use.
const MAX_MEMORY: u64 = 200 * 1024 * 1024;

/// What a command came to, and what it cost.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Exit code and output.
    pub(crate) ran: Ran,
    /// Of all processors.
    pub(crate) cpu: Duration,
}

/// Runs a command; fails the test where it takes too long or too much.
#[track_caller]
pub(crate) fn measured(mut command: Command) -> Measured {
    let file = || tempfile::tempfile().expect("a temporary file");
    let (out, err) = (file(), file());
    let twin = |file: &File| file.try_clone().expect("a descriptor");
    command.stdout(twin(&out)).stderr(twin(&err));
    let child = command.spawn().expect("it starts");
    let pid = Pid::from_child(&child);
    let (sender, ended) = channel();
    std::thread::spawn(move || sender.send(child.wait4()));
    let Ok(used) = ended.recv_timeout(PATIENCE) else {
        let _ = kill_process(pid, Signal::KILL);
        panic!("no end after {PATIENCE:?}: {}", text(err));
    };
    let used = used.expect("it is our child");
    let ran = Ran {
        code: code(used.status),
        out: text(out),
        err: text(err),
    };
    let memory = used.rusage.maxrss;
    assert!(memory <= MAX_MEMORY, "{memory} bytes of memory");
    Measured {
        ran,
        cpu: used.rusage.utime + used.rusage.stime,
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

fn text(mut file: File) -> String {
    use std::io::{Read as _, Seek as _};
    let mut bytes = Vec::new();
    file.rewind().expect("a file can seek");
    file.read_to_end(&mut bytes).expect("it is read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Checks a plan, and that `rok run` says the same of it and makes no run.
#[track_caller]
pub(crate) fn refused(bench: &Bench, plan: &str) -> String {
    let checked = measured(bench.command(["plan", "validate", plan]))
        .ran
        .exits(2);
    let run = measured(bench.command(["run", plan])).ran.exits(2);
    assert_eq!(checked.err, run.err);
    assert_eq!((checked.out.as_str(), run.out.as_str()), ("", ""));
    assert!(!bench.runs().exists(), "a run came of it");
    checked.err
}
