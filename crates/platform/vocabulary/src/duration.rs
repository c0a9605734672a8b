//! Durations as people write them: a number with a unit, `90s`, `1h30m`.

use alloc::string::{String, ToString};
use core::fmt::Write as _;
use core::time::Duration;

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no duration: {why} (write for example 500ms, 60s, 10m, 2h, 7d or 1h30m)")]
pub struct DurationError {
    /// The text that was met.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// A hundred years: longer durations are a slip of the pen.
const MAX_MS: u64 = 100 * 366 * 86_400_000;

/// Reads a duration such as `500ms`, `60s`, `10m`, `2h`, `7d`, `1h30m`.
/// A number without a unit is an error.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = |why| DurationError {
        text: text.chars().take(80).collect(),
        why,
    };
    let mut rest = text;
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(error("it is empty"));
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(error("a whole number must come first"));
        }
        let number: u64 = rest[..digits]
            .parse()
            .map_err(|_| error("the number is too large"))?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = &rest[..letters];
        let &(_, factor) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| {
                error(if unit.is_empty() {
                    "the unit is missing"
                } else {
                    "the unit is unknown"
                })
            })?;
        total = number
            .checked_mul(factor)
            .and_then(|ms| total.checked_add(ms))
            .filter(|ms| *ms <= MAX_MS)
            .ok_or_else(|| error("it is longer than a hundred years"))?;
        rest = &rest[letters..];
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration in the form that [`parse_duration`] reads, `1h30m`.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_string();
    }
    let mut out = String::new();
    for (unit, factor) in UNITS.iter().rev() {
        if ms >= *factor {
            let _ = write!(out, "{}{unit}", ms / factor);
            ms %= factor;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("500ms", 500)]
    #[case("60s", 60_000)]
    #[case("1h30m", 5_400_000)]
    #[case("7d", 604_800_000)]
    fn durations(#[case] text: &str, #[case] ms: u64) {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)));
    }

    #[rstest]
    #[case("")]
    #[case("60")]
    #[case("s")]
    #[case("60 s")]
    #[case("1.5h")]
    #[case("-1s")]
    #[case("99999999999999999999s")]
    #[case("40000d")]
    #[case("5parsecs")]
    fn no_durations(#[case] text: &str) {
        assert!(parse_duration(text).is_err(), "{text:?}");
    }

    proptest! {
        #[test]
        fn format_and_parse_are_inverse(ms in 0_u64..MAX_MS) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
