//! The rules of the index.

use super::{Fixture, claimed, created, id, put};
use crate::{CommitResult, Cursor, Labels, RunEntry, RunFilter, RunIndex, RunOrder, Script, Store};
use rok_vocabulary::{HoldReason, Outcome, RunPhase, Timestamp};
use std::collections::BTreeMap;

fn names(store: &impl RunIndex, filter: &RunFilter) -> Vec<String> {
    let entries = store.list(filter).expect("listing must not fail");
    entries
        .iter()
        .map(|entry| entry.name().to_owned())
        .collect()
}

/// The row is the one that was committed last.
pub fn rows_are_what_was_committed(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let mut script = Script::new(&id("r")).with_labels([("team", "core")].into_iter().collect());
    assert!(matches!(
        put(&mut store, script.create()),
        CommitResult::Committed { .. }
    ));
    let run = script.run().clone();
    let fence = claimed(&mut store, &run).fence;
    let turns: [&dyn Fn(&mut Script) -> crate::Commit; 7] = [
        &|script| script.phase(fence, RunPhase::Executing),
        &|script| script.steps(fence, 2),
        &|script| script.hold(fence, HoldReason::ManualGate),
        &|script| script.release(fence),
        &|script| script.seal(fence, Outcome::Cancelled),
        &|script| script.resume(fence),
        &|script| script.steps(fence, 1),
    ];
    for turn in turns {
        let commit = turn(&mut script);
        assert!(matches!(
            put(&mut store, commit),
            CommitResult::Committed { .. }
        ));
        assert_eq!(
            store.get(&run).expect("it is there").as_ref(),
            Some(script.row())
        );
        let listed = fixture
            .open()
            .list(&RunFilter::default())
            .expect("it is there");
        assert_eq!(
            listed,
            [RunEntry::Run {
                run: run.clone(),
                row: script.row().clone()
            }]
        );
    }
}

/// Lists are sorted by id.
pub fn lists_are_sorted(fixture: &impl Fixture) {
    let mut store = fixture.open();
    assert!(names(&store, &RunFilter::default()).is_empty());
    for run in ["b", "a.1", "c", "B", "a"] {
        created(&mut store, run);
    }
    assert_eq!(
        names(&store, &RunFilter::default()),
        ["B", "a", "a.1", "b", "c"]
    );
}

/// A page ends at its limit, and the next begins after its last name.
pub fn lists_are_paged(fixture: &impl Fixture) {
    let mut store = fixture.open();
    for run in ["a", "b", "c", "d", "e"] {
        created(&mut store, run);
    }
    let mut filter = RunFilter {
        limit: Some(2),
        ..RunFilter::default()
    };
    let mut pages = Vec::new();
    loop {
        let page = names(&store, &filter);
        let Some(last) = page.last().cloned() else {
            break;
        };
        filter.after = Some(Cursor {
            created_at: None,
            name: last,
        });
        pages.push(page.concat());
    }
    assert_eq!(pages, ["ab", "cd", "e"]);
}

fn aged(store: &mut impl Store, run: &str, created_ms: i64) {
    let mut script = Script::new(&id(run)).created_at(Timestamp::from_millis(created_ms));
    let commit = script.create();
    assert!(matches!(put(store, commit), CommitResult::Committed { .. }));
}

/// Newest first, and by id, backwards, among those of one moment.
pub fn the_newest_come_first(fixture: &impl Fixture) {
    let mut store = fixture.open();
    for (run, at) in [("b", 20), ("a", 10), ("c", 20), ("z", 5), ("d", 30)] {
        aged(&mut store, run, at);
    }
    let newest = RunFilter {
        order: RunOrder::NewestFirst,
        ..RunFilter::default()
    };
    assert_eq!(names(&store, &newest), ["d", "c", "b", "a", "z"]);
    let since = RunFilter {
        since: Some(Timestamp::from_millis(10)),
        limit: Some(3),
        ..newest
    };
    assert_eq!(names(&store, &since), ["d", "c", "b"]);
}

/// Pages neither lose nor repeat a run, in either order, and a cursor survives
/// being text.
pub fn pages_run_through_moments(fixture: &impl Fixture) {
    let mut store = fixture.open();
    for (run, at) in [("b", 7), ("a", 7), ("c", 7), ("d", 7), ("e", 1), ("f", 9)] {
        aged(&mut store, run, at);
    }
    let orders = [
        (RunOrder::ById, ["ab", "cd", "ef"]),
        (RunOrder::NewestFirst, ["fd", "cb", "ae"]),
    ];
    for (order, expected) in orders {
        let mut filter = RunFilter {
            order,
            plan: Some("scripted".parse().expect("it is a plan id")),
            limit: Some(2),
            ..RunFilter::default()
        };
        let mut pages = Vec::new();
        loop {
            let page = store.list(&filter).expect("listing must not fail");
            let Some(last) = page.last() else { break };
            let cursor = last.cursor().to_string();
            filter.after = Some(cursor.parse().expect("it was a cursor"));
            pages.push(page.iter().map(RunEntry::name).collect::<String>());
        }
        assert_eq!(pages, expected, "{order:?}");
    }
}

fn stocked(store: &mut impl Store) {
    let labels = |value: &str| -> Labels { [("team", value)].into_iter().collect() };
    let mut open = Script::new(&id("open")).with_labels(labels("core"));
    let mut held = Script::new(&id("held")).with_labels(labels("web"));
    let mut done = Script::new(&id("done")).of_plan("other".parse().expect("it is a plan id"));
    for script in [&mut open, &mut held, &mut done] {
        assert!(matches!(
            put(store, script.create()),
            CommitResult::Committed { .. }
        ));
    }
    let fence = claimed(store, held.run()).fence;
    for commit in [
        held.phase(fence, RunPhase::Executing),
        held.hold(fence, HoldReason::ManualGate),
    ] {
        assert!(matches!(put(store, commit), CommitResult::Committed { .. }));
    }
    let fence = claimed(store, done.run()).fence;
    let commit = done.seal(fence, Outcome::Succeeded);
    assert!(matches!(put(store, commit), CommitResult::Committed { .. }));
}

/// Each part of a filter narrows the list.
pub fn lists_are_filtered(fixture: &impl Fixture) {
    let mut store = fixture.open();
    stocked(&mut store);
    let all = RunFilter::default();
    let start = crate::SCRIPT_START;
    let later = Timestamp::from_millis(start.as_millis() + 1);
    let label = |value: &str| BTreeMap::from([("team".to_owned(), value.to_owned())]);
    let other = "other".parse().expect("it is a plan id");
    let cases: [(RunFilter, &[&str]); 10] = [
        (all.clone(), &["done", "held", "open"]),
        (
            RunFilter {
                phases: vec![RunPhase::Created],
                ..all.clone()
            },
            &["open"],
        ),
        (
            RunFilter {
                phases: vec![RunPhase::Created, RunPhase::Executing],
                ..all.clone()
            },
            &["held", "open"],
        ),
        (
            RunFilter {
                outcomes: vec![Outcome::Succeeded],
                ..all.clone()
            },
            &["done"],
        ),
        (
            RunFilter {
                held: Some(true),
                ..all.clone()
            },
            &["held"],
        ),
        (
            RunFilter {
                held: Some(false),
                ..all.clone()
            },
            &["done", "open"],
        ),
        (
            RunFilter {
                plan: Some(other),
                ..all.clone()
            },
            &["done"],
        ),
        (
            RunFilter {
                since: Some(start),
                ..all.clone()
            },
            &["done", "held", "open"],
        ),
        (
            RunFilter {
                since: Some(later),
                ..all.clone()
            },
            &[],
        ),
        (
            RunFilter {
                labels: label("web"),
                ..all
            },
            &["held"],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(names(&store, &filter), expected, "{filter:?}");
    }
}
