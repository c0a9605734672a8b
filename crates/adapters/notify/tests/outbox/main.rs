//! The outbox over a real database and receivers on loopback, by a clock that
//! the test sets.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod mail;
mod smtp;

use rok_exec_http::{Client, Egress};
use rok_log::{Cells as _, Durability, OUTBOX, Records as _};
use rok_notify::{DELIVERIES, Delivery, Key, MAX_ATTEMPTS, Outbox, Said, Standing, backoff};
use rok_store_sqlite::SqliteStore;
use rok_test_support::http::{Server, answer};
use rok_vocabulary::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

const SECRET: &str = "a key that nobody may see";
const START: i64 = 1_700_000_000_000;

/// Answers with these statuses in turn, then 200; notes what came.
fn receiver(statuses: &[u16]) -> (String, Server) {
    let statuses = Mutex::new(VecDeque::from(statuses.to_vec()));
    let server = Server::start(move |_, stream| {
        let status = statuses.lock().unwrap().pop_front().unwrap_or(200);
        let told = answer(&format!("{status} x"), "location: /else\r\n", "");
        stream.write_all(told.as_bytes()).unwrap();
    });
    (server.url("/hook"), server)
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder.join("rok.db"), Durability::Flush).unwrap()
}

/// Puts a row where a commit would.
fn put(folder: &Path, key: &str, url: &str) {
    let row = json!({ "url": url, "event": { "specversion": "1.0", "id": format!("run:{key}") } });
    put_row(folder, key, &row);
}

fn put_row(folder: &Path, key: &str, row: &Value) {
    rows::put(&mut open(folder), key, row.to_string());
}

mod rows {
    use super::*;
    use rok_log::{Commit, Record, RunStore as _, Script};

    /// A commit that creates a run and brings a row.
    pub(super) fn put(store: &mut SqliteStore, key: &str, json: String) {
        let mut commit: Commit = Script::new(&key.parse().unwrap()).create();
        commit.records.push(Record {
            kind: OUTBOX,
            key: key.to_owned(),
            json: json.into_bytes(),
        });
        assert_eq!(store.commit(&[commit]).unwrap().len(), 1);
    }
}

fn outbox(folder: &Path, allow: &str) -> Outbox<SqliteStore> {
    let client = Client::new(Egress::new([allow], Vec::<&str>::new()).unwrap(), []).unwrap();
    Outbox::new(open(folder)).webhooks(client, Key::new(SECRET).unwrap())
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(START).after(Duration::from_secs(seconds))
}

fn round(outbox: &mut Outbox<SqliteStore>, seconds: u64) -> Vec<Said> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let round = outbox.round(|| at(seconds), || true);
    runtime.block_on(round).unwrap()
}

fn delivery(folder: &Path, key: &str) -> Delivery {
    let cell = open(folder).cell(DELIVERIES, key).unwrap().unwrap();
    serde_json::from_slice(&cell).unwrap()
}

fn left(folder: &Path) -> usize {
    open(folder).records(OUTBOX, None, 100).unwrap().len()
}

#[test]
fn what_is_delivered_is_signed_noted_and_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (url, came) = receiver(&[]);
    put(folder.path(), "a", &url);
    let mut outbox = outbox(folder.path(), "127.0.0.1");
    let said = round(&mut outbox, 0);
    assert!(
        matches!(&said[..], [Said::Delivered(line)] if line.contains("run:a")),
        "{said:?}"
    );
    let came = came.seen();
    let [one] = &came[..] else { panic!("{came:?}") };
    assert!(one.line.starts_with("POST /hook "));
    assert!(
        one.header("content-type")
            .is_some_and(|kind| kind.starts_with("application/cloudevents+json"))
    );
    assert_eq!(one.header("webhook-id"), Some("run:a"));
    assert_eq!(one.header("webhook-timestamp"), Some("1700000000"));
    let key = Key::new(SECRET).unwrap();
    let signature = key.sign("run:a", START / 1_000, one.body.as_bytes());
    assert_eq!(one.header("webhook-signature"), Some(&*signature));
    assert_eq!(one.body, r#"{"specversion":"1.0","id":"run:a"}"#);
    assert_eq!(left(folder.path()), 0);
    let noted = delivery(folder.path(), "a");
    assert_eq!(
        (noted.standing, noted.attempts, noted.at),
        (Standing::Delivered, 1, at(0))
    );
    assert_eq!(round(&mut outbox, 100_000), []);
}

#[rstest]
#[case::refused(&[500, 404], "answered 500")]
#[case::moved(&[302, 307], "answered 302")]
fn what_is_not_taken_is_tried_again_when_it_is_due_and_not_before(
    #[case] statuses: &[u16],
    #[case] why: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let (url, came) = receiver(statuses);
    put(folder.path(), "a", &url);
    let first = round(&mut outbox(folder.path(), "127.0.0.1"), 0);
    assert!(
        matches!(&first[..], [Said::Failed(line)] if line.ends_with(why)),
        "{first:?}"
    );
    // Another process knows as much.
    let mut next = outbox(folder.path(), "127.0.0.1");
    assert_eq!(round(&mut next, 4), []);
    let noted = delivery(folder.path(), "a");
    assert_eq!((noted.attempts, noted.at), (1, at(5)));
    assert_eq!(noted.error.as_deref(), Some(why));
    assert!(matches!(round(&mut next, 5)[..], [Said::Failed(_)]));
    assert_eq!(round(&mut next, 14), []);
    assert!(matches!(round(&mut next, 15)[..], [Said::Delivered(_)]));
    let came = came.seen();
    assert_eq!(came.len(), 3);
    assert!(
        came.iter()
            .all(|one| one.header("webhook-id") == Some("run:a"))
    );
    assert!(came.iter().all(|one| one.body == came[0].body));
}

#[test]
fn a_crash_between_delivery_and_record_delivers_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let (url, came) = receiver(&[]);
    put(folder.path(), "a", &url);
    // As the dead process left it: begun, sent, and nothing noted.
    let began = delivery_json("run:a", "open", 1, at(30));
    let store = open(folder.path());
    assert!(
        store
            .swap(DELIVERIES, "a", None, Some(began.as_bytes()))
            .unwrap()
    );
    let mut outbox = outbox(folder.path(), "127.0.0.1");
    assert_eq!(round(&mut outbox, 29), []);
    assert!(matches!(round(&mut outbox, 30)[..], [Said::Delivered(_)]));
    assert_eq!(came.seen()[0].header("webhook-id"), Some("run:a"));
    assert_eq!(delivery(folder.path(), "a").attempts, 2);
    assert_eq!(left(folder.path()), 0);
}

#[test]
fn a_crash_between_record_and_removal_delivers_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let (url, came) = receiver(&[]);
    put(folder.path(), "a", &url);
    let done = delivery_json("run:a", "delivered", 1, at(0));
    let store = open(folder.path());
    assert!(
        store
            .swap(DELIVERIES, "a", None, Some(done.as_bytes()))
            .unwrap()
    );
    assert_eq!(round(&mut outbox(folder.path(), "127.0.0.1"), 1), []);
    assert_eq!(left(folder.path()), 0);
    assert!(came.seen().is_empty());
}

fn delivery_json(id: &str, standing: &str, attempts: u32, at: Timestamp) -> String {
    json!({ "id": id, "standing": standing, "attempts": attempts, "at": at }).to_string()
}

#[test]
fn it_is_given_up_in_the_end_and_the_record_says_so() {
    let folder = tempfile::tempdir().unwrap();
    // No rule permits loopback, and another row is no address at all.
    let (url, came) = receiver(&[]);
    put(folder.path(), "a", &url);
    put(folder.path(), "b", "http://[::");
    let mut outbox = outbox(folder.path(), "*");
    let (mut now, mut given_up) = (0, 0);
    for attempt in 1..=MAX_ATTEMPTS {
        let said = round(&mut outbox, now);
        assert_eq!(said.len(), 2, "{said:?}");
        let ends = said.iter().filter(|said| matches!(said, Said::GivenUp(_)));
        given_up += ends.count();
        assert_eq!(given_up > 0, attempt == MAX_ATTEMPTS);
        assert!(!format!("{said:?}{outbox:?}").contains(SECRET));
        now += backoff(attempt).as_secs();
    }
    assert_eq!(given_up, 2);
    assert_eq!(left(folder.path()), 0);
    let noted = delivery(folder.path(), "a");
    assert_eq!(noted.standing, Standing::GivenUp);
    assert!(noted.error.is_some_and(|why| why.contains("127.0.0.1")));
    assert!(came.seen().is_empty());
}

#[test]
fn more_than_a_page_is_delivered_in_one_round_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let (url, came) = receiver(&[]);
    let keys: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
    for key in &keys {
        put(folder.path(), key, &url);
    }
    assert_eq!(round(&mut outbox(folder.path(), "127.0.0.1"), 0).len(), 40);
    let came = came.seen();
    let mut ids: Vec<_> = came.iter().map(|one| one.header("webhook-id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), came.len()), (40, 40));
}
