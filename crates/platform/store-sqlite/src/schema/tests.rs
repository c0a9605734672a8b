//! From every older version, and from none.

use super::*;
use crate::{OpenError, SqliteStore};
use rok_log::{
    Collect, Collected, Durability, EventReader, Inbox, Lease, Owner, Pull, Record, Records,
    Retention as _, RunEntry, RunFilter, RunIndex, RunQueue, RunStore, SCRIPT_START, Script,
    StoreError, WorkQueue, WorkerBook as _,
};
use rok_vocabulary::{Outcome, RunId};
use rstest::rstest;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A store as each older version left it.
const OLDER: &[&str] = &[
    include_str!("../../tests/versions/v1.sql"),
    include_str!("../../tests/versions/v2.sql"),
    include_str!("../../tests/versions/v3.sql"),
];

fn id(text: &str) -> RunId {
    text.parse().unwrap()
}

fn older(version: i64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rok.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(OLDER[version as usize - 1]).unwrap();
    assert_eq!(Header::read(&db).unwrap().version, version);
    (folder, path)
}

/// The tables, whatever the white space of their text.
fn tables(path: &Path) -> Vec<(String, String)> {
    let db = Connection::open(path).unwrap();
    let sql = "SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name";
    let mut select = db.prepare(sql).unwrap();
    let rows = select.query_map([], |row| {
        let sql: String = row.get(1)?;
        let words: Vec<_> = sql.split_whitespace().collect();
        Ok((row.get(0)?, words.join(" ")))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn every_older_version_is_kept_for_tests() {
    assert_eq!(OLDER.len() as i64, VERSION - 1);
}

#[rstest]
fn an_older_file_becomes_what_a_new_one_is(#[values(1, 2, 3)] version: i64) {
    let (folder, path) = older(version);
    drop(SqliteStore::open(&path, Durability::Flush).unwrap());
    let new = folder.path().join("new.db");
    drop(SqliteStore::open(&new, Durability::Flush).unwrap());
    assert_eq!(tables(&path), tables(&new));
    let header = Header::read(&Connection::open(&path).unwrap()).unwrap();
    assert_eq!((header.application, header.version), (APPLICATION, VERSION));
}

#[rstest]
fn all_that_an_older_file_holds_is_there(#[values(1, 2, 3)] version: i64) {
    let (_folder, path) = older(version);
    let mut store = SqliteStore::open(&path, Durability::Flush).unwrap();
    let all = store.list(&RunFilter::default()).unwrap();
    let names: Vec<_> = all.iter().map(RunEntry::name).collect();
    assert_eq!(names, ["behind", "done", "held", "open"]);
    let team = RunFilter {
        labels: [("team".to_owned(), "core".to_owned())].into(),
        ..RunFilter::default()
    };
    assert_eq!(store.list(&team).unwrap().len(), 1);
    let second = store.in_namespace("second".parse().unwrap());
    assert_eq!(second.list(&RunFilter::default()).unwrap().len(), 1);

    let waiting = store.take(&id("held")).unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].id.as_str(), "c-2");
    let answer = store.answer(&id("held"), &"c-1".parse().unwrap()).unwrap();
    assert!(answer.is_some());
    assert_eq!(store.records("kbase_events", None, 9).unwrap().len(), 2);
    assert!(store.seal(&id("done")).unwrap().is_some());

    // Every log is proven by its claim, and can be gone on with.
    let lease = Lease::new(
        SCRIPT_START.after(Duration::from_secs(3_600)),
        Duration::from_secs(60),
    );
    let pull = Pull {
        owner: Owner::new("new"),
        lease,
        limit: 9,
        aging: Duration::ZERO,
    };
    let pulled = store.claim_due(&pull).unwrap();
    let mut given: Vec<_> = pulled
        .iter()
        .map(|pulled| (pulled.run.as_str(), pulled.claim.as_ref().unwrap().fence.0))
        .collect();
    given.sort_unstable();
    assert_eq!(given, [("held", 2), ("open", 1)], "one place for the key");
    store.claim(&id("done"), &Owner::new("new"), lease).unwrap();
    let fence = pulled[1].claim.as_ref().unwrap().fence;
    let mut script = Script::new(&id("open"))
        .with_labels([("team", "core"), ("site", "a")].into_iter().collect());
    script.create();
    let _ = store.commit(&[script.steps(fence, 1)]).unwrap();
    assert_eq!(store.read(&id("open")).unwrap().lines().count(), 3);
}

#[test]
fn failures_that_an_older_version_counted_are_kept() {
    let (_folder, path) = older(3);
    let store = SqliteStore::open(&path, Durability::Flush).unwrap();
    let failing = store.failing(3, 9).unwrap();
    assert_eq!(failing.len(), 1);
    assert_eq!((&*failing[0].service, failing[0].failures), ("seo", 3));
}

#[rstest]
fn a_run_of_an_older_file_is_collected(#[values(1, 2, 3)] version: i64) {
    let (_folder, path) = older(version);
    let mut store = SqliteStore::open(&path, Durability::Flush).unwrap();
    let done = id("done");
    assert_eq!(store.stub(&done).unwrap(), None);
    let seal = store.seal(&done).unwrap().unwrap();
    let collect = Collect {
        run: done.clone(),
        next_seq: store.next_seq(&done).unwrap(),
        head: seal.head,
        now: SCRIPT_START.after(Duration::from_secs(3_600)),
        stub: b"left".to_vec(),
        records: Vec::new(),
    };
    assert_eq!(store.collect(&collect).unwrap(), Collected::Done);
    drop(store);
    let store = SqliteStore::open(&path, Durability::Flush).unwrap();
    assert_eq!(store.stub(&done).unwrap().as_deref(), Some(&b"left"[..]));
    assert!(matches!(
        store.read(&done),
        Err(StoreError::Collected { .. })
    ));
    assert!(store.read(&id("held")).is_ok());
    let rows = |table: &str| -> i64 {
        let db = Connection::open(&path).unwrap();
        let sql = format!(
            "SELECT count(*) FROM {table} JOIN runs ON runs.no = run_no WHERE runs.id = 'done'"
        );
        db.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let left = ["chunks", "commands", "stubs"].map(rows);
    assert_eq!(left, [0, 0, 1]);
    // What service runs told is the site's, whatever becomes of the run.
    assert_eq!(kbase(&path).len(), 2);
}

/// What the page about it tells to do gives the space back, and nothing else.
#[test]
fn a_file_that_is_written_anew_is_smaller_and_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rok.db");
    let mut store = SqliteStore::open(&path, Durability::Flush).unwrap();
    let lease = Lease::new(SCRIPT_START, Duration::from_secs(60));
    let mut scripts = ["gone", "kept"].map(|run| Script::new(&id(run)));
    for script in &mut scripts {
        let _ = store.commit(&[script.create()]).unwrap();
        let claim = store.claim(script.run(), &Owner::new("a"), lease);
        let fence = claim.unwrap().fence;
        let _ = store.commit(&[script.steps(fence, 4_000)]).unwrap();
        let sealed = script.seal(fence, Outcome::Succeeded);
        let _ = store.commit(&[sealed]).unwrap();
        store.release(script.run(), fence, None);
    }
    let [gone, kept] = scripts;
    let collect = Collect {
        run: gone.run().clone(),
        next_seq: gone.row().next_seq,
        head: gone.head(),
        now: SCRIPT_START,
        stub: br#"{"left":1}"#.to_vec(),
        records: Vec::new(),
    };
    assert_eq!(store.collect(&collect).unwrap(), Collected::Done);
    drop(store);
    let before = fs::metadata(&path).unwrap().len();
    let db = Connection::open(&path).unwrap();
    db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
        .unwrap();
    let left: i64 = db
        .query_row("SELECT stub ->> 'left' FROM stubs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 1, "SQL looks into it");
    drop(db);
    assert!(fs::metadata(&path).unwrap().len() < before * 2 / 3);
    let mut store = SqliteStore::open(&path, Durability::Flush).unwrap();
    rok_log::contract::only_a_stub_is_left(&mut store, &gone);
    assert_eq!(store.faults().unwrap(), Vec::<String>::new());
    let claim = store.claim(kept.run(), &Owner::new("b"), lease).unwrap();
    assert_eq!(claim.head, kept.head());
}

fn kbase(path: &Path) -> Vec<String> {
    let db = Connection::open(path).unwrap();
    let mut select = db
        .prepare(
            "SELECT id || ' ' || website_id || ' ' || run_id || ' ' || type || ' ' || payload
             FROM kbase_events WHERE website_id = 'site_123' AND service = 'hermes'
             ORDER BY created_at DESC",
        )
        .unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn kbase_events_are_filled_from_older_records() {
    let (_folder, path) = older(1);
    drop(SqliteStore::open(&path, Durability::Flush).unwrap());
    assert_eq!(
        kbase(&path),
        [
            r#"evt-2 site_123 done result {"status":"completed","n":2}"#,
            r#"evt-1 site_123 done run_status {"status":"completed","n":1}"#,
        ]
    );
}

#[test]
fn kbase_events_follow_their_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rok.db");
    let mut store = SqliteStore::open(&path, Durability::Flush).unwrap();
    let mut script = Script::new(&id("r"));
    let put = |store: &mut SqliteStore, script: &mut Script, key: &str, json: &str| {
        let mut commit = match script.row().next_seq.0 {
            0 => script.create(),
            _ => script.steps(rok_log::Fence(1), 1),
        };
        commit.records.push(Record {
            kind: "kbase_events",
            key: key.into(),
            json: json.into(),
        });
        let results = store.commit(&[commit]).unwrap();
        assert!(matches!(
            results[..],
            [rok_log::CommitResult::Committed { .. }]
        ));
    };
    let event = |n: u8| {
        format!(
            r#"{{"website_id":"site_123","run_id":"r","service":"hermes","type":"run_status","payload":{{"n":{n}}},"created_at":"2026-02-16T00:00:0{n}Z"}}"#
        )
    };
    put(&mut store, &mut script, "a", &event(1));
    let lease = Lease::new(SCRIPT_START, Duration::from_secs(60));
    store.claim(&id("r"), &Owner::new("a"), lease).unwrap();
    put(&mut store, &mut script, "b", &event(2));
    put(&mut store, &mut script, "a", &event(3));
    put(&mut store, &mut script, "c", "this is no JSON");
    assert_eq!(
        kbase(&path),
        [
            r#"a site_123 r run_status {"n":3}"#,
            r#"b site_123 r run_status {"n":2}"#,
        ]
    );
    assert_eq!(store.records("kbase_events", None, 9).unwrap().len(), 3);
    store.remove_record("kbase_events", "a").unwrap();
    assert_eq!(kbase(&path).len(), 1);
}

#[test]
fn failures_of_workers_are_counted_until_one_reports() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rok.db");
    let mut store = SqliteStore::open(&path, Durability::Flush).unwrap();
    let put = |store: &mut SqliteStore, run: &str, site: &str, results: &str| {
        let mut commit = Script::new(&id(run)).create();
        let json = format!(
            r#"{{"website_id":"{site}","run_id":"{run}","service":"hermes","type":"run_status","payload":{{"service_results":[{results}]}},"created_at":"2026-02-16T00:00:00Z {run}"}}"#
        );
        commit.records.push(Record {
            kind: "kbase_events",
            key: format!("{run}:9"),
            json: json.into_bytes(),
        });
        assert_eq!(store.commit(&[commit]).unwrap().len(), 1);
    };
    let result = |service: &str, status: &str| {
        format!(r#"{{"service":"{service}","status":"{status}","error":"why {status}"}}"#)
    };
    let all = [
        result("a", "failed"),
        result("b", "timeout"),
        result("c", "skipped"),
        result("d", "completed"),
    ];
    for run in ["r1", "r2", "r3"] {
        put(&mut store, run, "site", &all.join(","));
    }
    put(&mut store, "r4", "other", &result("a", "failed"));
    let failing = |store: &SqliteStore, least| -> Vec<(String, String, u32)> {
        let found = store.failing(least, 9).unwrap().into_iter();
        found
            .map(|one| (one.website_id, one.service, one.failures))
            .collect()
    };
    let of = |site: &str, service: &str, n| (site.to_owned(), service.to_owned(), n);
    assert_eq!(failing(&store, 3), [of("site", "a", 3), of("site", "b", 3)]);
    assert_eq!(failing(&store, 1).len(), 3);
    let site = store.failures_of("site").unwrap();
    assert_eq!(site.len(), 2);
    assert_eq!(
        (&*site[0].since, &*site[0].run_id),
        ("2026-02-16T00:00:00Z r1", "r3")
    );
    assert_eq!(site[0].error.as_deref(), Some("why failed"));
    // A row that comes again tells nothing new.
    let row = store
        .records("kbase_events", Some("r2:9"), 1)
        .unwrap()
        .remove(0);
    let mut again = Script::new(&id("r5")).create();
    again.records.push(Record {
        kind: "kbase_events",
        key: row.0,
        json: row.1,
    });
    assert_eq!(store.commit(&[again]).unwrap().len(), 1);
    assert_eq!(failing(&store, 3).len(), 2);
    put(&mut store, "r6", "site", &result("a", "completed"));
    assert_eq!(
        failing(&store, 1),
        [of("other", "a", 1), of("site", "b", 3)]
    );
    let second = store.in_namespace("second".parse().unwrap());
    assert_eq!(second.failing(1, 9).unwrap(), []);
    drop(store);
    let store = SqliteStore::open(&path, Durability::Flush).unwrap();
    assert_eq!(failing(&store, 3), [of("site", "b", 3)]);
}

#[test]
fn a_later_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rok.db");
    drop(SqliteStore::open(&path, Durability::Flush).unwrap());
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", VERSION + 1).unwrap();
    drop(db);
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&path, Durability::Flush).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found, known, .. }
        if (found, known) == (VERSION + 1, VERSION)));
    assert!(error.to_string().contains("rok.db has schema"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// A writer notices that a later version has taken the file over meanwhile.
#[test]
fn a_version_that_comes_meanwhile_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rok.db");
    let mut store = SqliteStore::open(&path, Durability::Flush).unwrap();
    let _ = store.commit(&[Script::new(&id("a")).create()]).unwrap();
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", VERSION + 1).unwrap();
    let refused = store.commit(&[Script::new(&id("b")).create()]);
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("has schema"), "{error}");
    assert!(store.get(&id("b")).unwrap().is_none());
    db.pragma_update(None, "user_version", VERSION).unwrap();
    let _ = store.commit(&[Script::new(&id("b")).create()]).unwrap();
    assert!(store.get(&id("b")).unwrap().is_some());
}

#[rstest]
#[case::text(b"this is a text, and long enough to be looked at as a database file, which it is not: it is a text and nothing but a text")]
#[case::short(b"short")]
fn what_is_no_database_is_refused_and_left_alone(#[case] content: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, content).unwrap();
    let error = SqliteStore::open(&path, Durability::Flush).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert!(
        error.to_string().contains("notes.txt is no store of rok"),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), content);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[rstest]
#[case::with_tables("CREATE TABLE t (x)")]
#[case::with_another_id("PRAGMA application_id = 7")]
#[case::with_a_version_only("PRAGMA user_version = 1")]
fn a_database_of_another_program_is_refused_and_left_alone(#[case] sql: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&path, Durability::Flush).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}
