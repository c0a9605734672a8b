//! Due times over both changes of the clock: a local time is served once, or by
//! the time that passes, as its expression asks; none is lost.

use super::*;
use alloc::vec;
use rstest::rstest;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("an instant")
}

/// Every time that is due between two instants, as the zone's clock shows it.
fn due(cron: &str, zone: &str, after: &str, until: &str) -> Vec<String> {
    let (cron, zone) = (Cron::parse(cron).unwrap(), Zone::named(zone).unwrap());
    let mut found = Vec::new();
    let mut from = at(after);
    while let Some(next) = cron.next(&zone, from).filter(|next| *next < at(until)) {
        found.push(zone.local(next));
        from = next;
    }
    found
}

/// Where the clock goes forward: 31 March 2024 at 02:00 in Berlin, 10 March at
/// 02:00 in New York, 6 October at 02:00 (by half an hour) on Lord Howe Island,
/// 8 September at 00:00 in Santiago.
#[rstest]
// A named hour is served once, as soon as the clock goes on.
#[case("30 2 * * *", "Europe/Berlin", "2024-03-30T12:00:00Z", "2024-04-01T12:00:00Z",
    &["2024-03-31T03:00:00+02:00", "2024-04-01T02:30:00+02:00"])]
#[case("30 2 * * *", "America/New_York", "2024-03-09T12:00:00Z", "2024-03-11T12:00:00Z",
    &["2024-03-10T03:00:00-04:00", "2024-03-11T02:30:00-04:00"])]
#[case("15 2 * * *", "Australia/Lord_Howe", "2024-10-05T12:00:00Z", "2024-10-06T18:00:00Z",
    &["2024-10-06T02:30:00+11:00", "2024-10-07T02:15:00+11:00"])]
#[case("0 0 * * *", "America/Santiago", "2024-09-07T12:00:00Z", "2024-09-09T12:00:00Z",
    &["2024-09-08T01:00:00-03:00", "2024-09-09T00:00:00-03:00"])]
// Half past is on the clock of Lord Howe Island that day.
#[case("30 2 * * *", "Australia/Lord_Howe", "2024-10-05T12:00:00Z", "2024-10-06T12:00:00Z",
    &["2024-10-06T02:30:00+11:00"])]
// Several skipped times are one firing, and one that is on the clock joins them.
#[case("*/15 2-3 * * *", "Europe/Berlin", "2024-03-31T00:00:00Z", "2024-03-31T02:00:00Z",
    &["2024-03-31T03:00:00+02:00", "2024-03-31T03:15:00+02:00",
      "2024-03-31T03:30:00+02:00", "2024-03-31T03:45:00+02:00"])]
// Every hour is its hour: nothing is made up for the one that is skipped.
#[case("30 * * * *", "Europe/Berlin", "2024-03-31T00:00:00Z", "2024-03-31T02:00:00Z",
    &["2024-03-31T01:30:00+01:00", "2024-03-31T03:30:00+02:00"])]
#[case("*/15 * * * *", "Australia/Lord_Howe", "2024-10-05T15:10:00Z", "2024-10-05T15:50:00Z",
    &["2024-10-06T01:45:00+10:30", "2024-10-06T02:30:00+11:00", "2024-10-06T02:45:00+11:00"])]
#[case("@hourly", "America/Santiago", "2024-09-08T02:30:00Z", "2024-09-08T05:30:00Z",
    &["2024-09-07T23:00:00-04:00", "2024-09-08T01:00:00-03:00", "2024-09-08T02:00:00-03:00"])]
fn a_skipped_local_time(
    #[case] cron: &str,
    #[case] zone: &str,
    #[case] after: &str,
    #[case] until: &str,
    #[case] expected: &[&str],
) {
    assert_eq!(due(cron, zone, after, until), expected);
}

/// Where the clock goes back: 27 October 2024 at 03:00 in Berlin, 3 November at
/// 02:00 in New York, 7 April at 02:00 (by half an hour) on Lord Howe Island,
/// 7 April at 00:00 in Santiago (so 6 April has 23:00 twice).
#[rstest]
// A named hour is served once, the first time.
#[case("30 2 * * *", "Europe/Berlin", "2024-10-26T12:00:00Z", "2024-10-28T12:00:00Z",
    &["2024-10-27T02:30:00+02:00", "2024-10-28T02:30:00+01:00"])]
#[case("30 1 * * *", "America/New_York", "2024-11-02T12:00:00Z", "2024-11-04T12:00:00Z",
    &["2024-11-03T01:30:00-04:00", "2024-11-04T01:30:00-05:00"])]
#[case("45 1 * * *", "Australia/Lord_Howe", "2024-04-06T12:00:00Z", "2024-04-07T18:00:00Z",
    &["2024-04-07T01:45:00+11:00", "2024-04-08T01:45:00+10:30"])]
#[case("30 23 * * *", "America/Santiago", "2024-04-06T12:00:00Z", "2024-04-08T06:00:00Z",
    &["2024-04-06T23:30:00-03:00", "2024-04-07T23:30:00-04:00"])]
#[case("*/30 1-2 * * *", "America/New_York", "2024-11-03T04:00:00Z", "2024-11-03T08:00:00Z",
    &["2024-11-03T01:00:00-04:00", "2024-11-03T01:30:00-04:00",
      "2024-11-03T02:00:00-05:00", "2024-11-03T02:30:00-05:00"])]
// Every hour is its hour: a repeated one has its firings twice.
#[case("30 * * * *", "Europe/Berlin", "2024-10-27T00:00:00Z", "2024-10-27T02:00:00Z",
    &["2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00"])]
#[case("*/15 * * * *", "Australia/Lord_Howe", "2024-04-06T14:40:00Z", "2024-04-06T15:40:00Z",
    &["2024-04-07T01:45:00+11:00", "2024-04-07T01:30:00+10:30",
      "2024-04-07T01:45:00+10:30", "2024-04-07T02:00:00+10:30"])]
#[case("@hourly", "America/Santiago", "2024-04-07T01:30:00Z", "2024-04-07T04:30:00Z",
    &["2024-04-06T23:00:00-03:00", "2024-04-06T23:00:00-04:00", "2024-04-07T00:00:00-04:00"])]
fn a_repeated_local_time(
    #[case] cron: &str,
    #[case] zone: &str,
    #[case] after: &str,
    #[case] until: &str,
    #[case] expected: &[&str],
) {
    assert_eq!(due(cron, zone, after, until), expected);
}

/// Samoa went over the date line: 30 December 2011 was no day there.
#[test]
fn a_day_that_is_skipped_whole() {
    let found = due(
        "0 9 * * *",
        "Pacific/Apia",
        "2011-12-29T00:00:00Z",
        "2011-12-31T12:00:00Z",
    );
    let expected = [
        "2011-12-29T09:00:00-10:00",
        "2011-12-31T00:00:00+14:00",
        "2011-12-31T09:00:00+14:00",
    ];
    assert_eq!(found, expected);
}

/// In the middle of a repeated hour nothing that was served comes again.
#[rstest]
#[case("2024-10-27T00:29:59Z", "2024-10-27T00:30:00Z")]
#[case("2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z")]
#[case("2024-10-27T01:10:00Z", "2024-10-28T01:30:00Z")]
#[case("2024-10-27T01:30:00Z", "2024-10-28T01:30:00Z")]
fn the_second_pass_of_an_hour(#[case] after: &str, #[case] expected: &str) {
    let (cron, zone) = (
        Cron::parse("30 2 * * *").unwrap(),
        Zone::named("Europe/Berlin").unwrap(),
    );
    assert_eq!(cron.next(&zone, at(after)), Some(at(expected)));
}

#[rstest]
#[case("*/10 * * * * *", "2026-01-01T00:00:00.500Z", "2026-01-01T00:00:10Z")]
#[case("*/10 * * * * *", "2025-12-31T23:59:59.999Z", "2026-01-01T00:00:00Z")]
#[case("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z")]
#[case("0 12 * * MON#2", "2026-11-01T00:00:00Z", "2026-11-09T12:00:00Z")]
#[case("0 12 L * *", "2026-02-01T00:00:00Z", "2026-02-28T12:00:00Z")]
#[case("@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")]
fn the_next_time(#[case] cron: &str, #[case] after: &str, #[case] expected: &str) {
    let cron = Cron::parse(cron).unwrap();
    assert_eq!(cron.next(&Zone::utc(), at(after)), Some(at(expected)));
}

#[rstest]
#[case("0 0 30 2 *", "it is never due")]
#[case("* * *", "it has 3 fields")]
#[case("0 0 0 1 1 * 2026", "it has 7 fields")]
#[case("61 * * * *", "it is no cron expression: ")]
#[case("@fortnightly", "it is no cron expression: ")]
#[case("", "it has 0 fields")]
fn no_expression(#[case] text: &str, #[case] told: &str) {
    let error = Cron::parse(text).unwrap_err().to_string();
    assert!(error.starts_with(told), "{error}");
}

#[test]
fn the_last_ones_do_not_cost_the_first_ones() {
    let cron = Cron::parse("* * * * * *").unwrap();
    let found = cron.last(
        &Zone::utc(),
        at("1990-01-01T00:00:00Z"),
        at("2026-01-01T00:00:00Z"),
        2,
    );
    assert_eq!(
        found,
        vec![at("2025-12-31T23:59:59Z"), at("2026-01-01T00:00:00Z")]
    );
    let yearly = Cron::parse("@yearly").unwrap();
    let found = yearly.last(
        &Zone::utc(),
        at("2024-01-01T00:00:00Z"),
        at("2026-06-01T00:00:00Z"),
        9,
    );
    assert_eq!(
        found,
        vec![at("2025-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")]
    );
}

#[test]
fn zones_have_names() {
    assert_eq!(
        Zone::named("europe/berlin").unwrap().name(),
        "Europe/Berlin"
    );
    assert!(Zone::named("Europe/Atlantis").is_err());
    assert!(
        Zone::names()
            .iter()
            .any(|name| name == "Australia/Lord_Howe")
    );
    let date = Zone::named("Pacific/Auckland")
        .unwrap()
        .date(at("2026-01-01T12:00:00Z"));
    assert_eq!(date, "2026-01-02");
}
