//! Privileges, environment, descriptors, and what else a process has.

use crate::boxed::Boxed;
use crate::support::Ran;
use rstest::rstest;
use std::process::Command;

#[test]
fn a_step_has_no_privileges_and_gains_none() {
    let boxed = Boxed::new("{}", "cat /proc/self/status");
    let Some(ran) = boxed.run() else { return };
    ran.exits(0);
    let log = boxed.log();
    for line in [
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "CapInh:\t0000000000000000",
        "CapAmb:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(log.contains(line), "{line}\n{log}");
    }
}

#[rstest]
#[case::mount("mount -t tmpfs none out")]
#[case::user_namespace("unshare --user id")]
#[case::network_namespace("unshare --net id")]
#[case::other_root("chroot / id")]
#[case::signal_to_rok("kill -0 $PPID")]
#[case::signal_to_all("python3 -c 'import os; os.kill(1, 0)'")]
#[case::limits_of_rok("prlimit --pid $PPID --nofile=1000:1000")]
#[case::higher_limits("ulimit -H -c 1000")]
#[case::clock("date -s @0")]
#[case::host_name("python3 -c 'import socket; socket.sethostname(\"x\")'")]
fn what_needs_privileges_is_refused(#[case] line: &str) {
    let script = format!("if {line}; then echo done; else echo refused; fi");
    let boxed = Boxed::new("{ write: [out] }", &script);
    let Some(ran) = boxed.run() else { return };
    ran.exits(0);
    assert!(boxed.log().ends_with("refused\n"), "{}", boxed.log());
}

/// A program whose owner is another user runs as the one who started it.
#[test]
fn a_set_user_id_program_is_an_ordinary_one() {
    let boxed = Boxed::new("{}", "./id -u");
    let program = boxed.path("work/id");
    std::fs::copy("/usr/bin/id", &program).unwrap();
    let found = Command::new("chmod")
        .args(["4755"])
        .arg(&program)
        .status()
        .unwrap();
    assert!(found.success());
    // Where the test may: for root alone is there another user to become.
    let other = std::os::unix::fs::chown(&program, Some(65_534), None).is_ok();
    if other {
        // Changing the owner took the bit away.
        Command::new("chmod")
            .arg("4755")
            .arg(&program)
            .status()
            .unwrap();
    }
    let Some(ran) = boxed.run() else { return };
    ran.exits(0);
    let own = Command::new("/usr/bin/id")
        .arg("-u")
        .output()
        .unwrap()
        .stdout;
    assert_eq!(boxed.log().as_bytes(), own);
}

#[test]
fn the_environment_is_what_the_plan_gives() {
    let boxed = Boxed::plan("steps: { a: { sandbox: {}, env: { MINE: yes it is }, run: env } }\n");
    let mut command = boxed.rok(&["run", "plan.yaml", "--run-id", "r"]);
    let ran = Ran::from(command.env("OTHERS", "not mine").output().unwrap());
    if !rok_sandbox::Offer::of_this_machine().is_complete() {
        ran.exits(5);
        return;
    }
    ran.exits(0);
    let log = boxed.log();
    assert!(
        log.contains("MINE=yes it is\n") && !log.contains("OTHERS"),
        "{log}"
    );
    let names: Vec<&str> = log
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    assert!(
        names.contains(&"ROK_RUN_ID") && names.contains(&"TMPDIR"),
        "{log}"
    );
}

/// What whoever started rok left open for it is not the step's.
#[test]
fn descriptors_are_not_inherited() {
    let boxed = Boxed::new("{}", "ls -l /proc/self/fd; cat <&7 || echo closed");
    let mut shell = Command::new("/bin/sh");
    let rok = boxed.rok(&[]);
    shell.args(["-c", "exec \"$0\" run plan.yaml --run-id r 7<../secret"]);
    shell
        .arg(rok.get_program())
        .current_dir(boxed.path("work"))
        .env_clear();
    shell.envs(
        rok.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let ran = Ran::from(shell.output().unwrap());
    if !rok_sandbox::Offer::of_this_machine().is_complete() {
        ran.exits(5);
        return;
    }
    ran.exits(0);
    let log = boxed.log();
    assert!(
        log.ends_with("closed\n") && !log.contains("secret"),
        "{log}"
    );
}
