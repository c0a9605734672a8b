//! What all handles on a file share: who writes, who reads, who listens.

use crate::access::Access;
use crate::fault::{Failure, OpenError};
use crate::open::Place;
use crate::readers::Readers;
use crate::writer::Writer;
use rok_log::{StoreError, Switchboard};
use std::sync::Arc;

/// A file that is open.
#[derive(Debug)]
pub(crate) struct Database {
    // Before the readers: whoever closes the file last copies its log.
    writer: Writer,
    readers: Readers,
    pub(crate) place: Place,
    pub(crate) board: Arc<Switchboard>,
}

impl Database {
    pub(crate) fn open(place: Place) -> Result<Self, OpenError> {
        let board = Arc::<Switchboard>::default();
        Ok(Self {
            writer: Writer::start(place.clone(), Arc::clone(&board))?,
            readers: Readers::default(),
            place,
            board,
        })
    }

    /// Reads from one snapshot.
    pub(crate) fn read<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(Access<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.readers.read(&self.place, operation, work)
    }

    /// Does the work in a transaction, and returns when that is durable.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(Access<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(operation, work)
    }

    #[cfg(test)]
    pub(crate) fn arrived(&self) -> usize {
        self.writer.arrived()
    }

    /// Lets the writer look for what other processes write.
    pub(crate) fn watch(&self) {
        self.writer.look();
    }
}

#[cfg(test)]
mod tests;
