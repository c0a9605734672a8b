//! The use case of replaying a run.

use crate::diff::RunDiff;
use crate::error::ServiceError;
use crate::runs::RunHandle;
use crate::service::Service;
use rok_facades::runs::{ErrorKind, RedecidedView, ReplayRequest, RunsError};
use rok_vocabulary::RunId;
use serde::Serialize;
use std::path::PathBuf;

/// A run that a person wants to see again.
#[derive(Debug, Clone, Default)]
pub struct ReplayOptions {
    /// The step from which on it is executed anew.
    pub from: String,
    /// The replay's id; else a new one.
    pub run_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// A file with secret values.
    pub secrets_file: Option<PathBuf>,
}

/// What a replay came to, beside the run that it replays.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// The replay.
    pub run_id: RunId,
    /// The run that it replays.
    pub replays: RunId,
    /// The step from which on it was executed anew.
    pub from: String,
    /// Whether a step came to something else, or the run as a whole did. Times
    /// never count.
    pub diverged: bool,
    /// What differs, step by step.
    pub diff: RunDiff,
}

impl Service {
    /// Creates a replay of a run, durably; nothing of it has started.
    pub fn replay(
        &self,
        original: &RunHandle,
        options: ReplayOptions,
    ) -> Result<RunHandle, ServiceError> {
        let bad = |error: rok_vocabulary::IdError| ServiceError::BadName {
            what: error.to_string(),
        };
        let from = options
            .from
            .parse()
            .map_err(|error: rok_vocabulary::IdError| {
                RunsError::new(ErrorKind::NotFound, "ROK0111", error.to_string())
            })?;
        let run_id = options
            .run_id
            .map(|id| id.parse())
            .transpose()
            .map_err(bad)?;
        let request = ReplayRequest {
            from: Some(from),
            run_id,
            submitter: original.actor().clone(),
            reason: options.reason,
            secrets_file: options.secrets_file.map(|file| self.cwd().join(file)),
        };
        let run = original.runs().replay(original.id(), request)?;
        let actor = original.actor().clone();
        Ok(self.handle(original.runs().clone(), run).asked_by(actor))
    }
}

impl RunHandle {
    /// Decides the run's log again; executes and writes nothing.
    pub fn redecide(&self) -> Result<RedecidedView, ServiceError> {
        Ok(self.runs().redecide(self.id())?)
    }

    /// What this replay came to, beside the run that it replays.
    pub fn replayed(&self, original: &Self, from: &str) -> Result<Replayed, ServiceError> {
        let diff = original.diff(self)?;
        Ok(Replayed {
            run_id: self.id().clone(),
            replays: original.id().clone(),
            from: from.to_owned(),
            diverged: !diff.steps.is_empty() || !diff.run.is_empty(),
            diff,
        })
    }
}
