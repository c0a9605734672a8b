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
    // As text, so that SQL can look into it.
    let json = match std::str::from_utf8(json) {
        Ok(text) => ValueRef::Text(text.as_bytes()),
        Err(_) => ValueRef::Blob(json),
    };
    let json = ToSqlOutput::Borrowed(json);
    put.execute((space.as_str(), kind, key, json))?;
    Ok(())
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

/// Puts a row in and takes it out again: pages are written, and say the same.
pub(crate) fn try_to_write(store: &SqliteStore) -> Result<(), StoreError> {
    const PROBE: &str = "rok.probe";
    let space = store.namespace.clone();
    store.database.write("write to", move |at| {
        put_row(at, &space, PROBE, "", b"")?;
        at.prepare_cached("DELETE FROM records WHERE namespace = ?1 AND kind = ?2 AND key = ''")?
            .execute((space.as_str(), PROBE))?;
        Ok(())
    })
}
