//! Views as YAML: what JSON says, for people to read.

use crate::error::ServiceError;
use serde::Serialize;

/// Writes a view as a YAML document in block style, what repeats under anchors.
///
/// # Errors
///
/// A view that JSON cannot say.
pub fn to_yaml<T: Serialize>(view: &T) -> Result<String, ServiceError> {
    let value = serde_json::to_value(view).map_err(|error| ServiceError::Output {
        why: error.to_string(),
    })?;
    Ok(rok_yaml::document(&value))
}
