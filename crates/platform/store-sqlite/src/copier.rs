//! Copies the log into the file, on a thread of its own: it reads, writes and
//! syncs megabytes, and nobody who commits waits for that.

use crate::open::Place;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Who copies the log; ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Copier {
    orders: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Copier {
    /// None where there can be no thread.
    pub(crate) fn start(place: Place) -> Option<Self> {
        // One order waits at most: it is for all that was written by then.
        let (orders, taken) = sync_channel(1);
        let thread = Builder::new().name("rok-sqlite-copy".into());
        let thread = thread.spawn(move || serve(&place, &taken)).ok()?;
        Some(Self {
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    /// Lets it copy what there is.
    pub(crate) fn order(&self) {
        if let Some(orders) = &self.orders {
            // One that waits already is as good.
            let _ = orders.try_send(());
        }
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(place: &Place, orders: &Receiver<()>) {
    let mut db = None;
    for () in orders {
        // What cannot be copied now stays in the log, and is copied later.
        db = db.or_else(|| place.copier().ok());
        db = db.filter(|db| copy(db).is_ok());
    }
}

/// Copies as far as no reader needs the old pages, and says how many pages the
/// log has.
pub(crate) fn copy(db: &Connection) -> rusqlite::Result<i32> {
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
}

/// Copies all of it and empties it; false where somebody reads or writes.
pub(crate) fn copy_whole(db: &Connection) -> rusqlite::Result<bool> {
    let busy: i32 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}
