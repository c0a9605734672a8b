//! Rows of runs: what a list shows, made from the log each time.
//!
//! There is no cache of them: one that must not be believed unless the log says
//! the same saves nothing. A COMPLETED run's row stands in the first and the
//! last line of its log, whatever lies between; others are folded whole.

use crate::disk::Disk;
use crate::folder::{EVENTS, Folder};
use crate::store::JsonlStore;
use rok_chain::LineHeader;
use rok_log::{Cursor, Labels, RunEntry, RunFilter, RunIndex, RunOrder, RunRow, StoreError};
use rok_vocabulary::{
    Disposition, Epoch, HoldReason, Outcome, PlanId, RunId, RunPhase, Seq, Timestamp,
};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::io;

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
    #[serde(default)]
    more: bool,
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
            "run.completed" => row.outcome = self.data::<Data>()?.outcome.or(row.outcome),
            "run.sealed" => {
                row.outcome = self.data::<Data>()?.outcome.or(row.outcome);
                row.hold = None;
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

/// What the line says that seals a run.
#[derive(Deserialize)]
struct Sealed {
    phase: RunPhase,
    outcome: Outcome,
}

/// The run's row, at its last whole decision.
pub(crate) fn row_of(folder: &Folder) -> Result<RunRow, StoreError> {
    if let Some(row) = completed(folder)? {
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

/// The row of a run that is over for good: nothing can have become of it after
/// COMPLETED, so two lines say it all. `None` where they do not.
fn completed(folder: &Folder) -> Result<Option<RunRow>, StoreError> {
    let log = folder.file(EVENTS);
    let Some(last) = Disk::read_last_line(&log)? else {
        return Ok(None);
    };
    let Ok(line) = serde_json::from_slice::<Line<'_>>(&last) else {
        return Ok(None);
    };
    let sealed = match line.data::<Sealed>() {
        Ok(sealed) if line.event_type == "run.sealed" => sealed,
        _ => return Ok(None),
    };
    if sealed.phase != RunPhase::Completed || line.more {
        return Ok(None);
    }
    let first = Disk::read_first_line(&log)?;
    let begun = serde_json::from_slice::<Line<'_>>(&first).and_then(|line| line.begin());
    Ok(begun.ok().map(|row| RunRow {
        phase: sealed.phase,
        outcome: Some(sealed.outcome),
        epoch: line.epoch,
        updated_at: line.timestamp_utc,
        next_seq: line.seq.next(),
        ..row
    }))
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
    folder.has_log()?;
    let first = Disk::read_first_line(&folder.file(EVENTS))?;
    match LineHeader::decode(&first) {
        Some(header) if header.run_id != folder.run.as_str() => Err(StoreError::NotARun {
            path: folder.path.clone(),
            why: "its log is of another run: name the folder after the run_id in it",
        }),
        _ => Ok(()),
    }
}

/// What the first line of a run's log says of it. What cannot be read so is
/// read in full; `None` where it is broken.
fn begun(store: &JsonlStore, name: &str) -> Option<RunRow> {
    let first = || -> Option<RunRow> {
        let folder = Folder::find(&store.root, &name.parse().ok()?).ok()??;
        folder.has_one().ok()?;
        let first = Disk::read_first_line(&folder.file(EVENTS)).ok()?;
        let own = LineHeader::decode(&first)?.run_id == name;
        let line = serde_json::from_slice::<Line<'_>>(&first).ok()?;
        line.begin().ok().filter(|_| own)
    };
    first().or_else(|| entry(store, name, &RunFilter::default())?.row().cloned())
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

impl JsonlStore {
    /// When a run was created, and what else never changes of it, stands in its
    /// log's first line: all of the log is read for the runs of one page alone.
    fn newest(&self, names: impl Iterator<Item = String>, filter: &RunFilter) -> Vec<RunEntry> {
        let created = |name: &str| begun(self, name).map(|row| row.created_at);
        let after = filter.after.clone().map(|after| Cursor {
            // One that is broken stands where its first line says.
            created_at: after.created_at.or_else(|| created(&after.name)),
            ..after
        });
        let filter = &RunFilter {
            after,
            ..filter.clone()
        };
        let never_changes = RunFilter {
            plan: filter.plan.clone(),
            since: filter.since,
            labels: filter.labels.clone(),
            ..RunFilter::default()
        };
        let places = names.filter_map(|name| {
            let row = begun(self, &name);
            let at = row.as_ref().map(|row| row.created_at);
            let fits = row.is_none_or(|row| never_changes.matches(&row));
            (fits && filter.is_after(at, &name)).then_some((at, name))
        });
        let mut places: Vec<_> = places.collect();
        places.sort_unstable_by(|a, b| filter.order.compare((a.0, &a.1), (b.0, &b.1)));
        let entries = places
            .iter()
            .filter_map(|(_, name)| entry(self, name, filter));
        entries.take(filter.limit.unwrap_or(usize::MAX)).collect()
    }
}

impl RunIndex for JsonlStore {
    fn get(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        let Some(folder) = Folder::find(&self.root, run)? else {
            return Ok(None);
        };
        // What is left of a collected run holds the row that it had.
        if let Some(stub) = folder.stub()? {
            return folder.row_of_stub(&stub).map(Some);
        }
        names_itself(&folder)?;
        row_of(&folder).map(Some)
    }

    fn list(&self, filter: &RunFilter) -> Result<Vec<RunEntry>, StoreError> {
        let names = self.names()?.into_iter();
        match filter.order {
            RunOrder::ById => {
                let names = names.filter(|name| filter.is_after(None, name));
                let entries = names.filter_map(|name| entry(self, &name, filter));
                Ok(entries.take(filter.limit.unwrap_or(usize::MAX)).collect())
            }
            RunOrder::NewestFirst => Ok(self.newest(names, filter)),
        }
    }
}

#[cfg(test)]
mod tests;
