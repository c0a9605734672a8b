//! Laws, over random looks at random schedules: restarts, downtime, clocks that
//! are set back, both changes of the clock in several zones.

use super::*;
use alloc::collections::BTreeMap;
use proptest::prelude::*;

/// Around both changes of the clock of each zone.
const CHANGES: &[(&str, &str)] = &[
    ("Europe/Berlin", "2024-03-31T01:00:00Z"),
    ("Europe/Berlin", "2024-10-27T01:00:00Z"),
    ("America/New_York", "2024-03-10T07:00:00Z"),
    ("America/New_York", "2024-11-03T06:00:00Z"),
    ("Australia/Lord_Howe", "2024-10-05T15:30:00Z"),
    ("Australia/Lord_Howe", "2024-04-06T15:00:00Z"),
    ("America/Santiago", "2024-09-08T04:00:00Z"),
    ("America/Santiago", "2024-04-07T03:00:00Z"),
];

const CRONS: &[&str] = &[
    "30 2 * * *",
    "*/20 * * * *",
    "15 1-3 * * *",
    "0 0 * * *",
    "5,35 * * * *",
];

const HOUR: i64 = 3_600_000;

fn of(cron: &str, zone: &str, keys: &str) -> Schedule {
    let text =
        format!("schedule: s\nplan: p\ncron: '{cron}'\ntimezone: {zone}\n{keys}for_each: [a, b]\n");
    crate::parse(text.as_bytes(), "s.yaml").expect("a schedule")
}

/// One look: how much later (or earlier) it is, what ends before it, whether
/// the process dies before its decision is durable, and whether it is read back.
#[derive(Debug, Clone)]
struct Look {
    minutes: i64,
    ends: bool,
    dies: bool,
    restarts: bool,
}

fn looks() -> impl Strategy<Value = Vec<Look>> {
    let minutes = prop_oneof![6 => 0i64..30, 2 => 30i64..1500, 1 => -90i64..0];
    let look = (minutes, any::<bool>(), any::<bool>(), any::<bool>());
    let look = look.prop_map(|(minutes, ends, dies, restarts)| Look {
        minutes,
        ends,
        dies,
        restarts,
    });
    prop::collection::vec(look, 1..60)
}

/// Plays looks from twelve hours before a change of the clock, then lets
/// everything end. Gives each firing that was on order and how often, and the
/// last state.
fn play(
    schedule: &Schedule,
    change: Timestamp,
    looks: &[Look],
) -> (BTreeMap<String, usize>, State) {
    let items = schedule.items().expect("a list");
    let begin = Timestamp::from_millis(change.as_millis() - 12 * HOUR);
    let mut state = State::new(schedule, begin);
    let mut now = begin;
    let mut fired = BTreeMap::new();
    let settle = |state: &mut State, now, fired: &mut BTreeMap<String, usize>| {
        let effects = core::mem::take(&mut state.outbox);
        for effect in &effects {
            if let Effect::Submit(firing) = effect {
                *fired.entry(firing.key(&schedule.id)).or_default() += 1;
                assert!(schedule.starts_at(firing.due) <= now || firing.due <= state.cursor);
            }
        }
    };
    for look in looks {
        now = Timestamp::from_millis(now.as_millis() + look.minutes * 60_000);
        if look.ends {
            let runs: Vec<_> = state.running.values().map(|r| r.run.clone()).collect();
            state.ended(&runs);
        }
        let next = decide(schedule, &state, now, &items);
        assert!(next.cursor >= state.cursor, "it never goes back");
        let again = decide(schedule, &state, now, &items);
        assert_eq!(next, again, "the same comes to the same");
        assert_eq!(decide(schedule, &next, now, &items), next, "once");
        if look.dies {
            continue;
        }
        state = next;
        settle(&mut state, now, &mut fired);
        if look.restarts {
            let text = serde_json::to_string(&state).expect("it is written");
            state = serde_json::from_str(&text).expect("it is read back");
        }
    }
    while !state.running.is_empty() || !state.waiting.is_empty() {
        let runs: Vec<_> = state.running.values().map(|r| r.run.clone()).collect();
        state.ended(&runs);
        let later = now.max(state.cursor);
        state = decide(schedule, &state, later, &items);
        settle(&mut state, later, &mut fired);
    }
    (fired, state)
}

/// The keys of everything that is due after one instant, up to and with
/// another.
fn keys(schedule: &Schedule, after: Timestamp, upto: Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = after;
    while let Some(due) = schedule.next_due(at).filter(|due| *due <= upto) {
        for item in schedule.items().expect("a list") {
            found.push(Firing::new(due, item, Cause::Due).key(&schedule.id));
        }
        at = due;
    }
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// With `all`, each due time up to the cursor has its firing for each item,
    /// once: through downtime, restarts and clocks that are set back.
    #[test]
    fn none_is_lost_and_none_comes_twice(
        change in prop::sample::select(CHANGES),
        cron in prop::sample::select(CRONS),
        jitter in prop::sample::select(vec!["0s", "7m"]),
        looks in looks(),
    ) {
        let keys_of = format!("overlap: queue\ncatch_up: all\ncatch_up_max: 1000\njitter: {jitter}\n");
        let schedule = of(cron, change.0, &keys_of);
        let begin = Timestamp::from_millis(at(change.1).as_millis() - 12 * HOUR);
        let (fired, state) = play(&schedule, at(change.1), &looks);
        prop_assert!(fired.values().all(|count| *count == 1), "{fired:?}");
        let fired: Vec<_> = fired.into_keys().collect();
        prop_assert_eq!(fired, keys(&schedule, begin, state.cursor));
    }

    /// Whatever the policies are, no firing comes twice, and each is on record
    /// as one that started or as one that did not.
    #[test]
    fn each_is_started_or_skipped(
        change in prop::sample::select(CHANGES),
        cron in prop::sample::select(CRONS),
        overlap in prop::sample::select(vec!["skip", "queue", "cancel_previous"]),
        catch_up in prop::sample::select(vec!["none", "latest"]),
        looks in looks(),
    ) {
        let schedule = of(cron, change.0, &format!("overlap: {overlap}\ncatch_up: {catch_up}\n"));
        let begin = Timestamp::from_millis(at(change.1).as_millis() - 12 * HOUR);
        let (fired, state) = play(&schedule, at(change.1), &looks);
        prop_assert!(fired.values().all(|count| *count == 1), "{fired:?}");
        let all = keys(&schedule, begin, state.cursor);
        prop_assert!(fired.keys().all(|key| all.contains(key)));
        if state.recent.len() < crate::state::RECENT {
            let skipped = state.recent.iter().filter(|record| record.what == What::Skipped);
            let skipped: usize = skipped.map(|record| record.count).sum();
            prop_assert_eq!(fired.len() + skipped, all.len());
        }
    }

    /// Looks that come in other portions come to the same firings.
    #[test]
    fn downtime_changes_no_key(
        change in prop::sample::select(CHANGES),
        cron in prop::sample::select(CRONS),
        looks in looks(),
    ) {
        let schedule = of(cron, change.0, "overlap: queue\ncatch_up: all\ncatch_up_max: 1000\n");
        let alive: Vec<_> = looks.iter().map(|look| Look { dies: false, ..look.clone() }).collect();
        let now = alive.iter().scan(0, |now, look| { *now += look.minutes; Some(*now) });
        let latest = now.max().unwrap_or(0).max(0);
        let once = [Look { minutes: latest, ends: false, dies: false, restarts: true }];
        let (left, _) = play(&schedule, at(change.1), &alive);
        let (right, _) = play(&schedule, at(change.1), &once);
        prop_assert_eq!(left, right);
    }
}

/// Down from an hour before a change until three hours after it: the firings
/// are those of a night without downtime.
#[rstest]
#[case("30 2 * * *", "Europe/Berlin", "2024-03-31T01:00:00Z", &["2024-03-31T03:00:00+02:00"])]
#[case("30 2 * * *", "Europe/Berlin", "2024-10-27T01:00:00Z", &["2024-10-27T02:30:00+02:00"])]
#[case("30 1 * * *", "America/New_York", "2024-11-03T06:00:00Z", &["2024-11-03T01:30:00-04:00"])]
#[case("30 2 * * *", "America/New_York", "2024-03-10T07:00:00Z", &["2024-03-10T03:00:00-04:00"])]
#[case("15 2 * * *", "Australia/Lord_Howe", "2024-10-05T15:30:00Z", &["2024-10-06T02:30:00+11:00"])]
#[case("45 1 * * *", "Australia/Lord_Howe", "2024-04-06T15:00:00Z", &["2024-04-07T01:45:00+11:00"])]
#[case("15 * * * *", "Europe/Berlin", "2024-03-31T01:00:00Z",
    &["2024-03-31T01:15:00+01:00", "2024-03-31T03:15:00+02:00", "2024-03-31T04:15:00+02:00", "2024-03-31T05:15:00+02:00"])]
#[case("15 * * * *", "Europe/Berlin", "2024-10-27T01:00:00Z",
    &["2024-10-27T02:15:00+02:00", "2024-10-27T02:15:00+01:00", "2024-10-27T03:15:00+01:00", "2024-10-27T04:15:00+01:00"])]
fn downtime_across_a_change(
    #[case] cron: &str,
    #[case] zone: &str,
    #[case] change: &str,
    #[case] expected: &[&str],
) {
    let schedule = of(cron, zone, "catch_up: all\n");
    let hours = |hours: i64| Timestamp::from_millis(at(change).as_millis() + hours * HOUR);
    let state = State::new(&schedule, hours(-1));
    let items = schedule.items().expect("a list");
    let decided = decide(&schedule, &state, hours(3), &items);
    let firings = decided.outbox.iter().filter_map(|effect| match effect {
        Effect::Submit(firing) => Some(firing),
        Effect::Cancel(_) => None,
    });
    let firings = firings.chain(&decided.waiting);
    let firings = firings.filter(|firing| firing.item == items[0]);
    let dues: Vec<_> = firings.map(|f| schedule.zone.local(f.due)).collect();
    assert_eq!(dues, expected);
}
