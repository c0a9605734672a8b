//! The policies, one by one; the laws are in `laws.rs`.

use super::*;
use crate::state::Done;
use alloc::borrow::ToOwned;
use alloc::string::ToString;
use alloc::{format, vec};
use rok_vocabulary::RunId;
use rstest::rstest;

mod laws;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("an instant")
}

/// A schedule of every ten minutes, with these keys besides.
fn schedule(keys: &str) -> Schedule {
    let text = format!("schedule: s\nplan: p.yaml\ncron: '*/10 * * * *'\n{keys}");
    crate::parse(text.as_bytes(), "s.yaml").expect("a schedule")
}

fn asked() -> Asked {
    Asked {
        by: "user:ada".parse().expect("an actor"),
        reason: None,
    }
}

/// A schedule's state after each of some looks, and what they began.
struct Bench {
    schedule: Schedule,
    items: Vec<Option<Item>>,
    state: State,
    began: Vec<String>,
}

impl Bench {
    fn new(keys: &str) -> Self {
        let schedule = schedule(keys);
        Self {
            items: schedule.items().unwrap_or_default(),
            state: State::new(&schedule, at("2026-03-01T08:05:00Z")),
            schedule,
            began: Vec::new(),
        }
    }

    /// Looks at a minute past eight, and does what is on order.
    fn look(&mut self, minute: u32) -> &mut Self {
        let now = at(&format!("2026-03-01T08:{minute:02}:30Z"));
        self.state = decide(&self.schedule, &self.state, now, &self.items);
        self.deliver(now)
    }

    fn deliver(&mut self, now: Timestamp) -> &mut Self {
        let done = |effect: &Effect| (effect.clone(), Done::Done);
        let done: Vec<_> = self.state.outbox.iter().map(done).collect();
        for (effect, _) in &done {
            self.began.push(match effect {
                Effect::Submit(firing) => {
                    let item = firing.item.as_ref().map(Item::label);
                    let cause = firing.cause.as_str();
                    format!(
                        "{cause} {}{}",
                        &firing.due.to_string()[11..16],
                        item.map(|item| format!(" {item}")).unwrap_or_default()
                    )
                }
                Effect::Cancel(_) => "cancel".to_owned(),
            });
        }
        self.state.delivered(&self.schedule.id, &done, now);
        self
    }

    /// All that goes on ends.
    fn end(&mut self) -> &mut Self {
        let running = self.state.running.values();
        let runs: Vec<RunId> = running.map(|running| running.run.clone()).collect();
        self.state.ended(&runs);
        self
    }

    fn began(&mut self) -> Vec<String> {
        core::mem::take(&mut self.began)
    }

    fn skipped(&self) -> Vec<(usize, Why)> {
        let recent = self.state.recent.iter();
        let skipped = recent.filter(|record| record.what == What::Skipped);
        skipped
            .map(|record| (record.count, record.why.expect("it says why")))
            .collect()
    }
}

#[test]
fn nothing_is_decided_before_it_is_due() {
    let mut bench = Bench::new("");
    let before = bench.state.clone();
    assert_eq!(bench.look(9).state, before);
    assert_eq!(
        before.wake_at(&bench.schedule),
        Some(at("2026-03-01T08:10:00Z"))
    );
    assert_eq!(bench.look(10).began(), ["due 08:10"]);
    assert_eq!(
        bench.look(10).began(),
        Vec::<String>::new(),
        "it is decided once"
    );
}

#[rstest]
#[case::skip("", &["due 08:10"], &[(2, Why::Overlap)], &["due 08:40"])]
#[case::queue("overlap: queue\n", &["due 08:10"], &[], &["due 08:20"])]
#[case::cancel("overlap: cancel_previous\n", &["due 08:10", "cancel"], &[(1, Why::Superseded)], &["due 08:40"])]
fn an_earlier_run_goes_on(
    #[case] keys: &str,
    #[case] began: &[&str],
    #[case] skipped: &[(usize, Why)],
    #[case] then: &[&str],
) {
    let mut bench = Bench::new(keys);
    assert_eq!(bench.look(10).look(20).look(30).began(), began);
    assert_eq!(bench.skipped(), skipped);
    if then == ["due 08:40"] && keys.contains("cancel") {
        // The cancelled run has ended: the last of those that came meanwhile.
        assert_eq!(bench.end().look(31).began(), ["due 08:30"]);
    }
    assert_eq!(bench.end().look(40).began()[..1], *then);
}

#[rstest]
#[case::none("catch_up: none\n", 55, &[], &[(4, Why::Missed)])]
#[case::latest("", 55, &["catch_up 08:50"], &[(4, Why::Missed)])]
#[case::latest_but_the_next_is_due("", 50, &["due 08:50"], &[(4, Why::Missed)])]
#[case::all("catch_up: all\n", 55, &["catch_up 08:10", "catch_up 08:20", "catch_up 08:30", "catch_up 08:40", "catch_up 08:50"], &[])]
#[case::all_with_what_is_due("catch_up: all\n", 50, &["catch_up 08:10", "catch_up 08:20", "catch_up 08:30", "catch_up 08:40", "due 08:50"], &[])]
#[case::capped("catch_up: all\ncatch_up_max: 2\n", 55, &["catch_up 08:40", "catch_up 08:50"], &[(3, Why::BeyondCap)])]
#[case::within_grace("catch_up: none\ngrace: 10m\n", 45, &["due 08:40"], &[(3, Why::Missed)])]
fn firings_are_missed(
    #[case] keys: &str,
    #[case] minute: u32,
    #[case] began: &[&str],
    #[case] skipped: &[(usize, Why)],
) {
    let mut bench = Bench::new(keys);
    let mut all = bench.look(minute).began();
    while !bench.state.running.is_empty() {
        assert_eq!(bench.state.running.len(), 1, "one after another");
        all.extend(bench.end().look(minute).began());
    }
    assert_eq!(all, began);
    let mut found = bench.skipped();
    if let [(5, Why::Missed)] = found[..] {
        assert!(keys.contains("none"));
        found = vec![(4, Why::Missed)];
    }
    assert_eq!(found, skipped);
}

#[test]
fn each_item_is_judged_alone() {
    let mut bench = Bench::new("for_each: [a, b]\n");
    assert_eq!(bench.look(10).began(), ["due 08:10 a", "due 08:10 b"]);
    let run = bench.state.running["\"a\""].run.clone();
    bench.state.ended(&[run]);
    assert_eq!(bench.look(20).began(), ["due 08:20 a"]);
    let last = bench.state.recent.last().expect("a record");
    assert_eq!(
        (last.why, &last.items[..]),
        (Some(Why::Overlap), &["b".to_owned()][..])
    );

    bench.items.clear();
    assert_eq!(bench.look(30).began(), Vec::<String>::new());
    assert_eq!(bench.skipped().last(), Some(&(1, Why::NoItems)));
}

#[test]
fn a_paused_schedule_skips_and_a_trigger_does_not_ask() {
    let mut bench = Bench::new("catch_up: all\n");
    let now = at("2026-03-01T08:15:00Z");
    bench.look(10).end();
    bench.began();
    bench.state = pause(&bench.state, now, "user:ada".to_owned(), None);
    assert_eq!(bench.state.wake_at(&bench.schedule), None);
    assert_eq!(bench.look(20).look(30).began(), Vec::<String>::new());
    bench.state = trigger(&bench.schedule, &bench.state, now, &[None], asked());
    assert_eq!(bench.deliver(now).began(), ["trigger 08:15"]);
    bench.state = unpause(&bench.schedule, &bench.state, at("2026-03-01T08:35:00Z"));
    assert_eq!(bench.skipped(), [(2, Why::Paused)]);
    assert_eq!(bench.end().look(40).began(), ["due 08:40"]);
}

#[test]
fn one_that_begins_paused_is_due_once_it_goes_on() {
    let mut bench = Bench::new("paused: true\n");
    assert_eq!(bench.look(10).began(), Vec::<String>::new());
    bench.state = unpause(&bench.schedule, &bench.state, at("2026-03-01T08:15:00Z"));
    assert_eq!(bench.look(20).began(), ["due 08:20"]);
}

#[test]
fn a_backfill_goes_one_after_another_and_ends_before_now() {
    let mut bench = Bench::new("");
    let now = at("2026-03-01T08:05:00Z");
    let range = (at("2026-03-01T07:00:00Z"), at("2026-03-01T07:20:00Z"));
    let backfill = |bench: &Bench, range, items: &[Option<Item>]| {
        backfill(
            &bench.schedule,
            &bench.state,
            now,
            range,
            items,
            asked(),
            |_| false,
        )
    };
    bench.state = backfill(&bench, range, &[None]).unwrap();
    assert_eq!(bench.deliver(now).began(), ["backfill 07:00"]);
    let again = backfill(&bench, range, &[None]).unwrap();
    assert_eq!(
        again.waiting, bench.state.waiting,
        "it is under way already"
    );
    assert_eq!(bench.end().look(6).began(), ["backfill 07:10"]);
    let mut done = bench.end().state.clone();
    done.recent.clear();
    let done = super::backfill(&bench.schedule, &done, now, range, &[None], asked(), |_| {
        true
    })
    .unwrap();
    assert_eq!((done.waiting.len(), done.running.len()), (0, 0));
    let whys: Vec<_> = done
        .recent
        .iter()
        .map(|r| (r.what, r.why, r.count))
        .collect();
    assert_eq!(whys, [(What::Skipped, Some(Why::Done), 2)]);
    let fails = |from: &str, until: &str| {
        let range = (at(from), at(until));
        backfill(&bench, range, &[None]).unwrap_err().to_string()
    };
    assert_eq!(
        fails("2026-03-01T07:01:00Z", "2026-03-01T07:09:00Z"),
        "nothing was due from 2026-03-01T07:01:00.000Z to 2026-03-01T07:09:00.000Z"
    );
    assert!(fails("2026-03-01T07:00:00Z", "2026-03-01T09:00:00Z").contains("only what was due"));
    assert!(fails("2020-03-01T07:00:00Z", "2026-03-01T07:00:00Z").contains("more than 1000"));
    let items: Vec<_> = (0..900).map(|n| Some(Item(n.into()))).collect();
    let range = (at("2026-03-01T05:00:00Z"), at("2026-03-01T07:00:00Z"));
    let full = backfill(&bench, range, &items);
    assert_eq!(full, Err(BackfillError::Full { firings: 10_800 }));
}

#[test]
fn a_jittered_firing_starts_later_and_keeps_its_due_time() {
    let mut bench = Bench::new("jitter: 10m\n");
    let due = at("2026-03-01T08:10:00Z");
    let starts = bench.schedule.starts_at(due);
    assert!(starts > due && starts < at("2026-03-01T08:20:00Z"));
    assert_eq!(bench.state.wake_at(&bench.schedule), Some(starts));
    let before = Timestamp::from_millis(starts.as_millis() - 1);
    let early = decide(&bench.schedule, &bench.state, before, &[None]);
    assert_eq!(early, bench.state);
    bench.state = decide(&bench.schedule, &bench.state, starts, &[None]);
    assert_eq!(bench.deliver(starts).began(), ["due 08:10"]);
}

#[test]
fn a_refused_run_is_on_record_and_blocks_nothing() {
    let mut bench = Bench::new("");
    let now = at("2026-03-01T08:10:00Z");
    let state = decide(&bench.schedule, &bench.state, now, &[None]);
    let effect = state.outbox[0].clone();
    let done = [(effect, Done::Refused("no plan file".to_owned()))];
    bench.state = state;
    for _ in 0..2 {
        bench.state.delivered(&bench.schedule.id, &done, now);
        let last = bench.state.recent.last().expect("a record");
        assert_eq!(last.what, What::Refused);
        assert_eq!(
            (last.count, last.message.as_deref()),
            (1, Some("no plan file"))
        );
    }
    assert!(bench.state.running.is_empty() && bench.state.outbox.is_empty());
    assert_eq!(bench.look(20).began(), ["due 08:20"]);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut bench = Bench::new("overlap: queue\n");
    bench.look(10);
    let mut judge = Judge::new(&bench.schedule, &bench.state, at("2026-03-01T08:11:00Z"));
    for n in 0..MAX_WAITING + 5 {
        let due = Timestamp::from_millis(i64::try_from(n).expect("it is small"));
        judge.fire(due, Cause::Due, &[None], false);
        judge.fire(due, Cause::Backfill, &[None], false);
    }
    bench.state = judge.state;
    assert_eq!(bench.state.waiting.len(), MAX_WAITING);
    assert!(bench.state.recent.len() <= crate::state::RECENT);
    let whys: Vec<_> = bench.skipped().iter().map(|(_, why)| *why).collect();
    assert!(whys.contains(&Why::Already) && whys.contains(&Why::Full));
}

#[test]
fn a_year_of_downtime_is_one_record() {
    let schedule = schedule("");
    let state = State::new(&schedule, at("2025-03-01T08:05:00Z"));
    let state = decide(&schedule, &state, at("2026-03-01T08:05:00Z"), &[None]);
    let [skipped, started] = &state.recent[..] else {
        panic!("{:?}", state.recent);
    };
    assert!(skipped.more && skipped.count >= 1000, "{skipped:?}");
    assert_eq!(started.due, at("2026-03-01T08:00:00Z"));
    assert_eq!(state.cursor, started.due);
}
