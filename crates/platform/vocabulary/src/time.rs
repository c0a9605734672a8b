//! Instants as milliseconds since the Unix epoch, printed as RFC 3339 in UTC.
//! The proleptic Gregorian calendar arithmetic is Howard Hinnant's
//! `days_from_civil` and its inverse.

use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MS_PER_DAY: i64 = 86_400_000;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// A text that is no RFC 3339 instant in UTC with milliseconds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 instant such as 2026-02-16T23:05:12.000Z")]
pub struct TimeError;

impl Timestamp {
    /// The instant `ms` milliseconds after the Unix epoch, held within the
    /// years 0000 to 9999, which RFC 3339 can print.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        const MIN: i64 = -62_167_219_200_000;
        const MAX: i64 = 253_402_300_799_999;
        Self(if ms < MIN {
            MIN
        } else if ms > MAX {
            MAX
        } else {
            ms
        })
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This instant and `duration` later; saturates at the year 9999.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(ms))
    }

    /// The time from `earlier` to this instant; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The 24 bytes `2026-02-16T23:05:12.000Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> [u8; 24] {
        let (year, month, day) = civil(self.0.div_euclid(MS_PER_DAY));
        let ms = self.0.rem_euclid(MS_PER_DAY);
        let (seconds, ms) = (ms / 1000, ms % 1000);
        let mut out = *b"0000-00-00T00:00:00.000Z";
        digits(&mut out[0..4], year);
        digits(&mut out[5..7], month);
        digits(&mut out[8..10], day);
        digits(&mut out[11..13], seconds / 3600);
        digits(&mut out[14..16], seconds / 60 % 60);
        digits(&mut out[17..19], seconds % 60);
        digits(&mut out[20..23], ms);
        out
    }

    /// Reads `YYYY-MM-DDTHH:MM:SS[.f{1,3}]Z`.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        let b = text.as_bytes();
        let fraction = match b.len() {
            20 => 0,
            22..=24 if b[19] == b'.' => {
                let digits = &b[20..b.len() - 1];
                number(digits)? * [100, 10, 1][digits.len() - 1]
            }
            _ => return Err(TimeError),
        };
        let separators = [
            (4, b'-'),
            (7, b'-'),
            (10, b'T'),
            (13, b':'),
            (16, b':'),
            (b.len() - 1, b'Z'),
        ];
        if separators.iter().any(|&(at, byte)| b[at] != byte) {
            return Err(TimeError);
        }
        let (year, month, day) = (number(&b[0..4])?, number(&b[5..7])?, number(&b[8..10])?);
        let (hour, minute, second) = (
            number(&b[11..13])?,
            number(&b[14..16])?,
            number(&b[17..19])?,
        );
        let days = days(year, month, day);
        if civil(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
            return Err(TimeError);
        }
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
        Ok(Self(seconds * 1000 + fraction))
    }
}

fn digits(out: &mut [u8], mut value: i64) {
    for byte in out.iter_mut().rev() {
        *byte = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn number(digits: &[u8]) -> Result<i64, TimeError> {
    digits.iter().try_fold(0, |sum, b| {
        b.is_ascii_digit()
            .then(|| sum * 10 + i64::from(b - b'0'))
            .ok_or(TimeError)
    })
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era_days = z.rem_euclid(146_097);
    let of_era =
        (of_era_days - of_era_days / 1460 + of_era_days / 36_524 - of_era_days / 146_096) / 365;
    let of_year = of_era_days - (365 * of_era + of_era / 4 - of_era / 100);
    let mp = (5 * of_year + 2) / 153;
    let day = of_year - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_rfc3339();
        f.pad(core::str::from_utf8(&text).expect("digits and separators are ASCII"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.to_rfc3339();
        serializer.serialize_str(core::str::from_utf8(&text).expect("digits are ASCII"))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("1970-01-01T00:00:00.000Z", 0)]
    #[case("2000-02-29T23:59:59.999Z", 951_868_799_999)]
    #[case("1969-12-31T23:59:59.999Z", -1)]
    #[case("2026-02-16T23:05:12.000Z", 1_771_283_112_000)]
    fn known_instants(#[case] text: &str, #[case] ms: i64) {
        assert_eq!(
            Timestamp::parse_rfc3339(text),
            Ok(Timestamp::from_millis(ms))
        );
        assert_eq!(Timestamp::from_millis(ms).to_string(), text);
    }

    #[rstest]
    #[case("2026-02-30T00:00:00.000Z")]
    #[case("2026-02-16T24:00:00.000Z")]
    #[case("2026-02-16 23:05:12.000Z")]
    #[case("2026-02-16T23:05:12.000")]
    #[case("2026-02-16T23:05:12+00:00")]
    #[case("")]
    fn no_instants(#[case] text: &str) {
        assert_eq!(Timestamp::parse_rfc3339(text), Err(TimeError));
    }

    proptest! {
        #[test]
        fn print_and_parse_are_inverse(ms in -62_167_219_200_000_i64..=253_402_300_799_999) {
            let t = Timestamp::from_millis(ms);
            prop_assert_eq!(Timestamp::parse_rfc3339(&t.to_string()), Ok(t));
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,30}") {
            let _ = Timestamp::parse_rfc3339(&text);
        }
    }
}
