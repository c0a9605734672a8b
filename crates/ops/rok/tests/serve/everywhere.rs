//! Every command in each of the places that runs may be in: it does the same,
//! or refuses with a code that says so. Nothing is done by halves.

use super::places::{Place, Where};
use rstest::rstest;
use serde_json::{Value, json};

const PLAN: &str = "plan: made
steps:
  make: { run: [sh, -c, 'echo 42 > out.txt; echo said'], artifacts: [{ path: out.txt }] }
  last: { needs: [make], run: ['true'] }
";

/// What a command comes to in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// It exits with this.
    Exits(i32),
    /// It is refused with this code, exit 2.
    Refused(&'static str),
}

use Does::{Exits, Refused};

/// A command, and what it comes to in a folder, a database and at a server.
/// Those that change something come in an order that leaves the next ones
/// right.
const TABLE: &[(&[&str], [Does; 3])] = &[
    // Looking.
    (&["ls"], [Exits(0); 3]),
    (&["status", "r1"], [Exits(0); 3]),
    (&["summary", "r1"], [Exits(0); 3]),
    (&["events", "r1"], [Exits(0); 3]),
    (&["logs", "r1", "make"], [Exits(0); 3]),
    (&["explain", "r1"], [Exits(0); 3]),
    (&["profile", "r1"], [Exits(0); 3]),
    (&["metrics"], [Exits(0); 3]),
    (&["diff", "r1", "r2"], [Exits(0); 3]),
    (&["graph", "r1", "--format", "svg"], [Exits(0); 3]),
    (&["graph", "made.yaml", "--format", "ascii"], [Exits(0); 3]),
    (&["timeline", "r1", "--format", "ascii"], [Exits(0); 3]),
    (&["report", "r1"], [Exits(0); 3]),
    (&["resume", "r1", "--check"], [Exits(1); 3]),
    (&["incidents"], [Exits(0); 3]),
    (&["lessons"], [Exits(0); 3]),
    (&["schedule", "list"], [Exits(0); 3]),
    (&["schedule", "next"], [Exits(0); 3]),
    // Proving.
    (&["verify", "r1", "--sealed"], [Exits(0); 3]),
    (&["verify", "r1", "--key", "key.pem.pub"], [Exits(4); 3]),
    (
        &["attest", "r1", "--key", "key.pem"],
        [Exits(0), Exits(0), Refused("ROK0010")],
    ),
    (&["export", "r1", "--out", "OUT.tar.zst"], [Exits(0); 3]),
    (&["verify", "OUT.tar.zst"], [Exits(0); 3]),
    (&["import", "OUT.tar.zst"], [Refused("ROK0116"); 3]),
    (
        &["checkpoint", "r1", "--key", "key.pem"],
        [Exits(0), Exits(0), Refused("ROK0010")],
    ),
    // Keeping.
    (&["hold", "r1", "--reason", "audit"], [Exits(0); 3]),
    (&["hold", "r1", "--reason", "audit"], [Exits(1); 3]),
    (
        &["hold", "r1", "--release", "--reason", "done"],
        [Exits(0); 3],
    ),
    (&["gc", "--keep", "9"], [Exits(0); 3]),
    // Showing again.
    (&["replay", "r1"], [Exits(0); 3]),
    (
        &["replay", "r1", "--from", "last", "--run-id", "again"],
        [Exits(0), Refused("ROK0117"), Exits(0)],
    ),
    // Deciding: these runs are closed, and say so alike.
    (&["approve", "r1", "make", "--reason", "x"], [Exits(1); 3]),
    (&["reject", "r1", "make", "--reason", "x"], [Exits(1); 3]),
    (&["pause", "r1"], [Exits(1); 3]),
    (&["unpause", "r1"], [Exits(1); 3]),
    (&["cancel", "r1"], [Exits(1); 3]),
    (&["override", "r1", "make", "--reason", "x"], [Exits(1); 3]),
    // Driving.
    (
        &["run", "made.yaml", "--run-id", "r3"],
        [Exits(0), Refused("ROK0117"), Exits(0)],
    ),
    (&["resume", "r1"], [Exits(1), Refused("ROK0117"), Exits(1)]),
    (
        &["rollback", "r1"],
        [Exits(1), Refused("ROK0117"), Exits(1)],
    ),
    (&["run", "made.yaml", "--mode", "dry-run"], [Exits(0); 3]),
    (
        &["schedule", "tick"],
        [Exits(0), Refused("ROK0117"), Refused("ROK0010")],
    ),
    // What needs no runs, or is kept beside them.
    (&["plan", "list"], [Exits(0); 3]),
    (&["plan", "validate", "made.yaml"], [Exits(0); 3]),
    (&["config", "show"], [Exits(0); 3]),
    (&["token", "list"], [Exits(0), Exits(0), Refused("ROK0117")]),
    (
        &["policy", "check"],
        [Exits(0), Exits(0), Refused("ROK0117")],
    ),
];

#[rstest]
fn a_command_does_the_same_everywhere_or_says_that_it_cannot(
    #[values((Where::Folder, 0), (Where::Database, 1), (Where::Server, 2))] at: (Where, usize),
) {
    let (at, column) = at;
    let place = Place::new(at);
    place.bench().write("made.yaml", PLAN);
    place
        .bench()
        .rok(["key", "new", "--out", "key.pem"])
        .exits(0);
    place.ran(PLAN, "r1");
    place.ran(PLAN, "r2");
    let mut wrong = Vec::new();
    for (args, does) in TABLE {
        let ran = place.rok(args);
        let fits = match does[column] {
            Exits(code) => ran.code == code,
            Refused(code) => ran.code == 2 && ran.err.contains(code),
        };
        if !fits {
            wrong.push(format!(
                "{args:?} was to be {:?}, and exits with {}:\n{}{}",
                does[column], ran.code, ran.out, ran.err
            ));
        }
    }
    assert!(wrong.is_empty(), "{at:?}:\n{}", wrong.join("\n"));
}

/// Those of the table that print what is, and nothing of where it is.
#[rstest]
fn what_is_told_is_the_same_at_a_server_as_in_its_database(
    #[values(
        &["status", "r1", "--json"],
        &["explain", "r1", "--json"],
        &["profile", "r1", "--json"],
        &["diff", "r1", "r2", "--json"],
        &["graph", "r1", "--format", "mermaid"],
        &["timeline", "r1", "--format", "ascii"],
        &["verify", "r1", "--json"],
        &["replay", "r1", "--json"],
        &["incidents", "--json"],
        &["lessons", "--json"],
        &["run", "hello.yaml", "-i", "who=ada", "--mode", "dry-run", "--json"],
        &["run", "quick-v1", "-i", "domain=a.example", "--mode", "dry-run", "--json"],
        &["run", "hello.yaml", "-i", "what=7", "--mode", "dry-run", "--json"]
    )]
    args: &[&str],
) {
    let place = Place::new(Where::Database);
    place.ran(PLAN, "r1");
    place.ran(PLAN, "r2");
    let here = place.rok(args);
    let there = place.rok_at(Where::Server, args);
    assert_eq!(
        (here.code, &here.out),
        (there.code, &there.out),
        "{}",
        there.err
    );
}

#[test]
fn a_run_goes_from_a_database_to_another_and_to_a_folder_and_is_the_same() {
    let from = Place::new(Where::Database);
    from.ran("plan: bad\nsteps: { a: { run: ['false'] } }\n", "bad");
    from.ran(PLAN, "r1");
    let to = Place::new(Where::Database);
    let folder = Place::new(Where::Folder);
    for run in ["bad", "r1"] {
        let file = format!("{run}.tar.zst");
        from.rok(&["export", run, "--out", &file]).exits(0);
        let file = from.bench().path().join(file);
        let file = file.to_str().expect("a path");
        let told = from.rok(&["verify", run, "--json"]).exits(0).json();
        for place in [&to, &folder] {
            place.rok(&["import", file]).exits(0);
            let verified = place
                .rok(&["verify", run, "--sealed", "--json"])
                .exits(0)
                .json();
            assert_eq!(verified["head"], told["head"]);
            place
                .rok(&["logs", run, if run == "bad" { "a" } else { "make" }])
                .exits(0);
        }
    }
    let incidents =
        |place: &Place| -> Value { place.rok(&["incidents", "--json"]).exits(0).json() };
    assert_eq!(incidents(&to), incidents(&from));
    assert_eq!(incidents(&folder), incidents(&from));
    let listed = to.rok(&["ls", "--json"]).exits(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    // The server that has the database open sees it too, and drives nothing of it.
    let there = to
        .rok_at(Where::Server, &["status", "r1", "--json"])
        .exits(0)
        .json();
    assert_eq!(
        (&there["status"], &there["sealed"]),
        (&json!("succeeded"), &json!(true))
    );
}

#[test]
fn a_proof_against_a_key_is_checked_by_whoever_asks_and_not_by_the_server() {
    let place = Place::new(Where::Database);
    place
        .bench()
        .rok(["key", "new", "--out", "key.pem"])
        .exits(0);
    place
        .bench()
        .rok(["key", "new", "--out", "other.pem"])
        .exits(0);
    place.ran(PLAN, "r1");
    place.rok(&["attest", "r1", "--key", "key.pem"]).exits(0);
    let verify = |key: &str| place.rok_at(Where::Server, &["verify", "r1", "--key", key]);
    let proved = verify("key.pem.pub").exits(0);
    assert!(proved.out.contains("signature valid"), "{}", proved.out);
    verify("other.pem.pub").exits(4);
    // An existing file is never overwritten, nor left half.
    place.bench().write("taken.tar.zst", "mine");
    let taken = ["export", "r1", "--out", "taken.tar.zst"];
    let refused = place.rok_at(Where::Server, &taken).exits(1);
    assert!(refused.err.contains("ROK0143"), "{}", refused.err);
    let kept = std::fs::read_to_string(place.bench().path().join("taken.tar.zst"));
    assert_eq!(kept.expect("it is there"), "mine");
}
