//! What git is asked.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What git says to these words in a folder, or why it says nothing.
pub(crate) fn git<S: AsRef<OsStr>>(
    folder: &Path,
    words: impl IntoIterator<Item = S>,
) -> Result<Vec<u8>, String> {
    ask(Command::new("git").args(words).current_dir(folder), b"")
}

/// The same of a command that is set up, and is told something.
pub(crate) fn ask(command: &mut Command, told: &[u8]) -> Result<Vec<u8>, String> {
    let no_start = |error| format!("git does not start: {error}");
    let mut child = command
        // Whoever commits holds the index, and it is only looked at here.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(no_start)?;
    let mut input = child.stdin.take().expect("it is a pipe");
    let output = std::thread::scope(|scope| {
        // One that reads none of it says why by its end.
        scope.spawn(move || input.write_all(told));
        child.wait_with_output()
    });
    let output = output.map_err(no_start)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().next().unwrap_or("git fails").to_owned())
}

/// The parts of an answer that has a NUL behind each.
pub(crate) fn parts(answer: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = answer.split(|byte| *byte == 0);
    parts.filter(|part| !part.is_empty())
}

/// A path, whatever bytes it is made of.
pub(crate) fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// The paths of an answer that has a NUL behind each.
pub(crate) fn paths(answer: &[u8]) -> Vec<PathBuf> {
    parts(answer).map(path).collect()
}

/// A path that is an answer of one line.
pub(crate) fn line(answer: &[u8]) -> PathBuf {
    path(answer.strip_suffix(b"\n").unwrap_or(answer))
}

/// A path as people are told it: what is not UTF-8 is escaped.
pub(crate) fn shown(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text += chunk.valid();
        text += &chunk.invalid().escape_ascii().to_string();
    }
    text
}
