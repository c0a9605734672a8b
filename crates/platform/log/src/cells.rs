//! Small values beside the runs, each replaced as a whole by whoever saw the
//! last one: what is decided about a schedule, for one.

use crate::StoreError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Values that are compared and replaced. Any number of processes may use the
/// same cells; of several that saw the same value, one replaces it.
///
/// Tables and keys match `[a-z0-9][a-z0-9-]{0,63}`.
pub trait Cells: Send + Sync {
    /// Every value of a table, by key.
    fn cells(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// A value; `None` where there is none.
    fn cell(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Puts `new` in the place of `seen`, durably, in one step, and says
    /// whether it did: not where another value stands there by now. `None` is
    /// no value. After an error either value may stand there.
    fn swap(
        &self,
        table: &str,
        key: &str,
        seen: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, StoreError>;
}

type Tables = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// Cells in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryCells {
    tables: Arc<Mutex<Tables>>,
}

impl MemoryCells {
    /// No cells.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, f: impl FnOnce(&mut Tables) -> T) -> T {
        f(&mut self.tables.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Cells for MemoryCells {
    fn cells(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        Ok(self.with(|tables| {
            let cells = tables.get(table).into_iter().flatten();
            cells.map(|(k, v)| (k.clone(), v.clone())).collect()
        }))
    }

    fn cell(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.with(|tables| tables.get(table)?.get(key).cloned()))
    }

    fn swap(
        &self,
        table: &str,
        key: &str,
        seen: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        Ok(self.with(|tables| {
            let cells = tables.entry(table.to_owned()).or_default();
            if cells.get(key).map(Vec::as_slice) != seen {
                return false;
            }
            match new {
                Some(new) => cells.insert(key.to_owned(), new.to_vec()),
                None => cells.remove(key),
            };
            true
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[test]
    fn memory_keeps_the_contract() {
        let cells = MemoryCells::new();
        contract::cells_are_compared_and_replaced(&|| Box::new(cells.clone()));
        let cells = MemoryCells::new();
        contract::one_of_many_replaces_a_cell(&|| Box::new(cells.clone()));
    }
}
