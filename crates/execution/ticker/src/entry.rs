//! A schedule as it is kept: its file's text, and its state.

use rok_facades::runs::{ErrorKind, RunsError};
use rok_log::StoreError;
use rok_schedule::{Effect, Schedule, State};
use rok_vocabulary::{Actor, RunId, Timestamp};
use serde::{Deserialize, Serialize};
use std::error::Error as _;
use std::path::{Path, PathBuf};

/// The table of schedules.
pub(crate) const TABLE: &str = "schedules";

/// The form of an entry. Another one is refused, never guessed at.
const VERSION: u32 = 1;

/// What is kept of a schedule, in one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    version: u32,
    /// Raised by every change, so that no two values are alike.
    revision: u64,
    pub(crate) text: String,
    /// Its file, absolute.
    pub(crate) file: PathBuf,
    pub(crate) added_by: Actor,
    pub(crate) added_at: Timestamp,
    pub(crate) state: State,
}

impl Entry {
    pub(crate) fn new(text: String, file: PathBuf, by: Actor, at: Timestamp, state: State) -> Self {
        Self {
            version: VERSION,
            revision: 0,
            text,
            file,
            added_by: by,
            added_at: at,
            state,
        }
    }

    pub(crate) fn read(id: &str, bytes: &[u8]) -> Result<Self, RunsError> {
        let entry: Self = serde_json::from_slice(bytes)
            .map_err(|error| unreadable(id, &format!("it is not what was written: {error}")))?;
        if entry.version == VERSION {
            Ok(entry)
        } else {
            let version = entry.version;
            let what = format!("it is of form {version}, and this version of rok reads {VERSION}");
            Err(unreadable(id, &what))
        }
    }

    /// The next value, as it is stored.
    pub(crate) fn next(&self) -> Vec<u8> {
        let next = Self {
            revision: self.revision + 1,
            ..self.clone()
        };
        serde_json::to_vec(&next).expect("its keys are texts")
    }

    /// The schedule that the text says.
    pub(crate) fn schedule(&self) -> Result<Schedule, RunsError> {
        parse(self.text.as_bytes(), &self.file.to_string_lossy())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    /// Whether a run is still to be created.
    pub(crate) fn is_ordered(&self, schedule: &Schedule, run: &RunId) -> bool {
        self.state.outbox.iter().any(|effect| match effect {
            Effect::Submit(firing) => firing.run_id(&schedule.id) == *run,
            Effect::Cancel(_) => false,
        })
    }
}

/// Reads a schedule file.
pub(crate) fn parse(text: &[u8], name: &str) -> Result<Schedule, RunsError> {
    rok_schedule::parse(text, name).map_err(|errors| {
        let faults = errors.render().trim_end().to_owned();
        RunsError::new(ErrorKind::Usage, "ROK0181", faults)
    })
}

fn unreadable(id: &str, what: &str) -> RunsError {
    let message = format!("the record of schedule {id} cannot be read: {what}");
    RunsError::new(ErrorKind::Protocol, "ROK0183", message).help(
        "nothing is fired for it meanwhile; `rok schedule remove` and `add` begin it anew from now on",
    )
}

pub(crate) fn unknown(id: &str, known: &[String]) -> RunsError {
    let message = format!("there is no schedule `{id}`");
    let nearest = rok_plan::nearest(id, known.iter().map(String::as_str));
    let help = match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "`rok schedule list` lists them; `--dir` names the folder that they are in".into(),
    };
    RunsError::new(ErrorKind::NotFound, "ROK0180", message).help(help)
}

pub(crate) fn store(error: &StoreError) -> RunsError {
    let cause = error.source().map(|cause| format!(": {cause}"));
    let message = format!("{error}{}", cause.unwrap_or_default());
    RunsError::new(ErrorKind::Storage, "ROK0106", message)
        .help("mend the store: what was not stored was not done, and is decided again")
}
