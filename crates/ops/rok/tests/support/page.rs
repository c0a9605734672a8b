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

/// The text of a page's first block of a language.
pub(crate) fn block<'a>(page: &'a str, language: &str) -> &'a str {
    let fence = format!("```{language}\n");
    let (_, after) = page.split_once(&fence).expect("the page has such a block");
    after.split_once("```").expect("a block ends").0
}

/// A page's commands, each with the lines that the page shows under it.
pub(crate) fn scenes(page: &str) -> Vec<(&str, Vec<&str>)> {
    let mut scenes: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut within = false;
    for line in page.lines() {
        if line.starts_with("```") {
            within = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| within) {
            scenes.push((command, Vec::new()));
        } else if let Some((_, shown)) = scenes.last_mut().filter(|_| within) {
            shown.push(line);
        }
    }
    scenes
}

/// Runs a page's commands in order; each prints the lines that the page shows.
pub(crate) fn play(bench: &Bench, page: &str) {
    for (command, shown) in scenes(page) {
        let ran = shell(bench, command).exits(0);
        let printed = format!("{}{}", ran.out, ran.err);
        for line in shown {
            // What stands after `…` differs from run to run.
            let told = line.split('…').next().unwrap_or_default().trim();
            assert!(
                printed.contains(told),
                "{command}\n{told}\nis not in\n{printed}"
            );
        }
    }
}
