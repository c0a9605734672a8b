//! How runs are asked for: keys of requests, and places.

use crate::house::{In, house};
use rok_facades::runs::{DriveEnd, Verb};
use rok_vocabulary::{Actor, Outcome};
use rstest::rstest;
use std::collections::BTreeSet;
use std::sync::{Arc, Barrier, OnceLock};

const GATE: &str = "steps: { ask: { call: ok, gate: manual } }";

/// The other server is faster, after this one has looked for the request's run.
#[test]
fn the_same_request_at_two_servers_over_a_folder_makes_one_run() {
    let house = house(In::Memory);
    let mut asked = house.submission(GATE);
    asked.idempotency_key = Some("k1".into());
    let made = Arc::new(OnceLock::new());
    let (of_other, other, same) = (Arc::clone(&made), house.folders(|| {}), asked.clone());
    let slower = house.folders(move || {
        of_other.get_or_init(|| other.submit(same.clone()).unwrap());
    });
    let run = slower.submit(asked).unwrap();
    assert_eq!(Some(&run), made.get());
}

#[rstest]
fn a_request_with_a_key_makes_one_run(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let asked = |plan: &str, key: &str| {
        let mut submission = house.submission(plan);
        submission.idempotency_key = Some(key.to_owned());
        submission
    };
    let first = house.runs.submit(asked(GATE, "k1")).unwrap();
    assert_eq!(house.runs.submit(asked(GATE, "k1")).unwrap(), first);
    assert_ne!(house.runs.submit(asked(GATE, "k2")).unwrap(), first);
    let other = asked("steps: { a: { call: ok } }", "k1");
    assert_eq!(house.runs.submit(other).unwrap_err().code, "ROK0121");
    let mut ben = asked(GATE, "k1");
    ben.submitter = Actor::User("ben".into());
    assert_ne!(
        house.runs.submit(ben).unwrap(),
        first,
        "keys are their submitter's"
    );
    for key in ["", "two words", &"k".repeat(256)] {
        assert_eq!(
            house.runs.submit(asked(GATE, key)).unwrap_err().code,
            "ROK0121"
        );
    }
    let mut named = asked(GATE, "k3");
    named.run_id = Some("run-1".parse().unwrap());
    assert_eq!(house.runs.submit(named).unwrap_err().code, "ROK0121");
}

#[rstest]
fn many_at_once_with_one_key_make_one_run(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let barrier = Barrier::new(8);
    let made: BTreeSet<_> = std::thread::scope(|scope| {
        let ask = || {
            let mut submission = house.submission(GATE);
            submission.idempotency_key = Some("once".into());
            barrier.wait();
            house.runs.submit(submission).unwrap()
        };
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asked
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    assert_eq!(made.len(), 1);
}

#[rstest]
fn a_taken_id_is_refused(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    house.submit_as("run-1", GATE);
    let mut again = house.submission(GATE);
    again.run_id = Some("run-1".parse().unwrap());
    assert_eq!(house.runs.submit(again).unwrap_err().code, "ROK0116");
}

#[rstest]
fn a_key_has_its_places(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let plan = |on_limit: &str| {
        format!("concurrency: {{ key: {on_limit}, limit: 1, on_limit: {on_limit} }}\n{GATE}")
    };
    let approve = || Verb::Approve("ask".parse().unwrap());
    // queue
    let first = house.submit(&plan("queue"));
    assert!(matches!(house.rests(&first), DriveEnd::Held(_)));
    let second = house.submit(&plan("queue"));
    house.command(&first, approve()).unwrap();
    assert_eq!(house.outcome(&first), Outcome::Succeeded);
    assert!(matches!(house.rests(&second), DriveEnd::Held(_)));
    // reject
    let first = house.submit(&plan("reject"));
    let refused = house.runs.submit(house.submission(&plan("reject")));
    assert_eq!(refused.unwrap_err().code, "ROK0120");
    house.rests(&first);
    house.command(&first, approve()).unwrap();
    assert_eq!(house.outcome(&first), Outcome::Succeeded);
    house.submit(&plan("reject"));
    // cancel_oldest
    let first = house.submit(&plan("cancel_oldest"));
    house.rests(&first);
    let second = house.submit(&plan("cancel_oldest"));
    assert_eq!(house.outcome(&first), Outcome::Cancelled);
    assert!(matches!(house.rests(&second), DriveEnd::Held(_)));
    pool.drain();
    pool.join();
}
