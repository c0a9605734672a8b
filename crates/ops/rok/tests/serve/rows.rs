//! The rows of runs in a database: somebody who edits one is found out by the
//! log, wherever it is asked.

use super::places::{Place, Where};
use rstest::rstest;
use serde_json::{Value, json};

const BAD: &str = "plan: bad
labels: { team: data }
steps: { a: { run: ['false'] } }
";
const GATE: &str = "plan: gated\nsteps: { ask: { run: ['true'], gate: manual } }\n";

/// Changes what one row of the database says.
fn change(place: &Place, sql: &str) {
    let changed = rusqlite::Connection::open(place.bench().path().join("rok.db"))
        .and_then(|db| db.execute(sql, []));
    assert_eq!(changed.expect("it is changed"), 1);
}

#[rstest]
#[case::good(
    "UPDATE runs SET phase = 'COMPLETED', outcome = 'succeeded'",
    "its row: says outcome succeeded, the log says failed"
)]
#[case::phase(
    "UPDATE runs SET phase = 'COMPLETED', outcome = 'succeeded'",
    "its row: says phase COMPLETED, the log says FAILED"
)]
#[case::without_a_seal(
    "UPDATE runs SET phase = 'COMPLETED', outcome = 'succeeded', seal = NULL",
    "its row: says outcome succeeded, the log says failed"
)]
#[case::plan(
    "UPDATE runs SET plan = 'other'",
    "its row: says plan other, the log says bad"
)]
#[case::labels(
    "UPDATE runs SET labels = NULL",
    "its row: says labels nothing, the log says {\"team\":\"data\"}"
)]
#[case::hold(
    "UPDATE runs SET hold = 'manual_gate'",
    "its row: says hold manual_gate, the log says nothing"
)]
#[case::undone(
    "UPDATE runs SET disposition = 'rolled_back'",
    "its row: says disposition rolled_back, the log says nothing"
)]
#[case::undoing("UPDATE runs SET undoing = 1", "its row: says undoing true")]
#[case::epoch(
    "UPDATE runs SET epoch = epoch + 1",
    "its row: says epoch 1, the log says 0"
)]
#[case::created("UPDATE runs SET created_at = 1000", "its row: says created_at 1970")]
#[case::ended("UPDATE runs SET updated_at = 1000", "its row: says updated_at 1970")]
#[case::priority("UPDATE runs SET priority = 7", "its row: says priority 7")]
#[case::longer(
    "UPDATE runs SET next_seq = next_seq + 1",
    "its row: says that the log"
)]
#[case::shorter("UPDATE runs SET next_seq = next_seq - 1", "its row: says")]
#[case::closed(
    "UPDATE runs SET closed = 0",
    "its column closed: says false of FAILED"
)]
#[case::head(
    "UPDATE runs SET head = zeroblob(32)",
    "its column head: its seal says"
)]
#[case::unknown("UPDATE runs SET phase = 'DONE'", "its row: cannot be believed")]
fn a_row_that_was_edited_is_broken(#[case] sql: &str, #[case] told: &str) {
    let place = Place::new(Where::Database);
    place.ran(BAD, "r1");
    place.rok(&["verify", "r1"]).exits(0);
    change(&place, sql);
    for at in [Where::Database, Where::Server] {
        let broken = place.rok_at(at, &["verify", "r1"]).exits(4);
        let said = format!("{}{}", broken.out, broken.err);
        // What a row hides of its log, a server tells in its own log alone.
        let hides = at == Where::Server && broken.err.contains("ROK0105");
        assert!(hides || said.contains(told), "{told}: {said}");
    }
}

/// Doctor names it, collecting keeps it, and it is not shown as done.
#[rstest]
#[case::good("UPDATE runs SET phase = 'COMPLETED', outcome = 'succeeded'")]
#[case::without_a_seal("UPDATE runs SET phase = 'COMPLETED', outcome = 'succeeded', seal = NULL")]
#[case::plan("UPDATE runs SET plan = 'other'")]
#[case::ended("UPDATE runs SET updated_at = 1000")]
fn a_row_that_was_edited_is_named_and_kept(#[case] sql: &str) {
    let place = Place::new(Where::Database);
    place.ran(BAD, "r1");
    place.rok(&["doctor", "--json"]).exits(0);
    change(&place, sql);
    for logs in ["--json", "--all-logs"] {
        let looked = place.rok(&["doctor", logs]).exits(1);
        assert!(looked.out.contains("r1"), "{}", looked.out);
        assert!(looked.out.contains("says"), "{}", looked.out);
    }
    let rules = ["gc", "--older-than", "0s", "--json"];
    for at in [Where::Database, Where::Server] {
        let report = place.rok_at(at, &rules).exits(0).json();
        assert_eq!(report["collected"], json!([]), "{report}");
        assert_eq!(report["kept"][0]["run_id"], "r1", "{report}");
    }
}

/// What is not edited is what its log says: closed, waiting, imported.
#[test]
fn rows_that_nobody_edited_hold() {
    let mut place = Place::new(Where::Database);
    let limited = format!("{BAD}concurrency: {{ key: of-one }}\n");
    place.ran(&limited, "closed");
    let asked = json!({ "definition": GATE, "run_id": "open" });
    place.served().post("/api/v1/runs", &asked).is(201);
    let open = place.rok(&["verify", "open", "--json"]).exits(0).json();
    assert_eq!(open["verdict"], "open");
    place
        .rok(&["export", "closed", "--out", "closed.tar.zst"])
        .exits(0);
    let elsewhere = Place::new(Where::Database);
    let bundle = place.bench().path().join("closed.tar.zst");
    elsewhere
        .rok(&["import", bundle.to_str().expect("a path")])
        .exits(0);
    for at in [&place, &elsewhere] {
        at.rok(&["verify", "closed", "--sealed"]).exits(0);
    }
}

/// Such a row is shown as what the run was, which it says truly.
const NOT_SAID: &str = "has a stub, and says that it has a log";

/// What was collected and has no stub left is not proven by anything.
#[rstest]
#[case::gone(
    "DELETE FROM stubs",
    "says that it was collected, and its stub is missing"
)]
#[case::unsaid("UPDATE runs SET collected = 0", NOT_SAID)]
fn a_stub_that_was_taken_away_is_missed(#[case] sql: &str, #[case] told: &str) {
    let place = Place::new(Where::Database);
    place.ran(BAD, "r1");
    place.rok(&["gc", "--older-than", "0s"]).exits(0);
    place.rok(&["verify", "r1"]).exits(0);
    change(&place, sql);
    for at in [Where::Database, Where::Server] {
        for args in [&["verify", "r1"][..], &["verify", "r1", "--sealed"]] {
            let broken = place.rok_at(at, args).exits(4);
            let said = format!("{}{}", broken.out, broken.err);
            let hides = at == Where::Server && broken.err.contains("ROK0105");
            assert!(hides || said.contains(told), "{told}: {said}");
        }
        let listed = place.rok_at(at, &["ls", "--json"]).exits(0).json();
        // A server shows nobody what it cannot tell the owner of.
        let shown = listed.as_array().expect("a list").iter();
        let shown: Vec<&Value> = shown.map(|run| &run["status"]).collect();
        let broken = shown == ["broken"] || (at == Where::Server && shown.is_empty());
        assert!(broken || *told == *NOT_SAID, "{listed}");
        let rules = ["gc", "--older-than", "0s", "--json"];
        let report = place.rok_at(at, &rules).exits(0).json();
        assert_eq!(report["collected"], json!([]), "{report}");
    }
    let looked = place.rok(&["doctor"]).exits(1);
    assert!(looked.out.contains("r1"), "{}", looked.out);
}
