//! `plan` steps under a pool: their runs are the pool's like any other, and who
//! waits for them costs no thread.

use crate::house::{House, In, house};
use rok_facades::runs::{CollectRequest, DriveEnd, ListQuery, Verb, VerifyVerdict};
use rok_vocabulary::{Actor, Outcome, RunId};
use rstest::rstest;

fn plan(house: &House, name: &str, rest: &str) {
    let path = house.dir.path().join(format!("{name}.yaml"));
    std::fs::write(path, format!("plan: {name}\n{rest}")).unwrap();
}

/// The runs of the steps of a run.
fn children(house: &House, run: &RunId) -> Vec<RunId> {
    let query = ListQuery {
        labels: [("rok.parent".to_owned(), run.to_string())].into(),
        ..ListQuery::default()
    };
    let listed = house.runs.list(&query).unwrap();
    let ids = listed.into_iter().map(|run| run.run_id.parse().unwrap());
    ids.collect()
}

const PARENT: &str = "steps: { a: { plan: child }, b: { call: ok, needs: [a] } }";

#[rstest]
fn a_step_is_done_by_a_run_of_its_own(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    plan(&house, "grandchild", "steps: { y: { call: ok } }");
    plan(
        &house,
        "child",
        "steps: { x: { plan: grandchild }, z: { call: ok, needs: [x] } }",
    );
    let pool = house.pool();
    let run = house.submit(PARENT);
    assert_eq!(house.outcome(&run), Outcome::Succeeded);
    house.is_clean(&run);
    let of_run = children(&house, &run);
    assert_eq!(of_run.len(), 1);
    house.is_clean(&of_run[0]);
    let below = children(&house, &of_run[0]);
    assert_eq!(below.len(), 1);
    house.is_clean(&below[0]);
    assert_eq!(house.times(&below[0], "y"), 1);
    assert_eq!(house.times(&run, "b"), 1);
    assert_eq!(pool.stats().ended, 3);
    pool.drain();
    pool.join();
}

/// A run and the runs of its steps are collected together, or not at all.
#[rstest]
fn a_family_is_collected_whole(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    plan(&house, "child", "steps: { x: { call: ok } }");
    let pool = house.pool();
    let run = house.submit(PARENT);
    assert_eq!(house.outcome(&run), Outcome::Succeeded);
    let child = children(&house, &run).remove(0);
    let collect = |keep: usize| {
        let request = CollectRequest {
            older_than: None,
            keep: Some(keep),
            max_bytes: None,
            dry_run: false,
            actor: Actor::User("ann".into()),
        };
        house.runs.collect(&request).unwrap()
    };
    let report = collect(1);
    assert_eq!((report.collected.len(), report.kept.len()), (0, 1));
    assert!(
        report.kept[0].why.contains("of which it is a part"),
        "{report:?}"
    );
    assert_eq!(collect(0).collected.len(), 2);
    for run in [&run, &child] {
        assert_eq!(house.verify(run).verdict, VerifyVerdict::Collected);
    }
    assert_eq!(children(&house, &run), [child]);
    pool.drain();
    pool.join();
}

#[rstest]
fn its_failure_is_the_steps_failure(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    plan(&house, "child", "steps: { x: { call: twice } }");
    let pool = house.pool();
    let run = house.submit(PARENT);
    assert_eq!(house.outcome(&run), Outcome::Failed);
    assert_eq!(house.times(&run, "b"), 0);
    // A resume of the parent begins the child's next epoch.
    let end = house.resume(&run).unwrap();
    let succeeded = |end: &DriveEnd| {
        matches!(
            end,
            DriveEnd::Ended {
                outcome: Outcome::Succeeded,
                ..
            }
        )
    };
    assert!(succeeded(&end), "{end:?}");
    let child = &children(&house, &run)[0];
    assert_eq!(house.summary(child).epoch.0, 1);
    house.is_clean(child);
    house.is_clean(&run);
    pool.drain();
    pool.join();
}

#[rstest]
fn it_ends_with_its_parent(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    plan(&house, "child", "steps: { x: { call: slow } }");
    let pool = house.pool();
    let run = house.submit(PARENT);
    house.comes_to(&run, "step.started");
    let child = loop {
        if let Some(child) = children(&house, &run).pop() {
            break child;
        }
        std::thread::yield_now();
    };
    house.comes_to(&child, "step.started");
    house.command(&run, Verb::Cancel).unwrap();
    assert_eq!(house.outcome(&run), Outcome::Cancelled);
    assert_eq!(house.outcome(&child), Outcome::Cancelled);
    house.is_clean(&child);
    pool.drain();
    pool.join();
}

#[rstest]
fn it_ends_at_its_steps_deadline(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    plan(
        &house,
        "child",
        "steps: { ask: { call: ok, gate: manual } }",
    );
    let pool = house.pool();
    let run = house.submit("steps: { a: { plan: child, timeout: 1s } }");
    assert_eq!(house.outcome(&run), Outcome::Failed);
    let step = &house.runs.step(&run, "a").unwrap()[0];
    assert_eq!(step.error.as_ref().unwrap().class.as_str(), "timeout");
    let child = &children(&house, &run)[0];
    assert_eq!(house.outcome(child), Outcome::Cancelled);
    pool.drain();
    pool.join();
}

#[rstest]
fn it_is_found_again_by_the_next_owner(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    plan(
        &house,
        "child",
        "steps: { ask: { call: ok, gate: manual }, x: { call: ok, needs: [ask] } }",
    );
    let pool = house.pool();
    let run = house.submit(PARENT);
    house.comes_to(&run, "step.started");
    let child = loop {
        if let Some(child) = children(&house, &run).pop() {
            break child;
        }
        std::thread::yield_now();
    };
    house.rests(&child);
    pool.drain();
    pool.join();
    assert_eq!(pool.stats().in_flight, 0, "nobody waits for what waits");
    let next = house.pool();
    house
        .command(&child, Verb::Approve("ask".parse().unwrap()))
        .unwrap();
    assert_eq!(house.outcome(&run), Outcome::Succeeded);
    assert_eq!(children(&house, &run), std::slice::from_ref(&child));
    house.is_clean(&child);
    house.is_clean(&run);
    assert_eq!(house.times(&child, "x"), 1);
    next.drain();
    next.join();
}
