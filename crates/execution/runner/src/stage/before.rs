//! Before an attempt: what the steps before it made must be what was recorded,
//! and what lies where it will write is remembered.

use super::files::{Looked, Upstream, altered};
use super::{Job, inputs};
use crate::cache::{CacheAnswer, CacheHit};
use rok_artifacts::{ArtifactError, Before, Emitted, Identity};
use rok_events::CachedData;
use rok_executor::{AttemptRecord, StepFailure, StepSuccess};
use rok_vocabulary::ErrorClass;

/// What an attempt comes to before it begins.
pub(super) enum Prepared {
    /// It may begin.
    Run(Ready),
    /// Its result is there already.
    Done(StepSuccess, AttemptRecord),
}

/// An attempt that may begin.
pub(super) struct Ready {
    pub(super) before: Option<Before>,
    pub(super) record: AttemptRecord,
}

/// Why an attempt cannot begin, and what is known of it already.
type Refused = (StepFailure, AttemptRecord);

pub(super) fn prepare(job: &Job) -> Result<Prepared, Refused> {
    let attempt = &job.request.attempt.step;
    let mut record = AttemptRecord::default();
    let aside = job.files.aside(attempt).join("found");
    for artifact in &job.step.upstream {
        match job.files.look(artifact, &aside, &job.masker) {
            Ok(Looked::Right) => {}
            Ok(Looked::Restored(lay)) => {
                let why = altered(&artifact.step);
                record.quarantined.extend(lay.map(|lay| (lay, why)));
                record.restored.push(artifact.path.clone());
            }
            Err(error) => {
                let reason = format!(
                    "artifact `{}` of step `{}` is missing or altered, and cannot be put back: {}",
                    artifact.path,
                    artifact.step,
                    text(&error)
                );
                let failure = StepFailure::new(ErrorClass::ContractInputMissing, reason);
                return Err((failure, record));
            }
        }
    }
    match inputs::key(job) {
        Ok(key) => record.inputs_sha256 = key,
        Err(failure) => return Err((failure, record)),
    }
    if let Some(recorded) = &job.recorded {
        return match recorded {
            Ok(hit) if tells(job, hit) => {
                let reason = "what it made then has a secret of this run in its name";
                let failure = StepFailure::new(ErrorClass::PolicyViolation, reason);
                Err((failure, record))
            }
            Ok(hit) => match take(job, hit.clone(), &mut record) {
                Ok(success) => Ok(Prepared::Done(success, record)),
                Err(error) => Err((failure(&error), record)),
            },
            Err(failed) => {
                let CachedData { run, step, seq } = failed.from.clone();
                record.cached = Some((run, step, seq));
                Err((
                    StepFailure::new(failed.class, failed.reason.clone()),
                    record,
                ))
            }
        };
    }
    match cached(job, &mut record) {
        Ok(Some(success)) => return Ok(Prepared::Done(success, record)),
        Ok(None) => {}
        Err(error) => return Err((failure(&error), record)),
    }
    if job.step.declared.is_empty() {
        return Ok(Prepared::Run(Ready {
            before: None,
            record,
        }));
    }
    let before = Before::look(&job.step.declared, &job.step.roots)
        .and_then(|before| before.save(&job.files.note(attempt)).map(|()| before));
    match before {
        Ok(before) => Ok(Prepared::Run(Ready {
            before: Some(before),
            record,
        })),
        Err(error) => Err((failure(&error), record)),
    }
}

/// The result of an earlier run of the same work.
fn cached(job: &Job, record: &mut AttemptRecord) -> Result<Option<StepSuccess>, ArtifactError> {
    let looks = job.step.inputs.as_ref().is_some_and(|base| base.looks);
    let (Some(cache), Some(key), true) = (&job.cache, &record.inputs_sha256, looks) else {
        return Ok(None);
    };
    let hit = match cache.find(key) {
        CacheAnswer::Hit(hit) if tells(job, &hit) => {
            record.cache_note = Some("an earlier result is not taken: it names a secret".into());
            return Ok(None);
        }
        CacheAnswer::Hit(hit) => *hit,
        CacheAnswer::Miss(note) => {
            record.cache_note = note;
            return Ok(None);
        }
    };
    take(job, hit, record).map(Some)
}

/// Whether a path of a result holds what is a secret here.
fn tells(job: &Job, hit: &CacheHit) -> bool {
    let mut paths = hit.artifacts.iter().map(|(path, ..)| path);
    paths.any(|path| job.masker.find(path.as_bytes()).is_some())
}

/// A result of another run, with what it made put where it was made.
fn take(
    job: &Job,
    hit: CacheHit,
    record: &mut AttemptRecord,
) -> Result<StepSuccess, ArtifactError> {
    let aside = job.files.aside(&job.request.attempt.step).join("found");
    let mut success = StepSuccess {
        outputs: hit.outputs,
        artifacts: Vec::new(),
    };
    for (path, place, digest, executable) in hit.artifacts {
        let file = job.step.roots.file(place, &path);
        let artifact = Upstream {
            step: hit.from.step.clone(),
            path: path.clone(),
            file: file.clone(),
            bound: job.step.roots.bound(place, &path),
            digest: digest.clone(),
            executable,
        };
        if let Looked::Restored(Some(lay)) = job.files.look(&artifact, &aside, &job.masker)? {
            let why = "it lay where a result of an earlier run belongs".to_owned();
            record.quarantined.push((lay, why));
        }
        success.artifacts.push(Emitted {
            path,
            place,
            identity: Identity::at(&file),
            file,
            sha256: digest.sha256,
            bytes: digest.bytes,
            executable,
        });
    }
    let CachedData { run, step, seq } = hit.from;
    record.cached = Some((run, step, seq));
    Ok(success)
}

/// What a fault of files is to a step.
pub(super) fn failure(error: &ArtifactError) -> StepFailure {
    let class = match error {
        ArtifactError::Store { .. } => ErrorClass::TransientIo,
        ArtifactError::Pattern { .. } => ErrorClass::ConfigError,
        _ => ErrorClass::ValidationFailed,
    };
    StepFailure::new(class, text(error))
}

/// An error with its cause, in one line.
pub(super) fn text(error: &ArtifactError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
