//! What all handles on a file share: who writes, who reads, who listens.

use crate::access::Access;
use crate::fault::{Failure, OpenError};
use crate::open::Place;
use crate::readers::Readers;
use crate::writer::{Answered, Posted, Writer};
use rok_log::{StoreError, Switchboard};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much may be in line that nobody waits for: as much as one transaction
/// takes in easily.
const POSTED: usize = 128;

/// A file that is open.
#[derive(Debug)]
pub(crate) struct Database {
    // Before the readers: whoever closes the file last copies its log.
    writer: Writer,
    readers: Readers,
    /// What nobody waited for yet.
    posted: Mutex<Vec<Posted<bool>>>,
    pub(crate) place: Place,
    pub(crate) board: Arc<Switchboard>,
}

impl Database {
    pub(crate) fn open(place: Place) -> Result<Self, OpenError> {
        let board = Arc::<Switchboard>::default();
        Ok(Self {
            writer: Writer::start(place.clone(), Arc::clone(&board))?,
            readers: Readers::default(),
            posted: Mutex::default(),
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

    /// Does the work in a transaction, and returns when that is durable. It may
    /// be begun more than once; what came of it before is undone by then.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnMut(Access<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(Answered::Durable, operation, work)
    }

    /// Changes the queue in a transaction, and returns once every process sees
    /// it: see [`Answered::Written`].
    pub(crate) fn write_queue<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnMut(Access<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(Answered::Written, operation, work)
    }

    /// Puts work in line that changes the queue only, and that nobody needs to
    /// wait for: whoever reads the queue does. It says whether something is due
    /// by it; `tell` is called when that is so.
    pub(crate) fn post(
        &self,
        operation: &'static str,
        work: impl FnMut(Access<'_>) -> Result<bool, Failure> + Send + 'static,
        tell: impl FnOnce() + Send + 'static,
    ) {
        let mut posted = self.lock();
        if posted.len() >= POSTED {
            self.settle(&mut posted);
        }
        let then = move |is_due: &bool| {
            if *is_due {
                tell();
            }
        };
        let writer = &self.writer;
        posted.push(writer.post(Answered::Sometime, operation, work, then));
    }

    /// Puts work in line that changes the queue only, to be done with whatever
    /// comes next; [`Self::finish`] waits for it.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnMut(Access<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Posted<T> {
        self.writer
            .post(Answered::Sometime, operation, work, |_| {})
    }

    /// Waits for work that was begun.
    pub(crate) fn finish<T>(&self, posted: &Posted<T>) -> Result<T, StoreError> {
        self.writer.wait(posted)
    }

    /// Whether something is in line that nobody waits for.
    pub(crate) fn has_posted(&self) -> bool {
        let mut posted = self.lock();
        posted.retain(|posted| posted.is_done().is_none());
        !posted.is_empty()
    }

    fn settle(&self, posted: &mut Vec<Posted<bool>>) {
        for posted in posted.drain(..) {
            // A claim that could not be let go runs out.
            drop(self.finish(&posted));
        }
    }

    /// Reads the queue, with all that was posted to it.
    pub(crate) fn read_queue<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(Access<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        // Within the lock: what another thread waits for is not there yet.
        self.settle(&mut self.lock());
        self.read(operation, work)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Posted<bool>>> {
        // Waiting for what is done twice finds it done.
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
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
pub(crate) mod tests;
