//! Places for runs with the same `concurrency` key: lock files beside the runs,
//! so that the death of whoever holds one frees it.
//!
//! `.slots~/KEY/N.lock` is a place, `.slots~/KEY/AT-RUN.wait` one that waits.
//! What is locked counts; what a file says is for people.

use rok_chain::Digest;
use rok_expr::{EvalError, RunView, Scope, StepView};
use rok_plan::Plan;
use rok_vocabulary::{Epoch, RunId, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// `~` is in no run id.
const FOLDER: &str = ".slots~";

/// A run that wants a place.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) run: RunId,
    /// Who was created first is served first.
    pub(crate) created_at: Timestamp,
}

/// A place that is held. It is free when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot(#[expect(dead_code, reason = "the lock is held while it is open")] File);

/// What came of asking.
#[derive(Debug)]
pub(crate) enum Place {
    /// One is held.
    Held(Slot),
    /// All are taken: by these runs, the oldest first.
    Taken(Vec<RunId>),
}

/// The places of one key.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    folder: PathBuf,
    limit: u32,
}

/// A run in the line of those that wait.
#[derive(Debug)]
pub(crate) struct Ticket {
    path: PathBuf,
    _locked: File,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // One that stays is locked by nobody, and counts for nothing.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Slots {
    /// The places of a key among the runs of a folder.
    pub(crate) fn of(root: &Path, key: &str, limit: u32) -> Self {
        let name = &Digest::of(key.as_bytes()).to_hex()[..32];
        Self {
            folder: root.join(FOLDER).join(name),
            limit,
        }
    }

    /// Gets in line.
    pub(crate) fn wait(&self, asker: &Asker) -> io::Result<Ticket> {
        let _alone = self.alone()?;
        let name = format!("{:020}-{}.wait", asker.created_at.as_millis(), asker.run);
        let path = self.folder.join(name);
        let file = open(&path)?;
        file.lock()?;
        Ok(Ticket {
            path,
            _locked: file,
        })
    }

    /// Takes a place, where one is free and nobody waits that came before.
    pub(crate) fn take(&self, asker: &Asker) -> io::Result<Place> {
        let _alone = self.alone()?;
        let own = format!("{:020}-{}.wait", asker.created_at.as_millis(), asker.run);
        let (mut before, mut held, mut free) = (0_u32, Vec::new(), Vec::new());
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let waits = name.strip_suffix(".wait").is_some() && name < own;
            if waits && is_locked(&path)? {
                before += 1;
            } else if let Some(number) = name.strip_suffix(".lock").and_then(|n| n.parse().ok()) {
                match lock(&path)? {
                    Some(file) => free.push((number, file)),
                    None => held.push(holder(&path)),
                }
            }
        }
        let taken = u32::try_from(held.len()).unwrap_or(u32::MAX);
        if taken.saturating_add(before) >= self.limit {
            held.sort_unstable();
            return Ok(Place::Taken(
                held.into_iter().filter_map(|(_, run)| run).collect(),
            ));
        }
        free.sort_by_key(|(number, _): &(u32, File)| *number);
        let mut file = match free.into_iter().next() {
            Some((_, file)) => file,
            None => self.another()?,
        };
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{} {}", asker.created_at.as_millis(), asker.run)?;
        Ok(Place::Held(Slot(file)))
    }

    /// The runs that hold places, the oldest first. Where nothing was ever
    /// locked nothing is made.
    pub(crate) fn holders(&self) -> io::Result<Vec<RunId>> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let _alone = self.alone()?;
        let mut held = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let is_place = path
                .extension()
                .is_some_and(|extension| extension == "lock");
            if is_place && lock(&path)?.is_none() {
                held.push(holder(&path));
            }
        }
        held.sort_unstable();
        Ok(held.into_iter().filter_map(|(_, run)| run).collect())
    }

    /// A place that nobody has had yet.
    fn another(&self) -> io::Result<File> {
        let mut number = 0_u32;
        loop {
            let path = self.folder.join(format!("{number}.lock"));
            if !path.exists() {
                let file = open(&path)?;
                file.lock()?;
                return Ok(file);
            }
            number += 1;
        }
    }

    /// Who looks or changes something does so alone.
    fn alone(&self) -> io::Result<File> {
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&self.folder)?;
        let file = open(&self.folder.join("turn"))?;
        file.lock()?;
        Ok(file)
    }
}

/// Who holds a place, as the file says: when the run was created, and the run.
fn holder(path: &Path) -> (i64, Option<RunId>) {
    let mut text = String::new();
    let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    let told = read.ok().and_then(|_| text.split_once(' '));
    told.map_or((i64::MAX, None), |(at, run)| {
        (at.parse().unwrap_or(i64::MAX), run.parse().ok())
    })
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600).open(path)
}

/// The file, locked; `None` where somebody else has it locked.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether somebody waits. What the dead left is taken away.
fn is_locked(path: &Path) -> io::Result<bool> {
    let left = lock(path)?.is_some();
    if left {
        let _ = std::fs::remove_file(path);
    }
    Ok(!left)
}

/// The places that a plan's runs share, by what their key comes to.
pub(crate) fn of_plan(
    plan: &Plan,
    root: &Path,
    known: &dyn Scope,
) -> Result<Option<(Slots, String)>, EvalError> {
    let Some(concurrency) = &plan.concurrency else {
        return Ok(None);
    };
    let key = concurrency.key.text(known)?;
    let key = key.as_plain().unwrap_or_default().to_owned();
    Ok(Some((Slots::of(root, &key, concurrency.limit), key)))
}

/// What is known of a run before its first step.
pub(crate) struct AtStart<'a> {
    pub(crate) run: &'a RunId,
    pub(crate) plan: &'a Plan,
    pub(crate) inputs: &'a Value,
    pub(crate) labels: &'a BTreeMap<String, String>,
    pub(crate) epoch: Epoch,
}

impl Scope for AtStart<'_> {
    fn input(&self, name: &str) -> Option<&Value> {
        self.inputs.get(name)
    }

    fn step(&self, _: &str) -> Option<StepView<'_>> {
        None
    }

    fn run(&self) -> RunView<'_> {
        RunView {
            id: self.run.as_str(),
            plan: self.plan.id.as_str(),
            epoch: self.epoch,
            labels: self.labels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(run: &str, at: i64) -> Asker {
        Asker {
            run: run.parse().expect("a run id"),
            created_at: Timestamp::from_millis(at),
        }
    }

    fn names(place: &Place) -> Vec<String> {
        match place {
            Place::Held(_) => Vec::new(),
            Place::Taken(runs) => runs.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn places_are_taken_in_the_order_of_creation() {
        let dir = tempfile::tempdir().expect("a folder");
        let slots = Slots::of(dir.path(), "key", 2);
        let first = slots.take(&asker("b", 2)).expect("it is ours");
        let second = slots.take(&asker("a", 1)).expect("it is ours");
        assert!(matches!(
            (&first, &second),
            (Place::Held(_), Place::Held(_))
        ));
        let (old, young) = (asker("c", 3), asker("d", 4));
        let _young = slots.wait(&young).expect("it is ours");
        let line = slots.wait(&old).expect("it is ours");
        let taken = slots.take(&old).expect("it is ours");
        assert_eq!(names(&taken), ["a", "b"], "the oldest first");
        drop(first);
        assert_eq!(
            names(&slots.take(&young).expect("it is ours")),
            ["a"],
            "it came later"
        );
        assert!(matches!(slots.take(&old), Ok(Place::Held(_))));
        drop(line);
        assert!(matches!(slots.take(&young), Ok(Place::Held(_))));
    }

    #[test]
    fn what_the_dead_leave_counts_for_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let slots = Slots::of(dir.path(), "key", 1);
        drop(slots.take(&asker("a", 1)));
        let ticket = slots.wait(&asker("b", 2)).expect("it is ours");
        std::fs::write(
            ticket.path.with_file_name("00000000000000000000-z.wait"),
            "",
        )
        .expect("it is ours");
        assert!(matches!(slots.take(&asker("b", 2)), Ok(Place::Held(_))));
    }

    #[test]
    fn other_keys_have_places_of_their_own() {
        let dir = tempfile::tempdir().expect("a folder");
        let take = |key| Slots::of(dir.path(), key, 1).take(&asker("a", 1));
        let (one, other) = (take("one"), take("other"));
        assert!(matches!(
            (one, other),
            (Ok(Place::Held(_)), Ok(Place::Held(_)))
        ));
    }
}
