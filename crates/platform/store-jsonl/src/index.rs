//! Rows of runs: `row.json`, and what the log says that came after it.
//!
//! `row.json` is a cache. It is written when what a list shows has changed,
//! after the events, and may be lost in a crash; so whoever reads it looks at
//! the lines behind it too. Without it the whole log is looked at.

use crate::claim::Owned;
use crate::disk::Disk;
use crate::folder::{EVENTS, Folder, ROW};
use crate::store::JsonlStore;
use rok_chain::{Framing, LineHeader};
use rok_log::{Labels, RunEntry, RunFilter, RunIndex, RunOrder, RunRow, StoreError};
use rok_vocabulary::{
    Disposition, Epoch, HoldReason, Outcome, PlanId, RunId, RunPhase, Seq, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io;

/// A row is written again when so many bytes have come since, so that a
/// reader never has to look at much more.
const ROW_SPAN: u64 = 256 * 1024;

#[derive(Serialize)]
struct Shown<'a> {
    bytes: u64,
    row: &'a RunRow,
}

#[derive(Deserialize)]
struct Cached {
    /// The log's length when the row was written.
    bytes: u64,
    row: RunRow,
}

/// Writes `row.json` if it would show something else than it does.
pub(crate) fn show(owned: &mut Owned, row: &RunRow, disk: &Disk) -> Result<(), StoreError> {
    let current = owned.shown.as_ref().is_some_and(|(shown, bytes)| {
        owned.len - bytes < ROW_SPAN && is_the_same_to_a_list(shown, row)
    });
    if current {
        return Ok(());
    }
    write(&owned.folder, row, owned.len, disk)?;
    owned.shown = Some((row.clone(), owned.len));
    Ok(())
}

/// What changes with every commit is read from the log's end; who is to be
/// woken when is nothing that a folder of runs is asked for.
fn is_the_same_to_a_list(shown: &RunRow, row: &RunRow) -> bool {
    let volatile = |row: &RunRow| (row.next_seq, row.updated_at, row.wake_at);
    let (next_seq, updated_at, wake_at) = volatile(shown);
    RunRow {
        next_seq,
        updated_at,
        wake_at,
        ..row.clone()
    } == *shown
}

pub(crate) fn write(
    folder: &Folder,
    row: &RunRow,
    bytes: u64,
    disk: &Disk,
) -> Result<(), StoreError> {
    let json = serde_json::to_vec(&Shown { bytes, row }).expect("a row is words and numbers");
    disk.replace_cache(&folder.path, ROW, &json)
}

/// What a line says that a row shows.
#[derive(Deserialize)]
struct Line<'a> {
    event_type: &'a str,
    timestamp_utc: Timestamp,
    seq: Seq,
    #[serde(default)]
    epoch: Epoch,
    #[serde(default)]
    new_state: Option<RunPhase>,
    #[serde(borrow, default)]
    data: Option<&'a serde_json::value::RawValue>,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    hold: Option<HoldReason>,
    #[serde(default)]
    outcome: Option<Outcome>,
}

#[derive(Deserialize)]
struct Created {
    plan: Plan,
    #[serde(default)]
    labels: Labels,
}

#[derive(Deserialize)]
struct Plan {
    id: PlanId,
}

impl Line<'_> {
    fn data<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.data.map_or("{}", |raw| raw.get()))
    }

    /// The row of a run of which this is the first line.
    fn begin(&self) -> Result<RunRow, serde_json::Error> {
        let created: Created = self.data()?;
        let mut row = RunRow::new(created.plan.id, self.timestamp_utc);
        row.labels = created.labels;
        Ok(row)
    }

    fn apply(&self, row: &mut RunRow) -> Result<(), serde_json::Error> {
        if self.epoch > row.epoch {
            (row.epoch, row.outcome, row.hold) = (self.epoch, None, None);
        }
        match self.event_type {
            "run.state_changed" => {
                row.phase = self.new_state.unwrap_or(row.phase);
                row.outcome = self.data::<Data>()?.outcome.or(row.outcome);
            }
            "run.completed" | "run.sealed" => {
                row.outcome = self.data::<Data>()?.outcome.or(row.outcome);
            }
            "run.held" => row.hold = self.data::<Data>()?.hold,
            "run.released" => row.hold = None,
            "run.rollback_started" => row.undoing = true,
            "run.rolled_back" => {
                row.undoing = false;
                row.disposition = Some(Disposition::RolledBack);
            }
            "run.resumed" => row.undoing = false,
            _ => {}
        }
        row.next_seq = self.seq.next();
        row.updated_at = self.timestamp_utc;
        Ok(())
    }
}

/// The run's row, brought up to its last whole decision.
pub(crate) fn row_of(folder: &Folder) -> Result<RunRow, StoreError> {
    let cached = Disk::read(&folder.file(ROW))?;
    let cached = cached.and_then(|bytes| serde_json::from_slice::<Cached>(&bytes).ok());
    if let Some(Cached { bytes, row }) = cached
        && let Some(row) = advance(folder, row, bytes)?
    {
        return Ok(row);
    }
    let log = folder.whole()?;
    let mut row = None;
    let read = read_lines(&log, |line| {
        let mut begun = match row.take() {
            None => line.begin()?,
            Some(row) => row,
        };
        line.apply(&mut begun)?;
        row = Some(begun);
        Ok(())
    });
    read.map_err(|Unlisted { n, byte, error }| StoreError::Corrupt {
        path: folder.file(EVENTS),
        line: n as u64 + 1,
        byte: byte as u64,
        what: format!("cannot be listed: {error}"),
    })?;
    row.ok_or_else(|| StoreError::NotARun {
        path: folder.path.clone(),
        why: "its events.jsonl holds no whole decision",
    })
}

/// The row after the lines behind `from`; `None` when the row is not about
/// this log.
fn advance(folder: &Folder, mut row: RunRow, from: u64) -> Result<Option<RunRow>, StoreError> {
    // One byte before: the newline of the line that the row was written with.
    let tail = Disk::read_from(&folder.file(EVENTS), from.saturating_sub(1))?.unwrap_or_default();
    let Some((b'\n', tail)) = tail.split_first() else {
        return Ok(None);
    };
    let framing = Framing::of(tail);
    if framing.unreadable.is_some() {
        return Ok(None);
    }
    let mut follows = true;
    // What is wrong is named by who looks at the whole log.
    let read = read_lines(&tail[..framing.complete], |line| {
        follows &= line.seq == row.next_seq;
        line.apply(&mut row)
    });
    Ok((read.is_ok() && follows).then_some(row))
}

/// A line that cannot be read: its number, from 0, and its first byte.
struct Unlisted {
    n: usize,
    byte: usize,
    error: serde_json::Error,
}

fn read_lines(
    log: &[u8],
    mut each: impl FnMut(&Line<'_>) -> Result<(), serde_json::Error>,
) -> Result<(), Unlisted> {
    let mut byte = 0;
    for (n, line) in log.split_inclusive(|b| *b == b'\n').enumerate() {
        serde_json::from_slice::<Line<'_>>(line)
            .and_then(|line| each(&line))
            .map_err(|error| Unlisted { n, byte, error })?;
        byte += line.len();
    }
    Ok(())
}

/// A folder that was moved or copied under another name is another run's.
fn names_itself(folder: &Folder) -> Result<(), StoreError> {
    let first = Disk::read_first_line(&folder.file(EVENTS))?;
    match LineHeader::decode(&first) {
        Some(header) if header.run_id != folder.run.as_str() => Err(StoreError::NotARun {
            path: folder.path.clone(),
            why: "its log is of another run: name the folder after the run_id in it",
        }),
        _ => Ok(()),
    }
}

fn entry(store: &JsonlStore, name: &str, filter: &RunFilter) -> Option<RunEntry> {
    let broken = |why: String| {
        Some(RunEntry::Broken {
            name: name.to_owned(),
            why,
        })
    };
    let run: RunId = match name.parse() {
        Ok(run) => run,
        Err(_) => {
            return broken(format!(
                "{} is no run folder: its name is no run id",
                store.root.join(name).display()
            ));
        }
    };
    let row = Folder::get(&store.root, &run).and_then(|folder| {
        if let Some(stub) = folder.stub()? {
            return folder.row_of_stub(&stub).map(|row| (row, true));
        }
        names_itself(&folder)?;
        row_of(&folder).map(|row| (row, false))
    });
    match row {
        Ok((row, true)) => filter
            .matches(&row)
            .then_some(RunEntry::Collected { run, row }),
        Ok((row, false)) => filter.matches(&row).then_some(RunEntry::Run { run, row }),
        Err(error) => broken(describe(&error)),
    }
}

/// Whether a name is one that this store gives, and no run has.
fn is_ours(name: &str) -> bool {
    name.starts_with('.') && name.contains('~')
}

/// An error and what caused it, in one line.
fn describe(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        None => error.to_string(),
        Some(source) => format!("{error}: {source}"),
    }
}

impl JsonlStore {
    /// The names of what stands where runs should: folders and symbolic
    /// links. Plain files are nobody's run; what this store keeps beside the
    /// runs, or left over, neither.
    fn names(&self) -> Result<BTreeSet<String>, StoreError> {
        let failed = |error| StoreError::from_io("list", &self.root, error);
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let plain = entry.file_type().is_ok_and(|kind| kind.is_file());
            if !plain && !is_ours(&name) {
                names.insert(name);
            }
        }
        Ok(names)
    }

    /// The ids of all that could be a run.
    pub(crate) fn run_ids(&self) -> Result<Vec<RunId>, StoreError> {
        Ok(self
            .names()?
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect())
    }
}

impl RunIndex for JsonlStore {
    fn get(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        let folder = Folder::find(&self.root, run)?;
        folder
            .map(|folder| names_itself(&folder).and_then(|()| row_of(&folder)))
            .transpose()
    }

    fn list(&self, filter: &RunFilter) -> Result<Vec<RunEntry>, StoreError> {
        let names = self.names()?.into_iter();
        match filter.order {
            RunOrder::ById => {
                let names = names.filter(|name| filter.is_after(None, name));
                let entries = names.filter_map(|name| entry(self, &name, filter));
                Ok(entries.take(filter.limit.unwrap_or(usize::MAX)).collect())
            }
            // When a run was created stands in its folder.
            RunOrder::NewestFirst => {
                let entries = names.filter_map(|name| entry(self, &name, filter));
                Ok(filter.page(entries.collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
