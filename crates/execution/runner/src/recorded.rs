//! Results of another run that stand for those of this one: what a replay does
//! not execute again.

use crate::cache::CacheHit;
use rok_events::CachedData;
use rok_vocabulary::ErrorClass;
use std::collections::BTreeMap;

/// What stands for a step's result.
pub type RecordedEnd = Result<CacheHit, RecordedFailure>;

/// A failure of another run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFailure {
    /// Where it stands.
    pub from: CachedData,
    /// Its class.
    pub class: ErrorClass,
    /// Why; masked when it was recorded.
    pub reason: String,
}

/// After a step's id: a sign that none has.
const UNDO: &str = "/undo";

/// The recorded results, by step. A step that is not among them is executed.
#[derive(Debug, Default)]
pub struct Recorded(BTreeMap<String, RecordedEnd>);

impl Recorded {
    /// What stands for the result of a step, or of a child of one.
    #[must_use]
    pub fn of(&self, step: &str) -> Option<&RecordedEnd> {
        self.0.get(step)
    }

    /// Why undoing a step failed the last time, where it did.
    #[must_use]
    pub fn undone(&self, step: &str) -> Option<&RecordedFailure> {
        self.0.get(&Self::undo_of(step))?.as_ref().err()
    }

    /// The name under which the undoing of a step is recorded; no step's id.
    #[must_use]
    pub fn undo_of(step: &str) -> String {
        format!("{step}{UNDO}")
    }

    /// Whose undoing a recorded name is, or which step it is.
    #[must_use]
    pub fn step_of(name: &str) -> &str {
        name.strip_suffix(UNDO).unwrap_or(name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether everything is executed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, RecordedEnd)> for Recorded {
    fn from_iter<I: IntoIterator<Item = (String, RecordedEnd)>>(ends: I) -> Self {
        Self(ends.into_iter().collect())
    }
}
