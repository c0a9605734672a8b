//! The rows of runs in a database: somebody who edits one is found out by the
//! log, wherever it is asked.

use super::places::{Place, Where};
use rstest::rstest;
use serde_json::json;
use std::path::{Path, PathBuf};

const BAD: &str = "plan: bad
labels: { team: data }
steps: { a: { run: ['false'] } }
";
const GATE: &str = "plan: gated\nsteps: { ask: { run: ['true'], gate: manual } }\n";

const GOOD: &str = "plan: good\nsteps: { a: { run: ['true'] } }\n";

/// Changes what one row of the database says.
fn change(place: &Place, sql: &str) {
    let changed = rusqlite::Connection::open(place.bench().path().join("rok.db"))
        .and_then(|db| db.execute(sql, []));
    assert_eq!(changed.expect("it is changed"), 1);
}

/// A database with a failed run, of which something was edited since.
fn edited(sql: &str) -> Place {
    let place = Place::new(Where::Database);
    place.ran(BAD, "r1");
    place.rok(&["verify", "r1"]).exits(0);
    change(&place, sql);
    place
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
#[case::key("UPDATE runs SET concurrency_key = 'k'", "cannot be believed")]
#[case::head(
    "UPDATE runs SET head = zeroblob(32)",
    "its column head: its seal says"
)]
#[case::unknown("UPDATE runs SET phase = 'DONE'", "its row: cannot be believed")]
fn a_row_that_was_edited_is_broken(#[case] sql: &str, #[case] told: &str) {
    let place = edited(sql);
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

/// Lists by a label go by a table of their own: verify holds it against the
/// row, and a run of which it says something else is not collected.
#[rstest]
#[case::hidden("DELETE FROM labels", "the list of label team does not have it")]
#[case::forged(
    "INSERT INTO labels SELECT namespace, 'team', 'web', created_at, id, no FROM runs",
    "it is in the list of label team, which its row does not say"
)]
fn a_table_of_labels_that_was_edited_is_told_and_the_run_kept(
    #[case] sql: &str,
    #[case] told: &str,
) {
    let place = edited(sql);
    for at in [Where::Database, Where::Server] {
        let broken = place.rok_at(at, &["verify", "r1"]).exits(4);
        let what = format!("its labels: {told}");
        assert!(broken.out.contains(&what), "{what}: {}", broken.out);
        let report = place
            .rok_at(at, &["gc", "--older-than", "0s", "--json"])
            .exits(0)
            .json();
        assert_eq!(report["collected"], json!([]), "{report}");
        assert_eq!(report["kept"][0]["run_id"], "r1", "{report}");
    }
    place.rok(&["doctor", "--rebuild"]);
    place.rok(&["verify", "r1"]).exits(0);
}

/// Who edits the seal with it is found out by the line that it names.
#[rstest]
#[case::everywhere(
    "UPDATE runs SET phase = 'COMPLETED', outcome = 'succeeded',
     seal = replace(replace(seal, 'FAILED', 'COMPLETED'), '\"failed\"', '\"succeeded\"')",
    "its seal says COMPLETED and succeeded, the log says FAILED and failed"
)]
#[case::elsewhere(
    "UPDATE runs SET phase = 'COMPLETED', outcome = 'succeeded', seal = replace(replace(replace(
     seal, 'FAILED', 'COMPLETED'), '\"failed\"', '\"succeeded\"'), '\"seq\":', '\"seq\":1')",
    "its row says COMPLETED"
)]
#[case::without_a_seal(
    "UPDATE runs SET phase = 'COMPLETED', outcome = 'succeeded', seal = NULL",
    "its row says COMPLETED, and holds no seal"
)]
fn a_list_does_not_believe_an_edited_row(#[case] sql: &str, #[case] told: &str) {
    let place = Place::new(Where::Database);
    place.ran(BAD, "r1");
    place.ran(GOOD, "r2");
    let all = place.rok(&["ls", "--json"]).exits(0).json();
    assert_eq!(all[0]["status"], "failed", "{all}");
    place.rok(&["metrics"]).exits(0);
    change(&place, &format!("{sql} WHERE id = 'r1'"));
    for args in [&["ls", "--json"][..], &["ls", "--limit", "9", "--json"]] {
        let listed = place.rok(args).exits(4).json();
        let runs = listed["runs"].as_array().or(listed.as_array());
        let runs = runs.expect("a list");
        let of = |id: &str| runs.iter().find(|run| run["run_id"] == id).expect("it");
        assert_eq!(of("r1")["status"], "broken", "{listed}");
        assert!(
            of("r1")["broken"].as_str().expect("why").contains(told),
            "{listed}"
        );
        assert_eq!(of("r2")["status"], "succeeded", "{listed}");
    }
    let good = place.rok(&["ls", "--status", "succeeded"]).exits(0).out;
    assert!(!good.contains("r1") && good.contains("r2"), "{good}");
    for at in [Where::Database, Where::Server] {
        let figures = place.rok_at(at, &["metrics"]).exits(4);
        assert!(figures.err.contains("run r1 is broken"), "{}", figures.err);
        for line in [
            "\nrok_runs_broken 1\n",
            "\nrok_runs_total{outcome=\"succeeded\"} 1\n",
        ] {
            assert!(figures.out.contains(line), "{line}: {}", figures.out);
        }
        assert!(!figures.out.contains("failed"), "{}", figures.out);
    }
}

/// A server counts a run once that it found broken, however often it is asked.
#[test]
fn a_server_counts_the_broken_runs_that_it_meets() {
    let mut place = Place::new(Where::Database);
    place.ran(BAD, "r1");
    place.ran(GOOD, "r2");
    let counted = |place: &mut Place, count: &str| {
        let text = place.served().get("/metrics").is(200).body;
        let line = format!("rok_runs_broken_total {count}");
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    };
    counted(&mut place, "0");
    change(
        &place,
        "UPDATE chunks SET lines = CAST(replace(CAST(lines AS TEXT), 'run.created', 'run.creator')
         AS BLOB) WHERE seq = 0 AND run_no = (SELECT no FROM runs WHERE id = 'r1')",
    );
    for _ in 0..3 {
        place.rok_at(Where::Server, &["events", "r1"]).exits(4);
    }
    counted(&mut place, "1");
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

/// What was collected and has no stub left is not proven by anything.
#[rstest]
#[case::gone(
    "DELETE FROM stubs",
    "says that it was collected, and its stub is missing"
)]
#[case::unsaid(
    "UPDATE runs SET collected = 0",
    "has a stub, and says that it has a log"
)]
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
        let listed = place.rok_at(at, &["ls", "--json"]).exits(4).json();
        assert_eq!(listed[0]["status"], "broken", "{listed}");
        let rules = ["gc", "--older-than", "0s", "--json"];
        let report = place.rok_at(at, &rules).exits(0).json();
        assert_eq!(report["collected"], json!([]), "{report}");
    }
    let looked = place.rok(&["doctor"]).exits(1);
    assert!(looked.out.contains("r1"), "{}", looked.out);
}

/// The hash at the end of a run that waits is held against its log, too.
#[test]
fn an_open_run_whose_row_has_another_head_is_broken() {
    let mut place = Place::new(Where::Database);
    let asked = json!({ "definition": GATE, "run_id": "open" });
    place.served().post("/api/v1/runs", &asked).is(201);
    place.rok(&["verify", "open"]).exits(0);
    change(&place, "UPDATE runs SET head = zeroblob(32)");
    for at in [Where::Database, Where::Server] {
        let told = place.rok_at(at, &["verify", "open"]).exits(4);
        assert!(!told.out.contains("INTACT"), "{}", told.out);
        for args in [
            &["status", "open"][..],
            &["explain", "open"],
            &["approve", "open", "ask", "--reason", "ok"],
            &["cancel", "open"],
        ] {
            let refused = place.rok_at(at, args).exits(4);
            assert!(refused.err.contains("ROK0105"), "{}", refused.err);
        }
    }
    let looked = place.rok(&["doctor", "--all-logs"]).exits(1);
    assert!(looked.out.contains("open"), "{}", looked.out);
}

const PRINTS: &str = "plan: prints\nsteps: { a: { run: [echo, built] } }\n";

/// The file of an output, wherever a store keeps it.
fn output(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths = entries.map(|entry| entry.expect("it can be read").path());
    paths.find_map(|path| {
        if path.is_dir() {
            output(&path)
        } else {
            path.ends_with("logs/a.0.log").then_some(path)
        }
    })
}

/// What is no longer what was recorded is shown as it stands, and that is said.
#[rstest]
fn a_changed_output_is_shown_and_told(
    #[values(Where::Folder, Where::Database, Where::Server)] at: Where,
) {
    let place = Place::new(at);
    place.ran(PRINTS, "r1");
    assert_eq!(place.rok(&["logs", "r1", "a"]).exits(0).out, "built\n");
    let file = output(place.bench().path()).expect("the step printed something");
    std::fs::write(&file, "one\nforged\n").expect("it is ours");
    for (more, shown) in [
        (&[][..], "one\nforged\n"),
        (&["--tail", "1"], "forged\n"),
        (&["--follow"], "one\nforged\n"),
    ] {
        let asked = [&["logs", "r1", "a"], more].concat();
        let told = place.rok(&asked).exits(4);
        assert_eq!(told.out, shown);
        let why = "is not what was recorded";
        assert!(
            told.err.contains("error[ROK0105]: the output"),
            "{}",
            told.err
        );
        assert!(told.err.contains(why), "{}", told.err);
    }
    std::fs::remove_file(&file).expect("it is ours");
    let gone = place.rok(&["logs", "r1", "a"]).exits(4);
    assert!(gone.err.contains("error[ROK0105]"), "{}", gone.err);
}

/// A log that was changed is shown as it stands, by a server not at all, and
/// that is said.
#[rstest]
fn a_changed_log_is_shown_and_told(
    #[values(Where::Folder, Where::Database, Where::Server)] at: Where,
) {
    let place = Place::new(at);
    place.ran(PRINTS, "r1");
    place.rok(&["events", "r1"]).exits(0);
    match at {
        Where::Folder => {
            let file = place.bench().runs().join("r1/events.jsonl");
            let log = std::fs::read_to_string(&file).expect("a log");
            std::fs::write(&file, log.replace("tester", "nobody")).expect("it is ours");
        }
        Where::Database | Where::Server => {
            let path = place.bench().path().join("rok.db");
            let changed = rusqlite::Connection::open(path).and_then(|db| {
                db.execute(
                    "UPDATE chunks SET lines =
                     CAST(replace(CAST(lines AS TEXT), 'step.started', 'step.starter') AS BLOB)",
                    [],
                )
            });
            assert!(changed.expect("it is changed") > 0);
        }
    }
    for more in [&[][..], &["--tail", "1"], &["--follow"]] {
        let asked = [&["events", "r1"], more].concat();
        let told = place.rok(&asked).exits(4);
        let shown = told.out.contains("run.sealed");
        assert!(shown || at == Where::Server, "{}", told.out);
        assert!(told.err.contains("error[ROK0105]"), "{}", told.err);
    }
}

/// What the queue goes by is in no log: doctor says what cannot be, and mends it.
#[rstest]
#[case::placed("UPDATE runs SET placed = 1", "(placed)")]
#[case::commands("UPDATE runs SET commands = 3", "(commands)")]
#[case::owner(
    "UPDATE runs SET owner = 'x', leased_until = 9000000000000",
    "(owner, leased_until)"
)]
#[case::endless(
    "UPDATE runs SET owner = 'x', leased_until = NULL",
    "(owner, leased_until)"
)]
#[case::broken("UPDATE runs SET broken = 1", "(broken)")]
fn what_a_row_says_of_the_queue_and_cannot_be_is_found(#[case] sql: &str, #[case] told: &str) {
    let mut place = Place::new(Where::Database);
    place.ran(GOOD, "r1");
    place.served().stop();
    place.rok(&["doctor"]).exits(0);
    change(&place, sql);
    let looked = place.rok(&["doctor"]).exits(1).out;
    assert!(
        looked.contains("r1: its row") && looked.contains(told),
        "{looked}"
    );
    // What it found before it mended it is told.
    place.rok(&["doctor", "--rebuild"]).exits(1);
    place.rok(&["doctor"]).exits(0);
}
