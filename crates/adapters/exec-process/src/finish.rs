//! After the processes: the log is hashed, and what the attempt put among the
//! artifacts is checked for secrets where the run has any. Takes as long as the
//! files are large, so it has its own thread where they can be.

use crate::contract::{Verdict, judge};
use crate::log::Held;
use crate::places::Places;
use rok_artifacts::{ArtifactError, measure, measure_with};
use rok_executor::{LogRecord, StepFailure};
use rok_plan::Sandbox;
use rok_secrets::{Masker, Secrets};
use rok_vocabulary::ErrorClass;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// File systems stamp times a clock tick late or early.
const SLACK_MS: i64 = 100;

/// What is known of an attempt whose processes are gone.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) secrets: Secrets,
    pub(crate) places: Places,
    /// Its log, as it was opened.
    pub(crate) log: Option<Held>,
    pub(crate) status: ExitStatus,
    /// What it was kept in, where it was.
    pub(crate) sandbox: Option<Box<Sandbox>>,
    /// How it was stopped from outside, if it was.
    pub(crate) stopped: Option<StepFailure>,
    /// What went wrong around it: its log could not be written, or something of
    /// it does not end.
    pub(crate) fault: Option<StepFailure>,
    /// Something of it does not end.
    pub(crate) survived: bool,
    /// When it started, in milliseconds of the system's clock.
    pub(crate) started_ms: i64,
}

impl Ended {
    /// Judges the attempt and clears its private files.
    pub(crate) fn finish(self) -> Verdict {
        let masker = Masker::new(&self.secrets);
        let was_stopped = self.stopped.is_some();
        let logged = self.logged();
        let (stopped, sandbox) = (self.stopped.clone(), self.sandbox.as_deref());
        let mut verdict = judge(self.status, stopped, sandbox, &self.places, &masker);
        if let Some(fault) = self.fault.clone() {
            verdict.end = Err(match verdict.end {
                Ok(_) => fault,
                Err(failure) => also(&failure, &fault),
            });
        }
        // Neither of them is undone by trying again, so they stand first.
        let (record, tampered) = match logged {
            Ok(record) => (record, None),
            Err(failure) => (None, Some(failure)),
        };
        let found = [tampered, self.expose(&masker)].into_iter().flatten();
        let found = found.reduce(|first, more| also(&first, &more));
        verdict.end = match (verdict.end, found) {
            (end, None) => end,
            (Ok(_), Some(found)) => Err(found),
            (Err(failure), Some(found)) if was_stopped => Err(also(&failure, &found)),
            (Err(failure), Some(found)) => Err(also(&found, &failure)),
        };
        verdict.log = record;
        self.places.clear();
        verdict
    }

    /// What its log is, now that nothing of the attempt can write to it. One
    /// that something still may write to is not spoken for.
    fn logged(&self) -> Result<Option<LogRecord>, StepFailure> {
        let (Some(held), Some(path), false) = (&self.log, &self.places.log, self.survived) else {
            return Ok(None);
        };
        if held.check(path)? == 0 {
            let (bytes, sha256) = (0, None);
            return Ok(Some(LogRecord { bytes, sha256 }));
        }
        let unread = |what: String| {
            let reason = format!("its log cannot be recorded: {what}");
            StepFailure::new(ErrorClass::TransientIo, reason)
        };
        let found = measure(path).map_err(|error| unread(error.to_string()))?;
        let (bytes, sha256) = (found.bytes, Some(found.sha256));
        Ok(Some(LogRecord { bytes, sha256 }))
    }

    /// Looks for secrets in what the attempt put into `ROK_ARTIFACTS`, and
    /// removes what holds one or cannot be checked. All is looked at, so that
    /// nothing stays when the first is found.
    fn expose(&self, masker: &Masker) -> Option<StepFailure> {
        if masker.is_empty() {
            return None;
        }
        let root = self.places.artifacts.as_deref()?;
        let since = if self.places.unchecked {
            i64::MIN
        } else {
            self.started_ms - SLACK_MS
        };
        let mut first = None;
        for path in changed(root, since) {
            let name = path.strip_prefix(root).unwrap_or(&path);
            let Some(found) = exposed(&path, name, masker) else {
                continue;
            };
            let folder = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir());
            let removed = if folder {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            let failure = violation(&name.to_string_lossy(), &found, masker);
            first.get_or_insert(match removed {
                Ok(()) => failure,
                Err(error) => StepFailure {
                    reason: format!("{}; it cannot be removed: {error}", failure.reason),
                    ..failure
                },
            });
        }
        first
    }
}

/// What speaks against a file or folder of `ROK_ARTIFACTS`.
fn exposed(path: &Path, name: &Path, masker: &Masker) -> Option<String> {
    let find = |name: &Path| masker.find(name.as_os_str().as_bytes());
    if let Some(secret) = find(name) {
        return Some(format!("has secret `{secret}` in its name"));
    }
    if let Some(secret) = fs::read_link(path).ok().as_deref().and_then(find) {
        return Some(format!("is a link that holds secret `{secret}`"));
    }
    let unchecked = || Some("cannot be read, so not checked for secrets".to_owned());
    if fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
        return fs::read_dir(path).err().and_then(|_| unchecked());
    }
    let mut detector = masker.detector();
    let measured = measure_with(path, |chunk| detector.push(chunk));
    match (measured, detector.found()) {
        (_, Some(secret)) => Some(format!("holds secret `{secret}`")),
        // Gone again, or a pipe or link that has no content here.
        (Ok(_) | Err(ArtifactError::Missing { .. } | ArtifactError::NotAFile { .. }), None) => None,
        (Err(_), None) => unchecked(),
    }
}

fn also(failure: &StepFailure, more: &StepFailure) -> StepFailure {
    let reason = format!("{}; {}", failure.reason, more.reason);
    StepFailure::new(failure.class, reason)
}

fn violation(path: &str, found: &str, masker: &Masker) -> StepFailure {
    let path = masker.mask_str(path);
    StepFailure::new(
        ErrorClass::PolicyViolation,
        format!("artifact `{path}` {found}"),
    )
}

/// The files and folders below a folder that came or changed since, folders
/// before what is in them. A folder that was moved in is new itself, its files
/// are not: then all of them count.
fn changed(root: &Path, since_ms: i64) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut folders = vec![(root.to_owned(), false)];
    while let Some((folder, all)) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            // Stands for what it hides.
            out.push(folder);
            continue;
        };
        for entry in entries.flatten() {
            // Not following links: a link is checked by what it leads to.
            let Ok(meta) = entry.metadata() else { continue };
            // The change time cannot be set by the step, as its others can.
            let new = all || meta.ctime() * 1000 + meta.ctime_nsec() / 1_000_000 >= since_ms;
            if meta.is_dir() {
                folders.push((entry.path(), new));
            }
            if new {
                out.push(entry.path());
            }
        }
    }
    out.sort();
    out.dedup();
    out
}
