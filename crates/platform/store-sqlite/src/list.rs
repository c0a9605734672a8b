//! Lists: keys first, from the index that fits the filter, then the rows of
//! one page.

mod ends;
pub(crate) mod labels;
mod ways;

use crate::access::Access;
use crate::fault::Failure;
use crate::retention::STUB_IS_MISSING;
use crate::row;
use rok_log::{Cursor, Namespace, RunEntry, RunFilter, RunOrder, RunRow};
use rok_vocabulary::{RunId, Timestamp};
use rusqlite::{OptionalExtension, Row};

/// The run's row. What it says beside its columns of where the log ends, and of
/// whether the run is over, must fit them.
pub(crate) fn get(
    at: Access<'_>,
    space: &Namespace,
    run: &RunId,
) -> Result<Option<RunRow>, Failure> {
    let sql = format!(
        "SELECT closed, head, seal, {} FROM runs WHERE namespace = ?1 AND id = ?2",
        row::COLUMNS
    );
    let mut select = at.prepare_cached(&sql)?;
    let found = select
        .query_row([space.as_str(), run.as_str()], |row| {
            let read = row::read(row, 3)?;
            let end = row::End {
                closed: row.get(0)?,
                head: row.get(1)?,
                seal: row.get(2)?,
            };
            Ok(read.and_then(|row| end.fits(&row).map(|()| row)))
        })
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
    let after = filter.after.as_ref().map(|after| placed(at, space, after));
    let filter = &RunFilter {
        after: after.transpose()?,
        ..filter.clone()
    };
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
    keys.truncate(filter.limit.unwrap_or(usize::MAX));
    let columns = row::COLUMNS;
    let sql = format!(
        "SELECT CASE WHEN collected THEN (SELECT count(*) FROM stubs WHERE run_no = no) END,
           seal, {columns} FROM runs WHERE no = ?1"
    );
    let mut select = at.prepare_cached(&sql)?;
    let mut entries = Vec::with_capacity(keys.len());
    for key in keys {
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row::read(row, 2)?));
        let (stubs, seal, read): (Option<i64>, Option<String>, _) =
            select.query_row([key.no], read)?;
        let read = match (read, stubs) {
            (Ok(_), Some(0)) => Err(format!("its row {STUB_IS_MISSING}")),
            (Ok(row), None) if row.phase.is_terminal() => {
                ends::check(at, key.no, &row, seal.as_deref())?.map(|()| row)
            }
            (read, _) => read,
        };
        let read = read.and_then(|row| labels::said(&row, &filter.labels).map(|()| row));
        entries.push(entry(key.id, stubs.is_some(), read));
    }
    Ok(entries)
}

/// The cursor of a broken entry names no time; its row has one all the same,
/// and stands in the list by that.
fn placed(at: Access<'_>, space: &Namespace, after: &Cursor) -> Result<Cursor, Failure> {
    let mut after = after.clone();
    if after.created_at.is_none() {
        let mut select =
            at.prepare_cached("SELECT created_at FROM runs WHERE namespace = ?1 AND id = ?2")?;
        let found = select.query_row([space.as_str(), after.name.as_str()], |row| row.get(0));
        after.created_at = found.optional()?.map(Timestamp::from_millis);
    }
    Ok(after)
}

fn entry(id: String, is_stub: bool, read: Result<RunRow, String>) -> RunEntry {
    match (id.parse::<RunId>(), read) {
        (Ok(run), Ok(row)) if is_stub => RunEntry::Collected { run, row },
        (Ok(run), Ok(row)) => RunEntry::Run { run, row },
        (_, Err(why)) => RunEntry::Broken { name: id, why },
        (Err(error), Ok(_)) => RunEntry::Broken {
            why: error.to_string(),
            name: id,
        },
    }
}
