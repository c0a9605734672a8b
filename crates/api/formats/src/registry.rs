//! The registry of formatters: a name to a function.

use crate::look::Look;
use crate::{data, github, human, junit, sarif};
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use rok_orchestration::RunReport;

/// Writes a report as text.
pub type Formatter = fn(&RunReport, Look) -> Result<String, FormatError>;

/// Why a report was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// No formatter has this name.
    #[error("there is no format `{name}`; there are {}", .known.join(", "))]
    Unknown {
        /// The name as given.
        name: String,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// The name has a formatter.
    #[error("the format `{name}` is there already")]
    Taken {
        /// The name.
        name: &'static str,
    },
    /// The report cannot be written so.
    #[error("the report cannot be written as {format}: {why}")]
    Unfit {
        /// The format.
        format: &'static str,
        /// Why.
        why: String,
    },
}

/// Formatters by name.
#[derive(Debug, Clone, Default)]
pub struct Formatters {
    table: BTreeMap<&'static str, Formatter>,
}

impl Formatters {
    /// None at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those that are there.
    #[must_use]
    pub fn standard() -> Self {
        let table: [(&'static str, Formatter); 6] = [
            ("human", human::write),
            ("json", data::json),
            ("yaml", data::yaml),
            ("junit", junit::write),
            ("sarif", sarif::write),
            ("github", github::write),
        ];
        Self {
            table: table.into_iter().collect(),
        }
    }

    /// Adds one; a name that is taken is refused.
    pub fn with(mut self, name: &'static str, formatter: Formatter) -> Result<Self, FormatError> {
        match self.table.insert(name, formatter) {
            None => Ok(self),
            Some(_) => Err(FormatError::Taken { name }),
        }
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.table.keys().copied()
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Result<Formatter, FormatError> {
        let found = self.table.get(name).copied();
        found.ok_or_else(|| FormatError::Unknown {
            name: name.to_owned(),
            known: self.names().collect(),
        })
    }

    /// Writes a report.
    pub fn render(
        &self,
        name: &str,
        report: &RunReport,
        look: Look,
    ) -> Result<String, FormatError> {
        self.get(name)?(report, look)
    }
}
