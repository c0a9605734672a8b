//! The domains' tables.

use crate::access::Access;
use crate::fault::Failure;
use crate::store::SqliteStore;
use rok_log::{Namespace, Record, StoreError};
use rusqlite::types::ToSqlOutput;
use rusqlite::types::{Value, ValueRef};

/// Writes a row that came with a commit.
pub(crate) fn put(at: Access<'_>, space: &Namespace, record: &Record) -> Result<(), Failure> {
    put_row(at, space, record.kind, &record.key, &record.json)
}

/// Writes a row, in the place of an earlier one.
pub(crate) fn put_row(
    at: Access<'_>,
    space: &Namespace,
    kind: &str,
    key: &str,
    json: &[u8],
) -> Result<(), Failure> {
    let mut put = at.prepare_cached(
        "INSERT INTO records (namespace, kind, key, json) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (namespace, kind, key) DO UPDATE SET json = excluded.json",
    )?;
    put.execute((space.as_str(), kind, key, text(json)))?;
    Ok(())
}

/// As text, so that SQL can look into it.
pub(crate) fn text(json: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match std::str::from_utf8(json) {
        Ok(text) => ValueRef::Text(text.as_bytes()),
        Err(_) => ValueRef::Blob(json),
    })
}

/// Writes a row, unless there is one.
pub(crate) fn put_new(at: Access<'_>, space: &Namespace, record: &Record) -> Result<(), Failure> {
    let known = at
        .prepare_cached("SELECT 1 FROM records WHERE namespace = ?1 AND kind = ?2 AND key = ?3")?
        .exists((space.as_str(), record.kind, &record.key))?;
    if known {
        return Ok(());
    }
    put(at, space, record)
}

/// A page of a table.
pub(crate) fn records(
    at: Access<'_>,
    space: &Namespace,
    kind: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = at.prepare_cached(match after {
        Some(_) => {
            "SELECT key, json FROM records
             WHERE namespace = ?1 AND kind = ?2 AND key > ?4 ORDER BY key LIMIT ?3"
        }
        None => {
            "SELECT key, json FROM records
             WHERE namespace = ?1 AND kind = ?2 AND ?4 IS NULL ORDER BY key LIMIT ?3"
        }
    })?;
    let mut rows = select.query((space.as_str(), kind, limit, after))?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push((row.get(0)?, json(row.get(1)?)));
    }
    Ok(page)
}

/// A row's content.
pub(crate) fn json(value: Value) -> Vec<u8> {
    match value {
        Value::Text(text) => text.into_bytes(),
        Value::Blob(bytes) => bytes,
        other => format!("{other:?}").into_bytes(),
    }
}

/// Removes a row, durably.
pub(crate) fn remove(store: &SqliteStore, kind: &str, key: &str) -> Result<(), StoreError> {
    let space = store.namespace.clone();
    let (kind, key) = (kind.to_owned(), key.to_owned());
    store.database.write("remove a record of", move |at| {
        remove_row(at, &space, &kind, &key)
    })
}

/// Removes a row; nothing happens where there is none.
pub(crate) fn remove_row(
    at: Access<'_>,
    space: &Namespace,
    kind: &str,
    key: &str,
) -> Result<(), Failure> {
    let mut remove =
        at.prepare_cached("DELETE FROM records WHERE namespace = ?1 AND kind = ?2 AND key = ?3")?;
    remove.execute((space.as_str(), kind, key))?;
    Ok(())
}

/// More than the creation of a usual run writes. Where such a write failed for
/// want of room, it leaves some in the file's log, which a smaller one would fit
/// into.
const ROOM: usize = 256 * 1024;

/// Puts a row in and takes it out again, each durably: within one transaction
/// its pages would not reach the disk.
pub(crate) fn try_to_write(store: &SqliteStore) -> Result<(), StoreError> {
    const PROBE: &str = "rok.probe";
    let space = store.namespace.clone();
    store.database.write("write to", move |at| {
        put_row(at, &space, PROBE, "", &vec![b'.'; ROOM])
    })?;
    remove(store, PROBE, "")
}

/// Ids of rows of `kbase_events` that are not what their records say.
pub(crate) fn kbase_differences(at: Access<'_>, space: &Namespace) -> Result<Vec<String>, Failure> {
    let mut select = at.prepare(
        "SELECT r.key FROM records r
         LEFT JOIN kbase_events k ON k.namespace = r.namespace AND k.id = r.key
         WHERE r.namespace = ?1 AND r.kind = 'kbase_events' AND json_valid(r.json)
           AND (k.id IS NULL OR k.website_id IS NOT r.json ->> 'website_id'
             OR k.run_id IS NOT r.json ->> 'run_id' OR k.job_id IS NOT r.json ->> 'job_id'
             OR k.service IS NOT r.json ->> 'service' OR k.type IS NOT r.json ->> 'type'
             OR k.summary IS NOT r.json ->> 'summary' OR k.payload IS NOT r.json ->> 'payload'
             OR k.created_at IS NOT r.json ->> 'created_at')
         UNION
         SELECT id FROM kbase_events k WHERE namespace = ?1 AND NOT EXISTS (
           SELECT 1 FROM records r
           WHERE r.namespace = k.namespace AND r.kind = 'kbase_events' AND r.key = k.id)",
    )?;
    let rows = select.query_map([space.as_str()], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Puts rows there, takes others away, and fills what the tables themselves
/// make of rows anew: all of it, or nothing.
pub(crate) fn rebuild(
    at: Access<'_>,
    space: &Namespace,
    put: &[Record],
    remove: &[(&'static str, String)],
) -> Result<(), Failure> {
    for record in put {
        put_row(at, space, record.kind, &record.key, &record.json)?;
    }
    for (kind, key) in remove {
        remove_row(at, space, kind, key)?;
    }
    let space = space.as_str();
    crate::list::labels::rebuild(at, space)?;
    at.prepare("DELETE FROM kbase_events WHERE namespace = ?1")?
        .execute([space])?;
    at.prepare("DELETE FROM worker_failures WHERE namespace = ?1")?
        .execute([space])?;
    let mut select = at.prepare(
        "SELECT no FROM records WHERE namespace = ?1 AND kind = 'kbase_events'
         ORDER BY CASE WHEN json_valid(json) THEN json ->> 'created_at' END, no",
    )?;
    let rows = select.query_map([space], |row| row.get(0))?;
    let rows: Vec<i64> = rows.collect::<Result<_, _>>()?;
    // Each row comes again, in the order in which it came first.
    let mut again = at.prepare("UPDATE records SET json = json WHERE no = ?1")?;
    for row in rows {
        again.execute([row])?;
    }
    Ok(())
}
