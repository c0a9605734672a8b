//! `procs/STEP.ATTEMPT`: which process an attempt is, for whoever takes the run
//! over. With start time and boot id, a recycled process id cannot deceive.

use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) pid: i32,
    pub(crate) start: u64,
    pub(crate) boot_id: String,
    pub(crate) group: i32,
}

/// Writes a record. Not synced: it outlives a dead owner, and a dead machine
/// leaves no processes behind.
pub(crate) fn write(path: &Path, pid: i32, start: u64, boot_id: &str) -> io::Result<()> {
    let text = format!(
        "{{\"pid\":{pid},\"start_time\":{start},\"boot_id\":\"{boot_id}\",\"pgid\":{pid}}}\n"
    );
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

/// Reads a record; `None` when it is none (a crash may have cut it).
pub(crate) fn read(path: &Path) -> io::Result<Option<Record>> {
    let value: Value = match serde_json::from_slice(&std::fs::read(path)?) {
        Ok(value) => value,
        Err(_) => json!(null),
    };
    let number = |name: &str| i32::try_from(value.get(name)?.as_i64()?).ok();
    Ok((|| {
        Some(Record {
            pid: number("pid")?,
            start: value.get("start_time")?.as_u64()?,
            boot_id: value.get("boot_id")?.as_str()?.to_owned(),
            group: number("pgid")?,
        })
    })())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_written_and_a_cut_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.0");
        write(&path, 42, 1234, "b-1").unwrap();
        let record = Record {
            pid: 42,
            start: 1234,
            boot_id: "b-1".into(),
            group: 42,
        };
        assert_eq!(read(&path).unwrap(), Some(record));
        std::fs::write(&path, "{\"pid\":4").unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }
}
