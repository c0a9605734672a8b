//! Incidents and lessons, in each of the places that runs may be in: what runs
//! leave is listed, what people do is recorded with who and why, and lasts.

use super::places::{Place, Where};
use super::{Served, bench};
use rok_log::{Cells, Durability};
use rok_store_jsonl::FolderCells;
use rok_store_sqlite::SqliteStore;
use rstest::rstest;
use serde_json::{Value, json};

const BAD: &str = "plan: bad\nsteps: { check: { run: ['false'] } }\n";
const GOOD: &str = "plan: good\nsteps: { a: { run: ['true'] } }\n";

/// Two runs that failed alike, and one that did not.
fn place(at: Where) -> Place {
    let place = Place::new(at);
    for (plan, run) in [(BAD, "bad-1"), (BAD, "bad-2"), (GOOD, "good-1")] {
        place.ran(plan, run);
    }
    place
}

#[rstest]
fn an_incident_is_handled_wherever_its_run_is(
    #[values(Where::Folder, Where::Database, Where::Server)] at: Where,
) {
    let place = place(at);
    let listed = place.rok(&["incidents", "--json"]).exits(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    let first = &listed[0];
    assert_eq!(
        (&first["run_id"], &first["count"]),
        (&json!("bad-1"), &json!(2))
    );
    assert_eq!(
        (&first["status"], &first["step"]),
        (&json!("OPEN"), &json!("check"))
    );
    let id = first["id"].as_str().expect("an id");
    let text = place.rok(&["incidents"]).exits(0);
    assert!(
        text.out.contains(id) && text.out.contains("OPEN"),
        "{}",
        text.out
    );

    let short = &id[..12];
    let seen = ["incidents", "acknowledge", short, "--reason", "I look"];
    let seen = place.rok(&seen).exits(0);
    assert_eq!(seen.out, format!("acknowledged {id}\n"));
    let over = [
        "incidents",
        "resolve",
        id,
        "--reason",
        "the cable",
        "--json",
    ];
    let over = place.rok(&over).exits(0).json();
    assert_eq!(
        (&over["status"], &over["note"]),
        (&json!("RESOLVED"), &json!("the cable"))
    );
    let history = place
        .rok(&["incidents", "show", id, "--json"])
        .exits(0)
        .json();
    let handled: Vec<_> = history["handled"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    let words = handled.iter().map(|done| (&done["by"], &done["reason"]));
    let tester = json!("user:tester");
    let expected = [(&tester, &json!("I look")), (&tester, &json!("the cable"))];
    assert_eq!(words.collect::<Vec<_>>(), expected);
    assert_eq!(history["occurrences"][0]["run_id"], "bad-2");

    let late = ["incidents", "acknowledge", id, "--reason", "late"];
    assert!(place.rok(&late).exits(1).err.contains("ROK0191"));
    let open = ["incidents", "--status", "open", "--json"];
    assert_eq!(place.rok(&open).exits(0).json(), json!([]));

    // What happens again after it was resolved is not hidden behind it.
    place.ran(BAD, "bad-3");
    let open = place.rok(&open).exits(0).json();
    assert_eq!(open[0]["run_id"], "bad-3", "{open}");
    assert_eq!(
        (&open[0]["status"], &open[0]["count"]),
        (&json!("OPEN"), &json!(1))
    );
}

#[rstest]
fn a_lesson_is_drawn_and_decided_wherever_its_run_is(
    #[values(Where::Folder, Where::Database, Where::Server)] at: Where,
) {
    let place = place(at);
    let failures = ["lessons", "--kind", "failure", "--json"];
    let listed = place.rok(&failures).exits(0).json();
    let lessons = listed.as_array().expect("a list");
    assert_eq!(lessons.len(), 2, "{listed}");
    // The newest first.
    assert_eq!(lessons[0]["run_id"], "bad-2");
    let id = |at: usize| lessons[at]["id"].as_str().expect("an id");
    let defer = ["lessons", "defer", id(1), "--reason", "not now"];
    assert_eq!(
        place.rok(&defer).exits(0).out,
        format!("deferred {}\n", id(1))
    );
    // Not now is not never: it is dismissed later, once.
    let dismiss = ["lessons", "dismiss", id(1), "--reason", "after all"];
    place.rok(&dismiss).exits(0);
    let shown = place.rok(&["lessons", "show", id(1)]).exits(0).out;
    assert!(
        shown.contains("dismissed") && shown.contains("not now"),
        "{shown}"
    );
    assert!(place.rok(&defer).exits(1).err.contains("ROK0191"));

    let convert = [
        "lessons",
        "convert",
        id(0),
        "--reason",
        "yes",
        "-o",
        "draft.cedar",
    ];
    place.rok(&convert).exits(0);
    let draft = place.bench().path().join("draft.cedar");
    let draft = std::fs::read_to_string(draft).expect("a draft");
    assert!(
        draft.contains("forbid") && draft.contains("Plan::\"bad\""),
        "{draft}"
    );
    let shown = place
        .rok(&["lessons", "show", id(0), "--json"])
        .exits(0)
        .json();
    assert_eq!(shown["state"], "converted_to_draft");
    assert_eq!(
        (&shown["decided_by"], &shown["reason"]),
        (&json!("user:tester"), &json!("yes"))
    );
    let pending = [
        "lessons", "--kind", "failure", "--state", "pending", "--json",
    ];
    assert_eq!(place.rok(&pending).exits(0).json(), json!([]));
}

#[rstest]
#[case(&["incidents", "show", "inc-0"], 3, "ROK0190")]
#[case(&["incidents", "acknowledge", "inc-0", "--reason", "x"], 3, "ROK0190")]
#[case(&["incidents", "--status", "closed"], 2, "write one of open")]
#[case(&["incidents", "--plan", "No Plan"], 2, "ROK0005")]
#[case(&["lessons", "show", "lesson-0"], 3, "ROK0190")]
#[case(&["lessons", "convert", "lesson-0", "--reason", "x", "-o", "d.cedar"], 3, "ROK0190")]
#[case(&["lessons", "--state", "done"], 2, "write one of pending")]
fn what_is_not_there_is_refused_alike(
    #[case] args: &[&str],
    #[case] code: i32,
    #[case] told: &str,
    #[values(Where::Folder, Where::Database, Where::Server)] at: Where,
) {
    let place = Place::new(at);
    let refused = place.rok(args).exits(code);
    assert!(refused.err.contains(told), "{}", refused.err);
    assert!(!place.bench().path().join("d.cedar").exists());
}

#[rstest]
fn what_is_left_of_a_collected_run_keeps_its_incident(
    #[values(Where::Folder, Where::Database, Where::Server)] at: Where,
) {
    let place = place(at);
    let before = place.rok(&["incidents", "--json"]).exits(0).json();
    place.rok(&["gc", "--older-than", "0s"]).exits(0);
    let listed = place.rok(&["ls", "--json"]).exits(0).json();
    assert_eq!(listed[0]["status"], "collected", "{listed}");
    assert_eq!(place.rok(&["incidents", "--json"]).exits(0).json(), before);
    let lessons = place
        .rok(&["lessons", "--kind", "failure", "--json"])
        .exits(0);
    assert_eq!(lessons.json().as_array().map(Vec::len), Some(2));
    place.rok(&["verify", "bad-1"]).exits(0);
}

#[test]
fn a_log_that_cannot_be_read_is_said_and_is_no_success() {
    let place = place(Where::Folder);
    let log = place.bench().runs().join("bad-1/events.jsonl");
    std::fs::write(log, "{\"event_type\":\"ack.received\"}\n").expect("a file");
    let listed = place.rok(&["incidents"]).exits(1);
    assert!(listed.err.contains("bad-1"), "{}", listed.err);
    assert!(listed.out.contains("bad-2"), "{}", listed.out);
}

#[test]
fn a_log_that_was_changed_tells_of_no_incident() {
    let place = place(Where::Folder);
    let log = place.bench().runs().join("bad-1/events.jsonl");
    let text = std::fs::read_to_string(&log).expect("a file");
    let changed = text.replacen("\"severity\":\"medium\"", "\"severity\":\"low\"", 1);
    assert_ne!(changed, text);
    std::fs::write(log, changed).expect("a file");
    let listed = place.rok(&["incidents"]).exits(1);
    assert!(listed.err.contains("bad-1"), "{}", listed.err);
    assert!(!listed.out.contains("low"), "{}", listed.out);
}

#[test]
fn roles_say_who_handles_and_pages_have_cursors() {
    let bench = bench();
    let [eve, app] = [("eve", "viewer"), ("app", "approver")].map(|(user, role)| {
        let made = ["token", "create", "--user", user, "--role", role, "--json"];
        let made: Value = bench.rok(made).exits(0).json();
        format!("Bearer {}", made["token"].as_str().expect("a token"))
    });
    for run in ["bad-1", "bad-2"] {
        // Two plans: two incidents.
        let plan = BAD.replace("plan: bad", &format!("plan: {run}"));
        bench.write("bad.yaml", &plan);
        bench.rok(["run", "bad.yaml", "--run-id", run]).exits(1);
    }
    let served = Served::with(bench, &[]);
    served.get("/api/v1/incidents").is(401);
    let [eve, app] = [eve, app].map(|token| served.client.with("authorization", &token));
    let page = eve.get("/api/v1/incidents?limit=1").is(200).json();
    assert_eq!(page["incidents"][0]["run_id"], "bad-2");
    let cursor = page["next_cursor"].as_str().expect("more");
    let rest = eve.get(&format!("/api/v1/incidents?limit=1&cursor={cursor}"));
    let rest = rest.is(200).json();
    assert_eq!(rest["incidents"][0]["run_id"], "bad-1");
    assert_eq!(rest["next_cursor"], Value::Null);
    eve.get("/api/v1/incidents?status=closed").is(400);

    let id = rest["incidents"][0]["id"].as_str().expect("an id");
    let path = format!("/api/v1/incidents/{id}/acknowledge");
    let why = json!({ "reason": "I look" });
    let refused = eve.post(&path, &why).is(403);
    assert!(refused.header("content-type") == Some("application/problem+json"));
    app.post(&path, &json!({})).is(400);
    let seen = app.post(&path, &why).is(200).json();
    assert_eq!(seen["handled_by"], "user:app");
    let lesson = eve.get("/api/v1/lessons?kind=failure").is(200).json();
    let id = lesson["lessons"][0]["id"].as_str().expect("an id");
    let path = format!("/api/v1/lessons/{id}/dismiss");
    eve.post(&path, &why).is(403);
    assert_eq!(app.post(&path, &why).is(200).json()["state"], "dismissed");
    eve.get("/api/v1/lessons/lesson-0").is(404);
}

/// Handles the incident of a place, twice, and gives its id.
fn handled(place: &Place) -> String {
    let listed = place.rok(&["incidents", "--json"]).exits(0).json();
    let id = listed[0]["id"].as_str().expect("an id").to_owned();
    for what in ["acknowledge", "resolve"] {
        let args = ["incidents", what, &id, "--reason", "the cable"];
        place.rok(&args).exits(0);
    }
    id
}

fn cells(place: &Place) -> Box<dyn Cells> {
    let path = place.bench().path();
    match place.at {
        Where::Folder => Box::new(FolderCells::open(path.join("runs"), Durability::Flush)),
        Where::Database | Where::Server => {
            let store = SqliteStore::open(path.join("rok.db"), Durability::Flush);
            Box::new(store.expect("it opens"))
        }
    }
}

/// Changes a cell of the desk; `None` takes it away.
fn change(place: &Place, table: &str, key: &str, change: impl Fn(&str) -> Option<String>) {
    let cells = cells(place);
    let seen = cells.cell(table, key).expect("it is read");
    let text = String::from_utf8(seen.clone().unwrap_or_default()).expect("a text");
    let new = change(&text).map(String::into_bytes);
    let changed = cells.swap(table, key, seen.as_deref(), new.as_deref());
    assert!(changed.expect("it is ours"));
}

#[rstest]
fn what_people_did_is_chained_wherever_it_lies(
    #[values(Where::Folder, Where::Database)] at: Where,
) {
    let place = place(at);
    let empty = place.rok(&["verify", "--desk"]).exits(0).out;
    assert!(empty.contains("nobody has written"), "{empty}");
    let id = handled(&place);
    let lesson = place.rok(&["lessons", "--json"]).exits(0).json();
    let lesson = lesson[0]["id"].as_str().expect("an id");
    let defer = ["lessons", "defer", lesson, "--reason", "later"];
    place.rok(&defer).exits(0);
    let proof = place.rok(&["verify", "--desk", "--json"]).exits(0).json();
    assert_eq!(
        (&proof["lines"], &proof["unchained"]),
        (&json!(4), &json!(0))
    );
    let doctor = place.rok(&["doctor"]);
    assert!(
        doctor
            .out
            .contains("the 4 lines of its book are what was written"),
        "{}",
        doctor.out
    );

    change(&place, "desk", "0000000000000002", |text| {
        Some(text.replace("the cable", "no reason"))
    });
    for args in [
        &["verify", "--desk"][..],
        &["incidents"],
        &["incidents", "show", &id],
        &["incidents", "resolve", &id, "--reason", "x"],
        &["lessons"],
        &["lessons", "dismiss", lesson, "--reason", "x"],
    ] {
        let refused = place.rok(args).exits(4).err;
        assert!(refused.contains("error[ROK0145]"), "{args:?}: {refused}");
        assert!(refused.contains("line 3 (byte "), "{args:?}: {refused}");
    }
    let doctor = place.rok(&["doctor"]).exits(1).out;
    assert!(
        doctor.contains("the desk's book is not what was"),
        "{doctor}"
    );
    // Runs have chains of their own.
    place.ran(GOOD, "good-2");
    place.rok(&["verify", "good-2", "--sealed"]).exits(0);
}

#[rstest]
fn lines_that_were_cut_off_are_missed(#[values(Where::Folder, Where::Database)] at: Where) {
    let place = place(at);
    handled(&place);
    change(&place, "desk", "0000000000000002", |_| None);
    let refused = place.rok(&["verify", "--desk"]).exits(4).err;
    let says = "line 3 is missing: its head says that it has 3 lines";
    assert!(refused.contains(says), "{refused}");
}

/// What an earlier version kept is read, and said to be in no chain.
#[rstest]
fn what_was_done_before_there_was_a_book_is_told_apart(
    #[values(Where::Folder, Where::Database)] at: Where,
) {
    let place = place(at);
    let listed = place.rok(&["incidents", "--json"]).exits(0).json();
    let id = listed[0]["id"].as_str().expect("an id");
    change(&place, "incidents", id, |_| {
        let handled = json!([{
            "at": "2026-01-02T00:00:00.000Z", "by": "user:ada", "to": "ACKNOWLEDGED", "reason": "I look",
        }]);
        Some(json!({ "version": 1, "handled": handled }).to_string())
    });
    let proof = place.rok(&["verify", "--desk"]).exits(0).out;
    assert!(
        proof.contains("about 1 incidents and lessons by an earlier version is not chained"),
        "{proof}"
    );
    let resolve = ["incidents", "resolve", id, "--reason", "the cable"];
    place.rok(&resolve).exits(0);
    let history = place.rok(&["incidents", "show", id]).exits(0).out;
    assert!(
        history.contains("I look") && history.contains("the cable"),
        "{history}"
    );
    let proof = place.rok(&["verify", "--desk"]).exits(0).out;
    assert!(proof.contains("before 2"), "{proof}");
    let doctor = place.rok(&["doctor"]).out;
    assert!(doctor.contains("is not chained"), "{doctor}");
    change(&place, "incidents", id, |text| {
        Some(text.replace("ada", "eve"))
    });
    let refused = place.rok(&["incidents"]).exits(4).err;
    assert!(
        refused.contains("about incidents before it began"),
        "{refused}"
    );
}

#[test]
fn a_server_is_no_witness_of_its_own_book() {
    let place = place(Where::Server);
    handled(&place);
    let refused = place.rok(&["verify", "--desk"]).exits(2).err;
    assert!(refused.contains("ROK0010"), "{refused}");
    place
        .rok_at(Where::Database, &["verify", "--desk"])
        .exits(0);
    place.rok(&["verify", "bad-1", "--desk"]).exits(2);
    place.rok(&["verify"]).exits(2);
    // A server tells nothing of a book that was changed, either.
    change(&place, "desk", "head", |_| None);
    let refused = place.rok(&["incidents"]).exits(4).err;
    assert!(refused.contains("ROK0145"), "{refused}");
}
