//! Cells as files in a folder beside the runs: `ROOT/.TABLE~/KEY.json`. Who
//! replaces one holds the table's lock, which the system takes back from the
//! dead; a file is put in the place of another in one step.

use crate::disk::Disk;
use rok_log::{Cells, Durability, StoreError};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The lock of a table; no key has a dot.
const LOCK: &str = ".lock";
const SUFFIX: &str = ".json";

/// Cells beside the runs of a folder. The folder is made by the first one.
#[derive(Debug)]
pub struct FolderCells {
    root: PathBuf,
    disk: Disk,
}

impl FolderCells {
    /// The cells of a folder of run folders.
    pub fn open(root: impl Into<PathBuf>, durability: Durability) -> Self {
        Self {
            root: root.into(),
            disk: Disk::new(durability),
        }
    }

    /// `~` is in no run id.
    fn table(&self, table: &str) -> Result<PathBuf, StoreError> {
        named(table)?;
        Ok(self.root.join(format!(".{table}~")))
    }

    fn lock(&self, folder: &Path) -> Result<File, StoreError> {
        self.disk.create_dirs(folder)?;
        let path = folder.join(LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        let locked = Disk::open(&path, &options).and_then(|file| file.lock().map(|()| file));
        locked.map_err(|error| StoreError::from_io("lock", path, error))
    }
}

/// Refuses a name that would lead elsewhere.
fn named(name: &str) -> Result<(), StoreError> {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=64).contains(&name.len()) && name.bytes().all(word) && !name.starts_with('-') {
        return Ok(());
    }
    let error = io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a cell");
    Err(StoreError::from_io("name", name, error))
}

impl Cells for FolderCells {
    fn cells(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let folder = self.table(table)?;
        let failed = |error| StoreError::from_io("list", &folder, error);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut cells = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let key = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            let Some(key) = key.filter(|key| named(key).is_ok()) else {
                continue;
            };
            // One that was removed since is not there.
            if let Some(value) = Disk::read(&folder.join(&name))? {
                cells.push((key.to_owned(), value));
            }
        }
        cells.sort_unstable();
        Ok(cells)
    }

    fn cell(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        named(key)?;
        Disk::read(&self.table(table)?.join(format!("{key}{SUFFIX}")))
    }

    fn swap(
        &self,
        table: &str,
        key: &str,
        seen: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        named(key)?;
        let folder = self.table(table)?;
        let (name, lock) = (format!("{key}{SUFFIX}"), self.lock(&folder)?);
        let path = folder.join(&name);
        if Disk::read(&path)?.as_deref() != seen {
            return Ok(false);
        }
        match new {
            Some(new) => self.disk.replace(&folder, &name, new)?,
            None if seen.is_some() => {
                self.disk
                    .change("remove", &path, || fs::remove_file(&path))?;
                self.disk.sync_dir(&folder)?;
            }
            None => {}
        }
        drop(lock);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DiskFault;
    use rok_log::{Book, BookEntry, BookEvent, contract};
    use rok_vocabulary::{Actor, Timestamp};
    use rstest::rstest;
    use std::os::unix::fs::MetadataExt as _;
    use std::sync::Arc;

    fn cells(root: &Path) -> FolderCells {
        FolderCells::open(root.join("runs"), Durability::Flush)
    }

    #[test]
    fn a_folder_keeps_the_contract() {
        let dir = tempfile::tempdir().unwrap();
        contract::cells_are_compared_and_replaced(&|| Box::new(cells(dir.path())));
        let dir = tempfile::tempdir().unwrap();
        contract::one_of_many_replaces_a_cell(&|| Box::new(cells(dir.path())));
        let dir = tempfile::tempdir().unwrap();
        contract::a_book_is_written_by_many(&|| Box::new(cells(dir.path())));
    }

    #[test]
    fn after_a_failure_it_is_the_old_one_or_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let cells = FolderCells::open(dir.path().join("runs"), Durability::Fsync);
        assert!(cells.swap("t", "k", None, Some(b"old")).unwrap());
        for at in 1.. {
            let kind = io::ErrorKind::StorageFull;
            cells.disk.fail(Some(DiskFault { at, kind }));
            let swapped = cells.swap("t", "k", Some(b"old"), Some(b"new"));
            if !cells.disk.has_failed() {
                assert!(swapped.unwrap(), "no change was left to fail");
                break;
            }
            swapped.unwrap_err();
            let found = cells.cell("t", "k").unwrap().unwrap();
            assert!([b"old", b"new"].contains(&&found[..].try_into().unwrap()));
            cells.swap("t", "k", Some(&found), Some(b"old")).unwrap();
            assert_eq!(cells.cells("t").unwrap().len(), 1);
        }
        cells.disk.fail(None);
        let path = dir.path().join("runs/.t~/k.json");
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
    }

    /// Whatever was acknowledged is there, and who comes next goes on.
    #[test]
    fn a_book_outlives_a_failure_at_each_change() {
        let entry = BookEntry {
            event: BookEvent::IncidentHandled,
            at: Timestamp::default(),
            by: Actor::Manual,
            data: serde_json::Value::Null,
        };
        for at in 1.. {
            let dir = tempfile::tempdir().unwrap();
            let open = || Arc::new(FolderCells::open(dir.path(), Durability::Fsync));
            let cells = open();
            let book = Book::new(cells.clone());
            assert!(book.append(&book.read().unwrap(), &entry).unwrap());
            let kind = io::ErrorKind::StorageFull;
            cells.disk.fail(Some(DiskFault { at, kind }));
            let done = book.append(&book.read().unwrap(), &entry);
            let struck = cells.disk.has_failed();
            let book = Book::new(open());
            let found = book.read().unwrap();
            assert!(found.lines() == 3 || (done.is_err() && found.lines() == 2));
            assert!(book.append(&found, &entry).unwrap());
            assert_eq!(book.read().unwrap().lines(), found.lines() + 1);
            if !struck {
                assert!(done.unwrap(), "no change was left to fail");
                break;
            }
        }
    }

    #[rstest]
    #[case("..")]
    #[case("a/b")]
    #[case("")]
    #[case("A")]
    #[case("-a")]
    fn a_name_leads_nowhere_else(#[case] name: &str) {
        let dir = tempfile::tempdir().unwrap();
        let cells = cells(dir.path());
        cells.swap("t", name, None, Some(b"x")).unwrap_err();
        cells.swap(name, "k", None, Some(b"x")).unwrap_err();
        assert!(cells.cell("t", name).is_err() && cells.cells(name).is_err());
    }
}
