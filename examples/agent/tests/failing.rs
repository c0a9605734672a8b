//! `failing/show.sh`, as a person runs it: the step ends once, elsewhere, and
//! what is told of it says why.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use rstest::rstest;
use std::env;
use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with `rok` and `rok-agent`, before whatever else is on the path.
fn path(folder: &Path) -> OsString {
    let programs = folder.join("programs");
    std::fs::create_dir(&programs).unwrap();
    let agent = PathBuf::from(env!("CARGO_BIN_EXE_rok-agent"));
    symlink(&agent, programs.join("rok-agent")).unwrap();
    symlink(support::rok(), programs.join("rok")).unwrap();
    let path = env::var_os("PATH").unwrap();
    let all = std::iter::once(programs).chain(env::split_paths(&path));
    env::join_paths(all).unwrap()
}

#[rstest]
#[case("dies", "agent_lost", "not heard for 2s", "down: ")]
#[case("late", "latency", "no result after 3s", "failures in a row: 1")]
#[case(
    "forges",
    "signature_mismatch",
    "its result is refused: its signature is not by key",
    "quarantined: "
)]
fn what_is_shown_tells_the_story(
    #[case] how: &str,
    #[case] trigger: &str,
    #[case] why: &str,
    #[case] state: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let shown = Command::new("sh")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("failing/show.sh"))
        .args([Path::new(how), &folder.path().join("shown")])
        .env_clear()
        .env("PATH", path(folder.path()))
        .env("HOME", folder.path())
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&shown.stdout),
        String::from_utf8_lossy(&shown.stderr),
    );
    assert!(shown.status.success(), "{out}\n{err}");
    for line in [
        format!("agent here, after far ({trigger})"),
        format!("it was taken away from agent `far` ({trigger}): {why}"),
        "agent `here` did it".to_owned(),
        "INTACT".to_owned(),
        state.to_owned(),
    ] {
        assert!(out.contains(&line), "{line}: {out}");
    }
    // It began once and ended once.
    let count = |event: &str| out.matches(&format!("\"event_type\":\"{event}\"")).count();
    assert_eq!((count("step.started"), count("step.fell_back")), (1, 1));
    assert_eq!((count("step.succeeded"), count("step.failed")), (1, 0));
}
