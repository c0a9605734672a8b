//! Numbers of JSON text that would not be kept as they are written. A reader
//! that rounds them says nothing of it, so they are found in the text itself.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::Number;

/// The place in a JSON text, as a JSON pointer, of the first number that has
/// more digits than 64 bits keep. What is no JSON is somebody else's business.
#[must_use]
pub fn inexact_number(json: &str) -> Option<String> {
    let mut place = Vec::new();
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => text_length(rest),
            '-' | '0'..='9' => number_length(rest),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        match first {
            '{' => place.push(Step::Key(token)),
            '[' => place.push(Step::Index(0)),
            '}' | ']' => drop(place.pop()),
            ',' => {
                if let Some(Step::Index(at)) = place.last_mut() {
                    *at += 1;
                }
            }
            '"' if after.trim_start().starts_with(':') => {
                if let Some(Step::Key(key)) = place.last_mut() {
                    *key = token;
                }
            }
            '-' | '0'..='9' if !is_exact(token) => return Some(pointer(&place)),
            _ => {}
        }
        rest = after;
    }
    None
}

/// Whether a number is kept as it is written: a whole number of 64 bits; or
/// one whose double is written with the same digits again, in as few as tell
/// it from every other or in all 17. Where two of the shortest are as near,
/// writers differ in which they take: the even one, or the one farther from zero.
pub(crate) fn is_exact(number: &str) -> bool {
    let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    }
    let Ok(double) = number.parse::<f64>() else {
        return false;
    };
    let written = decimal(number);
    let even = || Number::from_f64(double).and_then(|number| decimal(&number.to_string()));
    written.is_some()
        && (written == decimal(&format!("{double:e}"))
            || written == decimal(&format!("{double:.16e}"))
            || written == even())
}

/// A number's digits without zeros at either end, and the power of ten of the
/// last one.
fn decimal(number: &str) -> Option<(String, i64)> {
    let number = number.strip_prefix(['-', '+']).unwrap_or(number);
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    if digits.is_empty() {
        return Some((String::new(), 0));
    }
    let exponent: i64 = exponent.parse().ok()?;
    let dropped = i64::try_from(all.len() - digits.len()).ok()?;
    let power = exponent
        .checked_sub_unsigned(fraction.len() as u64)?
        .checked_add(dropped)?;
    Some((digits.trim_start_matches('0').to_string(), power))
}

/// One step of a place: of an object, the key as it is written.
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

fn pointer(place: &[Step<'_>]) -> String {
    let steps = place.iter().map(|step| match step {
        Step::Index(at) => format!("/{at}"),
        Step::Key(key) => {
            let key: String = serde_json::from_str(key).unwrap_or_default();
            format!("/{}", key.replace('~', "~0").replace('/', "~1"))
        }
    });
    steps.collect()
}

fn number_length(text: &str) -> usize {
    let ends = |c: char| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-');
    text.find(ends).unwrap_or(text.len())
}

/// The length of a text with its quotes.
fn text_length(text: &str) -> usize {
    let mut escaped = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("0")]
    #[case("-9223372036854775808")]
    #[case("18446744073709551615")]
    #[case("0.1")]
    #[case("-0.0")]
    #[case("1.500")]
    #[case("1e3")]
    #[case("1E-7")]
    #[case("1.7976931348623157e308")]
    #[case::all_seventeen_digits("0.10000000000000001")]
    #[case("100000000000000000000.0")]
    #[case("0e999999999999999999999")]
    #[case::as_near_and_even("-76878210872300.12")]
    #[case::as_near_and_odd("-76878210872300.13")]
    fn kept(#[case] number: &str) {
        assert_eq!(inexact_number(number), None);
    }

    #[rstest]
    #[case("18446744073709551616")]
    #[case("-9223372036854775809")]
    #[case("9007199254740993.0")]
    #[case("0.10000000000000000555")]
    #[case("0.12345678901234567")]
    #[case("1e-400")]
    #[case("1e400")]
    #[case("1e99999999999999999999")]
    fn rounded(#[case] number: &str) {
        assert_eq!(inexact_number(number), Some(String::new()));
    }

    #[rstest]
    #[case(r#"{"a": {"b": [1, "2", {"c": 1e400}]}}"#, "/a/b/2/c")]
    #[case(r#"{"a": [[1], 2, 1e400], "b": 1}"#, "/a/2")]
    #[case(r#"{"1e400": "1e400 \" 1e400", "a/b~": 1e400}"#, "/a~1b~0")]
    #[case(r#"{"a": "x, [", "q\"\\": 1e400}"#, "/q\"\\")]
    fn the_place_is_told(#[case] json: &str, #[case] place: &str) {
        assert_eq!(inexact_number(json).as_deref(), Some(place));
    }

    proptest! {
        #[test]
        fn what_a_program_writes_of_a_double_is_kept(
            double in prop_oneof![
                proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL,
                // Where two of the shortest are often as near.
                1e13..1e16,
            ],
        ) {
            let shortest = format!("{double:e}");
            let full = format!("{double:.16e}");
            let json = serde_json::json!(double).to_string();
            for written in [shortest, full, json] {
                prop_assert!(is_exact(&written), "{}", written);
                let read: f64 = serde_json::from_str(&written).expect("a number");
                prop_assert_eq!(read.to_bits(), double.to_bits(), "{}", written);
            }
        }
    }
}
