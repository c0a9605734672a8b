//! `rok serve` over loopback: the real binary, its own folder, a client that
//! speaks HTTP as it stands on the wire.

#[path = "serve/access.rs"]
mod access;
#[path = "serve/agents.rs"]
mod agents;
#[path = "serve/attested.rs"]
mod attested;
#[path = "serve/backup.rs"]
mod backup;
#[path = "serve/batches.rs"]
mod batches;
#[path = "serve/client.rs"]
mod client;
#[path = "serve/database.rs"]
mod database;
#[path = "serve/degraded.rs"]
mod degraded;
#[path = "serve/desk.rs"]
mod desk;
#[path = "serve/disk_full.rs"]
mod disk_full;
#[path = "serve/elsewhere.rs"]
mod elsewhere;
#[path = "serve/everywhere.rs"]
mod everywhere;
#[path = "serve/exposition.rs"]
mod exposition;
#[path = "serve/hostile.rs"]
mod hostile;
#[path = "serve/howto.rs"]
mod howto;
#[path = "serve/kept.rs"]
mod kept;
#[path = "serve/killed.rs"]
mod killed;
#[path = "serve/limits.rs"]
mod limits;
#[path = "serve/notify.rs"]
mod notify;
#[path = "serve/openapi.rs"]
mod openapi;
#[path = "serve/orchestration.rs"]
mod orchestration;
#[expect(dead_code, reason = "this file reads the page itself")]
#[path = "support/page.rs"]
mod page;
#[path = "serve/pages.rs"]
mod pages;
#[path = "serve/places.rs"]
mod places;
#[path = "serve/policy.rs"]
mod policy;
#[path = "serve/pooled.rs"]
mod pooled;
#[path = "serve/registry.rs"]
mod registry;
#[path = "serve/remote.rs"]
mod remote;
#[path = "serve/retention.rs"]
mod retention;
#[path = "serve/rows.rs"]
mod rows;
#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/running.rs"]
mod running;
#[path = "serve/runs.rs"]
mod runs;
#[path = "serve/silent.rs"]
mod silent;
#[path = "serve/stubs.rs"]
mod stubs;
#[path = "support/mod.rs"]
mod support;
#[path = "serve/texts.rs"]
mod texts;
#[path = "serve/tokens.rs"]
mod tokens;
#[path = "serve/truth.rs"]
mod truth;
#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/workers.rs"]
mod workers;

use client::{Answer, Client};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};
use support::Bench;

/// Two steps: one that prints and makes something, one that waits for a person.
const HELLO: &str = "
plan: hello
inputs: { who: { type: string, default: world } }
steps:
  greet:
    run: [sh, -c, 'echo \"hello $WHO\"; echo 42 > out.txt']
    env: { WHO: '${{ inputs.who }}' }
    artifacts: [{ path: out.txt }]
  ask: { gate: manual, run: ['true'], needs: [greet] }
";

/// A server that runs until it is dropped.
struct Served {
    bench: Bench,
    child: Child,
    err: Option<ChildStderr>,
    client: Client,
}

impl Served {
    /// Without authentication.
    fn open(bench: Bench) -> Self {
        Self::with(bench, &["--insecure-no-auth"])
    }

    fn with(bench: Bench, flags: &[&str]) -> Self {
        Self::told(bench, flags, &[])
    }

    /// With these variables, too.
    fn told(bench: Bench, flags: &[&str], env: &[(&str, &str)]) -> Self {
        let (child, err, client) = start(&bench, flags, env);
        Self {
            bench,
            child,
            err,
            client,
        }
    }

    /// One that this command starts.
    fn by(bench: Bench, command: Command) -> Self {
        let (child, err, client) = listening(command);
        Self {
            bench,
            child,
            err,
            client,
        }
    }

    /// Another server in the same folder, once the first one is gone.
    fn restart(&mut self, flags: &[&str]) {
        self.restart_told(flags, &[]);
    }

    fn restart_told(&mut self, flags: &[&str], env: &[(&str, &str)]) {
        (self.child, self.err, self.client) = start(&self.bench, flags, env);
    }

    fn get(&self, path: &str) -> Answer {
        self.client.get(path)
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.client.post(path, body)
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
        rustix::process::kill_process(pid, signal).expect("it lives");
    }

    /// Asks it to stop, and waits until it has: its exit code and all that it
    /// told on standard error.
    fn stop(&mut self) -> (Option<i32>, String) {
        self.signal(rustix::process::Signal::TERM);
        let status = self.child.wait().expect("it ends");
        let mut told = String::new();
        let err = self.err.as_mut().expect("a pipe");
        err.read_to_string(&mut told).expect("text");
        (status.code(), told)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(
    bench: &Bench,
    flags: &[&str],
    env: &[(&str, &str)],
) -> (Child, Option<ChildStderr>, Client) {
    let mut args = vec!["serve", "--listen", "127.0.0.1:0"];
    args.extend(flags);
    let mut command = bench.command(args);
    command.envs(env.iter().copied());
    listening(command)
}

/// Starts a server, and waits until it tells where it listens.
fn listening(mut command: Command) -> (Child, Option<ChildStderr>, Client) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("rok starts");
    let mut line = String::new();
    let out = child.stdout.as_mut().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let mut err = child.stderr.take();
    let url = line.trim().strip_prefix("rok serves on ");
    let Some((_, address)) = url.and_then(|url| url.split_once("://")) else {
        let mut told = String::new();
        let _ = err.as_mut().expect("a pipe").read_to_string(&mut told);
        panic!("it does not serve: {line}{told}");
    };
    (child, err, Client::of(address))
}

/// A folder with the plan in it.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("hello.yaml", HELLO);
    bench
}
