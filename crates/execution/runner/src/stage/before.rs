//! Before an attempt: what the steps before it made must be what was recorded,
//! and what lies where it will write is remembered.

use super::Job;
use super::files::{Looked, altered};
use rok_artifacts::{ArtifactError, Before};
use rok_executor::{AttemptRecord, StepFailure};
use rok_vocabulary::ErrorClass;

/// An attempt that may begin.
pub(super) struct Prepared {
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
    if job.step.declared.is_empty() {
        return Ok(Prepared {
            before: None,
            record,
        });
    }
    let before = Before::look(&job.step.declared, &job.step.roots)
        .and_then(|before| before.save(&job.files.note(attempt)).map(|()| before));
    match before {
        Ok(before) => Ok(Prepared {
            before: Some(before),
            record,
        }),
        Err(error) => Err((failure(&error), record)),
    }
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
