//! A server that takes connections and never answers: every command that asks
//! one ends with a code, in the time that it was given.

use super::bench;
use crate::support::{Bench, Ran};
use std::net::TcpListener;

const PLAN: &str = "plan: made\nsteps: { a: { run: ['true'] } }\n";
const SCHEDULE: &str = "schedule: s\nplan: made\ncron: '0 0 * * *'\n";

/// Every command that asks a server for something.
const ASKING: &[&[&str]] = &[
    &["run", "made.yaml"],
    &["run", "made"],
    &["run", "made.yaml", "--mode", "dry-run"],
    &["run", "made.yaml", "--batch", "items.jsonl"],
    &["batch", "show", "b1"],
    &["resume", "r1"],
    &["resume", "r1", "--check"],
    &["rollback", "r1"],
    &["replay", "r1"],
    &["replay", "r1", "--from", "a"],
    &["cancel", "r1"],
    &["approve", "r1", "a", "--reason", "x"],
    &["reject", "r1", "a", "--reason", "x"],
    &["override", "r1", "a", "--reason", "x"],
    &["pause", "r1"],
    &["unpause", "r1"],
    &["status", "r1"],
    &["events", "r1"],
    &["events", "r1", "--follow"],
    &["logs", "r1", "a"],
    &["logs", "r1", "a", "--follow"],
    &["profile", "r1"],
    &["summary", "r1"],
    &["ls"],
    &["metrics"],
    &["explain", "r1"],
    &["diff", "r1", "r2"],
    &["graph", "r1"],
    &["graph", "made"],
    &["timeline", "r1"],
    &["report", "r1"],
    &["verify", "r1"],
    &["verify", "r1", "--sealed"],
    &["attest", "r1"],
    &["checkpoint", "r1"],
    &["export", "r1", "--out", "r1.tar.zst"],
    &["import", "made.yaml"],
    &["hold", "r1", "--reason", "x"],
    &["hold", "r1", "--release", "--reason", "x"],
    &["gc", "--keep", "9"],
    &["incidents"],
    &["incidents", "show", "i1"],
    &["incidents", "acknowledge", "i1", "--reason", "x"],
    &["incidents", "resolve", "i1", "--reason", "x"],
    &["lessons"],
    &["lessons", "show", "l1"],
    &["lessons", "dismiss", "l1", "--reason", "x"],
    &["schedule", "list"],
    &["schedule", "add", "s.schedule.yaml"],
    &["schedule", "next"],
    &["schedule", "pause", "s"],
    &["schedule", "unpause", "s"],
    &["schedule", "remove", "s"],
    &["schedule", "trigger", "s"],
    &["agents", "list"],
    &["plan", "list"],
    &["plan", "show", "made"],
    &["conformance"],
];

/// A folder, and what answers nothing.
fn silent() -> (Bench, TcpListener, String) {
    let bench = bench();
    bench.write("made.yaml", PLAN);
    bench.write("items.jsonl", "{\"inputs\": {}}\n");
    bench.write("s.schedule.yaml", SCHEDULE);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    (bench, listener, address)
}

#[test]
fn a_server_that_never_answers_is_told_by_every_command() {
    let (bench, _listener, server) = silent();
    for words in ASKING {
        let mut command = bench.command(*words);
        command.env("ROK_SERVER", &server);
        command.env("ROK_SERVER_TIMEOUT_MS", "150");
        let ran = Ran::from(command.output().expect("rok starts")).exits(1);
        assert!(
            ran.err.contains("ROK0213") && ran.err.contains("does not answer in time"),
            "{words:?}: {}",
            ran.err
        );
        let help = "It has 150ms to answer at all: `server_timeout_ms`";
        assert!(ran.err.contains(help), "{words:?}: {}", ran.err);
    }
    let mut command = bench.command(["doctor", "--server", &server]);
    command.env("ROK_SERVER_TIMEOUT_MS", "150");
    let ran = Ran::from(command.output().expect("rok starts")).exits(1);
    assert!(ran.out.contains("does not answer in time"), "{}", ran.out);
}

#[test]
fn a_registry_that_never_answers_has_the_time_that_is_set() {
    let (bench, _listener, server) = silent();
    std::fs::write(
        bench.path().join("rok.toml"),
        format!("registry_roots = ['{server}']\nserver_timeout_ms = 150\n"),
    )
    .expect("settings");
    let ran = bench.rok(["registry", "list"]).exits(3);
    assert!(
        ran.err.contains("ROK0236") && ran.err.contains("does not answer in time"),
        "{}",
        ran.err
    );
}
