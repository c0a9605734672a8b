//! What can be wrong with an expression: faults found at load, which carry
//! their place, and errors of evaluation, which fail a step.

use alloc::string::String;
use core::ops::Range;

/// A fault found at load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Byte offsets within the scalar's text.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault at a place.
    pub fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            range,
            message: message.into(),
            hint: None,
        }
    }

    /// The same fault with a way to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Nothing longer is a misspelt name.
const LONGEST_NAME: usize = 128;

/// The known word that a misspelt one was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may be wrong: more is another word.
    let limit = (word.chars().count().max(3) / 3).max(1);
    // The distance is costly, and plans may have 10,000 names: a typo seldom
    // hits both ends of a word.
    let likely = |candidate: &&str| {
        candidate.len().abs_diff(word.len()) <= limit
            && (candidate.bytes().next() == word.bytes().next()
                || candidate.bytes().next_back() == word.bytes().next_back())
    };
    if word.len() > LONGEST_NAME {
        return None;
    }
    known
        .into_iter()
        .filter(likely)
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// An expression that has no value in this run. Fails its step as
/// `config_error`. It says what was asked, never what was found: values may be
/// private.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// An operation failed.
    #[error("`{expression}`: {message}")]
    Failed {
        /// The expression, as written.
        expression: String,
        /// What went wrong.
        message: String,
    },
    /// A bound on work or items was passed.
    #[error("`{expression}`: {bound}; let a step work it out")]
    Bound {
        /// The expression, as written.
        expression: String,
        /// The bound that was passed.
        bound: &'static str,
    },
    /// A condition that is neither true nor false.
    #[error("`{expression}` must be true or false, and is of type {found}")]
    NotBool {
        /// The expression, as written.
        expression: String,
        /// The type of its value.
        found: &'static str,
    },
    /// A value that is no list.
    #[error("`{expression}` must be a list, and is of type {found}")]
    NotList {
        /// The expression, as written.
        expression: String,
        /// The type of its value.
        found: &'static str,
    },
    /// More items than a fan-out may have.
    #[error("`{expression}` has {found} items, and a fan-out has at most {most}")]
    TooManyItems {
        /// The expression, as written.
        expression: String,
        /// How many it has.
        found: usize,
        /// The bound.
        most: usize,
    },
    /// A value that cannot stand in text.
    #[error("`{expression}` is of type {found}, which cannot stand in text")]
    NoText {
        /// The expression, as written.
        expression: String,
        /// The type of its value.
        found: &'static str,
    },
    /// A secret where the value itself is asked for.
    #[error("`{text}` names a secret, which has no value here")]
    Secret {
        /// The scalar, as written.
        text: String,
    },
    /// A value that cannot travel in the environment.
    #[error("the value of `{text}` {reason}; read it from the file that ROK_INPUTS names")]
    NoEnvironment {
        /// The expression, as written.
        text: String,
        /// Why it cannot.
        reason: &'static str,
    },
}
