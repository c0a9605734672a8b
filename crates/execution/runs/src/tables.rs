//! The domains' tables over all runs: what each run's log says that concerns
//! more than that run. A shared store has filled them with its commits; in
//! folders they are read from the logs each time.

use crate::fault;
use crate::home::{Home, SharedStore};
use rok_events::decode;
use rok_facades::runs::RunsError;
use rok_log::{Durability, RunEntry, RunFilter, StoreError};
use rok_projections::{DomainRow, INCIDENTS, LESSONS, domain_rows};
use rok_vocabulary::{RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// What is left beside a stub of the rows that its log brought.
pub(crate) const ROWS: &str = "domains.jsonl";

/// How many rows are read at once.
const PAGE: usize = 1_000;

/// The tables of a folder of run folders, or of a shared store.
#[derive(Debug)]
pub struct DomainTables {
    root: PathBuf,
    durability: Durability,
    store: Option<(SharedStore, Option<Timestamp>)>,
    unread: Mutex<Vec<String>>,
}

impl DomainTables {
    /// Those of a folder of run folders.
    #[must_use]
    pub fn in_folders(root: PathBuf, durability: Durability) -> Self {
        Self {
            root,
            durability,
            store: None,
            unread: Mutex::default(),
        }
    }

    /// Those of a shared store, which has filled them since an instant: what
    /// changed last before that is read from the logs. `None`: everything is.
    #[must_use]
    pub fn in_store(
        root: PathBuf,
        durability: Durability,
        store: SharedStore,
        since: Option<Timestamp>,
    ) -> Self {
        Self {
            store: Some((store, since)),
            ..Self::in_folders(root, durability)
        }
    }

    /// Every row of a table, by key.
    pub fn rows(&self, table: &'static str) -> Result<BTreeMap<String, String>, RunsError> {
        let failed = |error: StoreError| fault::store(&error);
        let mut found = Found {
            table,
            rows: BTreeMap::new(),
            unread: Vec::new(),
        };
        match &self.store {
            None => {
                let home = Home::folders(self.root.clone(), self.durability);
                found.in_logs(&home, |_| true).map_err(failed)?;
            }
            Some((store, since)) => {
                found.in_table(store).map_err(failed)?;
                let since = since.unwrap_or(Timestamp::from_millis(i64::MAX));
                if since > Timestamp::default() {
                    let home = Home::shared(self.root.clone(), self.durability, store);
                    found
                        .in_logs(&home, |updated_at| updated_at <= since)
                        .map_err(failed)?;
                }
            }
        }
        *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = found.unread;
        Ok(found.rows)
    }

    /// The shared store, and where its runs are; `None`: run folders.
    pub(crate) fn shared(&self) -> Option<(Home, &SharedStore)> {
        let (store, _) = self.store.as_ref()?;
        Some((self.home(), store))
    }

    /// Where the runs are.
    pub(crate) fn home(&self) -> Home {
        match &self.store {
            Some((store, _)) => Home::shared(self.root.clone(), self.durability, store),
            None => Home::folders(self.root.clone(), self.durability),
        }
    }

    /// What a table of a shared store holds, by key.
    pub(crate) fn held(
        store: &SharedStore,
        table: &'static str,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let mut found = Found {
            table,
            rows: BTreeMap::new(),
            unread: Vec::new(),
        };
        found.in_table(store)?;
        Ok(found.rows)
    }

    /// Runs whose logs could not be read when rows were asked for last.
    #[must_use]
    pub fn unread(&self) -> Vec<String> {
        let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        unread.clone()
    }
}

/// Rows of one table, as they are found.
struct Found {
    table: &'static str,
    rows: BTreeMap<String, String>,
    unread: Vec<String>,
}

impl Found {
    fn in_table(&mut self, store: &SharedStore) -> Result<(), StoreError> {
        let handle = store.another();
        let mut after: Option<String> = None;
        loop {
            let page = handle.records(self.table, after.as_deref(), PAGE)?;
            let full = page.len() == PAGE;
            after = page.last().map(|(key, _)| key.clone());
            for (key, json) in page {
                self.rows
                    .insert(key, String::from_utf8_lossy(&json).into_owned());
            }
            if !full {
                return Ok(());
            }
        }
    }

    fn in_logs(
        &mut self,
        home: &Home,
        is_asked_for: impl Fn(Timestamp) -> bool,
    ) -> Result<(), StoreError> {
        for entry in home.list(&RunFilter::default())? {
            match entry {
                RunEntry::Run { run, row } if is_asked_for(row.updated_at) => {
                    self.in_log(home, &run)?;
                }
                RunEntry::Collected { run, row } if is_asked_for(row.updated_at) => {
                    let left = home.read_beside(&run, ROWS)?.unwrap_or_default();
                    let rows = left.split(|byte| *byte == b'\n').filter_map(kept_row);
                    rows.for_each(|row| self.take(row));
                }
                RunEntry::Broken { name, .. } => self.unread.push(name),
                RunEntry::Run { .. } | RunEntry::Collected { .. } => {}
            }
        }
        Ok(())
    }

    fn in_log(&mut self, home: &Home, run: &RunId) -> Result<(), StoreError> {
        // A log that was changed tells of no incident.
        if home.verify(run)?.fault.is_some() {
            self.unread.push(run.to_string());
            return Ok(());
        }
        match rows_of(home, run)? {
            Ok(rows) => rows.into_iter().for_each(|row| self.take(row)),
            Err(_) => self.unread.push(run.to_string()),
        }
        Ok(())
    }

    fn take(&mut self, row: DomainRow) {
        if row.table == self.table {
            self.rows.insert(row.key, row.json);
        }
    }
}

/// The rows that a run's log brings, or what is wrong with the log.
pub(crate) fn rows_of(
    home: &Home,
    run: &RunId,
) -> Result<Result<Vec<DomainRow>, String>, StoreError> {
    let log = home.read(run)?;
    let mut rows = Vec::new();
    for line in log.lines() {
        // Few lines are decoded: these searches are what is done for most.
        if memchr::memmem::find(line, b"\"ack.received\"").is_none() {
            continue;
        }
        match decode(line, run) {
            Ok(decoded) => rows.extend(domain_rows(&decoded.event)),
            Err(error) => return Ok(Err(fault::chain(&error))),
        }
    }
    Ok(Ok(rows))
}

/// A row as it is kept beside a stub.
#[derive(Serialize, Deserialize)]
struct KeptRow<'a> {
    table: &'a str,
    key: String,
    #[serde(borrow)]
    row: &'a RawValue,
}

/// Rows as they are kept beside a stub, a line each.
pub(crate) fn kept_rows(rows: &[DomainRow]) -> Vec<u8> {
    let mut out = Vec::new();
    for DomainRow { table, key, json } in rows {
        let kept = serde_json::from_str(json).and_then(|row| {
            let key = key.clone();
            serde_json::to_writer(&mut out, &KeptRow { table, key, row })
        });
        kept.expect("a record of a log is JSON");
        out.push(b'\n');
    }
    out
}

fn kept_row(line: &[u8]) -> Option<DomainRow> {
    let KeptRow { table, key, row } = serde_json::from_slice(line).ok()?;
    let mut tables = [INCIDENTS, LESSONS].into_iter();
    Some(DomainRow {
        table: tables.find(|known| *known == table)?,
        key,
        json: row.get().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_beside_a_stub_is_read_back_and_nothing_else_is() {
        let row = DomainRow {
            table: INCIDENTS,
            key: "inc-1".into(),
            json: r#"{"id":"inc-1","reason":"a b"}"#.into(),
        };
        let kept = kept_rows(std::slice::from_ref(&row));
        let read: Vec<_> = kept.split(|b| *b == b'\n').filter_map(kept_row).collect();
        assert_eq!(read, [row]);
        for line in ["", "{}", r#"{"table":"other","key":"k","row":1}"#] {
            assert_eq!(kept_row(line.as_bytes()), None);
        }
    }
}
