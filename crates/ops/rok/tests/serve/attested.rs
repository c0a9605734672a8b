//! A server with a key attests what it seals, or says that it did not.

use super::killed::until;
use super::support::Ran;
use super::{Served, bench};
use rstest::rstest;
use serde_json::json;
use std::fs;

const FOLDERS: &[&str] = &["--insecure-no-auth"];
const DATABASE: &[&str] = &["--insecure-no-auth", "--store", "sqlite:rok.db"];
const KEY: &[(&str, &str)] = &[("ROK_SIGNING_KEY_FILE", "ours.key")];
/// It ends once the file `goes` is there.
const WAITS: &str =
    "plan: waits\nsteps: { a: { run: [sh, -c, 'until test -e goes; do sleep 0.05; done'] } }\n";

/// A server with the key `ours.key`.
fn served(flags: &[&str]) -> Served {
    let bench = bench();
    bench.rok(["key", "new", "--out", "ours.key"]).exits(0);
    Served::told(bench, flags, KEY)
}

fn submitted(served: &Served, run: &str) {
    let asked = json!({ "definition": WAITS, "run_id": run });
    served.post("/api/v1/runs", &asked).is(201);
}

/// Lets the steps end, and waits until the runs have.
fn ended(served: &Served, runs: &[&str]) {
    served.bench.write("goes", "");
    for run in runs {
        let standing = served.get(&format!("/api/v1/runs/{run}/wait?wait=60s"));
        assert_eq!(standing.is(200).json()["status"], "succeeded");
    }
}

/// The terminal beside the server, over the same runs and with the same key.
fn beside(served: &Served, flags: &[&str], args: &[&str]) -> Ran {
    let store = flags.iter().skip(1);
    let mut command = served.bench.command(args.iter().chain(store));
    command.envs(KEY.iter().copied());
    Ran::from(command.output().expect("rok starts"))
}

#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn a_server_holds_the_key_that_it_read_at_its_start(#[case] flags: &[&str]) {
    let mut served = served(flags);
    submitted(&served, "before");
    let key = served.bench.path().join("ours.key");
    let away = served.bench.path().join("away.key");
    fs::rename(&key, &away).expect("it is ours");
    submitted(&served, "after");
    ended(&served, &["before", "after"]);
    // What was closed is signed before the server has stopped.
    let (code, told) = served.stop();
    assert_eq!(code, Some(0), "{told}");
    for run in ["before", "after"] {
        let checked = ["verify", run, "--key", "ours.key.pub"];
        let store = flags.iter().skip(1);
        served.bench.rok(checked.iter().chain(store)).exits(0);
    }
}

#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn a_server_does_not_start_without_its_key(#[case] flags: &[&str]) {
    let bench = bench();
    let mut command = bench.command(["serve", "--listen", "127.0.0.1:0"].iter().chain(flags));
    command.envs(KEY.iter().copied());
    let refused = Ran::from(command.output().expect("rok starts")).exits(2);
    assert!(refused.err.contains("error[ROK0140]"), "{}", refused.err);
    assert!(refused.out.is_empty(), "{}", refused.out);
}

/// What another server over the same runs tells from its start to its end.
fn started_anew(served: &mut Served, flags: &[&str]) -> String {
    served.restart_told(flags, KEY);
    until("it is ready", || served.get("/readyz").status == 200);
    served.stop().1
}

#[rstest]
#[case::folders(FOLDERS, "runs")]
#[case::database(DATABASE, "rok.db.files")]
fn what_could_not_be_attested_is_told_until_it_is(#[case] flags: &[&str], #[case] files: &str) {
    let mut served = served(flags);
    submitted(&served, "r1");
    // What cannot be replaced by a file.
    let envelope = served.bench.path().join(files);
    let envelope = envelope.join("r1/provenance.dsse.json");
    fs::create_dir_all(envelope.join("x")).expect("it is ours");
    ended(&served, &["r1"]);
    let (code, told) = served.stop();
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("run r1 is sealed and not attested: "),
        "{told}"
    );

    let doctor = beside(&served, flags, &["doctor"]);
    let missing = "it is sealed and not attested";
    assert!(doctor.out.contains(missing), "{}", doctor.out);
    let told = started_anew(&mut served, flags);
    assert!(told.contains("sealed and not attested: r1; "), "{told}");

    fs::remove_dir_all(&envelope).expect("it is ours");
    beside(&served, flags, &["attest", "r1"]).exits(0);
    let doctor = beside(&served, flags, &["doctor"]);
    assert!(!doctor.out.contains(missing), "{}", doctor.out);
    let told = started_anew(&mut served, flags);
    assert!(!told.contains("not attested"), "{told}");
}
