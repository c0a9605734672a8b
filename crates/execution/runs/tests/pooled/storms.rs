//! A thousand runs, and pools that die over them: every run ends, none is lost,
//! none finishes twice, every log verifies, every duty is done.

use crate::house::{House, In, house};
use rok_facades::runs::{EventQuery, Verb};
use rok_log::Owner;
use rok_runner::{Clock as _, SystemClock, VirtualClock};
use rok_vocabulary::{Outcome, RunId};
use rok_worker_pool::PoolSettings;
use rok_worker_pool::testing::HandPool;
use rstest::rstest;
use std::sync::Arc;
use std::time::Duration;

const PLANS: [&str; 4] = [
    "steps: { a: { call: ok }, b: { call: ok, needs: [a] }, c: { call: ok, needs: [b] } }",
    "steps: { a: { call: ok }, b: { call: bad }, c: { call: ok, needs: [b] } }",
    "steps: { a: { call: twice, retry: { max: 2, base: 1s } }, b: { call: ok, needs: [a] } }",
    "concurrency: { key: k, limit: 20 }\npriority: 3\nsteps: { a: { call: ok }, b: { call: ok, needs: [a] } }",
];

const LEASE: Duration = Duration::from_secs(30);

fn pool(house: &House, clock: &Arc<VirtualClock>) -> HandPool {
    let settings = PoolSettings {
        shards: 2,
        in_flight: 64,
        lease: LEASE,
        ..PoolSettings::new(Owner::new("storm"))
    };
    let began = clock.now();
    let monotonic = Arc::clone(clock);
    house
        .builder(settings)
        .clock(
            Arc::clone(clock) as _,
            Arc::new(move || monotonic.now().since(began)),
        )
        .by_hand()
}

#[rstest]
fn whatever_dies_nothing_is_lost(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    // A little ahead, so that what the engine created is due already.
    let clock = Arc::new(VirtualClock::new(SystemClock.now().after(LEASE * 10)));
    let names: Vec<RunId> = (0..1_000)
        .map(|n| house.submit_as(&format!("run-{n}"), PLANS[n % PLANS.len()]))
        .collect();
    let mut kills = 0;
    loop {
        let mut of_now = pool(&house, &clock);
        for n in 0..6 + kills % 7 {
            // A shard that fails begins anew; here none does.
            of_now.turn(n % 2).unwrap();
        }
        let backlog = house.store().backlog(clock.now()).unwrap();
        if kills >= 50 && backlog.due + backlog.behind + backlog.claimed < 100 {
            break;
        }
        drop(of_now);
        kills += 1;
        clock.advance(if kills % 3 == 0 {
            LEASE
        } else {
            Duration::from_secs(1)
        });
    }
    clock.advance(LEASE);
    let mut last = pool(&house, &clock);
    for _ in 0..12 {
        last.settle();
        clock.advance(Duration::from_secs(5));
    }
    for (n, run) in names.iter().enumerate() {
        let (_, outcome) = house.is_clean(run);
        let expected = match n % PLANS.len() {
            1 => Outcome::Failed,
            _ => Outcome::Succeeded,
        };
        assert_eq!(outcome, expected, "{run}");
        let events = house.runs.events(run, &EventQuery::default()).unwrap();
        let ended = events
            .iter()
            .filter(|event| event.event_type == "run.completed");
        assert_eq!(ended.count(), 1, "{run}");
    }
    assert!(kills >= 50, "{kills}");
    let late = house.command(&names[0], Verb::Cancel);
    assert!(late.is_err(), "it is over");
}
