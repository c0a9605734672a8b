//! The rules of [`Cells`](crate::Cells). `open` gives another handle on the
//! same cells, which are empty at first.

use crate::{Book, BookEntry, BookEvent, Cells};
use rok_vocabulary::{Actor, Timestamp};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Barrier;

/// Threads that change one cell at once, and how often each does.
const THREADS: usize = 4;
const TURNS: usize = 25;

const OK: &str = "it must not fail";

/// A value is replaced by who saw it, and by nobody else; tables and keys have
/// nothing to do with each other.
pub fn cells_are_compared_and_replaced(open: &dyn Fn() -> Box<dyn Cells>) {
    let (cells, other) = (open(), open());
    let swap = |key: &str, seen: Option<&str>, new: Option<&str>| {
        let (seen, new) = (seen.map(str::as_bytes), new.map(str::as_bytes));
        cells.swap("t", key, seen, new).expect(OK)
    };
    assert!(cells.cells("t").expect(OK).is_empty());
    assert!(!swap("a", Some("x"), Some("y")), "nobody saw what is not");
    assert!(swap("a", None, Some("1")));
    assert!(!swap("a", None, Some("2")), "it is there by now");
    assert!(!swap("a", Some("0"), Some("2")));
    assert!(swap("a", Some("1"), Some("2")));
    assert!(swap("b", None, Some("")));
    assert_eq!(other.cell("t", "a").expect(OK).as_deref(), Some(&b"2"[..]));
    assert_eq!(other.cell("u", "a").expect(OK), None);
    let all = other.cells("t").expect(OK);
    assert_eq!(all, [("a".into(), b"2".to_vec()), ("b".into(), Vec::new())]);
    assert!(!swap("a", Some("1"), None));
    assert!(swap("a", Some("2"), None));
    assert!(swap("a", None, None), "none is none");
    assert_eq!(open().cells("t").expect(OK).len(), 1);
}

/// Of several that saw the same value, one replaces it: no change is lost.
pub fn one_of_many_replaces_a_cell(open: &dyn Fn() -> Box<dyn Cells>) {
    let handles: Vec<_> = (0..THREADS).map(|_| open()).collect();
    let begin = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for cells in handles {
            scope.spawn(|| {
                let cells = cells;
                begin.wait();
                for _ in 0..TURNS {
                    add_one(&*cells);
                }
            });
        }
    });
    let total = (THREADS * TURNS).to_string();
    let cell = open().cell("t", "n").expect(OK);
    assert_eq!(cell, Some(total.into_bytes()));
}

/// Many write into one book at once: each line of each is there, and the chain
/// holds whenever somebody reads it.
pub fn a_book_is_written_by_many(open: &dyn Fn() -> Box<dyn Cells>) {
    let books: Vec<_> = (0..THREADS).map(|_| Book::new(open().into())).collect();
    let begin = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for (thread, book) in books.into_iter().enumerate() {
            let begin = &begin;
            scope.spawn(move || {
                begin.wait();
                for turn in 0..TURNS {
                    write(&book, thread * TURNS + turn);
                }
            });
        }
    });
    let pages = Book::new(open().into()).read().expect(OK);
    let written = pages.of(BookEvent::LessonDecided);
    let written: BTreeSet<usize> = written.map(|line| line.data().expect(OK)).collect();
    assert_eq!(written, (0..THREADS * TURNS).collect());
    assert_eq!(pages.lines() as usize, THREADS * TURNS + 1);
}

fn write(book: &Book, number: usize) {
    let entry = BookEntry {
        event: BookEvent::LessonDecided,
        at: Timestamp::default(),
        by: Actor::Manual,
        data: json!(number),
    };
    while !book.append(&book.read().expect(OK), &entry).expect(OK) {}
}

fn add_one(cells: &dyn Cells) {
    loop {
        let seen = cells.cell("t", "n").expect(OK);
        let text = seen
            .clone()
            .map(|bytes| String::from_utf8(bytes).expect(OK));
        let number: usize = text.map_or(0, |text| text.parse().expect(OK));
        let new = (number + 1).to_string();
        let swapped = cells.swap("t", "n", seen.as_deref(), Some(new.as_bytes()));
        if swapped.expect(OK) {
            return;
        }
    }
}
