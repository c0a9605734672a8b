//! The report as data: JSON, and YAML in block style.

use crate::look::Look;
use crate::registry::FormatError;
use alloc::string::{String, ToString};
use rok_orchestration::RunReport;

/// One object, indented, its keys in the order of the schema.
pub(crate) fn json(report: &RunReport, _: Look) -> Result<String, FormatError> {
    let mut text = serde_json::to_string_pretty(report).map_err(|error| unfit("json", &error))?;
    text.push('\n');
    Ok(text)
}

/// The same in block style.
pub(crate) fn yaml(report: &RunReport, _: Look) -> Result<String, FormatError> {
    let value = serde_json::to_value(report).map_err(|error| unfit("yaml", &error))?;
    Ok(rok_yaml::document(&value))
}

pub(crate) fn unfit(format: &'static str, error: &dyn core::fmt::Display) -> FormatError {
    FormatError::Unfit {
        format,
        why: error.to_string(),
    }
}
