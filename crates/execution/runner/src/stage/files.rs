//! A run's files: where its contents, its quarantine and its notes are, and
//! what of them is known to be right.

use crate::cache::InputsBase;
use rok_artifacts::{
    ArtifactError, Before, ContentStore, Declared, Digest, Identity, Quarantined, Roots, measure,
    measure_with, quarantine, quarantine_at, quarantined,
};
use rok_events::ArtifactLeft;
use rok_executor::{LogRecord, MAX_OUTPUT_BYTES};
use rok_projections::Contents;
use rok_secrets::Masker;
use rok_vocabulary::{Epoch, StepRef, Timestamp};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// How many files are remembered as right.
const REMEMBERED: usize = 100_000;

/// Where the files of a run are.
#[derive(Debug)]
pub struct Files {
    /// The store of contents, shared with the runs beside it.
    pub contents: Arc<ContentStore>,
    /// `ROK_ARTIFACTS`.
    pub artifacts: PathBuf,
    /// What is put aside, a folder an attempt.
    pub quarantine: PathBuf,
    /// What stood there before, a file an attempt that has not ended.
    pub notes: PathBuf,
    /// The attempts' logs.
    pub logs: PathBuf,
    right: Mutex<HashMap<PathBuf, (Identity, String)>>,
}

/// The files that a step declares, and those that it finds.
#[derive(Debug, Clone)]
pub struct StepFiles {
    /// What it declares.
    pub declared: Vec<Declared>,
    /// Where that may lie.
    pub roots: Roots,
    /// What the steps before it made.
    pub upstream: Vec<Upstream>,
    /// What it reads.
    pub reads: Vec<Declared>,
    /// What else it comes of, where somebody asks for that.
    pub inputs: Option<InputsBase>,
}

/// An artifact that a step before made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The step that made it.
    pub step: String,
    /// Its path as it stands in the log.
    pub path: String,
    /// Where it lies.
    pub file: PathBuf,
    /// The folder that it must not lead out of.
    pub bound: PathBuf,
    /// What it is.
    pub digest: Digest,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// What became of an artifact that is looked at before it is used.
#[derive(Debug)]
pub(crate) enum Looked {
    /// It is what was recorded.
    Right,
    /// It was missing or altered, and was put back; what lay there is aside.
    Restored(Option<Quarantined>),
}

/// What a lost attempt left.
#[derive(Debug, Default)]
pub struct LostFiles {
    /// Its log, as it is now.
    pub log: Option<LogRecord>,
    /// What is put aside of it.
    pub left: Vec<ArtifactLeft>,
}

impl Files {
    /// The files of the run in a folder.
    #[must_use]
    pub fn of_run(dir: &Path, contents: Arc<ContentStore>) -> Self {
        Self {
            contents,
            artifacts: dir.join("artifacts"),
            quarantine: dir.join("quarantine"),
            notes: dir.join("attempts"),
            logs: dir.join("logs"),
            right: Mutex::default(),
        }
    }

    /// Where results that are too large for a line are read from.
    #[must_use]
    pub fn results(&self) -> Contents {
        results(Arc::clone(&self.contents))
    }

    /// Where an attempt's leavings are put aside.
    #[must_use]
    pub fn aside(&self, attempt: &StepRef) -> PathBuf {
        self.quarantine.join(name(attempt))
    }

    /// The same, as it is named to people: from the run's folder.
    pub(crate) fn aside_name(attempt: &StepRef) -> String {
        format!("quarantine/{}", name(attempt))
    }

    pub(crate) fn note(&self, attempt: &StepRef) -> PathBuf {
        self.notes.join(format!("{}.json", name(attempt)))
    }

    /// Remembers that a file is right as it is now.
    pub(crate) fn remember(&self, file: &Path, identity: Identity, sha256: &str) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED {
            right.clear();
        }
        right.insert(file.to_owned(), (identity, sha256.to_owned()));
    }

    /// What a file is that is as it was when it was last read.
    pub(crate) fn known(&self, file: &Path, now: Identity) -> Option<Digest> {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        let (then, sha256) = right.get(file)?;
        (*then == now).then(|| Digest {
            sha256: sha256.clone(),
            bytes: now.bytes(),
        })
    }

    fn is_remembered(&self, file: &Path, sha256: &str) -> bool {
        let now = Identity::at(file);
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right
            .get(file)
            .is_some_and(|(then, known)| Some(*then) == now && known == sha256)
    }

    /// Holds a recorded artifact against what lies there. What is missing or
    /// altered is put back from the store; what lay there is put `aside`.
    pub(crate) fn look(
        &self,
        artifact: &Upstream,
        aside: &Path,
        masker: &Masker,
    ) -> Result<Looked, ArtifactError> {
        let Upstream {
            file,
            bound,
            digest,
            ..
        } = artifact;
        if self.is_remembered(file, &digest.sha256) {
            return Ok(Looked::Right);
        }
        let before = Identity::at(file);
        let mut detector = masker.detector();
        match measure_with(file, |chunk| detector.push(chunk)) {
            Ok(found) if found == *digest => {
                if let Some(identity) = before.filter(|_| Identity::at(file) == before) {
                    self.remember(file, identity, &digest.sha256);
                }
                return Ok(Looked::Right);
            }
            // What somebody wrote there can neither be kept nor thrown away.
            Ok(found) if detector.found().is_some() => {
                return Err(ArtifactError::Changed {
                    path: file.clone(),
                    recorded: digest.clone(),
                    found,
                });
            }
            _ => {}
        }
        // Nothing is moved before it is sure that it can be replaced.
        self.contents.check(digest)?;
        let lay = quarantine_at(bound, file, aside, masker)?;
        let identity = self
            .contents
            .restore(digest, bound, file, artifact.executable)?;
        self.remember(file, identity, &digest.sha256);
        Ok(Looked::Restored(lay.map(|lay| Quarantined {
            path: masker.mask_str(&artifact.path).into_owned(),
            ..lay
        })))
    }

    /// Holds recorded artifacts against what lies there, putting back what can
    /// be put back; for a new owner, before anything goes on.
    pub fn mend(
        &self,
        artifacts: &[Upstream],
        aside: &Path,
        masker: &Masker,
    ) -> Result<Vec<ArtifactLeft>, (Upstream, ArtifactError)> {
        let mut left = Vec::new();
        for artifact in artifacts {
            match self.look(artifact, aside, masker) {
                Ok(Looked::Right | Looked::Restored(None)) => {}
                Ok(Looked::Restored(Some(lay))) => left.push(ArtifactLeft {
                    path: lay.path,
                    sha256: lay.sha256,
                    bytes: lay.bytes,
                    reason: altered(&artifact.step),
                }),
                Err(error) => return Err((artifact.clone(), error)),
            }
        }
        Ok(left)
    }

    /// Puts aside what an attempt made of which nobody knows how it ended. What
    /// was put aside before, by the owner that is gone, is told again.
    pub fn lost(
        &self,
        attempt: &StepRef,
        started_at: Timestamp,
        step: &StepFiles,
        masker: &Masker,
    ) -> Result<LostFiles, ArtifactError> {
        let aside = self.aside(attempt);
        let log = self.log(attempt);
        if step.declared.is_empty() {
            return Ok(LostFiles {
                log,
                left: Vec::new(),
            });
        }
        let earlier = quarantined(&aside, masker)?;
        let before = Before::load(&self.note(attempt)).unwrap_or_else(|| {
            let since = u64::try_from(started_at.as_millis()).unwrap_or_default();
            Before::unknown(SystemTime::UNIX_EPOCH + Duration::from_millis(since))
        });
        let now = quarantine(&step.declared, &step.roots, &before, &aside, masker)?;
        // There is nothing of it left to be told.
        let _ = std::fs::remove_file(self.note(attempt));
        let left = earlier.into_iter().chain(now).map(|left| {
            let reason = reason(&left, LOST);
            ArtifactLeft {
                path: left.path,
                sha256: left.sha256,
                bytes: left.bytes,
                reason,
            }
        });
        Ok(LostFiles {
            log,
            left: left.collect(),
        })
    }

    fn log(&self, attempt: &StepRef) -> Option<LogRecord> {
        let path = self.logs.join(format!("{}.log", name(attempt)));
        let found = measure(&path).ok()?;
        Some(LogRecord {
            bytes: found.bytes,
            sha256: (found.bytes > 0).then_some(found.sha256),
        })
    }
}

/// Where results that are too large for a line are read from.
#[must_use]
pub fn results(contents: Arc<ContentStore>) -> Contents {
    Contents::new(move |of| {
        let digest = Digest {
            sha256: of.sha256.clone(),
            bytes: of.bytes,
        };
        let read = contents.read(&digest, MAX_OUTPUT_BYTES as u64);
        read.map_err(|error| error.to_string())
    })
}

const LOST: &str = "the attempt was lost half-way";

/// Why something is aside, or gone.
pub(crate) fn reason(left: &Quarantined, otherwise: &str) -> String {
    match left {
        Quarantined { removed: true, .. } => "removed: it holds a secret".into(),
        Quarantined { secret: true, .. } => {
            format!("{otherwise}; it holds a secret, and is kept for its owner only")
        }
        _ => otherwise.into(),
    }
}

pub(crate) fn altered(step: &str) -> String {
    format!("altered after step `{step}` made it; put back from the store")
}

/// `STEP.ATTEMPT`, after the first epoch `STEP.ATTEMPT.eN`, as with logs.
fn name(attempt: &StepRef) -> String {
    match attempt.epoch {
        Epoch(0) => format!("{}.{}", attempt.step, attempt.attempt),
        epoch => format!("{}.{}.e{epoch}", attempt.step, attempt.attempt),
    }
}
