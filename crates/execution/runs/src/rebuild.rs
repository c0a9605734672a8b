//! What the logs say that the tables of a shared store hold: the rows of
//! service runs, incidents and lessons, and how each run stands.

use crate::fault;
use crate::load::Loaded;
use crate::tables::{DomainTables, rows_of};
use crate::verify::row::differences;
use rok_facades::runs::RunsError;
use rok_log::{KBASE, Record, RunEntry, RunFilter, RunOrder, StoreError};
use rok_projections::{INCIDENTS, KbaseRow, LESSONS, Notices};
use rok_runner::row_of;
use rok_vocabulary::RunId;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The tables that logs fill.
const TABLES: [&str; 3] = [KBASE, INCIDENTS, LESSONS];

/// How a row differs from what the logs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Differs {
    /// It is not there.
    Missing,
    /// It says something else.
    Altered,
    /// No log says it.
    Stray,
}

/// A row that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// The row's key.
    pub key: String,
    /// How it differs.
    pub how: Differs,
}

/// What the logs say of a store's tables.
#[derive(Debug, Default)]
pub struct Told {
    /// How many rows they say.
    pub rows: usize,
    /// Which of them the tables do not hold so.
    pub differences: Vec<Difference>,
    /// Rows to be put there, as the logs say them.
    pub put: Vec<Record>,
    /// Runs whose row says something else than their log.
    pub misplaced: Vec<String>,
    /// Runs whose logs cannot be read: their rows are left alone.
    pub unread: Vec<String>,
}

impl DomainTables {
    /// What of the tables differs from the logs: those of the newest runs, or of
    /// all. What differs only because runs went on meanwhile is none of it.
    pub fn differences(&self, newest: Option<usize>) -> Result<Vec<Difference>, RunsError> {
        let mut found = self.against_logs(newest)?.differences;
        if !found.is_empty() {
            let again = self.against_logs(newest)?.differences;
            found.retain(|difference| again.contains(difference));
        }
        Ok(found)
    }

    /// Holds the tables of the shared store against the logs of the newest runs,
    /// or of all. The tables are read first: what comes meanwhile is in the logs
    /// too.
    pub fn against_logs(&self, newest: Option<usize>) -> Result<Told, RunsError> {
        let failed = |error: StoreError| fault::store(&error);
        let mut told = Told::default();
        let Some((home, store)) = self.shared() else {
            return Ok(told);
        };
        let mut held = BTreeMap::new();
        for table in TABLES {
            let rows = Self::held(store, table).map_err(failed)?;
            held.extend(rows.into_iter().map(|(key, json)| ((table, key), json)));
        }
        let (mut said, mut read) = (BTreeMap::new(), BTreeSet::new());
        let filter = RunFilter {
            order: RunOrder::NewestFirst,
            limit: newest,
            ..RunFilter::default()
        };
        for entry in home.list(&filter).map_err(failed)? {
            let (run, row) = match entry {
                RunEntry::Run { run, row } => (run, row),
                RunEntry::Broken { name, .. } => {
                    told.unread.push(name);
                    continue;
                }
                RunEntry::Collected { .. } => continue,
            };
            let Ok(loaded) = Loaded::read(&home, &run) else {
                told.unread.push(run.to_string());
                continue;
            };
            let state = loaded.state();
            // One that goes on may have moved since it was listed.
            let stands = row.next_seq == state.next_seq();
            if stands && !differences(&row, &row_of(state)).is_empty() {
                told.misplaced.push(run.to_string());
            }
            for row in kbase_of(&loaded) {
                said.insert((KBASE, row.id.clone()), row.to_json().to_string());
            }
            match rows_of(&home, &run).map_err(failed)? {
                Ok(rows) => {
                    let rows = rows.into_iter();
                    said.extend(rows.map(|row| ((row.table, row.key), row.json)));
                    read.insert(run);
                }
                Err(_) => told.unread.push(run.to_string()),
            }
        }
        told.rows = said.len();
        told.compare(&held, said, &read);
        Ok(told)
    }
}

impl Told {
    fn compare(
        &mut self,
        held: &BTreeMap<(&'static str, String), String>,
        said: BTreeMap<(&'static str, String), String>,
        read: &BTreeSet<RunId>,
    ) {
        let parsed = |json: &str| serde_json::from_str::<Value>(json).ok();
        for ((table, key), json) in held {
            let run = parsed(json).and_then(|row| row["run_id"].as_str()?.parse().ok());
            let known = run.is_some_and(|run: RunId| read.contains(&run));
            if known && !said.contains_key(&(*table, key.clone())) {
                self.differ(table, key, Differs::Stray);
            }
        }
        for ((table, key), json) in said {
            let how = match held.get(&(table, key.clone())) {
                None => Differs::Missing,
                Some(held) if parsed(held) != parsed(&json) => Differs::Altered,
                Some(_) => continue,
            };
            self.differ(table, &key, how);
            self.put.push(Record {
                kind: table,
                key,
                json: json.into_bytes(),
            });
        }
    }

    fn differ(&mut self, table: &'static str, key: &str, how: Differs) {
        let key = key.to_owned();
        self.differences.push(Difference { table, key, how });
    }
}

/// The rows of a run of services, and of whom its end is told.
fn kbase_of(loaded: &Loaded) -> impl Iterator<Item = &KbaseRow> {
    let rows = loaded.replay.service_run().map_or(&[][..], |run| &run.rows);
    let notices = loaded.replay.notices().map_or(&[][..], Notices::made);
    rows.iter().chain(notices.iter().map(|(row, _)| row))
}
