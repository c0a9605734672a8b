//! What must hold of `request`, case by case.

use super::*;
use rstest::rstest;

#[rstest]
#[case("1970-01-01T00:00:00Z", 0, 4)]
#[case("1969-12-31T23:59:59Z", 23, 3)]
#[case("2026-02-16T23:05:12Z", 23, 1)]
#[case("2026-02-20T09:00:00Z", 9, 5)]
#[case("2026-02-22T12:30:00Z", 12, 7)]
fn hours_and_weekdays(#[case] at: &str, #[case] hour: i64, #[case] weekday: i64) {
    let at = Timestamp::parse_rfc3339(at).unwrap();
    assert_eq!(hour_and_weekday(at), (hour, weekday));
}
