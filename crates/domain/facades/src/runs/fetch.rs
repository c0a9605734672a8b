//! Files of a run, for those who ask from elsewhere.

use super::views::ArtifactView;
use serde_json::Value;
use std::fmt;
use std::io::Read;

/// What a step made.
pub struct Fetched {
    /// What the log says of it.
    pub artifact: ArtifactView,
    /// Its content, checked against that.
    pub content: Box<dyn Read + Send>,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("artifact", &self.artifact)
            .finish_non_exhaustive()
    }
}

/// A signed statement.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedFile {
    /// Its file's name.
    pub name: String,
    /// The DSSE envelope.
    pub envelope: Value,
}
