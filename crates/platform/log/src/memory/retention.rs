//! What the memory store keeps of collected runs.

use super::{MemoryStore, Run};
use crate::{Collect, Collected, Retention, Signal, StoreError};
use rok_vocabulary::RunId;

impl Run {
    /// Refuses a run of which only a stub is left.
    pub(super) fn is_there(&self, run: &RunId) -> Result<(), StoreError> {
        match self.stub {
            Some(_) => Err(StoreError::Collected { run: run.clone() }),
            None => Ok(()),
        }
    }

    /// Why it is not collected, if anything speaks against it.
    fn stays(&self, collect: &Collect) -> Option<Collected> {
        if let Some(by) = self.holder_at(collect.now) {
            return Some(Collected::Held { by: by.to_string() });
        }
        let seen = (self.next_seq, self.head) == (collect.next_seq, collect.head);
        if !seen || !self.row.phase.is_terminal() {
            return Some(Collected::Moved);
        }
        (!self.inbox.is_empty()).then_some(Collected::Asked)
    }
}

impl Retention for MemoryStore {
    fn collect(&mut self, collect: &Collect) -> Result<Collected, StoreError> {
        let run = &collect.run;
        let mut shared = self.lock();
        let space = shared.spaces.get_mut(&self.namespace);
        let unknown = || StoreError::Unknown { run: run.clone() };
        let space = space.ok_or_else(unknown)?;
        let found = space.runs.get_mut(run).ok_or_else(unknown)?;
        found.is_there(run)?;
        if let Some(stays) = found.stays(collect) {
            return Ok(stays);
        }
        found.fence = found.fence.next();
        (found.hold, found.due) = (None, None);
        found.log.clear();
        found.answers.clear();
        found.stub = Some(collect.stub.clone());
        space.queue.set(run, None);
        space.places.leave(run);
        for record in &collect.records {
            let table = space.records.entry(record.kind).or_default();
            let row = table.entry(record.key.clone());
            row.or_insert_with(|| record.json.clone());
        }
        drop(shared);
        self.tell(&Signal::Grown(run.clone()));
        Ok(Collected::Done)
    }

    fn stub(&self, run: &RunId) -> Result<Option<Vec<u8>>, StoreError> {
        let shared = self.lock();
        let space = shared.spaces.get(&self.namespace);
        let found = space.and_then(|space| space.runs.get(run));
        let found = found.ok_or_else(|| StoreError::Unknown { run: run.clone() })?;
        Ok(found.stub.clone())
    }
}
