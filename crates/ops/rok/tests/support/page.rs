//! The commands that a page of the docs shows, run as they stand there.

use super::support::{Bench, Ran};
use std::path::{Path, PathBuf};

/// A page's commands: what follows `$ ` in its `console` blocks.
pub(crate) fn commands(page: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../docs")
        .join(page);
    let text = std::fs::read_to_string(&path).expect("the page is there");
    let mut within = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            within = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| within) {
            found.push(command.to_owned());
        }
    }
    assert!(!found.is_empty(), "{page} shows no commands");
    found
}

/// Runs a command by a shell that finds this `rok` and a `jq`.
pub(crate) fn shell(bench: &Bench, command: &str) -> Ran {
    let rok = PathBuf::from(env!("CARGO_BIN_EXE_rok"));
    let built = rok.parent().expect("a binary lies in a folder");
    let examples = built.join("examples");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{path}", built.display(), examples.display());
    let mut shell = std::process::Command::new("/bin/sh");
    shell
        .args(["-e", "-c", command])
        .current_dir(bench.path())
        .env_clear()
        .env("PATH", path)
        .env("HOME", bench.path())
        .env("ROK_USER", "tester")
        .stdin(std::process::Stdio::null());
    Ran::from(shell.output().expect("a shell starts"))
}
