//! The desk's book: what people do about incidents and lessons, a line each,
//! chained as the lines of a run's log are. Invariant: nothing is told of a
//! book that is not what was written.
//!
//! A line is a cell of its own, put where none was: of several who write at
//! once, one does. The head lies beside the lines and is never more than one
//! behind them, so that lines cut off the end are missed. What was done before
//! there was a book lies in cells of its own; the first line holds its digests.

use crate::{Cells, StoreError};
use rok_chain::{ChainHash, Digest, LogFault, verify_log};
use rok_vocabulary::{Actor, RunId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The table of the lines and their head; the lines name it as their run.
const TABLE: &str = "desk";
const HEAD: &str = "head";

/// The tables of what was done before there was a book.
const BEFORE: [&str; 2] = ["incidents", "lessons"];

/// What was done before there was a book: the cells of each table.
type Before = BTreeMap<&'static str, Vec<(String, Vec<u8>)>>;

/// What a line says. Another one is refused, never passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BookEvent {
    /// The book begins: the digests of what was done before.
    #[serde(rename = "book.begun")]
    Begun,
    /// Somebody handled an incident.
    #[serde(rename = "incident.handled")]
    IncidentHandled,
    /// Somebody decided on a lesson.
    #[serde(rename = "lesson.decided")]
    LessonDecided,
}

/// A line that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct BookEntry {
    /// What it says.
    pub event: BookEvent,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What only that event has.
    pub data: Value,
}

/// What is wrong with a book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookFault {
    /// The chain does not hold.
    #[error(transparent)]
    Line(#[from] LogFault),
    /// A line is not there, and a later one is.
    #[error("line {line} is missing")]
    Missing {
        /// The line, from 1.
        line: u64,
    },
    /// A line, or the head, is not in the form that it was written in.
    #[error("{what} cannot be read: {message}")]
    Unreadable {
        /// For example `line 3`.
        what: String,
        /// Why.
        message: String,
    },
    /// Something lies among the lines that is none.
    #[error("`{key}` lies among its lines and is none")]
    Stray {
        /// The cell.
        key: String,
    },
    /// The head knows more lines than there are.
    #[error("line {} is missing: its head says that it has {said} lines", .found + 1)]
    Cut {
        /// How many lines the head says.
        said: u64,
        /// How many there are.
        found: u64,
    },
    /// The head is of other lines.
    #[error("its first {lines} lines are not those that its head says")]
    OtherHead {
        /// How many lines the head covers.
        lines: u64,
    },
    /// The head was taken away or set back.
    #[error("its head covers {said} of {found} lines: it was taken away or set back")]
    HeadBehind {
        /// How many lines the head says.
        said: u64,
        /// How many there are.
        found: u64,
    },
    /// What was done before the book is not what it was when the book began.
    #[error("what was done about {table} before it began was changed since")]
    Before {
        /// `incidents` or `lessons`.
        table: &'static str,
    },
}

/// Why a book cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not what was written.
    #[error("the desk's book is not what was written: {0}")]
    Broken(#[from] BookFault),
}

/// The envelope is that of a run's events.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    event_id: String,
    event_type: BookEvent,
    run_id: RunId,
    timestamp_utc: Timestamp,
    actor: Actor,
    attempt: u32,
    seq: u64,
    chain: String,
    data: Value,
}

/// How far a book goes: how many lines, and the hash after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    lines: u64,
    head: ChainHash,
}

/// What the first line holds: the digest of each earlier table.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begun {
    before: BTreeMap<String, Digest>,
}

/// A line that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    line: u64,
    entry: BookEntry,
}

impl Written {
    /// When, and by whom.
    #[must_use]
    pub const fn entry(&self) -> &BookEntry {
        &self.entry
    }

    /// What only this event has.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, BookFault> {
        T::deserialize(&self.entry.data).map_err(|error| unreadable(line(self.line), &error))
    }
}

/// A book that was read and is what was written.
#[derive(Debug, Clone)]
pub struct Pages {
    head: Head,
    written: Vec<Written>,
    before: Before,
}

impl Pages {
    /// How many lines there are.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.head.lines
    }

    /// The chain's hash after the last of them.
    #[must_use]
    pub const fn head(&self) -> ChainHash {
        self.head.head
    }

    /// When the book began; `None` where there is none yet.
    #[must_use]
    pub fn began_at(&self) -> Option<Timestamp> {
        self.written.first().map(|first| first.entry.at)
    }

    /// The lines that say this, the oldest first.
    pub fn of(&self, event: BookEvent) -> impl Iterator<Item = &Written> {
        let all = self.written.iter();
        all.filter(move |written| written.entry.event == event)
    }

    /// What was done before there was a book: the cells of a table.
    #[must_use]
    pub fn before(&self, table: &str) -> &[(String, Vec<u8>)] {
        self.before.get(table).map_or(&[], Vec::as_slice)
    }

    /// Of how many incidents and lessons something was done before that.
    #[must_use]
    pub fn unchained(&self) -> usize {
        self.before.values().map(Vec::len).sum()
    }

    fn digests(&self) -> BTreeMap<String, Digest> {
        let of = |cells: &[(String, Vec<u8>)]| {
            let each = cells.iter();
            let each = each.map(|(key, value)| format!("{key} {}\n", Digest::of(value)));
            Digest::of(each.collect::<String>().as_bytes())
        };
        let tables = self.before.iter();
        tables
            .map(|(table, cells)| ((*table).to_owned(), of(cells)))
            .collect()
    }

    /// Whether what was done before is what the first line says.
    fn begun_well(&self) -> Result<(), BookFault> {
        let Some(first) = self.written.first() else {
            return Ok(());
        };
        let told = first.data::<Begun>()?.before;
        let found = self.digests();
        let differs = BEFORE
            .into_iter()
            .find(|table| told.get(*table) != found.get(*table));
        differs.map_or(Ok(()), |table| Err(BookFault::Before { table }))
    }
}

/// The book of a folder of runs or of a database.
#[derive(Clone)]
pub struct Book {
    cells: Arc<dyn Cells>,
    name: RunId,
}

impl Book {
    /// The book that lies in these cells; none where nothing was written yet.
    #[must_use]
    pub fn new(cells: Arc<dyn Cells>) -> Self {
        let name = TABLE.parse().expect("it is a name");
        Self { cells, name }
    }

    /// Reads all of it, and proves that it is what was written.
    pub fn read(&self) -> Result<Pages, BookError> {
        // A head that was read first covers no line that comes meanwhile.
        let known = self.known()?;
        let mut lines = Vec::new();
        for (number, bytes) in (1..).zip(self.lines()?) {
            let fault = || BookFault::Unreadable {
                what: line(number),
                message: "it is not one line".to_owned(),
            };
            let ended = memchr::memchr(b'\n', &bytes).map(|end| end + 1);
            if ended != Some(bytes.len()) {
                return Err(fault().into());
            }
            lines.extend(bytes);
        }
        let report = verify_log(&self.name, &lines, None);
        if let Some(fault) = report.fault {
            return Err(BookFault::from(fault).into());
        }
        let written = (1..).zip(lines.split_inclusive(|byte| *byte == b'\n'));
        let written = written.map(|(number, line)| read_line(number, line));
        let pages = Pages {
            head: Head {
                lines: report.lines,
                head: report.head,
            },
            written: written.collect::<Result<_, _>>()?,
            before: self.before()?,
        };
        self.covered(known, &lines)?;
        pages.begun_well()?;
        Ok(pages)
    }

    /// Writes an entry behind the pages that were seen, durably, and says
    /// whether it did: not where somebody else wrote meanwhile. After an error
    /// it may stand there.
    pub fn append(&self, seen: &Pages, entry: &BookEntry) -> Result<bool, BookError> {
        let mut end = seen.head;
        // Who wrote last may have died before the head.
        self.raise(end)?;
        if end.lines == 0 {
            let before = seen.digests();
            let begun = BookEntry {
                event: BookEvent::Begun,
                data: serde_json::to_value(Begun { before }).expect("its keys are texts"),
                ..entry.clone()
            };
            if !self.put(&mut end, &begun)? {
                return Ok(false);
            }
        }
        self.put(&mut end, entry)
    }

    fn put(&self, end: &mut Head, entry: &BookEntry) -> Result<bool, BookError> {
        let line = Line {
            event_id: format!("{TABLE}:{}", end.lines),
            event_type: entry.event,
            run_id: self.name.clone(),
            timestamp_utc: entry.at,
            actor: entry.by.clone(),
            attempt: 0,
            seq: end.lines,
            chain: end.head.short_str(),
            data: entry.data.clone(),
        };
        let mut bytes = serde_json::to_vec(&line).expect("its keys are texts");
        let head = end.head.next(&bytes);
        bytes.push(b'\n');
        let key = key(end.lines);
        if !self.cells.swap(TABLE, &key, None, Some(&bytes))? {
            return Ok(false);
        }
        let lines = end.lines + 1;
        *end = Head { lines, head };
        self.raise(*end)?;
        Ok(true)
    }

    /// Moves the head on to here; never back.
    fn raise(&self, end: Head) -> Result<(), BookError> {
        loop {
            let seen = self.cells.cell(TABLE, HEAD)?;
            if covers(read_head(seen.as_deref())?) >= end.lines {
                return Ok(());
            }
            let new = serde_json::to_vec(&end).expect("its keys are texts");
            if self.cells.swap(TABLE, HEAD, seen.as_deref(), Some(&new))? {
                return Ok(());
            }
        }
    }

    fn known(&self) -> Result<Option<Head>, BookError> {
        Ok(read_head(self.cells.cell(TABLE, HEAD)?.as_deref())?)
    }

    /// The lines in their order.
    fn lines(&self) -> Result<Vec<Vec<u8>>, BookError> {
        let mut listed: BTreeMap<String, Vec<u8>> = self.cells.cells(TABLE)?.into_iter().collect();
        listed.remove(HEAD);
        let is_line = |name: &str| name.parse().is_ok_and(|number| key(number) == name);
        if let Some(stray) = listed.keys().find(|name| !is_line(name)) {
            let key = stray.clone();
            return Err(BookFault::Stray { key }.into());
        }
        let mut lines = Vec::new();
        while !listed.is_empty() {
            let key = key(lines.len() as u64);
            let found = match listed.remove(&key) {
                Some(line) => Some(line),
                // It came while they were listed, and one after it was seen.
                None => self.cells.cell(TABLE, &key)?,
            };
            let line = lines.len() as u64 + 1;
            lines.push(found.ok_or(BookFault::Missing { line })?);
        }
        Ok(lines)
    }

    fn before(&self) -> Result<Before, StoreError> {
        let tables = BEFORE.into_iter();
        let each = tables.map(|table| Ok((table, self.cells.cells(table)?)));
        each.collect()
    }

    /// Holds the lines against the head that was there before they were read.
    fn covered(&self, known: Option<Head>, lines: &[u8]) -> Result<(), BookError> {
        let found = memchr::memchr_iter(b'\n', lines).count() as u64;
        if let Some(Head { lines: said, head }) = known {
            if said > found {
                return Err(BookFault::Cut { said, found }.into());
            }
            let covered: Vec<u8> = { lines.split_inclusive(|byte| *byte == b'\n') }
                .take(usize::try_from(said).unwrap_or(usize::MAX))
                .flatten()
                .copied()
                .collect();
            if ChainHash::genesis(&self.name).after(&covered) != head {
                return Err(BookFault::OtherHead { lines: said }.into());
            }
        }
        // Whoever wrote a line had moved the head on to the one before it.
        if found > covers(known) + 1 {
            let said = covers(self.known()?);
            if found > said + 1 {
                return Err(BookFault::HeadBehind { said, found }.into());
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book").finish_non_exhaustive()
    }
}

fn key(number: u64) -> String {
    format!("{number:016}")
}

fn line(number: u64) -> String {
    format!("line {number}")
}

fn unreadable(what: String, error: &serde_json::Error) -> BookFault {
    let message = error.to_string();
    BookFault::Unreadable { what, message }
}

fn read_line(number: u64, bytes: &[u8]) -> Result<Written, BookFault> {
    let read: Line =
        serde_json::from_slice(bytes).map_err(|error| unreadable(line(number), &error))?;
    let entry = BookEntry {
        event: read.event_type,
        at: read.timestamp_utc,
        by: read.actor,
        data: read.data,
    };
    Ok(Written {
        line: number,
        entry,
    })
}

fn read_head(cell: Option<&[u8]>) -> Result<Option<Head>, BookFault> {
    let read = cell.map(serde_json::from_slice).transpose();
    read.map_err(|error| unreadable("its head".to_owned(), &error))
}

/// How many lines a head covers.
fn covers(head: Option<Head>) -> u64 {
    head.map_or(0, |head| head.lines)
}

#[cfg(test)]
mod tests;
