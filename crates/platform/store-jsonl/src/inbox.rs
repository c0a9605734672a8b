//! Commands as files: renamed into `inbox/` whole, answered beside it.

use crate::disk::Disk;
use crate::folder::{Folder, INBOX};
use crate::store::JsonlStore;
use rok_log::{Answer, Command, Inbox, StoreError};
use rok_vocabulary::{CommandId, RunId};
use serde::de::DeserializeOwned;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) const COMMAND: &str = ".json";
pub(crate) const ANSWER: &str = ".answer";

/// A command is a few words and a reason; more is no command.
const MAX_BYTES: u64 = 64 * 1024;

fn name(id: &CommandId, suffix: &str) -> String {
    format!("{id}{suffix}")
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::from_io("look at", path, error)),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let Some(bytes) = Disk::read(path)? else {
        return Ok(None);
    };
    let too_long = bytes.len() as u64 > MAX_BYTES;
    let read = if too_long {
        Err((0, format!("is longer than {MAX_BYTES} bytes")))
    } else {
        serde_json::from_slice(&bytes).map_err(|error| (error.column(), error.to_string()))
    };
    read.map(Some)
        .map_err(|(column, what)| StoreError::Corrupt {
            path: path.to_owned(),
            line: 1,
            byte: column.saturating_sub(1) as u64,
            what,
        })
}

impl JsonlStore {
    pub(crate) fn inbox(&self, run: &RunId) -> Result<PathBuf, StoreError> {
        let folder = Folder::get(&self.root, run)?;
        folder.is_no_stub()?;
        let dir = folder.file(INBOX);
        match dir.symlink_metadata() {
            Ok(it) if it.is_dir() => Ok(dir),
            Ok(_) => Err(StoreError::NotARun {
                path: dir,
                why: "its inbox is not a folder",
            }),
            // A run that was copied without its empty folders.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.disk.create_dirs(&dir)?;
                Ok(dir)
            }
            Err(error) => Err(StoreError::from_io("look at", dir, error)),
        }
    }

    /// The command in a file; what is none is refused once and for all.
    fn command(
        &mut self,
        run: &RunId,
        dir: &Path,
        id: &CommandId,
    ) -> Result<Option<Command>, StoreError> {
        let path = dir.join(name(id, COMMAND));
        let why = match read::<Command>(&path) {
            Ok(None) => return Ok(None),
            Ok(Some(command)) if command.id != *id => format!("it names itself {}", command.id),
            Ok(Some(command)) => match command.check() {
                Ok(()) => return Ok(Some(command)),
                Err(error) => error.to_string(),
            },
            Err(StoreError::Corrupt { what, .. }) => what,
            Err(error) => return Err(error),
        };
        self.done(
            run,
            id,
            &Answer::refused(format!("the file is no command: {why}")),
        )?;
        Ok(None)
    }
}

impl Inbox for JsonlStore {
    fn put(&self, run: &RunId, command: &Command) -> Result<(), StoreError> {
        command.check()?;
        let dir = self.inbox(run)?;
        let name_of = |suffix| name(&command.id, suffix);
        if exists(&dir.join(name_of(ANSWER)))? || exists(&dir.join(name_of(COMMAND)))? {
            return Ok(());
        }
        let json = serde_json::to_vec(command).expect("a command is words");
        self.disk.replace(&dir, &name_of(COMMAND), &json)
    }

    fn take(&mut self, run: &RunId) -> Result<Vec<Command>, StoreError> {
        let dir = self.inbox(run)?;
        let failed = |error| StoreError::from_io("list", &dir, error);
        let mut commands = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let file = entry.map_err(failed)?.file_name();
            let id = file.to_str().and_then(|file| file.strip_suffix(COMMAND));
            let Some(Ok(id)) = id.map(str::parse) else {
                continue;
            };
            commands.extend(self.command(run, &dir, &id)?);
        }
        commands.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok(commands)
    }

    fn done(&mut self, run: &RunId, id: &CommandId, answer: &Answer) -> Result<(), StoreError> {
        let dir = self.inbox(run)?;
        if !exists(&dir.join(name(id, ANSWER)))? {
            let json = serde_json::to_vec(answer).expect("an answer is words");
            self.disk.replace(&dir, &name(id, ANSWER), &json)?;
        }
        let command = dir.join(name(id, COMMAND));
        match self
            .disk
            .change("remove", &command, || fs::remove_file(&command))
        {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(())
            }
            removed => removed,
        }
    }

    fn answer(&self, run: &RunId, id: &CommandId) -> Result<Option<Answer>, StoreError> {
        let dir = Folder::get(&self.root, run)?.file(INBOX);
        read(&dir.join(name(id, ANSWER)))
    }
}

#[cfg(test)]
mod tests;
