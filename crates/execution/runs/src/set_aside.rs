//! Sets aside what attempts printed that their run's log does not know. A copy
//! that was put back has it where files were copied later than the logs: the
//! attempt would begin as a new one, and print behind what another has printed.

use crate::fault;
use crate::home::Home;
use crate::load::Loaded;
use crate::tables::DomainTables;
use crate::verify::traces::{SET_ASIDE, Traces};
use rok_facades::runs::{ErrorKind, RunsError};
use rok_log::{RunEntry, RunFilter};
use rok_vocabulary::RunId;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// A file that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Whose it is.
    pub run: RunId,
    /// Its name in the folder of logs.
    pub file: String,
    /// Where it is now.
    pub to: PathBuf,
}

impl DomainTables {
    /// Sets aside the output of attempts that the logs do not know. Files are
    /// looked at before a log is read, so those of a run that goes on are known. A
    /// run whose log cannot be read is left alone.
    pub fn set_aside(&self) -> Result<Vec<SetAside>, RunsError> {
        let home = self.home();
        let entries = home.list(&RunFilter::default());
        let mut moved = Vec::new();
        for entry in entries.map_err(|error| fault::store(&error))? {
            let RunEntry::Run { run, .. } = entry else {
                continue;
            };
            of_run(&home, &run, &mut moved)?;
        }
        Ok(moved)
    }
}

fn of_run(home: &Home, run: &RunId, moved: &mut Vec<SetAside>) -> Result<(), RunsError> {
    let traces = Traces::look(home, run);
    if !traces.has_output() {
        return Ok(());
    }
    let Ok(loaded) = Loaded::read(home, run) else {
        return Ok(());
    };
    for file in traces.unsaid(loaded.state()) {
        let to = away(&loaded.dir, &file).map_err(|error| {
            let message = format!("logs/{file} of run {run} cannot be set aside: {error}");
            RunsError::new(ErrorKind::Storage, "ROK0106", message)
                .help("make room, or give yourself the right to write there, and ask once more")
        })?;
        let run = run.clone();
        moved.push(SetAside { run, file, to });
    }
    Ok(())
}

/// Moves a file out of the folder of logs. What was set aside before stays.
fn away(dir: &Path, file: &str) -> io::Result<PathBuf> {
    let folder = dir.join(SET_ASIDE);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    let mut to = folder.join(file);
    let mut number = 1;
    while fs::symlink_metadata(&to).is_ok() {
        to = folder.join(format!("{file}.{number}"));
        number += 1;
    }
    fs::rename(dir.join("logs").join(file), &to)?;
    Ok(to)
}
