//! What the log says of files: artifacts, in the store and where they were
//! made, results that are too large for a line, and the attempts' logs.

use super::{Place, file_fault};
use crate::fault;
use crate::load::Loaded;
use crate::resume::base;
use rok_artifacts::{ArtifactError, ContentStore, Digest, measure, verify as verify_artifact};
use rok_events::ArtifactPlace;
use rok_facades::runs::VerifyReport;
use rok_projections::{Artifact, LogEntry};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// How many names a note tells.
const NAMES: usize = 3;

/// Holds the files of a run against its log.
pub(super) fn check(
    loaded: &Loaded,
    contents: &ContentStore,
    place: Place,
    report: &mut VerifyReport,
) {
    let artifacts = loaded.history().artifacts();
    report.artifacts = artifacts.len() as u64;
    let mut places = Places::of(loaded);
    let files: Vec<PathBuf> = artifacts.iter().map(|made| places.file(made)).collect();
    let mut latest: HashMap<&Path, Digest> = HashMap::new();
    for (made, file) in artifacts.iter().zip(&files) {
        latest.insert(file, digest(made));
    }
    let (mut moved_on, mut unstored, mut undone) = (Vec::new(), Vec::new(), Vec::new());
    for (made, file) in artifacts.iter().zip(&files) {
        let found = if place == Place::Bundle && made.place == ArtifactPlace::Cwd {
            Found::bundled(made, contents)
        } else {
            Found::of(made, file, &latest, contents)
        };
        match found {
            Found::Right => {}
            Found::MovedOn => moved_on.push(made.path.as_str()),
            Found::Unstored => unstored.push(made.path.as_str()),
            // What undid the step, in whole or in part, removed what it made.
            Found::Wrong(_) if loaded.state().undo(&made.step).is_some() => {
                undone.push(made.path.as_str());
            }
            Found::Wrong(why) => {
                let what = format!("(artifact of step `{}`) {why}", made.step);
                report.faults.push(file_fault(&made.path, what));
            }
        }
    }
    if !artifacts.is_empty() && !contents.root().is_dir() {
        let what = "is gone as a whole: only what still lies where it was made can be held against the log";
        report.notes.push(format!(
            "the store of contents, {}, {what}",
            contents.root().display()
        ));
    }
    if !moved_on.is_empty() {
        report.notes.push(format!(
            "no longer where it was made, or altered there; the store has what was made: {}",
            names(&moved_on)
        ));
    }
    if !unstored.is_empty() {
        report.notes.push(format!(
            "right where it was made, and not in the store of contents: {}",
            names(&unstored)
        ));
    }
    if !undone.is_empty() {
        report.notes.push(format!(
            "gone or altered since their steps were undone: {}",
            names(&undone)
        ));
    }
    for entry in loaded.history().logs() {
        if let Some(why) = wrong_log(&loaded.dir, entry) {
            report
                .faults
                .push(file_fault(&format!("logs/{}", log_name(entry)), why));
        }
    }
}

/// What became of an artifact.
enum Found {
    Right,
    /// It was made in a folder of the user's, where it is not any more.
    MovedOn,
    /// Its content is only where it was made.
    Unstored,
    Wrong(String),
}

impl Found {
    /// Of an artifact in a bundle, that was made in a folder of its maker's.
    fn bundled(made: &Artifact, contents: &ContentStore) -> Self {
        match contents.check(&digest(made)) {
            Ok(()) => Self::Right,
            Err(error) => Self::Wrong(fault::chain(&error)),
        }
    }

    fn of(
        made: &Artifact,
        file: &Path,
        latest: &HashMap<&Path, Digest>,
        contents: &ContentStore,
    ) -> Self {
        let recorded = digest(made);
        // A later step may have written to the same place: that stands there.
        let standing = latest.get(file).unwrap_or(&recorded);
        let there = verify_artifact(file, standing);
        let superseded = *standing != recorded;
        let stored = match contents.check(&recorded) {
            Ok(()) => true,
            Err(_) if !contents.path_of(&recorded.sha256).exists() => false,
            Err(error) => return Self::Wrong(fault::chain(&error)),
        };
        match (there, stored) {
            (Ok(()), true) => Self::Right,
            (Ok(()), false) if !superseded => Self::Unstored,
            (Ok(()), false) => Self::Wrong(
                "was overwritten by a later step, and is not in the store of contents".into(),
            ),
            (Err(_), true) if made.place == ArtifactPlace::Cwd => Self::MovedOn,
            (Err(error), true) => Self::Wrong(format!(
                "{}; the store has what was made, and `rok resume` of an open run puts it back: {}",
                fault::chain(&error),
                contents.path_of(&recorded.sha256).display()
            )),
            (Err(error), false) => Self::Wrong(fault::chain(&error)),
        }
    }
}

fn digest(made: &Artifact) -> Digest {
    Digest {
        sha256: made.sha256.clone(),
        bytes: made.bytes,
    }
}

fn names(paths: &[&str]) -> String {
    let shown = paths.iter().take(NAMES).copied().collect::<Vec<_>>();
    let more = paths.len().saturating_sub(NAMES);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Where the paths of a run's artifacts start from.
struct Places<'a> {
    loaded: &'a Loaded,
    folders: HashMap<String, PathBuf>,
}

impl<'a> Places<'a> {
    fn of(loaded: &'a Loaded) -> Self {
        Self {
            loaded,
            folders: HashMap::new(),
        }
    }

    fn file(&mut self, made: &Artifact) -> PathBuf {
        if made.place == ArtifactPlace::Run {
            return self.loaded.dir.join("artifacts").join(&made.path);
        }
        let state = self.loaded.state();
        let folder = self.folders.entry(made.step.to_string());
        let folder = folder.or_insert_with(|| {
            let step = state.plan().find(&made.step);
            let cwd = step.and_then(|ix| state.resolve(ix).ok()?.cwd);
            cwd.map_or_else(|| base(state), |cwd| base(state).join(cwd))
        });
        folder.join(&made.path)
    }
}

/// Where an artifact was made.
pub(crate) fn file_of(loaded: &Loaded, made: &Artifact) -> PathBuf {
    Places::of(loaded).file(made)
}

/// What is wrong with the file of an attempt's log.
pub(crate) fn wrong_log(dir: &Path, entry: &LogEntry) -> Option<String> {
    let path = dir.join("logs").join(log_name(entry));
    let recorded = Digest {
        sha256: entry
            .sha256
            .clone()
            .unwrap_or_else(|| Digest::of(&[]).sha256),
        bytes: entry.bytes,
    };
    match measure(&path) {
        Ok(found) if found == recorded => None,
        // An attempt that prints nothing leaves an empty file.
        Err(ArtifactError::Missing { .. }) => Some(format!(
            "(log of step `{}`) is missing: {} bytes were recorded",
            entry.step, entry.bytes
        )),
        Err(error) => Some(fault::chain(&error)),
        Ok(found) => Some(format!(
            "(log of step `{}`) has changed: recorded sha256 {} ({} bytes), found {} ({} bytes)",
            entry.step, recorded.sha256, recorded.bytes, found.sha256, found.bytes
        )),
    }
}

/// `STEP.ATTEMPT.log`, after the first epoch `STEP.ATTEMPT.eN.log`.
pub(crate) fn log_name(entry: &LogEntry) -> String {
    match entry.epoch.0 {
        0 => format!("{}.{}.log", entry.step, entry.attempt),
        epoch => format!("{}.{}.e{epoch}.log", entry.step, entry.attempt),
    }
}
