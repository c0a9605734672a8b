//! What a step may hand on: one rule for all executors.

use crate::port::StepFailure;
use rok_vocabulary::ErrorClass;
use serde_json::Value;
use std::io;

/// Outputs of this size stand in the step's event; larger ones are stored, and
/// the event names them.
pub const INLINE_OUTPUT_BYTES: usize = 64 * 1024;

/// What is larger is no result to compute with: it is an artifact.
pub const MAX_OUTPUT_BYTES: usize = 64 * 1024 * 1024;

/// Refuses outputs that are neither an object nor null, and those that are
/// larger than [`MAX_OUTPUT_BYTES`] as compact JSON.
pub fn check_outputs(outputs: &Value) -> Result<(), StepFailure> {
    let kind = match outputs {
        Value::Null => return Ok(()),
        Value::Object(_) if fits(outputs, MAX_OUTPUT_BYTES) => return Ok(()),
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
        "outputs are larger than 64 MiB: write a file and declare it as an artifact",
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

/// Whether outputs stand in the step's event.
#[must_use]
pub fn is_inline(outputs: &Value) -> bool {
    outputs.is_null() || fits(outputs, INLINE_OUTPUT_BYTES)
}

fn fits(outputs: &Value, limit: usize) -> bool {
    serde_json::to_writer(Room(limit), outputs).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!(null), true)]
    #[case(json!({ "a": "x".repeat(INLINE_OUTPUT_BYTES - 8) }), true)]
    #[case(json!({ "a": "x".repeat(INLINE_OUTPUT_BYTES - 7) }), false)]
    fn what_stands_in_the_event(#[case] outputs: Value, #[case] inline: bool) {
        assert_eq!(is_inline(&outputs), inline);
    }

    #[rstest]
    #[case(json!(null), "")]
    #[case(json!({ "a": [1] }), "")]
    #[case(json!([1]), "not an array")]
    #[case(json!(1), "not a number")]
    #[case(json!("x"), "not a string")]
    #[case(json!(true), "not a boolean")]
    #[case(json!({ "a": "x".repeat(MAX_OUTPUT_BYTES - 8) }), "")]
    #[case(json!({ "a": "x".repeat(MAX_OUTPUT_BYTES - 7) }), "larger than 64 MiB")]
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
