//! What must hold of incidents that are stored, case by case.

use super::*;
use crate::project::tests::record;
use rok_facades::{IncidentFacade, IncidentStatus};
use rok_log::{Cells as _, MemoryCells};
use rok_vocabulary::{Actor, Timestamp};
use std::sync::Arc;

fn facade(cells: &MemoryCells) -> IncidentFacade {
    let told = || {
        Ok(vec![
            record("a", "k", 0),
            record("b", "k", 1),
            record("c", "l", 2),
        ])
    };
    IncidentFacade::new(Arc::new(StoredIncidents::new(told, book(cells))))
}

fn book(cells: &MemoryCells) -> Book {
    Book::new(Arc::new(cells.clone()))
}

fn ada() -> Actor {
    Actor::User("ada".into())
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(minute * 60_000)
}

#[test]
fn what_was_done_outlives_the_process_with_who_and_why() {
    let cells = MemoryCells::new();
    let seen = facade(&cells).acknowledge("a", &ada(), "I look", at(5));
    assert_eq!(seen.unwrap().status, IncidentStatus::Acknowledged);
    let over = facade(&cells).resolve("a", &Actor::Manual, "cable", at(9));
    assert_eq!(over.unwrap().note.as_deref(), Some("cable"));

    let history = facade(&cells).history("a").unwrap();
    assert_eq!(history.incident.status, IncidentStatus::Resolved);
    assert_eq!(history.incident.count, 2);
    let words = history.handled.iter();
    let words = words.map(|done| (done.by.to_string(), done.reason.as_str()));
    let expected = [
        ("user:ada".to_owned(), "I look"),
        ("manual".to_owned(), "cable"),
    ];
    assert_eq!(words.collect::<Vec<_>>(), expected);
    let open = IncidentFilter {
        status: Some(IncidentStatus::Open),
        ..IncidentFilter::default()
    };
    let open = facade(&cells).list(&open).unwrap();
    assert_eq!(
        open.iter().map(|of| of.id.as_str()).collect::<Vec<_>>(),
        ["c"]
    );
}

#[test]
fn the_same_again_changes_nothing_and_the_impossible_is_refused() {
    let cells = MemoryCells::new();
    let facade = facade(&cells);
    facade.resolve("a", &ada(), "cable", at(5)).unwrap();
    let before = book(&cells).read().unwrap().head();
    facade.resolve("a", &ada(), "cable", at(6)).unwrap();
    assert_eq!(book(&cells).read().unwrap().head(), before);
    let other = facade.resolve("a", &ada(), "dust", at(6)).unwrap_err();
    assert!(
        other.to_string().contains("a is RESOLVED already"),
        "{other}"
    );
    assert_eq!(book(&cells).read().unwrap().head(), before);
    let late = facade.acknowledge("a", &ada(), "late", at(7)).unwrap_err();
    assert!(late.to_string().contains("a is RESOLVED already"), "{late}");
    let further = facade.acknowledge("b", &ada(), "x", at(7)).unwrap_err();
    assert!(further.to_string().contains("occurrence of a"), "{further}");
    let unknown = facade.history("nothing").unwrap_err();
    assert!(
        unknown.to_string().contains("there is no incident nothing"),
        "{unknown}"
    );
}

#[test]
fn a_clock_that_was_set_back_orders_nothing_anew() {
    let cells = MemoryCells::new();
    facade(&cells).acknowledge("a", &ada(), "x", at(5)).unwrap();
    facade(&cells).resolve("a", &ada(), "y", at(2)).unwrap();
    let handled = facade(&cells).history("a").unwrap().handled;
    assert_eq!((handled[0].at, handled[1].at), (at(5), at(5)));
}

/// What an earlier version kept: read as before, and gone on from.
const EARLIER: &str = r#"{"version":1,"handled":[{"at":"1970-01-01T00:05:00.000Z","by":"user:ada","to":"ACKNOWLEDGED","reason":"I look"}]}"#;

fn put(cells: &MemoryCells, table: &str, key: &str, bytes: &str) {
    let seen = cells.cell(table, key).unwrap();
    let new = Some(bytes.as_bytes());
    assert!(cells.swap(table, key, seen.as_deref(), new).unwrap());
}

#[test]
fn what_was_done_before_there_was_a_book_is_read_and_gone_on_from() {
    let cells = MemoryCells::new();
    put(&cells, "incidents", "a", EARLIER);
    let before = facade(&cells).history("a").unwrap();
    assert_eq!(before.incident.status, IncidentStatus::Acknowledged);
    facade(&cells)
        .resolve("a", &Actor::Manual, "cable", at(9))
        .unwrap();
    let handled = facade(&cells).history("a").unwrap().handled;
    assert_eq!(handled[0], before.handled[0]);
    assert_eq!(
        (handled[1].at, handled[1].reason.as_str()),
        (at(9), "cable")
    );
    assert_eq!(
        cells.cell("incidents", "a").unwrap(),
        Some(EARLIER.as_bytes().to_vec())
    );
    // Since then it stands as it stood.
    put(&cells, "incidents", "a", &EARLIER.replace("ada", "eve"));
    let error = facade(&cells).list(&IncidentFilter::default()).unwrap_err();
    assert!(matches!(error.error, EngineError::Broken { .. }), "{error}");
}

#[test]
fn what_cannot_be_read_is_an_error_and_no_guess() {
    for bytes in ["{}", r#"{"version":2,"handled":[]}"#] {
        let cells = MemoryCells::new();
        put(&cells, "incidents", "c", bytes);
        let error = facade(&cells).list(&IncidentFilter::default()).unwrap_err();
        assert!(
            error.to_string().contains("incident c cannot be read"),
            "{error}"
        );
    }
}

#[test]
fn nothing_is_told_of_a_book_that_was_changed_and_nothing_is_done() {
    let cells = MemoryCells::new();
    facade(&cells).acknowledge("a", &ada(), "x", at(5)).unwrap();
    let line = cells.cell("desk", "0000000000000001").unwrap().unwrap();
    let line = String::from_utf8(line).unwrap().replace("ada", "eve");
    put(&cells, "desk", "0000000000000001", &line);
    let listed = facade(&cells).list(&IncidentFilter::default()).unwrap_err();
    let done = facade(&cells).resolve("c", &ada(), "y", at(9)).unwrap_err();
    for error in [listed, done] {
        assert!(matches!(error.error, EngineError::Broken { .. }), "{error}");
    }
    assert_eq!(cells.cells("desk").unwrap().len(), 3);
}
