//! What must hold of a book, case by case.

use super::*;
use crate::{MemoryCells, contract};
use rstest::rstest;
use serde_json::json;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

fn book(cells: &MemoryCells) -> Book {
    Book::new(Arc::new(cells.clone()))
}

fn entry(what: &str) -> BookEntry {
    BookEntry {
        event: BookEvent::IncidentHandled,
        at: Timestamp::from_millis(5),
        by: Actor::User("ada".into()),
        data: json!({ "incident": what }),
    }
}

/// Cells in which one incident was handled before there was a book, and three
/// since: four lines.
fn written() -> MemoryCells {
    let cells = MemoryCells::new();
    put(&cells, "incidents", "old", Some("{}"));
    for what in ["a", "b", "c"] {
        let seen = book(&cells).read().unwrap();
        assert!(book(&cells).append(&seen, &entry(what)).unwrap());
    }
    cells
}

fn put(cells: &MemoryCells, table: &str, key: &str, new: Option<&str>) {
    let seen = cells.cell(table, key).unwrap();
    let new = new.map(str::as_bytes);
    assert!(cells.swap(table, key, seen.as_deref(), new).unwrap());
}

fn cell(cells: &MemoryCells, key: &str) -> String {
    String::from_utf8(cells.cell(TABLE, key).unwrap().unwrap()).unwrap()
}

fn told(pages: &Pages) -> Vec<String> {
    let told = pages.of(BookEvent::IncidentHandled);
    told.map(|written| {
        written.entry().data["incident"]
            .as_str()
            .unwrap()
            .to_owned()
    })
    .collect()
}

#[test]
fn what_was_written_is_read_and_what_was_before_is_told_apart() {
    let empty = book(&MemoryCells::new()).read().unwrap();
    assert_eq!((empty.lines(), empty.began_at()), (0, None));
    let pages = book(&written()).read().unwrap();
    assert_eq!(told(&pages), ["a", "b", "c"]);
    assert_eq!(pages.lines(), 4);
    assert_eq!(pages.began_at(), Some(Timestamp::from_millis(5)));
    assert_eq!(pages.unchained(), 1);
    let before = [("old".to_owned(), b"{}".to_vec())];
    assert_eq!(pages.before("incidents"), before);
}

#[test]
fn a_line_has_the_envelope_of_an_event() {
    let cells = written();
    let chain = ChainHash::genesis(&"desk".parse().unwrap());
    let first = cell(&cells, &key(0));
    let chain = chain.next(first.trim_end().as_bytes()).short_str();
    let expected = format!(
        r#"{{"event_id":"desk:1","event_type":"incident.handled","run_id":"desk","timestamp_utc":"1970-01-01T00:00:00.005Z","actor":"user:ada","attempt":0,"seq":1,"chain":"{chain}","data":{{"incident":"a"}}}}"#
    );
    assert_eq!(cell(&cells, &key(1)), expected + "\n");
}

#[test]
fn who_saw_less_writes_nothing() {
    let cells = written();
    let book = book(&cells);
    let seen = book.read().unwrap();
    assert!(book.append(&seen, &entry("d")).unwrap());
    assert!(!book.append(&seen, &entry("e")).unwrap());
    assert_eq!(told(&book.read().unwrap()), ["a", "b", "c", "d"]);
    let empty = Pages {
        head: Head {
            lines: 0,
            head: ChainHash::genesis(&book.name),
        },
        written: Vec::new(),
        before: BTreeMap::new(),
    };
    assert!(!book.append(&empty, &entry("e")).unwrap());
}

/// Replaces a part of a line.
fn edit(cells: &MemoryCells, number: u64, from: &str, to: &str) {
    let text = cell(cells, &key(number));
    assert!(text.contains(from), "{from} in {text}");
    put(cells, TABLE, &key(number), Some(&text.replace(from, to)));
}

/// Moves a line, or none, to another place, as it stands.
fn relocate(cells: &MemoryCells, number: u64, to: u64) {
    let text = cell(cells, &key(number));
    put(cells, TABLE, &key(to), Some(&text));
}

fn swap_two(cells: &MemoryCells) {
    let (one, two) = (cell(cells, &key(1)), cell(cells, &key(2)));
    put(cells, TABLE, &key(1), Some(&two));
    put(cells, TABLE, &key(2), Some(&one));
}

/// A whole line behind the others, chained to something else.
fn add_by_hand(cells: &MemoryCells) {
    let text = cell(cells, &key(3)).replace(r#":3""#, r#":4""#);
    let text = text.replace(r#""seq":3"#, r#""seq":4"#);
    put(cells, TABLE, &key(4), Some(&text));
}

type Change = fn(&MemoryCells);

/// What somebody does to a book, and what is said of it.
const CHANGES: &[(Change, &str)] = &[
    (|c| edit(c, 1, "ada", "eve"), "line 2 (byte "),
    (|c| edit(c, 3, "ada", "eve"), "first 4 lines are not those"),
    (|c| edit(c, 0, "ada", "eve"), "line 1 (byte 0) was changed"),
    (|c| put(c, TABLE, &key(1), None), "line 2 is missing"),
    (|c| put(c, TABLE, &key(0), None), "line 1 is missing"),
    (
        |c| put(c, TABLE, &key(3), None),
        "line 4 is missing: its head says that it has 4",
    ),
    (
        |c| {
            relocate(c, 3, 2);
            put(c, TABLE, &key(3), None);
        },
        "has seq 3 where 2 is due",
    ),
    (swap_two, "has seq 2 where 1 is due"),
    (|c| relocate(c, 3, 4), "has seq 3 where 4 is due"),
    (add_by_hand, "chain"),
    (
        |c| put(c, TABLE, &key(3), Some("")),
        "line 4 cannot be read: it is not one line",
    ),
    (
        |c| edit(c, 3, "\n", ""),
        "line 4 cannot be read: it is not one line",
    ),
    (
        |c| edit(c, 3, "\n", "\n\n"),
        "line 4 cannot be read: it is not one line",
    ),
    (
        |c| edit(c, 3, r#""seq":3"#, r#""seq":3,"more":true"#),
        "line 4 cannot be read",
    ),
    (
        |c| edit(c, 3, "incident.handled", "incident.forgotten"),
        "line 4 cannot be read",
    ),
    (
        |c| put(c, TABLE, "4", Some("")),
        "`4` lies among its lines and is none",
    ),
    (
        |c| put(c, TABLE, HEAD, None),
        "its head covers 0 of 4 lines",
    ),
    (
        |c| put(c, TABLE, HEAD, Some("{}")),
        "its head cannot be read",
    ),
    (
        |c| (0..4).for_each(|n| put(c, TABLE, &key(n), None)),
        "line 1 is missing",
    ),
    (
        |c| put(c, "incidents", "old", Some("[]")),
        "about incidents before it began",
    ),
    (
        |c| put(c, "incidents", "old", None),
        "about incidents before it began",
    ),
    (
        |c| put(c, "lessons", "new", Some("{}")),
        "about lessons before it began",
    ),
];

#[test]
fn what_is_not_as_it_was_written_is_refused() {
    for (change, says) in CHANGES {
        let cells = written();
        book(&cells).read().unwrap();
        change(&cells);
        let error = book(&cells).read().unwrap_err();
        assert!(matches!(error, BookError::Broken(_)), "{says}: {error}");
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
}

/// Cells whose process dies at one of its changes, done or not.
struct Dying {
    cells: MemoryCells,
    left: AtomicUsize,
    done: bool,
}

impl Cells for Dying {
    fn cells(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.cells.cells(table)
    }

    fn cell(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.cells.cell(table, key)
    }

    fn swap(
        &self,
        table: &str,
        key: &str,
        seen: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let last = self.left.fetch_sub(1, Ordering::Relaxed) == 1;
        if !last || self.done {
            let swapped = self.cells.swap(table, key, seen, new);
            if !last {
                return swapped;
            }
        }
        Err(StoreError::from_io(
            "write",
            key,
            io::Error::other("killed"),
        ))
    }
}

#[rstest]
fn who_dies_in_the_middle_loses_nothing(
    #[values(1, 2, 3, 4)] at: usize,
    #[values(true, false)] done: bool,
    #[values(true, false)] is_new: bool,
) {
    let cells = if is_new {
        MemoryCells::new()
    } else {
        written()
    };
    let before = told(&book(&cells).read().unwrap());
    let dying = Book::new(Arc::new(Dying {
        cells: cells.clone(),
        left: AtomicUsize::new(at),
        done,
    }));
    let acknowledged = dying.append(&dying.read().unwrap(), &entry("x")).is_ok();
    // Whoever comes next reads all that was acknowledged, and goes on.
    let book = book(&cells);
    let found = book.read().unwrap();
    let mut expected = before.clone();
    expected.push("x".to_owned());
    assert!(told(&found) == expected || (!acknowledged && told(&found) == before));
    for what in ["y", "z"] {
        assert!(book.append(&book.read().unwrap(), &entry(what)).unwrap());
    }
    let now = told(&book.read().unwrap());
    assert_eq!(now[..now.len() - 2], told(&found));
    put(&cells, TABLE, &key(book.read().unwrap().lines() - 1), None);
    book.read().unwrap_err();
}

#[test]
fn many_write_and_nothing_is_lost() {
    let cells = MemoryCells::new();
    contract::a_book_is_written_by_many(&|| Box::new(cells.clone()));
}
