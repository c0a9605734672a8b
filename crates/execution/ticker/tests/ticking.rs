//! Tickers on a virtual clock: every effect fails in turn, tickers share a
//! store, and each firing has one run.

use rok_facades::runs::RunsError;
use rok_facades::schedules::{ScheduleFile, SchedulesEngine as _};
use rok_log::{Cells, MemoryCells, StoreError};
use rok_runner::VirtualClock;
use rok_schedule::Item;
use rok_ticker::testing::Recorder;
use rok_ticker::{Order, Schedules, Standing, Submit, SubmitError, Ticker};
use rok_vocabulary::{Actor, RunId, ScheduleId, Timestamp};
use rstest::rstest;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("an instant")
}

fn ada() -> Actor {
    "user:ada".parse().expect("an actor")
}

fn file(keys: &str) -> ScheduleFile {
    ScheduleFile {
        text: format!("schedule: s\nplan: p.yaml\ncron: '*/10 * * * *'\n{keys}").into_bytes(),
        name: "s.yaml".into(),
        path: "/plans/s.yaml".into(),
    }
}

/// Counts changes, and fails one of them, before or after it is made.
#[derive(Debug, Default)]
struct Fault {
    count: AtomicUsize,
    at: usize,
    after: bool,
}

impl Fault {
    fn change<T, E>(
        &self,
        error: impl Fn() -> E,
        change: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if self.count.fetch_add(1, Ordering::SeqCst) + 1 != self.at {
            return change();
        }
        if self.after {
            change()?;
        }
        Err(error())
    }

    fn struck(&self) -> bool {
        self.count.load(Ordering::SeqCst) >= self.at
    }
}

struct FaultyCells(MemoryCells, Arc<Fault>);

impl Cells for FaultyCells {
    fn cells(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.0.cells(table)
    }
    fn cell(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.cell(table, key)
    }
    fn swap(
        &self,
        table: &str,
        key: &str,
        seen: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let lost = || StoreError::from_io("write", "cell", std::io::Error::other("pulled"));
        self.1.change(lost, || self.0.swap(table, key, seen, new))
    }
}

struct FaultySubmit(Recorder, Arc<Fault>);

impl Submit for FaultySubmit {
    fn submit(&self, order: &Order<'_>) -> Result<(), SubmitError> {
        let lost = || SubmitError::Later("pulled".into());
        self.1.change(lost, || self.0.submit(order))
    }
    fn standing(&self, run: &RunId) -> Result<Standing, SubmitError> {
        self.0.standing(run)
    }
    fn cancel(&self, run: &RunId, schedule: &ScheduleId) -> Result<(), SubmitError> {
        let lost = || SubmitError::Later("pulled".into());
        self.1.change(lost, || self.0.cancel(run, schedule))
    }
    fn items(&self, path: &Path) -> Result<Vec<Item>, String> {
        self.0.items(path)
    }
}

/// What two hours of a schedule come to: the keys of its runs, those that were
/// cancelled, and how many were told of as started.
type Played = (Vec<String>, usize, usize);

/// Plays two hours, with an hour of downtime in them. The process dies at a
/// fault, and another one begins at the next minute.
fn play(keys: &str, fault: Fault) -> (Played, bool) {
    let fault = Arc::new(fault);
    let (cells, runs) = (MemoryCells::new(), Recorder::default());
    let mut now = at("2026-03-01T08:05:00Z");
    let calm = || {
        Schedules::new(
            Box::new(cells.clone()),
            Box::new(runs.clone()),
            Arc::new(VirtualClock::new(now)),
        )
    };
    calm().add(&file(keys), &ada()).expect("it is added");
    let process = || {
        let cells = FaultyCells(cells.clone(), Arc::clone(&fault));
        let submit = FaultySubmit(runs.clone(), Arc::clone(&fault));
        Ticker::new(Box::new(cells), Box::new(submit))
    };
    let mut ticker = process();
    for minute in 0..120 {
        now = now.after(MINUTE);
        if (40..100).contains(&minute) {
            ticker = process();
            continue;
        }
        let looked = ticker.tick(now, usize::MAX);
        if looked.is_err() || looked.is_ok_and(|ticked| !ticked.report.troubles.is_empty()) {
            ticker = process();
        }
        if minute % 15 == 0 {
            runs.end_all();
        }
    }
    // All that is left takes its turn.
    for _ in 0..60 {
        ticker
            .tick(now, usize::MAX)
            .expect("nothing fails any more");
        runs.end_all();
        now = now.after(Duration::from_secs(1));
    }
    let view = ticker_view(&cells, &runs, now);
    ((runs.keys(), runs.cancelled().len(), view), fault.struck())
}

/// How many firings are on record as started.
fn ticker_view(cells: &MemoryCells, runs: &Recorder, now: Timestamp) -> usize {
    let clock = Arc::new(VirtualClock::new(now));
    let schedules = Schedules::new(Box::new(cells.clone()), Box::new(runs.clone()), clock);
    let view = schedules.show("s").expect("it is there");
    assert_eq!((view.waiting, view.running.len()), (0, 0), "{view:?}");
    let started = view.recent.iter().filter(|firing| firing.what == "started");
    started.map(|firing| firing.count).sum()
}

#[rstest]
#[case::skip("")]
#[case::queue_all("overlap: queue\ncatch_up: all\nfor_each: [a, b]\n")]
#[case::cancel("overlap: cancel_previous\n")]
#[case::jitter("jitter: 7m\ncatch_up: all\n")]
fn whatever_fails_each_firing_has_one_run(#[case] keys: &str) {
    let (expected, _) = play(
        keys,
        Fault {
            at: usize::MAX,
            ..Fault::default()
        },
    );
    assert!(expected.0.len() > 3, "{expected:?}");
    assert_eq!(expected.0.len(), expected.2, "each that started has a run");
    let mut faults = 0;
    for after in [false, true] {
        for at in 1.. {
            let count = AtomicUsize::new(0);
            let (found, struck) = play(keys, Fault { count, at, after });
            if !struck {
                break;
            }
            faults += 1;
            let mut unique = found.0.clone();
            unique.sort();
            unique.dedup();
            assert_eq!(unique.len(), found.0.len(), "fault {at}: a run twice");
            // A fault delays by a minute, which may let a run end in between or
            // miss its grace; whatever started has its run, and its only one.
            assert_eq!(found.0.len(), found.2, "fault {at}, after: {after}");
            if keys.contains("queue") {
                let sorted = |mut keys: Vec<String>| {
                    keys.sort();
                    keys
                };
                assert_eq!(
                    sorted(found.0),
                    sorted(expected.0.clone()),
                    "fault {at}: none is lost"
                );
            }
        }
    }
    assert!(
        faults >= 2 * (2 * expected.0.len()),
        "{faults} effects failed in turn"
    );
}

#[test]
fn two_tickers_on_one_store_fire_once() {
    let (cells, runs) = (MemoryCells::new(), Recorder::default());
    let begin = at("2026-03-01T08:05:00Z");
    let clock = Arc::new(VirtualClock::new(begin));
    let schedules = Schedules::new(Box::new(cells.clone()), Box::new(runs.clone()), clock);
    schedules
        .add(&file("overlap: queue\nfor_each: [a, b, c]\n"), &ada())
        .expect("it is added");
    let together = Barrier::new(3);
    let started = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let ticker = Ticker::new(Box::new(cells.clone()), Box::new(runs.clone()));
            let (together, started, runs) = (&together, &started, &runs);
            scope.spawn(move || {
                for look in 1..=30u32 {
                    together.wait();
                    let now = begin.after(MINUTE * 10 * look);
                    let ticked = ticker.tick(now, usize::MAX).expect("it ticks");
                    let firings = ticked.report.firings.iter();
                    let new = firings.filter(|firing| firing.what == "started");
                    started.fetch_add(new.map(|f| f.count).sum(), Ordering::SeqCst);
                    together.wait();
                    runs.end_all();
                }
            });
        }
    });
    assert_eq!(runs.keys().len(), 90);
    assert_eq!(started.load(Ordering::SeqCst), 90, "each is told of once");
}

fn engine(keys: &str) -> (Schedules, Recorder, Arc<VirtualClock>) {
    let runs = Recorder::default();
    let clock = Arc::new(VirtualClock::new(at("2026-03-01T08:05:00Z")));
    let schedules = Schedules::new(
        Box::new(MemoryCells::new()),
        Box::new(runs.clone()),
        clock.clone(),
    );
    schedules.add(&file(keys), &ada()).expect("it is added");
    (schedules, runs, clock)
}

#[test]
fn items_that_cannot_be_read_are_waited_for() {
    let (schedules, runs, clock) = engine("for_each: sites.yaml\ncatch_up: all\n");
    clock.advance(MINUTE * 6);
    let report = schedules.tick().expect("it ticks");
    assert_eq!(report.troubles.len(), 1, "{report:?}");
    assert!(report.troubles[0].message.contains("/plans/sites.yaml"));
    assert!(report.firings.is_empty(), "nothing is decided without them");
    assert!(report.wake_at.is_some_and(|at| at > clock_now(&clock)));
    assert!(schedules.list().expect("a list")[0].trouble.is_some());
    runs.write("/plans/sites.yaml", "- a\n- b\n");
    clock.advance(MINUTE);
    let report = schedules.tick().expect("it ticks");
    assert_eq!((report.firings[0].count, report.troubles.len()), (2, 0));
    assert_eq!(runs.keys().len(), 2);
}

fn clock_now(clock: &VirtualClock) -> Timestamp {
    rok_runner::Clock::now(clock)
}

#[test]
fn a_refused_run_is_told_of_and_not_tried_again() {
    let (schedules, runs, clock) = engine("");
    runs.refuse(Some("the plan is wrong"));
    clock.advance(MINUTE * 5);
    let report = schedules.tick().expect("it ticks");
    let told: Vec<_> = report
        .firings
        .iter()
        .map(|f| (f.what.as_str(), f.why.as_deref()))
        .collect();
    assert_eq!(
        told,
        [("started", None), ("refused", Some("the plan is wrong"))]
    );
    runs.refuse(None);
    schedules.tick().expect("it ticks");
    assert_eq!((runs.asked(), runs.keys().len()), (1, 0));
    clock.advance(MINUTE * 10);
    schedules.tick().expect("it ticks");
    assert_eq!(runs.keys(), ["schedule/s/due/2026-03-01T08:20:00.000Z"]);
}

#[test]
fn what_people_ask_of_it() {
    let (schedules, runs, clock) = engine("for_each: [a, b]\n");
    let code = |error: RunsError| error.code;
    assert_eq!(schedules.show("t").map_err(code), Err("ROK0180"));
    assert_eq!(schedules.show("../s").map_err(code), Err("ROK0180"));
    let bad = ScheduleFile {
        text: b"schedule: s\n".to_vec(),
        ..file("")
    };
    assert_eq!(schedules.add(&bad, &ada()).map_err(code), Err("ROK0181"));
    let same = file("for_each: [a, b]\n");
    assert_eq!(
        schedules.add(&same, &ada()).expect("it is the same").change,
        "unchanged"
    );
    let other = schedules.add(&file("for_each: [a, b]\noverlap: queue\n"), &ada());
    assert_eq!(other.expect("it is another").change, "replaced");

    let next = schedules.next(None, 2).expect("due times");
    let next: Vec<_> = next.iter().map(|due| due.local.as_str()).collect();
    assert_eq!(
        next,
        ["2026-03-01T08:10:00+00:00", "2026-03-01T08:20:00+00:00"]
    );

    let paused = schedules
        .pause("s", &ada(), Some("a freeze".into()))
        .expect("it pauses");
    assert_eq!(
        paused.paused.map(|pause| (pause.by, pause.reason)),
        Some(("user:ada".into(), Some("a freeze".into())))
    );
    clock.advance(MINUTE * 10);
    assert!(schedules.tick().expect("it ticks").firings.is_empty());
    let fired = schedules
        .trigger("s", &["b".into()], &ada(), None)
        .expect("it fires");
    assert_eq!(
        (fired.len(), &fired[0].items[..]),
        (1, &["b".to_owned()][..])
    );
    assert_eq!(
        schedules
            .trigger("s", &["c".into()], &ada(), None)
            .map_err(code),
        Err("ROK0180")
    );
    assert_eq!(runs.keys().len(), 0, "the next tick carries it out");
    schedules.tick().expect("it ticks");
    assert_eq!(runs.keys().len(), 1);
    let view = schedules.unpause("s").expect("it goes on");
    assert_eq!(
        view.recent[0].why.as_deref(),
        Some("the schedule was paused")
    );

    let range = (at("2026-03-01T07:00:00Z"), at("2026-03-01T07:20:00Z"));
    let fired = schedules
        .backfill("s", range, &ada(), None)
        .expect("it is filled");
    let told: Vec<_> = fired.iter().map(|f| (f.what.as_str(), f.count)).collect();
    assert_eq!(told, [("started", 1), ("waits", 1), ("waits", 2)]);
    let late = (at("2026-03-01T07:00:00Z"), at("2026-04-01T07:20:00Z"));
    assert_eq!(
        schedules.backfill("s", late, &ada(), None).map_err(code),
        Err("ROK0182")
    );
    // However often it is asked for again: what had its run begins none.
    for _ in 0..4 {
        schedules.tick().expect("it ticks");
        runs.end_all();
        let again = schedules.backfill("s", range, &ada(), None);
        assert!(!again.expect("it is filled").is_empty());
    }
    let made = runs.keys().len();
    let again = schedules
        .backfill("s", range, &ada(), None)
        .expect("there is nothing to do");
    let told: Vec<_> = { again.iter() }
        .map(|f| (f.what.as_str(), f.why.as_deref(), f.count))
        .collect();
    let had = Some("it had its run before");
    assert_eq!(told, [("skipped", had, 4)], "{again:#?}");
    schedules.tick().expect("it ticks");
    assert_eq!(runs.keys().len(), made);
    let removed = schedules.remove("s").expect("it is removed");
    assert_eq!((removed.dropped, removed.running.len()), (0, 0));
    assert_eq!(schedules.remove("s").map_err(code), Err("ROK0180"));
}

#[test]
fn a_record_that_cannot_be_read_blocks_nothing_else() {
    let cells = MemoryCells::new();
    let runs = Recorder::default();
    let clock = Arc::new(VirtualClock::new(at("2026-03-01T08:05:00Z")));
    let schedules = Schedules::new(
        Box::new(cells.clone()),
        Box::new(runs.clone()),
        clock.clone(),
    );
    schedules.add(&file(""), &ada()).expect("it is added");
    assert!(
        cells
            .swap("schedules", "broken", None, Some(b"{}"))
            .expect("it is put")
    );
    clock.advance(MINUTE * 5);
    let report = schedules.tick().expect("it ticks");
    assert_eq!(report.troubles[0].schedule, "broken");
    assert_eq!(runs.keys().len(), 1);
    let list = schedules.list().expect("a list");
    assert!(
        list[0]
            .trouble
            .as_ref()
            .is_some_and(|why| why.contains("cannot be read"))
    );
    assert_eq!(
        schedules.pause("broken", &ada(), None).map_err(|e| e.code),
        Err("ROK0183")
    );
    schedules.remove("broken").expect("it can be removed");
    assert_eq!(schedules.list().expect("a list").len(), 1);
}

#[test]
fn a_hundred_schedules_have_one_wake_up() {
    let cells = MemoryCells::new();
    let runs = Recorder::default();
    let clock = Arc::new(VirtualClock::new(at("2026-03-01T08:05:00Z")));
    let schedules = Schedules::new(
        Box::new(cells.clone()),
        Box::new(runs.clone()),
        clock.clone(),
    );
    for n in 0..100 {
        let text = format!("schedule: s{n}\nplan: p\ncron: '{} 9 * * *'\n", n % 60);
        let file = ScheduleFile {
            text: text.into_bytes(),
            ..file("")
        };
        schedules.add(&file, &ada()).expect("it is added");
    }
    let mut wakes = 0;
    while let Some(wake) = schedules
        .tick()
        .expect("it ticks")
        .wake_at
        .filter(|at| *at < self::at("2026-03-01T10:00:00Z"))
    {
        wakes += 1;
        clock.advance(wake.since(clock_now(&clock)));
    }
    assert_eq!((wakes, runs.keys().len()), (60, 100));
}
