//! What takes more than a question of a server: its own plans, runs that are
//! taken in, its signed word on a log, and leaving a run that it drives.

use super::places::{Place, Where};
use super::running::Running;
use super::{Served, bench};
use crate::support::{Bench, Ran};
use rstest::rstest;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const QUICK: &str = "plan: quick\nsteps: { a: { run: ['true'] } }\n";

/// A folder of another user of the server, with nothing in it.
struct Away {
    bench: Bench,
    server: String,
}

impl Away {
    fn from(served: &Served) -> Self {
        Self {
            bench: Bench::new(),
            server: format!("http://{}", served.client.address()),
        }
    }

    fn rok(&self, args: &[&str]) -> Ran {
        self.bench
            .rok(args.iter().chain(&["--server", &self.server]))
    }
}

/// A bundle of a run that succeeded elsewhere.
fn bundle(bench: &Bench, run: &str) -> PathBuf {
    bench.write("quick.yaml", QUICK);
    bench.rok(["run", "quick.yaml", "--run-id", run]).exits(0);
    let file = bench.path().join(format!("{run}.tar.zst"));
    bench.rok(["export", run, "--out", path(&file)]).exits(0);
    file
}

fn path(file: &Path) -> &str {
    file.to_str().expect("UTF-8")
}

#[rstest]
#[case::folder(&["--insecure-no-auth"])]
#[case::database(&["--insecure-no-auth", "--store", "sqlite:rok.db"])]
fn a_plan_of_the_server_is_run_by_its_id(#[case] flags: &[&str]) {
    let bench = bench();
    bench.write("quick.yaml", QUICK);
    let inputs = "plan: asks\ninputs: { n: { type: integer } }\nsteps: { a: { run: ['true'] } }\n";
    bench.write("asks.yaml", inputs);
    let served = Served::with(bench, flags);
    let away = Away::from(&served);
    let ran = away
        .rok(&["run", "quick", "--run-id", "r1", "--json"])
        .exits(0);
    assert_eq!(ran.json()["plan"], "quick");
    let dry = away
        .rok(&["run", "quick", "--mode", "dry-run", "--json"])
        .exits(0);
    assert_eq!(dry.json()["plan_sha256"], ran.json()["plan_sha256"]);
    // Inputs in a file are read by the types that the server's plan declares.
    away.bench.write("n.yaml", "n: 7\n");
    let ran = away
        .rok(&["run", "asks", "--inputs", "n.yaml", "--json"])
        .exits(0);
    assert_eq!(ran.json()["inputs"], json!({ "n": 7 }));
    let shown = away.rok(&["plan", "show", "quick"]).exits(0);
    assert!(shown.out.starts_with("Plan quick"), "{}", shown.out);
    away.rok(&["graph", "quick", "--format", "ascii"]).exits(0);
    for nothing in ["quikc", "quick.yaml"] {
        let refused = away.rok(&["run", nothing]).exits(3);
        assert!(refused.err.contains("ROK0002"), "{}", refused.err);
    }
    // One's own file comes before a plan of the server.
    away.bench
        .write("quick", &QUICK.replace("'true'", "'false'"));
    let own = away
        .rok(&["run", "quick", "--run-id", "r2", "--json"])
        .exits(1);
    assert_eq!(own.json()["status"], "failed");
}

#[rstest]
#[case::folder(&["--insecure-no-auth"])]
#[case::database(&["--insecure-no-auth", "--store", "sqlite:rok.db"])]
fn a_run_is_taken_in_by_a_server_once_it_verifies(#[case] flags: &[&str]) {
    let served = Served::with(bench(), flags);
    let away = Away::from(&served);
    let file = bundle(&away.bench, "r1");
    let took = away.rok(&["import", path(&file)]).exits(0);
    let place = format!("imported r1 to {}/api/v1/runs/r1\n", away.server);
    assert!(took.out.starts_with(&place), "{}", took.out);
    away.rok(&["verify", "r1", "--sealed"]).exits(0);
    let again = away.rok(&["import", path(&file)]).exits(2);
    assert!(again.err.contains("ROK0116"), "{}", again.err);
    // What is not as its manifest says is not taken, and said to be the giver's.
    let mut bytes = std::fs::read(bundle(&away.bench, "r2")).expect("a bundle");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let bad = away.bench.path().join("bad.tar.zst");
    std::fs::write(&bad, bytes).expect("a file");
    let refused = away.rok(&["import", path(&bad)]).exits(4);
    assert!(refused.err.contains("ROK0143"), "{}", refused.err);
    let folder = served.bench.path().display().to_string();
    assert!(!refused.err.contains(&folder), "{}", refused.err);
    let large = bundle(&away.bench, "r3");
    let refused = away
        .rok(&["import", path(&large), "--max-bytes", "10"])
        .exits(4);
    assert!(refused.err.contains("ROK0143"), "{}", refused.err);
    away.bench.write("text.tar.zst", "no bundle");
    away.rok(&["import", "text.tar.zst"]).exits(4);
    away.rok(&["import", "."]).exits(2);
    // Nothing is left of what came.
    let left = std::fs::read_dir(served.bench.path()).expect("a folder");
    let left = left.flatten().map(|entry| entry.file_name());
    let left: Vec<_> = left
        .filter(|name| name.to_string_lossy().contains("bundle~"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(
        served.get("/api/v1/runs").is(200).json()["runs"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn whoever_may_not_take_in_runs_sends_nothing() {
    let bench = bench();
    let file = bundle(&bench, "r1");
    std::fs::remove_dir_all(bench.runs()).expect("it is ours");
    let [oli, ada] = [("oli", "operator"), ("ada", "admin")].map(|(user, role)| {
        let made = ["token", "create", "--user", user, "--role", role, "--json"];
        let made: Value = bench.rok(made).exits(0).json();
        made["token"].as_str().expect("a token").to_owned()
    });
    let served = Served::with(bench, &[]);
    let import = |token: &str| {
        let server = format!("http://{}", served.client.address());
        let mut command = served
            .bench
            .command(["import", path(&file), "--server", &server]);
        command.env("ROK_TOKEN", token);
        Ran::from(command.output().expect("rok starts"))
    };
    let refused = import(&oli).exits(5);
    assert!(refused.err.contains("ROK0202"), "{}", refused.err);
    import(&ada).exits(0);
}

#[test]
fn a_server_signs_the_head_of_a_log_and_a_second_party_sees_the_log_itself() {
    let bench = bench();
    bench.rok(["key", "new", "--out", "log.pem"]).exits(0);
    let flags = ["--insecure-no-auth", "--store", "sqlite:rok.db"];
    let served = Served::told(bench, &flags, &[("ROK_SIGNING_KEY_FILE", "log.pem")]);
    let away = Away::from(&served);
    let public = served.bench.path().join("log.pem.pub");
    away.bench.write("hello.yaml", super::HELLO);
    // Open, and so not to be exported: it waits for a decision.
    away.rok(&["run", "hello.yaml", "--run-id", "r1"]).exits(1);
    away.rok(&["checkpoint", "r1", "--out", "one.txt"]).exits(0);
    away.bench.rok(["key", "new", "--out", "mine.pem"]).exits(0);
    let cosign = [
        "cosign",
        "one.txt",
        "--key",
        "mine.pem",
        "--run",
        "r1",
        "--log-key",
        path(&public),
        "--json",
    ];
    let seen = away.rok(&cosign).exits(0).json();
    assert!(
        seen["checked"]
            .to_string()
            .contains("the log of run r1 has that head"),
        "{seen}"
    );
    away.rok(&["approve", "r1", "ask", "--reason", "seen"])
        .exits(0);
    served.get("/api/v1/runs/r1/wait").is(200);
    let proof = [
        "verify",
        "r1",
        "--key",
        path(&public),
        "--checkpoint",
        "one.txt",
        "--cosigner",
        "mine.pem.pub",
    ];
    // The attestations are laid beside a log once it is sealed.
    until("it is attested", || away.rok(&proof).code == 0);
    // A private key goes to no server.
    for (command, instead) in [("checkpoint", "rok cosign"), ("attest", "attest that")] {
        let refused = away.rok(&[command, "r1", "--key", "mine.pem"]).exits(2);
        assert!(refused.err.contains("ROK0010"), "{}", refused.err);
        assert!(refused.err.contains(instead), "{}", refused.err);
    }
    // A checkpoint that says something else is not cosigned.
    let text = std::fs::read_to_string(away.bench.path().join("one.txt")).expect("a checkpoint");
    let lines: Vec<&str> = text.lines().collect();
    let more = lines[1].parse::<u64>().expect("a number") + 1;
    let other = text.replacen(&format!("\n{}\n", lines[1]), &format!("\n{more}\n"), 1);
    away.bench.write("two.txt", &other);
    let refused = away.rok(&["cosign", "two.txt", "--key", "mine.pem", "--run", "r1"]);
    assert_ne!(refused.code, 0, "{}", refused.out);
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let by = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < by, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[rstest]
fn whoever_watches_a_run_of_a_server_may_leave_and_is_told_that_it_goes_on(
    #[values(Where::Folder, Where::Database)] at: Where,
) {
    let flags: &[&str] = match at {
        Where::Database => &["--insecure-no-auth", "--store", "sqlite:rok.db"],
        _ => &["--insecure-no-auth"],
    };
    let served = Served::with(bench(), flags);
    let away = Away::from(&served);
    let stay = "plan: stay\nsteps:\n  wait: { run: [sh, -c, 'while ! test -e go; do sleep 0.05; done'] }\n";
    away.bench.write("stay.yaml", stay);
    let run = [
        "run",
        "stay.yaml",
        "--run-id",
        "r1",
        "--server",
        &away.server,
    ];
    let watching = Running::start(away.bench.command(run));
    let started = || {
        served
            .get("/api/v1/runs/r1/events")
            .body
            .contains("step.started")
    };
    until("the step begins", started);
    watching.signal(Signal::INT);
    let left = watching.finish().exits(130);
    assert!(
        left.err.contains("the run goes on at the server"),
        "{}",
        left.err
    );
    for then in ["events r1 --follow", "cancel r1"] {
        assert!(left.err.contains(then), "{}", left.err);
    }
    assert!(left.out.contains("EXECUTING"), "{}", left.out);
    assert!(
        !format!("{}{}", left.out, left.err).contains("resume"),
        "{}",
        left.err
    );
    let summary = away.rok(&["summary", "r1", "--json"]).exits(0).json();
    assert!(summary["driven_by"].is_string(), "{summary}");
    assert_eq!(summary["phase"], "EXECUTING");
    served.bench.write("go", "");
    let ended = served.get("/api/v1/runs/r1/wait").is(200).json();
    assert_eq!(ended["status"], "succeeded");
}

#[test]
fn a_run_that_no_server_has_now_is_queued_and_not_interrupted() {
    let mut place = Place::new(Where::Database);
    let wait = "plan: wait
steps:
  a: { run: [sh, -c, 'exit 75'], retry: { max: 3, base: 1h, max_delay: 1h } }
";
    place.bench().write("wait.yaml", wait);
    let asked = json!({ "definition": wait, "run_id": "r1" });
    place.served().post("/api/v1/runs", &asked).is(201);
    let told = |place: &Place| place.rok(&["status", "r1"]).exits(0).out;
    until("it waits for its next attempt", || {
        told(&place).contains("QUEUED (nothing to do before ")
    });
    let why = place.rok(&["explain", "r1"]).exits(0).out;
    assert!(why.contains("no server drives it now"), "{why}");
    assert!(
        why.contains("a server over the database goes on with it at"),
        "{why}"
    );
    assert!(!why.contains("resume"), "{why}");
    place.served().stop();
    assert!(told(&place).contains("QUEUED"), "{}", told(&place));
}
