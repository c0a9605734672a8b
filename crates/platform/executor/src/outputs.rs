//! What a step may hand on: one rule for all executors.

use crate::port::StepFailure;
use rok_vocabulary::ErrorClass;
use serde_json::Value;
use std::io;

/// A step's outputs stand in its event; what is larger is an artifact.
pub const MAX_OUTPUT_BYTES: usize = 64 * 1024;

/// Refuses outputs that are neither an object nor null, and those that are
/// larger than [`MAX_OUTPUT_BYTES`] as compact JSON.
pub fn check_outputs(outputs: &Value) -> Result<(), StepFailure> {
    let kind = match outputs {
        Value::Null => return Ok(()),
        Value::Object(_) if fits(outputs) => return Ok(()),
        Value::Object(_) => return Err(oversized_outputs()),
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
    };
    Err(StepFailure::new(
        ErrorClass::ValidationFailed,
        format!("outputs must be a JSON object or null, not {kind}"),
    ))
}

/// The failure of a step whose outputs are larger than [`MAX_OUTPUT_BYTES`].
#[must_use]
pub fn oversized_outputs() -> StepFailure {
    StepFailure::new(
        ErrorClass::ValidationFailed,
        "outputs are larger than 64 KiB: write a file and declare it as an artifact",
    )
}

/// Counts instead of keeping, and stops at the limit.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn fits(outputs: &Value) -> bool {
    serde_json::to_writer(Room(MAX_OUTPUT_BYTES), outputs).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!(null), "")]
    #[case(json!({ "a": [1] }), "")]
    #[case(json!([1]), "not an array")]
    #[case(json!(1), "not a number")]
    #[case(json!("x"), "not a string")]
    #[case(json!(true), "not a boolean")]
    #[case(json!({ "a": "x".repeat(MAX_OUTPUT_BYTES - 8) }), "")]
    #[case(json!({ "a": "x".repeat(MAX_OUTPUT_BYTES - 7) }), "larger than 64 KiB")]
    fn rules(#[case] outputs: Value, #[case] fault: &str) {
        match check_outputs(&outputs) {
            Ok(()) => assert_eq!(fault, ""),
            Err(failure) => {
                assert_eq!(failure.class, ErrorClass::ValidationFailed);
                assert!(
                    !fault.is_empty() && failure.reason.contains(fault),
                    "{failure}"
                );
            }
        }
    }
}
