//! What must hold of incidents that are stored, case by case.

use super::*;
use crate::project::tests::record;
use rok_facades::{IncidentFacade, IncidentStatus};
use rok_log::MemoryCells;
use rok_vocabulary::{Actor, Timestamp};

fn facade(cells: &MemoryCells) -> IncidentFacade {
    let told = || {
        Ok(vec![
            record("a", "k", 0),
            record("b", "k", 1),
            record("c", "l", 2),
        ])
    };
    IncidentFacade::new(Arc::new(StoredIncidents::new(
        told,
        Arc::new(cells.clone()),
    )))
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
    let before = cells.cell(TABLE, "a").unwrap();
    facade.resolve("a", &ada(), "cable", at(6)).unwrap();
    assert_eq!(cells.cell(TABLE, "a").unwrap(), before);
    let other = facade.resolve("a", &ada(), "dust", at(6)).unwrap_err();
    assert!(
        other.to_string().contains("a is RESOLVED already"),
        "{other}"
    );
    assert_eq!(cells.cell(TABLE, "a").unwrap(), before);
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

#[test]
fn what_cannot_be_read_is_an_error_and_no_guess() {
    let cells = MemoryCells::new();
    for bytes in [&b"{}"[..], br#"{"version":2,"handled":[]}"#] {
        let seen = cells.cell(TABLE, "c").unwrap();
        cells
            .swap(TABLE, "c", seen.as_deref(), Some(bytes))
            .unwrap();
        let error = facade(&cells).list(&IncidentFilter::default()).unwrap_err();
        assert!(
            error.to_string().contains("incident c cannot be read"),
            "{error}"
        );
    }
}
