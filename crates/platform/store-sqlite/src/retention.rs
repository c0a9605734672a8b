//! Collecting: a run's log, commands and answers go, its row and labels stay,
//! and a stub comes, in one transaction. What SQLite frees, it uses again.

use crate::access::{Access, unknown};
use crate::fault::Failure;
use crate::records;
use crate::store::SqliteStore;
use rok_log::{Collect, Collected, Namespace, Signal, StoreError};
use rok_vocabulary::RunId;
use rusqlite::OptionalExtension;
use rusqlite::types::Value;

/// What is wrong with a run of which nothing is left that proves it.
pub(crate) const STUB_IS_MISSING: &str = "says that it was collected, and its stub is missing";

/// What a run's row says of whether it may be collected.
struct Standing {
    no: i64,
    next_seq: i64,
    head: Vec<u8>,
    closed: bool,
    owner: Option<String>,
    leased_until: Option<i64>,
    commands: i64,
    collected: bool,
}

/// Puts a stub in the place of a run.
pub(crate) fn collect(store: &SqliteStore, collect: &Collect) -> Result<Collected, StoreError> {
    let (space, asked) = (store.namespace.clone(), collect.clone());
    let collected = store
        .database
        .write("collect a run of", move |at| one(at, &space, &asked))?;
    if collected == Collected::Done {
        store.tell(&Signal::Grown(collect.run.clone()));
    }
    Ok(collected)
}

fn one(at: Access<'_>, space: &Namespace, collect: &Collect) -> Result<Collected, Failure> {
    let run = standing(at, space, &collect.run)?;
    if run.collected {
        return Err(collected(&collect.run));
    }
    let lease = run.leased_until.filter(|at| *at > collect.now.as_millis());
    if let (Some(by), Some(_)) = (run.owner, lease) {
        return Ok(Collected::Held { by });
    }
    let is_same = run.next_seq == collect.next_seq.0 as i64 && run.head == collect.head.as_bytes();
    if !is_same || !run.closed {
        return Ok(Collected::Moved);
    }
    if run.commands > 0 {
        return Ok(Collected::Asked);
    }
    // Rare, and so not kept compiled.
    at.execute("DELETE FROM chunks WHERE run_no = ?1", [run.no])?;
    at.execute("DELETE FROM commands WHERE run_no = ?1", [run.no])?;
    at.execute(
        "INSERT INTO stubs (run_no, stub) VALUES (?1, ?2)",
        (run.no, records::text(&collect.stub)),
    )?;
    at.execute(
        "UPDATE runs SET collected = 1, fence = fence + 1, owner = NULL, leased_until = NULL,
           visits = 0, due = NULL, placed = 0
         WHERE no = ?1",
        [run.no],
    )?;
    for record in &collect.records {
        records::put_new(at, space, record)?;
    }
    Ok(Collected::Done)
}

fn standing(at: Access<'_>, space: &Namespace, run: &RunId) -> Result<Standing, Failure> {
    let found = at.query_row(
        "SELECT no, next_seq, head, closed, owner, leased_until, commands, collected
         FROM runs WHERE namespace = ?1 AND id = ?2",
        [space.as_str(), run.as_str()],
        |row| {
            Ok(Standing {
                no: row.get(0)?,
                next_seq: row.get(1)?,
                head: row.get(2)?,
                closed: row.get(3)?,
                owner: row.get(4)?,
                leased_until: row.get(5)?,
                commands: row.get(6)?,
                collected: row.get(7)?,
            })
        },
    );
    found.optional()?.ok_or_else(|| unknown(run))
}

/// Only a stub is left of the run.
pub(crate) fn collected(run: &RunId) -> Failure {
    Failure::Refused(StoreError::Collected { run: run.clone() })
}

/// The run's stub, if it is one.
pub(crate) fn stub(
    at: Access<'_>,
    space: &Namespace,
    run: &RunId,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut select = at.prepare_cached(
        "SELECT collected, stub FROM runs LEFT JOIN stubs ON run_no = no
         WHERE namespace = ?1 AND id = ?2",
    )?;
    let found = select.query_row([space.as_str(), run.as_str()], |row| {
        Ok((row.get(0)?, row.get::<_, Option<Value>>(1)?))
    });
    match found.optional()?.ok_or_else(|| unknown(run))? {
        (true, None) => Err(at.corrupt(run, 1, STUB_IS_MISSING)),
        (false, Some(_)) => Err(at.corrupt(run, 1, "has a stub, and says that it has a log")),
        (_, stub) => Ok(stub.map(records::json)),
    }
}
