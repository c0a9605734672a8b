//! The desk: incidents and lessons of all runs, and what people make of them.

use super::{in_folder, pool};
use rok_client::RemoteDesk;
use rok_config::Settings;
use rok_facades::desk::{BookProof, Desk, DeskFacade};
use rok_facades::runs::RunsError;
use rok_facades::{EngineError, IncidentFacade, LessonFacade};
use rok_governance::StoredLessons;
use rok_incidents::StoredIncidents;
use rok_log::{Book, BookError, Cells, StoreError};
use rok_projections::{INCIDENTS, LESSONS};
use rok_runner::{Clock as _, SystemClock};
use rok_runs::{DomainTables, SharedStore};
use rok_store_sqlite::SqliteStore;
use rok_vocabulary::Timestamp;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Where a database says since when its commits fill the domains' tables.
const TABLE: &str = "domains";
const SINCE: &str = "since";

/// Composes the desk of the runs that the settings name: a server's, a
/// database's or a folder's.
pub fn desk(settings: &Settings) -> Result<DeskFacade, RunsError> {
    if let Some(server) = &settings.server {
        let token = settings.token.as_ref().map(rok_config::Hidden::expose);
        return Ok(DeskFacade::new(Arc::new(RemoteDesk::at(
            server,
            token,
            settings.server_timeout,
        )?)));
    }
    let (tables, cells): (DomainTables, Arc<dyn Cells>) = match pool::made(settings)? {
        Some(store) => {
            let root = settings.files_of_store();
            let root = root.unwrap_or_else(|| settings.dir.clone());
            let since = filled_since(&store).map_err(|error| unreadable(&error))?;
            let shared = SharedStore::new(Box::new(store.clone()));
            let tables = DomainTables::in_store(root, settings.durability, shared, since);
            (tables, Arc::new(store))
        }
        None => {
            let tables = DomainTables::in_folders(settings.dir.clone(), settings.durability);
            (tables, Arc::new(in_folder(settings)))
        }
    };
    let tables = Arc::new(tables);
    let of = |table| {
        let tables = Arc::clone(&tables);
        move || read(&tables, table)
    };
    let book = Book::new(cells);
    let incidents = StoredIncidents::new(of(INCIDENTS), book.clone());
    let of = |table| {
        let tables = Arc::clone(&tables);
        move || read(&tables, table)
    };
    let lessons = StoredLessons::new(of(LESSONS), book.clone());
    let desk = Desk::new(
        IncidentFacade::new(Arc::new(incidents)),
        LessonFacade::new(Arc::new(lessons)),
        move || proof(&book),
        || SystemClock.now(),
    );
    let desk = desk.telling_unread(move || tables.unread());
    Ok(DeskFacade::new(Arc::new(desk)))
}

/// What there is to say of a book that is what was written.
fn proof(book: &Book) -> Result<BookProof, EngineError> {
    let pages = book.read().map_err(|error| match error {
        BookError::Broken(_) => EngineError::broken(error.to_string()),
        BookError::Store(error) => EngineError::unavailable(super::told(&error)),
    })?;
    Ok(BookProof {
        lines: pages.lines(),
        head: pages.head().to_hex(),
        began_at: pages.began_at(),
        unchained: pages.unchained(),
    })
}

/// The records of a table.
fn read<T: DeserializeOwned>(
    tables: &DomainTables,
    table: &'static str,
) -> Result<Vec<T>, EngineError> {
    let rows = tables.rows(table);
    let rows = rows.map_err(|error| EngineError::unavailable(error.message))?;
    let records = rows.iter().map(|(key, json)| {
        serde_json::from_str(json).map_err(|error| {
            EngineError::unavailable(format!("the record of {key} cannot be read: {error}"))
        })
    });
    records.collect()
}

/// Notes once since when the commits of a database fill the tables: what an
/// earlier version drove is read from the logs.
pub(super) fn begin_filling(store: &SqliteStore) -> Result<(), StoreError> {
    use rok_log::{RunFilter, RunIndex as _};
    if store.cell(TABLE, SINCE)?.is_some() {
        return Ok(());
    }
    let one = RunFilter {
        limit: Some(1),
        ..RunFilter::default()
    };
    let since = if store.list(&one)?.is_empty() {
        Timestamp::default()
    } else {
        SystemClock.now()
    };
    let since = since.as_millis().to_string();
    // Where another server was faster, its word stands.
    store.swap(TABLE, SINCE, None, Some(since.as_bytes()))?;
    Ok(())
}

fn filled_since(store: &SqliteStore) -> Result<Option<Timestamp>, StoreError> {
    let cell = store.cell(TABLE, SINCE)?;
    let millis = cell.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    Ok(millis.map(Timestamp::from_millis))
}

fn unreadable(error: &StoreError) -> RunsError {
    use rok_facades::runs::ErrorKind;
    RunsError::new(ErrorKind::Storage, "ROK0106", super::told(error))
}
