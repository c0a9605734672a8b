//! Files that others lay beside a run's log: proofs. They are no part of the
//! truth, and replaced in one step.

use crate::disk::Disk;
use crate::folder::Folder;
use crate::store::JsonlStore;
use rok_log::StoreError;
use rok_vocabulary::RunId;

impl JsonlStore {
    /// Lays a file beside a run's log, in the place of an earlier one, as
    /// durable as the log.
    pub fn lay_beside(
        &self,
        run: &RunId,
        name: &'static str,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let folder = Folder::get(&self.root, run)?;
        self.disk.replace(&folder.path, name, bytes)
    }

    /// Reads a file beside a run's log; `None` when there is none. A link in
    /// its place is refused.
    pub fn read_beside(
        &self,
        run: &RunId,
        name: &'static str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let folder = Folder::get(&self.root, run)?;
        Disk::read(&folder.file(name))
    }
}
