//! What cannot be carried over: all of it, each with its place.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use rok_plan::PlanErrors;

/// More refusals than this tell nothing new.
const MAX_REFUSALS: usize = 500;

/// Something that a plan cannot say as it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where: `line:column`, or a JSON pointer; empty for the whole file.
    pub place: String,
    /// What it is.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A workflow that was not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    /// The file's name, as it was given.
    pub file: String,
    /// Why not, in the order of the file; at most 500, never empty.
    pub refusals: Vec<Refusal>,
    /// How many more there are.
    pub omitted: usize,
}

impl core::error::Error for ImportError {}

/// A line a refusal: `file:place: what (hint)`.
impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, refusal) in self.refusals.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:", self.file)?;
            if !refusal.place.is_empty() {
                write!(f, "{}:", refusal.place)?;
            }
            write!(f, " {}", refusal.what)?;
            if let Some(hint) = &refusal.hint {
                write!(f, " ({hint})")?;
            }
        }
        match self.omitted {
            0 => Ok(()),
            more => write!(f, "\n{}: and {more} more", self.file),
        }
    }
}

/// Collects refusals.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    list: Vec<Refusal>,
    omitted: usize,
}

impl Refusals {
    pub(crate) fn push(
        &mut self,
        place: impl Into<String>,
        what: impl Into<String>,
        hint: impl Into<Option<&'static str>>,
    ) {
        if self.list.len() == MAX_REFUSALS {
            self.omitted += 1;
            return;
        }
        self.list.push(Refusal {
            place: place.into(),
            what: what.into(),
            hint: hint.into().map(Into::into),
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn into_error(self, file: &str) -> ImportError {
        ImportError {
            file: file.into(),
            refusals: self.list,
            omitted: self.omitted,
        }
    }
}

impl ImportError {
    /// The faults of a file, or of the plan that came out.
    pub(crate) fn of_faults(errors: PlanErrors, file: &str, prefix: &str) -> Self {
        let refusals = errors.faults.into_iter().map(|fault| Refusal {
            place: alloc::format!("{}:{}", fault.line, fault.column),
            what: alloc::format!("{prefix}{}", fault.message),
            hint: fault.hint,
        });
        Self {
            file: file.into(),
            refusals: refusals.collect(),
            omitted: errors.omitted,
        }
    }
}
