//! `procs/STEP.ATTEMPT`: which process an attempt is, for whoever takes the run
//! over. With start time and boot id, a recycled process id cannot deceive.
//!
//! A record that is over is not unlinked but renamed to `.spare-N`, and becomes
//! the next one: some file systems (ext4) make a new file the more slowly the
//! more files have just been deleted, which would make a long run quadratic.
//! Spares that nobody wants are removed after a moment.

use serde_json::Value;
use std::fs::{File, OpenOptions, remove_file, rename};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longer than any record, which is filled up with blanks: so one replaces
/// another in one write.
const LENGTH: usize = 160;

/// How long a spare is kept.
const KEPT: Duration = Duration::from_secs(1);

/// How many spares are kept.
const MAX_SPARES: usize = 64;

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) pid: i32,
    pub(crate) start: u64,
    pub(crate) boot_id: String,
    pub(crate) group: i32,
}

/// The record of a live attempt.
#[derive(Debug)]
pub(crate) struct Entry {
    path: PathBuf,
    file: File,
}

#[derive(Debug)]
struct Spare {
    entry: Entry,
    until: Instant,
}

/// Writes and reuses records.
#[derive(Debug)]
pub(crate) struct Records {
    boot_id: String,
    /// In order of age.
    spares: Vec<Spare>,
    /// Over, still by their old names: the next spawn may take them at once.
    loose: Vec<Entry>,
    next: u64,
}

impl Records {
    pub(crate) fn new(boot_id: String) -> Self {
        Self {
            boot_id,
            spares: Vec::new(),
            loose: Vec::new(),
            next: 0,
        }
    }

    /// Records a process. Not synced: the record outlives a dead owner, and a
    /// dead machine leaves no processes behind.
    pub(crate) fn write(&mut self, path: &Path, pid: i32, start: u64) -> io::Result<Entry> {
        let boot_id = &self.boot_id;
        let text = format!(
            "{{\"pid\":{pid},\"start_time\":{start},\"boot_id\":\"{boot_id}\",\"pgid\":{pid}}}"
        );
        let text = format!("{text:<width$}\n", width = LENGTH - 1);
        let entry = match self.reuse(path) {
            Some(entry) => entry,
            None => Entry {
                path: path.to_owned(),
                file: OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(path)?,
            },
        };
        entry.file.write_all_at(text.as_bytes(), 0)?;
        Ok(entry)
    }

    /// The attempt is over. [`Records::settle`] takes its name away.
    pub(crate) fn release(&mut self, entry: Entry) {
        self.loose.push(entry);
    }

    /// Leaves no name of an attempt that is over.
    pub(crate) fn settle(&mut self, now: Instant) {
        for mut entry in std::mem::take(&mut self.loose) {
            self.next += 1;
            let name = format!(".spare-{}-{}", std::process::id(), self.next);
            let spare = entry.path.with_file_name(name);
            if self.spares.len() < MAX_SPARES && rename(&entry.path, &spare).is_ok() {
                entry.path = spare;
                self.spares.push(Spare {
                    entry,
                    until: now + KEPT,
                });
            } else {
                discard(&entry);
            }
        }
        let old = self
            .spares
            .iter()
            .take_while(|spare| spare.until <= now)
            .count();
        for spare in self.spares.drain(..old) {
            discard(&spare.entry);
        }
    }

    /// When the oldest spare is to go.
    pub(crate) fn next_settling(&self) -> Option<Instant> {
        self.spares.first().map(|spare| spare.until)
    }

    fn reuse(&mut self, path: &Path) -> Option<Entry> {
        let fits = |entry: &Entry| entry.path.parent() == path.parent();
        let mut entry = if let Some(at) = self.loose.iter().position(fits) {
            self.loose.swap_remove(at)
        } else {
            // The youngest, so that the others can grow old.
            let at = self.spares.iter().rposition(|spare| fits(&spare.entry))?;
            self.spares.remove(at).entry
        };
        // Its folder may have been removed meanwhile.
        rename(&entry.path, path).ok()?;
        path.clone_into(&mut entry.path);
        Some(entry)
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.loose
            .iter()
            .chain(self.spares.iter().map(|spare| &spare.entry))
            .for_each(discard);
    }
}

/// What cannot be removed is found stale: no such process, or another start time.
fn discard(entry: &Entry) {
    let _ = remove_file(&entry.path);
}

/// Reads a record; `None` when it is none (a crash may have cut it).
pub(crate) fn read(path: &Path) -> io::Result<Option<Record>> {
    let bytes = std::fs::read(path)?;
    Ok(serde_json::from_slice(&bytes)
        .ok()
        .and_then(|value| parse(&value)))
}

fn parse(value: &Value) -> Option<Record> {
    let number = |name: &str| i32::try_from(value.get(name)?.as_i64()?).ok();
    Some(Record {
        pid: number("pid")?,
        start: value.get("start_time")?.as_u64()?,
        boot_id: value.get("boot_id")?.as_str()?.to_owned(),
        group: number("pgid")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::os::unix::fs::MetadataExt as _;

    const BOOT: &str = "ce726470-4ab6-496c-b565-7aaa700eb753";

    fn names(dir: &Path) -> BTreeSet<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn records_are_read_as_written_and_a_cut_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.0");
        let mut records = Records::new(BOOT.into());
        records.write(&path, i32::MAX, u64::MAX).unwrap();
        let record = Record {
            pid: i32::MAX,
            start: u64::MAX,
            boot_id: BOOT.into(),
            group: i32::MAX,
        };
        assert_eq!(read(&path).unwrap(), Some(record));
        assert_eq!(std::fs::read(&path).unwrap().len(), LENGTH);
        std::fs::write(&path, "{\"pid\":4").unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }

    #[test]
    fn a_released_record_becomes_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let mut records = Records::new(BOOT.into());
        let inode = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().ino();
        let now = Instant::now();

        let first = records
            .write(&dir.path().join("a.0"), 1_000_000, 5)
            .unwrap();
        let number = inode("a.0");
        records.release(first);
        let second = records.write(&dir.path().join("b.0"), 7, 6).unwrap();
        assert_eq!((inode("b.0"), names(dir.path()).len()), (number, 1));
        assert_eq!(read(&dir.path().join("b.0")).unwrap().unwrap().pid, 7);

        records.release(second);
        records.settle(now);
        assert!(
            names(dir.path())
                .iter()
                .all(|name| name.starts_with(".spare-"))
        );
        let third = records.write(&dir.path().join("c.0"), 8, 6).unwrap();
        assert_eq!((inode("c.0"), names(dir.path()).len()), (number, 1));

        records.release(third);
        records.settle(now);
        assert_eq!(records.next_settling(), Some(now + KEPT));
        records.settle(now + KEPT);
        assert_eq!(
            (names(dir.path()).len(), records.next_settling()),
            (0, None)
        );
    }

    #[test]
    fn other_folders_have_their_own_and_a_vanished_one_is_no_fault() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut records = Records::new(BOOT.into());
        let entry = records.write(&one.path().join("a.0"), 1, 1).unwrap();
        records.release(entry);
        let other = records.write(&two.path().join("a.0"), 1, 1).unwrap();
        records.settle(Instant::now());
        assert_eq!(names(one.path()).len(), 1);
        for name in names(one.path()) {
            remove_file(one.path().join(name)).unwrap();
        }
        let again = records.write(&one.path().join("b.0"), 1, 1).unwrap();
        assert!(one.path().join("b.0").exists());
        for entry in [other, again] {
            records.release(entry);
        }
        drop(records);
        assert!(names(one.path()).is_empty() && names(two.path()).is_empty());
    }
}
