//! The terminal against a server: the same commands, the same output.

use super::{Served, bench};
use crate::support::Ran;
use rstest::rstest;
use serde_json::{Value, json};

/// Runs a command here, on the folder itself.
fn here(served: &Served, args: &[&str]) -> Ran {
    served.bench.rok(args)
}

/// Runs it elsewhere, against the server.
fn there(served: &Served, args: &[&str]) -> Ran {
    let elsewhere = served.bench.path().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).expect("a folder");
    std::fs::copy(
        served.bench.path().join("hello.yaml"),
        elsewhere.join("hello.yaml"),
    )
    .expect("a plan");
    let server = format!("http://{}", served.client.address());
    let mut command = served.bench.command(args);
    command.current_dir(elsewhere).env("ROK_SERVER", server);
    Ran::from(command.output().expect("rok starts"))
}

/// A run that was submitted, approved and ended, all from elsewhere.
fn ended() -> Served {
    let served = Served::open(bench());
    let run = there(
        &served,
        &["run", "hello.yaml", "--run-id", "r1", "-i", "who=ada"],
    )
    .exits(1);
    assert!(run.err.contains("manual gate ask"), "{}", run.err);
    there(&served, &["approve", "r1", "ask", "--reason", "fine"]).exits(0);
    served.get("/api/v1/runs/r1/wait").is(200);
    served
}

#[rstest]
#[case::status(&["status", "r1"])]
#[case::status_json(&["status", "r1", "--json"])]
#[case::step(&["status", "r1", "greet", "--json"])]
#[case::by_prefix(&["status", "r", "--json"])]
#[case::summary(&["summary", "r1"])]
#[case::summary_json(&["summary", "r1", "--json"])]
#[case::list(&["ls"])]
#[case::list_json(&["ls", "--json"])]
#[case::list_by_status(&["ls", "--status", "succeeded", "--plan", "hello"])]
#[case::list_none(&["ls", "--status", "failed"])]
#[case::events(&["events", "r1"])]
#[case::events_of_a_kind(&["events", "r1", "--type", "step.*", "--tail", "3"])]
#[case::events_followed(&["events", "r1", "--follow"])]
#[case::logs(&["logs", "r1", "greet"])]
#[case::explain(&["explain", "r1"])]
#[case::explain_step(&["explain", "r1", "ask", "--json"])]
#[case::check(&["resume", "r1", "--check", "--json"])]
#[case::profile(&["profile", "r1", "--json"])]
#[case::diff(&["diff", "r1", "r1", "--json"])]
#[case::graph(&["graph", "r1", "--format", "svg"])]
#[case::timeline(&["timeline", "r1", "--format", "svg"])]
#[case::verify(&["verify", "r1", "--sealed", "--json"])]
#[case::no_run(&["status", "nobody"])]
#[case::no_step(&["logs", "r1", "nothing"])]
#[case::closed(&["cancel", "r1"])]
#[case::not_waiting(&["approve", "r1", "ask", "--reason", "again"])]
fn a_command_says_the_same_here_and_there(#[case] args: &[&str]) {
    let served = ended();
    let (here, there) = (here(&served, args), there(&served, args));
    assert_eq!(here.code, there.code, "{}\n{}", here.err, there.err);
    assert_eq!(here.out, there.out, "{}", there.err);
    // A refusal may name the folder here and the server there.
    let code = |text: &str| text.split(']').next().unwrap_or_default().to_owned();
    assert_eq!(code(&here.err), code(&there.err));
}

#[test]
fn a_run_is_driven_to_its_end_from_elsewhere() {
    let served = Served::open(bench());
    let plan = "plan: quick\nsteps: { a: { run: ['true'] }, b: { run: ['false'], needs: [a] } }\n";
    std::fs::create_dir_all(served.bench.path().join("elsewhere")).expect("a folder");
    served.bench.write("elsewhere/quick.yaml", plan);
    let ran = there(&served, &["run", "quick.yaml", "--run-id", "r2", "--json"]).exits(1);
    assert_eq!(ran.json()["status"], "failed");
    assert_eq!(ran.json()["submitter"], "user:tester");
    let again = there(
        &served,
        &["resume", "r2", "--json", "--reason", "once more"],
    )
    .exits(1);
    assert_eq!(again.json()["epoch"], 1);
    let taken = there(&served, &["run", "quick.yaml", "--run-id", "r2"]).exits(2);
    assert!(taken.err.contains("ROK0116"), "{}", taken.err);

    let report = there(&served, &["report", "r2"]).exits(0);
    assert!(
        report.out.starts_with("<!doctype html>"),
        "{}",
        &report.out[..80]
    );
}

#[test]
fn a_server_that_is_not_there_or_not_safe_is_told() {
    let bench = bench();
    let at = |server: &str, token: Option<&str>| {
        let mut command = bench.command(["ls", "--server", server]);
        command.envs(token.map(|token| ("ROK_TOKEN", token)));
        Ran::from(command.output().expect("rok starts"))
    };
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("an address");
    let ran = at(&format!("http://{gone}"), None).exits(1);
    assert!(ran.err.contains("ROK0213"), "{}", ran.err);
    let ran = at("http://rok.example:5000", Some("rok_a_hunter2")).exits(2);
    assert!(
        ran.err.contains("in the clear") && !ran.err.contains("hunter2"),
        "{}",
        ran.err
    );
    at("ftp://rok.example", None).exits(2);
    let ran = bench
        .rok(["serve", "--server", "http://127.0.0.1:1"])
        .exits(2);
    assert!(ran.err.contains("ROK0211"), "{}", ran.err);
}

#[test]
fn whoever_has_a_token_is_who_they_are() {
    let bench = bench();
    let made = bench.rok([
        "token", "create", "--user", "ada", "--role", "operator", "--json",
    ]);
    let made: Value = made.exits(0).json();
    let served = Served::with(bench, &[]);
    let refused = there(&served, &["run", "hello.yaml"]).exits(5);
    assert!(refused.err.contains("ROK0201"), "{}", refused.err);
    let server = format!("http://{}", served.client.address());
    let with_token = |args: &[&str]| {
        let mut command = served.bench.command(args);
        command
            .env("ROK_SERVER", &server)
            .env("ROK_TOKEN", made["token"].as_str().expect("a token"));
        Ran::from(command.output().expect("rok starts"))
    };
    with_token(&["run", "hello.yaml", "--run-id", "r1"]).exits(1);
    let summary = with_token(&["summary", "r1", "--json"]).exits(0);
    assert_eq!(summary.json()["submitter"], "user:ada");
    let denied = with_token(&["approve", "r1", "ask", "--reason", "mine"]).exits(5);
    assert!(denied.err.contains("ROK0202"), "{}", denied.err);
    assert_eq!(
        with_token(&["ls", "--json"]).exits(0).json()[0]["run_id"],
        json!("r1")
    );
}
