//! Runs that a server answers for, noted beside run folders: what was accepted
//! and has not ended is gone on with by the next server, however this one ends.
//! In a shared store nothing is noted: it hands out itself what was left.

use crate::engine::Runs;
use crate::fault;
use rok_chain::Digest;
use rok_facades::runs::RunsError;
use rok_log::{Cells, StoreError};
use rok_store_jsonl::FolderCells;
use rok_vocabulary::RunId;

/// Where the notes lie.
const TABLE: &str = "accepted";

/// A cell's name: run ids have characters that none has.
fn key(run: &RunId) -> String {
    let mut name = Digest::of(run.as_str().as_bytes()).to_hex();
    name.truncate(32);
    name
}

impl Runs {
    fn notes(&self) -> Option<FolderCells> {
        let setup = &self.setup;
        (!self.is_pooled()).then(|| FolderCells::open(setup.root.clone(), setup.durability))
    }

    /// Notes a run, durably.
    pub(crate) fn note(&self, run: &RunId) -> Result<(), RunsError> {
        let Some(notes) = self.notes() else {
            return Ok(());
        };
        // It may be there already: a run is accepted once for each epoch.
        let noted = notes.swap(TABLE, &key(run), None, Some(run.as_str().as_bytes()));
        noted.map(drop).map_err(|error| fault::store(&error))
    }

    /// Takes the note back.
    pub(crate) fn strike(&self, run: &RunId) -> Result<(), RunsError> {
        let Some(notes) = self.notes() else {
            return Ok(());
        };
        let struck = notes.swap(TABLE, &key(run), Some(run.as_str().as_bytes()), None);
        struck.map(drop).map_err(|error| fault::store(&error))
    }

    /// The runs that are noted, by id: those that were made first stand first
    /// where ids sort by time.
    pub(crate) fn noted(&self) -> Result<Vec<RunId>, RunsError> {
        let Some(notes) = self.notes() else {
            return Ok(Vec::new());
        };
        let failed = |error: StoreError| fault::store(&error);
        let found = notes.cells(TABLE).map_err(failed)?.into_iter();
        // What is no run's id was written by nobody here.
        let ids = found.filter_map(|(_, id)| String::from_utf8(id).ok()?.parse().ok());
        let mut runs: Vec<RunId> = ids.collect();
        runs.sort_unstable();
        Ok(runs)
    }
}
