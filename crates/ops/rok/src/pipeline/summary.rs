//! What a run has done, for people and for programs.

use super::executor::Folder;
use rok_facades::runs::{RunSummary, RunsError};
use serde_json::Value;
use std::path::Path;

/// The summary of a run.
#[derive(Debug, Clone)]
pub struct Summary(RunSummary);

/// Reads a run folder and sums it up. Fails where there is no run, or where
/// its log is not intact.
pub fn generate_summary(run_dir: impl AsRef<Path>) -> Result<Summary, RunsError> {
    Folder::of(run_dir.as_ref())?.summary().map(Summary)
}

impl Summary {
    /// For people: the text that `rok summary` prints.
    #[must_use]
    pub fn to_text(&self) -> String {
        rok_cli::summary_text(&self.0)
    }

    /// For programs: the object that `rok summary --json` prints.
    #[must_use]
    pub fn to_dict(&self) -> Value {
        serde_json::to_value(&self.0).expect("a summary has only names as keys")
    }

    /// The summary itself.
    #[must_use]
    pub const fn run(&self) -> &RunSummary {
        &self.0
    }
}
