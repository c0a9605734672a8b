//! A calendar day, for an exception's expiry.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A day, compared as a calendar does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A day that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no day; write YYYY-MM-DD")]
pub struct DateError(String);

impl Date {
    /// The day, if the calendar has it.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self, DateError> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => 0,
        };
        if day == 0 || day > days || year > 9999 {
            return Err(DateError(format!("{year:04}-{month:02}-{day:02}")));
        }
        Ok(Self { year, month, day })
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let fault = || DateError(text.to_owned());
        let mut parts = text.split('-');
        let mut number = |width: usize| {
            let part = parts
                .next()
                .filter(|p| p.len() == width && p.bytes().all(|b| b.is_ascii_digit()));
            part.and_then(|p| p.parse::<u16>().ok()).ok_or_else(fault)
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        if parts.next().is_some() {
            return Err(fault());
        }
        let small = |n: u16| u8::try_from(n).map_err(|_| fault());
        Self::new(year, small(month)?, small(day)?).map_err(|_| fault())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Date;

    #[rstest]
    #[case("2026-11-21", true)]
    #[case("2024-02-29", true)]
    #[case("2026-02-29", false)]
    #[case("2026-13-01", false)]
    #[case("2026-00-01", false)]
    #[case("2026-1-1", false)]
    #[case("2026-11-21-1", false)]
    #[case("+026-11-21", false)]
    #[case("soon", false)]
    fn a_day_is_what_the_calendar_has(#[case] text: &str, #[case] good: bool) {
        assert_eq!(text.parse::<Date>().is_ok(), good, "{text}");
    }

    #[test]
    fn days_are_ordered_as_in_a_calendar() {
        let day = |t: &str| t.parse::<Date>().unwrap();
        assert!(day("2026-09-30") < day("2026-10-01"));
        assert!(day("2025-12-31") < day("2026-01-01"));
        assert_eq!(day("2026-10-01").to_string(), "2026-10-01");
    }
}
