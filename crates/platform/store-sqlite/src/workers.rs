//! How often in a row workers failed a site: counted by the tables themselves,
//! as rows of `kbase_events` come.

use crate::access::Access;
use crate::fault::Failure;
use crate::store::SqliteStore;
use rok_log::{StoreError, WorkerBook, WorkerFailures};
use rusqlite::{Params, Row};

/// What a row is made of.
const COLUMNS: &str = "SELECT website_id, service, failures, since, run_id, error
    FROM worker_failures WHERE namespace = ?1";

impl WorkerBook for SqliteStore {
    fn failures_of(&self, website_id: &str) -> Result<Vec<WorkerFailures>, StoreError> {
        let sql = format!("{COLUMNS} AND website_id = ?2 ORDER BY service");
        let space = self.namespace.as_str();
        self.database
            .read("read", |at| select(at, &sql, (space, website_id)))
    }

    fn failing(&self, least: u32, limit: usize) -> Result<Vec<WorkerFailures>, StoreError> {
        let sql = format!("{COLUMNS} AND failures >= ?2 ORDER BY website_id, service LIMIT ?3");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let space = self.namespace.as_str();
        self.database
            .read("read", |at| select(at, &sql, (space, least, limit)))
    }
}

fn select(at: Access<'_>, sql: &str, what: impl Params) -> Result<Vec<WorkerFailures>, Failure> {
    let mut select = at.prepare_cached(sql)?;
    let rows = select.query_map(what, failures)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn failures(row: &Row<'_>) -> rusqlite::Result<WorkerFailures> {
    Ok(WorkerFailures {
        website_id: row.get(0)?,
        service: row.get(1)?,
        failures: row.get(2)?,
        since: row.get(3)?,
        run_id: row.get(4)?,
        error: row.get(5)?,
    })
}
