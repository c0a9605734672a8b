//! Connections that read. There are a few; whoever finds none waits for one.

use crate::access::Access;
use crate::fault::Failure;
use crate::open::Place;
use rok_log::StoreError;
use rusqlite::Connection;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Reads are short, and processors few: more connections would only take
/// memory.
const MOST: usize = 8;

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<Connection>,
    /// How many there are, idle or at work.
    all: usize,
}

/// The connections that read.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    idle: Mutex<Idle>,
    returned: Condvar,
}

impl Readers {
    /// Reads from one snapshot.
    pub(crate) fn read<T>(
        &self,
        place: &Place,
        operation: &'static str,
        work: impl FnOnce(Access<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let failed = |failure: Failure| failure.into_store(operation, &place.path);
        let db = match self.take() {
            Some(db) => db,
            None => match place.reader() {
                Ok(db) => db,
                Err(error) => {
                    self.give(None);
                    return Err(error.to_store(operation, &place.path));
                }
            },
        };
        let result = snapshot(Access::new(&db, &place.path), work);
        let keep = result
            .as_ref()
            .map_or_else(Failure::spares_connection, |_| true);
        self.give(keep.then_some(db));
        result.map_err(failed)
    }

    /// An idle connection, or the right to open one.
    fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        loop {
            if let Some(db) = idle.connections.pop() {
                return Some(db);
            }
            if idle.all < MOST {
                idle.all += 1;
                return None;
            }
            let waited = self.returned.wait(idle);
            idle = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Gives a connection back, or the right to have it.
    fn give(&self, db: Option<Connection>) {
        let mut idle = self.lock();
        match db {
            Some(db) => idle.connections.push(db),
            None => idle.all -= 1,
        }
        drop(idle);
        self.returned.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Taking and giving are one step each.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn snapshot<T>(
    at: Access<'_>,
    work: impl FnOnce(Access<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    at.prepare_cached("BEGIN")?.execute([])?;
    let result = work(at);
    let ended = at.prepare_cached("ROLLBACK")?.execute([]);
    let value = result?;
    ended?;
    Ok(value)
}
