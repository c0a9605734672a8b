//! The header of a line: the few fields that frame and chain it, borrowed.
//! What else the line holds is checked to be JSON, and passed over.

use alloc::string::{String, ToString};
use serde::Deserialize;

/// What frames and chains a line. Unknown fields are kept out of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct LineHeader<'a> {
    /// `RUN_ID:SEQ`.
    pub event_id: &'a str,
    /// For example `run.sealed`.
    pub event_type: &'a str,
    /// The run.
    pub run_id: &'a str,
    /// The event's place in the log.
    pub seq: u64,
    /// The first 16 hex digits of the hash before this line.
    pub chain: &'a str,
    /// All of the hash before this line, where the line carries it.
    #[serde(default)]
    pub log_hash: Option<&'a str>,
    /// The epoch, where the line carries one.
    #[serde(default)]
    pub epoch: Option<u32>,
    /// Whether the decision goes on in the next line.
    #[serde(default)]
    pub more: bool,
}

/// Why a line's header cannot be read, and at which byte of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// Reads `T` from a line, which must be UTF-8 throughout.
pub(crate) fn decode<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Unreadable> {
    let text = core::str::from_utf8(line).map_err(|error| Unreadable {
        at: error.valid_up_to(),
        message: String::from("not UTF-8"),
    })?;
    serde_json::from_str(text).map_err(|error| Unreadable {
        at: if error.is_eof() {
            line.len()
        } else {
            error.column().saturating_sub(1)
        },
        message: message(&error),
    })
}

/// serde_json ends its messages with `at line 1 column n`; we say where in
/// terms of the whole file.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].into(),
        None => text,
    }
}

impl<'a> LineHeader<'a> {
    /// Reads the header of a line, given without its newline; `None` when the
    /// line is no event.
    #[must_use]
    pub fn decode(line: &'a [u8]) -> Option<Self> {
        decode(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::cut(r#"{"a":"#, 5, "EOF while parsing a value")]
    #[case::empty("", 0, "EOF while parsing a value")]
    #[case::two_in_a_line("{}{}", 2, "trailing characters")]
    #[case::a_bad_word(r#"{"a":tru1}"#, 8, "expected ident")]
    fn says_where_reading_stopped(#[case] line: &str, #[case] at: usize, #[case] message: &str) {
        #[derive(Debug, Deserialize)]
        struct Anything {}
        let error = decode::<Anything>(line.as_bytes()).unwrap_err();
        assert_eq!((error.at, &*error.message), (at, message));
    }

    #[test]
    fn a_field_given_twice_is_refused() {
        let line =
            br#"{"event_id":"r:0","event_type":"a","run_id":"r","seq":0,"seq":1,"chain":"c"}"#;
        assert_eq!(LineHeader::decode(line), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_where_they_are() {
        let error = decode::<LineHeader<'_>>(b"{\"reason\":\"\xff\"}").unwrap_err();
        assert_eq!((error.at, &*error.message), (11, "not UTF-8"));
    }
}
