//! Lists: keys first, from the index that fits the filter, then the rows of
//! one page.

mod ways;

use crate::access::Access;
use crate::fault::Failure;
use crate::row;
use rok_log::{Namespace, RunEntry, RunFilter, RunOrder, RunRow};
use rok_vocabulary::RunId;
use rusqlite::OptionalExtension;

/// The run's row.
pub(crate) fn get(
    at: Access<'_>,
    space: &Namespace,
    run: &RunId,
) -> Result<Option<RunRow>, Failure> {
    let sql = format!(
        "SELECT {} FROM runs WHERE namespace = ?1 AND id = ?2",
        row::COLUMNS
    );
    let mut select = at.prepare_cached(&sql)?;
    let found = select
        .query_row([space.as_str(), run.as_str()], |row| row::read(row, 0))
        .optional()?;
    found
        .map(|read| read.map_err(|what| at.corrupt(run, 1, format!("of its row is none: {what}"))))
        .transpose()
}

/// Where a run stands in a list, and its row's number.
struct Key {
    created_at: i64,
    id: String,
    no: i64,
}

/// A page of the list.
pub(crate) fn list(
    at: Access<'_>,
    space: &Namespace,
    filter: &RunFilter,
) -> Result<Vec<RunEntry>, Failure> {
    let mut keys = Vec::new();
    for lane in ways::choose(at, space, filter)? {
        lane.keys(at, space, filter, &mut keys)?;
    }
    match filter.order {
        RunOrder::ById => keys.sort_unstable_by(|a, b| a.id.cmp(&b.id)),
        RunOrder::NewestFirst => {
            keys.sort_unstable_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        }
    }
    let limit = filter.limit.unwrap_or(usize::MAX);
    let sql = format!("SELECT {} FROM runs WHERE no = ?1", row::COLUMNS);
    let mut select = at.prepare_cached(&sql)?;
    let mut entries = Vec::with_capacity(keys.len().min(limit));
    let mut sound = false;
    for key in keys {
        // A page goes on to its first sound run: behind one that is broken
        // there is no knowing where the next page begins.
        if entries.len() >= limit && (sound || limit == 0) {
            break;
        }
        let read = select.query_row([key.no], |row| row::read(row, 0))?;
        let entry = entry(key.id, read);
        sound |= entry.row().is_some();
        entries.push(entry);
    }
    entries.sort_by(|a, b| {
        let place = |entry: &RunEntry| entry.row().map(|row| row.created_at);
        filter
            .order
            .compare((place(a), a.name()), (place(b), b.name()))
    });
    Ok(entries)
}

fn entry(id: String, read: Result<RunRow, String>) -> RunEntry {
    match (id.parse::<RunId>(), read) {
        (Ok(run), Ok(row)) => RunEntry::Run { run, row },
        (_, Err(why)) => RunEntry::Broken { name: id, why },
        (Err(error), Ok(_)) => RunEntry::Broken {
            why: error.to_string(),
            name: id,
        },
    }
}
