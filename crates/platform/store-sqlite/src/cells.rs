//! Small values beside the runs, compared and replaced: rows of the domains'
//! tables that no commit brings, so that no name of theirs is one of those.

use crate::access::Access;
use crate::fault::Failure;
use crate::records;
use crate::store::SqliteStore;
use rok_log::{Cells, Namespace, StoreError};

/// No domain's table is called so.
fn kind(table: &str) -> String {
    format!("cell:{table}")
}

impl Cells for SqliteStore {
    fn cells(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let (space, kind) = (&self.namespace, kind(table));
        self.database.read("read", |at| {
            records::records(at, space, &kind, None, usize::MAX)
        })
    }

    fn cell(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (space, kind) = (&self.namespace, kind(table));
        self.database.read("read", |at| get(at, space, &kind, key))
    }

    fn swap(
        &self,
        table: &str,
        key: &str,
        seen: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let (space, kind, key) = (self.namespace.clone(), kind(table), key.to_owned());
        let seen = seen.map(<[u8]>::to_vec);
        let new = new.map(<[u8]>::to_vec);
        self.database.write("replace a cell of", move |at| {
            if get(at, &space, &kind, &key)? != seen {
                return Ok(false);
            }
            match &new {
                Some(new) => records::put_row(at, &space, &kind, &key, new)?,
                None => records::remove_row(at, &space, &kind, &key)?,
            }
            Ok(true)
        })
    }
}

fn get(
    at: Access<'_>,
    space: &Namespace,
    kind: &str,
    key: &str,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut select = at.prepare_cached(
        "SELECT json FROM records WHERE namespace = ?1 AND kind = ?2 AND key = ?3",
    )?;
    let mut rows = select.query((space.as_str(), kind, key))?;
    Ok(match rows.next()? {
        Some(row) => Some(records::json(row.get(0)?)),
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_log::{Durability, contract};

    #[test]
    fn a_file_keeps_the_contract() {
        for shared in [true, false] {
            for rule in [
                contract::cells_are_compared_and_replaced,
                contract::one_of_many_replaces_a_cell,
                contract::a_book_is_written_by_many,
            ] {
                let dir = tempfile::tempdir().expect("a folder");
                let path = dir.path().join("rok.db");
                let open = || SqliteStore::open(&path, Durability::Flush).expect("it opens");
                let first = open();
                // Handles of one process, and as of several.
                rule(&|| Box::new(if shared { first.clone() } else { open() }));
            }
        }
    }
}
