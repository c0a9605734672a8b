//! A step in a sandbox is ended as any other: by its deadline, by a signal, by
//! whoever takes the run over.

use crate::boxed::Boxed;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

/// What a step says of itself: its process, and one that left its group.
const STAYS: &str = "setsid sh -c 'echo $$ > out/child; exec sleep 600' &
while ! [ -s out/child ]; do sleep 0.01; done
echo $$ > out/leader; echo up; exec sleep 600";

fn pid(boxed: &Boxed, name: &str) -> Pid {
    let text = std::fs::read_to_string(boxed.path("work/out").join(name));
    let number = text.expect("it said so").trim().parse();
    Pid::from_raw(number.expect("a number")).expect("of a process")
}

fn is_gone(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    test_kill_process(pid).is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn nothing_of_it_outlives_its_deadline() {
    let boxed = Boxed::plan(&format!(
        "steps:\n  a:\n    sandbox: {{ write: [out] }}\n    timeout: 2s\n    kill_grace: 100ms\n    run: |\n      {}\n",
        STAYS.replace('\n', "\n      ")
    ));
    let Some(ran) = boxed.run() else { return };
    ran.exits(1);
    assert_eq!(boxed.failure().0, "timeout");
    assert!(is_gone(pid(&boxed, "leader")) && is_gone(pid(&boxed, "child")));
    assert!(!has_files(&boxed.path("tmp")), "its scratch is gone");
}

/// `kill -9` of rok: the process is on record by its own id, and whoever resumes
/// the run ends it before the step is tried again.
#[test]
fn whoever_takes_the_run_over_ends_it() {
    let script = format!("if [ -e out/leader ]; then exit 0; fi\n{STAYS}");
    let boxed = Boxed::new("{ write: [out] }", &script);
    if !rok_sandbox::Offer::of_this_machine().is_complete() {
        boxed.run();
        return;
    }
    let mut command = boxed.rok(&["run", "plan.yaml", "--run-id", "r", "-v"]);
    let mut rok = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut log = String::new();
    while !log.contains("up") {
        assert!(rok.try_wait().unwrap().is_none(), "{log}");
        log.clear();
        if let Ok(mut file) = std::fs::File::open(boxed.path("runs/r/logs/a.0.log")) {
            file.read_to_string(&mut log).unwrap();
        }
        std::thread::yield_now();
    }
    let (leader, child) = (pid(&boxed, "leader"), pid(&boxed, "child"));
    let record = std::fs::read_to_string(boxed.path("runs/r/procs/a.0")).unwrap();
    assert!(record.contains(&format!("\"pid\":{leader},")), "{record}");
    kill_process(Pid::from_child(&rok), Signal::KILL).unwrap();
    rok.wait().unwrap();
    assert!(!is_gone(leader) && !is_gone(child), "nobody ended them yet");
    boxed.ran(&["resume", "r"]).exits(0);
    assert!(is_gone(leader) && is_gone(child));
    let recovered = boxed.events("run.recovered").pop().unwrap();
    assert!(
        recovered["data"]["killed"].as_u64() >= Some(1),
        "{recovered}"
    );
    assert!(!has_files(&boxed.path("tmp")), "its scratch is gone");
}

fn has_files(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        !path.is_dir() || has_files(&path)
    })
}
