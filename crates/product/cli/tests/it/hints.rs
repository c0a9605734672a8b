//! Next commands mean the same run, whatever found this one.

use crate::fake::{Fake, run_in};
use std::fs;

#[test]
fn a_run_found_by_its_folder_is_named_by_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("elsewhere/run_abc")).unwrap();
    let done = run_in(
        dir.path(),
        Fake::held(),
        &["resume", "elsewhere/run_abc"],
        |terminal| terminal,
    );
    assert!(
        done.err
            .contains("  rok approve elsewhere/run_abc publish_internal --reason \"…\"\n"),
        "{}",
        done.err
    );
    let done = run_in(
        dir.path(),
        Fake::new(),
        &["explain", "elsewhere/run_abc"],
        |terminal| terminal,
    );
    assert!(
        done.out
            .contains("      rok approve elsewhere/run_abc publish_internal"),
        "{}",
        done.out
    );
}

#[test]
fn flags_that_find_the_run_again_are_repeated() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("it's.toml"), "").unwrap();
    let arguments = [
        "status",
        "run_abc",
        "--dir",
        "my runs",
        "--config",
        "it's.toml",
        "--policies",
        "p.cedar",
        "--set",
        "roles=a",
        "--durability",
        "flush",
    ];
    let done = run_in(dir.path(), Fake::held(), &arguments, |terminal| terminal);
    let line = r"  rok --config 'it'\''s.toml' --dir 'my runs' --policies p.cedar --set roles=a resume run_abc";
    assert!(done.err.contains(line), "{}", done.err);
}
