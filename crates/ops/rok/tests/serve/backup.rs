//! A copy beside a server that runs, as the page says to make it: what attempts
//! printed after the database was copied is not taken for what others print.

use super::killed::until;
use super::{Served, bench};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

const FLAGS: &[&str] = &["--insecure-no-auth", "--store", "sqlite:rok.db"];
const STORE: [&str; 2] = ["--store", "sqlite:copy/rok.db"];

const UNKNOWN: &str = "logs/b.0.log is what an attempt printed that the log does not know";

/// Two steps that print, each until a file comes.
const PLAN: &str = "plan: copied
steps:
  a: { run: [sh, -c, 'echo a; until [ -e one ]; do sleep 0.02; done'], idempotent: true }
  b: { needs: [a], run: [sh, -c, 'echo b; until [ -e two ]; do sleep 0.02; done'], idempotent: true }
";

/// A file of the run, in the store or in its copy.
fn file(served: &Served, name: &str) -> PathBuf {
    served.bench.path().join(name)
}

fn text(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Makes a copy whose database knows that `a` runs, and whose files have what
/// `b` printed.
fn copied(served: &Served) {
    let copy = file(served, "copy");
    std::fs::create_dir(&copy).expect("a folder");
    let asked = json!({ "definition": PLAN, "run_id": "r" });
    served.post("/api/v1/runs", &asked).is(201);
    let printed =
        |step: &str| !text(file(served, &format!("rok.db.files/r/logs/{step}.0.log"))).is_empty();
    until("a prints", || printed("a"));
    let database = rusqlite::Connection::open(file(served, "rok.db")).expect("a database");
    let name = copy.join("rok.db");
    let name = name.to_str().expect("a path");
    database.execute("VACUUM INTO ?1", [name]).expect("a copy");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(name, mode).expect("it is ours");
    served.bench.write("one", "");
    until("b prints", || printed("b"));
    let files = [file(served, "rok.db.files"), copy];
    cp(files);
}

fn cp(files: [PathBuf; 2]) {
    let copied = Command::new("cp").arg("-a").args(files).status();
    assert!(copied.expect("cp starts").success());
}

/// No server goes on with the run of a copy, and none puts anything behind what
/// is there.
fn refuses(served: &mut Served) {
    cp([file(served, "copy"), file(served, "again")]);
    served.restart(&["--insecure-no-auth", "--store", "sqlite:again/rok.db"]);
    until("it is refused", || {
        let counted = served.get("/metrics").is(200).body;
        counted.contains("rok_runs_broken_total 1")
    });
    let (code, told) = served.stop();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains(UNKNOWN), "{told}");
    let log = file(served, "again/rok.db.files/r/logs/b.0.log");
    assert_eq!(text(log), "b\n");
}

#[test]
fn a_copy_beside_a_server_goes_on_once_unknown_output_is_set_aside() {
    let mut served = Served::with(bench(), FLAGS);
    copied(&served);
    served.bench.write("two", "");
    let wait = "/api/v1/runs/r/wait?wait=30s";
    assert_eq!(served.get(wait).is(200).json()["status"], "succeeded");
    let (code, told) = served.stop();
    assert_eq!(code, Some(0), "{told}");

    let rok = |served: &Served, args: &[&str]| served.bench.rok(args.iter().chain(&STORE));
    let broken = rok(&served, &["verify", "r"]).exits(4);
    assert!(broken.out.contains("logs/b.0.log"), "{}", broken.out);
    let looked = rok(&served, &["doctor"]).exits(1);
    assert!(looked.out.contains(UNKNOWN), "{}", looked.out);
    refuses(&mut served);

    let log = || file(&served, "copy/rok.db.files/r/logs/b.0.log");
    let mended = rok(&served, &["doctor", "--rebuild"]).exits(0);
    assert!(mended.out.contains("r logs/b.0.log"), "{}", mended.out);
    assert!(!log().exists());
    let aside = file(&served, "copy/rok.db.files/r/set-aside/b.0.log");
    assert_eq!(text(aside), "b\n");
    let open = rok(&served, &["verify", "r"]).exits(0);
    assert!(open.out.contains("set-aside/b.0.log"), "{}", open.out);
    rok(&served, &["doctor"]).exits(0);
    served.restart(&["--insecure-no-auth", "--store", "sqlite:copy/rok.db"]);
    assert_eq!(served.get(wait).is(200).json()["status"], "succeeded");
    rok(&served, &["verify", "r", "--sealed"]).exits(0);
    assert_eq!(
        text(file(&served, "copy/rok.db.files/r/logs/b.0.log")),
        "b\n"
    );
}
