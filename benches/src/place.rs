//! The folder on the disk that is measured, and what that disk can do.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How many records the disk's own speed is measured with.
const PROBES: usize = 64;

/// A folder for the session, removed at its end.
#[derive(Debug)]
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    /// Makes the folder in `root`; beside the program without one, since
    /// temporary folders are often in memory, where nothing is ever synced.
    pub(crate) fn open(root: Option<&Path>) -> io::Result<Self> {
        let beside = || -> io::Result<PathBuf> {
            let program = std::env::current_exe()?;
            Ok(program.parent().unwrap_or(Path::new("/")).to_owned())
        };
        let root = root.map_or_else(beside, fs::canonicalize)?;
        let dir = tempfile::Builder::new()
            .prefix("rok-bench-")
            .tempdir_in(root)?;
        Ok(Self { dir })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A new folder in it. It stays until the end of the session: ext4 makes
    /// files slowly for minutes after many were removed.
    pub(crate) fn folder(&self) -> io::Result<PathBuf> {
        let dir = tempfile::Builder::new().tempdir_in(self.dir.path())?;
        Ok(dir.keep())
    }

    /// The kind of file system.
    pub(crate) fn file_system(&self) -> Option<String> {
        let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
        let under = |line: &str| -> Option<(usize, String)> {
            let mut words = line.split(' ');
            let (point, kind) = (words.nth(1)?, words.next()?);
            let held = self.dir.path().starts_with(point);
            held.then(|| (point.len(), kind.to_owned()))
        };
        let mounts = mounts.lines().filter_map(under);
        mounts
            .max_by_key(|(length, _)| *length)
            .map(|(_, kind)| kind)
    }

    /// How long it takes to append 200 bytes durably: the floor under every
    /// decision that must wait for the disk.
    pub(crate) fn durable_append(&self) -> io::Result<Duration> {
        let mut file = File::create(self.dir.path().join("probe"))?;
        let mut times = Vec::with_capacity(PROBES);
        for _ in 0..PROBES {
            let began = Instant::now();
            file.write_all(&[b'x'; 200])?;
            file.sync_data()?;
            times.push(began.elapsed());
        }
        times.sort_unstable();
        Ok(times[PROBES / 2])
    }
}
