//! The rules of leases and of what is due.

use super::inbox::{command, command_id};
use super::{Fixture, NOW, claimed, committed, id, later, lease, owner, put, stale};
use crate::{
    Answer, Backlog, ClaimError, EventReader, Fence, Inbox, Lease, PoolStore, Pull, Pulled,
    RunIndex, RunQueue, Script, Standing, WorkQueue,
};
use rok_vocabulary::{Outcome, RunId, Timestamp};
use std::time::Duration;

fn pull(at: Timestamp, limit: usize) -> Pull {
    Pull {
        owner: owner("a pool"),
        lease: Lease::new(at, Duration::from_secs(60)),
        limit,
        aging: Duration::from_secs(60),
    }
}

/// What a pull gives, all of it sound.
fn pulled(store: &mut impl WorkQueue, pull: &Pull) -> Vec<(String, Fence)> {
    let runs = store.claim_due(pull).expect("pulling must not fail");
    runs.into_iter()
        .map(|it| {
            (
                it.run.to_string(),
                it.claim.expect("its log is whole").fence,
            )
        })
        .collect()
}

fn names(store: &mut impl WorkQueue, ask: &Pull) -> String {
    let runs = pulled(store, ask);
    runs.iter().map(|(run, _)| run.as_str()).collect()
}

fn next(store: &impl WorkQueue) -> Option<Timestamp> {
    store.next_due().expect("asking must not fail")
}

/// Creates a run at that time.
fn born(store: &mut impl PoolStore, script: Script, at: Timestamp) -> Script {
    let mut script = script.created_at(at);
    assert_eq!(put(store, script.create()), committed(2));
    script
}

fn plain(store: &mut impl PoolStore, run: &str) -> Script {
    born(store, Script::new(&id(run)), NOW)
}

/// A run that was created is given to whoever asks first.
pub fn a_run_is_due_from_its_creation_on(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    assert_eq!(next(&store), None);
    assert_eq!(names(&mut store, &pull(NOW, 9)), "");
    let mut script = born(&mut store, Script::new(&id("r")), later(5));
    assert_eq!(next(&store), Some(later(5)));
    assert_eq!(names(&mut store, &pull(later(4), 9)), "");
    let given = store
        .claim_due(&pull(later(5), 9))
        .expect("pulling must not fail");
    let [
        Pulled {
            run,
            claim: Ok(claim),
            may_begin: true,
            asked: false,
            log,
        },
    ] = &given[..]
    else {
        panic!("{given:?}")
    };
    assert_eq!(run, script.run());
    let read = store.read(run).expect("it was claimed");
    assert!(log.as_ref().is_none_or(|log| *log == read), "{log:?}");
    assert_eq!(
        (claim.fence, claim.next_seq),
        (Fence(1), script.row().next_seq)
    );
    assert_eq!((claim.head, claim.repaired), (script.head(), None));
    assert_eq!(put(&mut store, script.steps(claim.fence, 1)), committed(3));
    assert_eq!(names(&mut fixture.open(), &pull(later(6), 9)), "");
}

/// What is due longest comes first, at most as many as are asked for.
pub fn a_pull_ends_at_its_limit(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    for (run, at) in [("a", 3), ("b", 1), ("c", 2), ("d", 4), ("e", 4)] {
        born(&mut store, Script::new(&id(run)), later(at));
    }
    assert_eq!(names(&mut store, &pull(later(9), 0)), "");
    assert_eq!(names(&mut store, &pull(later(9), 2)), "bc");
    assert_eq!(names(&mut store, &pull(later(9), 2)), "ad");
    assert_eq!(names(&mut store, &pull(later(9), 2)), "e");
    assert_eq!(next(&store), Some(later(60_009)));
}

/// Priority decides among those that wait equally long.
pub fn the_more_urgent_go_first(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    for (run, priority) in [("a", -100), ("b", 0), ("c", 100), ("d", 7)] {
        let script = Script::new(&id(run)).with_priority(priority);
        born(&mut store, script, NOW);
    }
    assert_eq!(names(&mut store, &pull(NOW, 9)), "cdba");
}

/// Waiting counts: a run overtakes those that came so much later that their
/// priority does not make up for it. Without aging none does.
pub fn nobody_waits_for_ever(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    for (run, priority, at) in [("a", 0, 0), ("b", 2, 119_999), ("c", 2, 120_001)] {
        let script = Script::new(&id(run)).with_priority(priority);
        born(&mut store, script, later(at));
    }
    let ask = pull(later(130_000), 9);
    let strict = Pull {
        aging: Duration::ZERO,
        limit: 1,
        ..ask.clone()
    };
    assert_eq!(names(&mut store, &strict), "b");
    let last = Script::new(&id("d")).with_priority(2);
    born(&mut store, last, later(119_999));
    assert_eq!(names(&mut store, &ask), "dac");
}

/// Nobody gets a run whose claim lasts; whoever comes later does, with a
/// higher fence, and the first owner can append nothing more.
pub fn a_claim_that_ran_out_is_taken_over(fixture: &impl Fixture<Store: PoolStore>) {
    let (mut first, mut second) = (fixture.open(), fixture.open());
    let mut script = plain(&mut first, "r");
    let run = script.run().clone();
    let claim = first
        .claim(
            &run,
            &owner("a"),
            Lease::new(NOW, Duration::from_millis(10)),
        )
        .expect("nobody has it");
    assert_eq!(next(&second), Some(later(10)));
    let early = second.claim(
        &run,
        &owner("b"),
        Lease::new(later(9), Duration::from_secs(1)),
    );
    assert!(matches!(early, Err(ClaimError::Held { by, .. }) if by.contains('a')));
    assert_eq!(names(&mut second, &pull(later(9), 9)), "");
    // As long as nobody takes it, it is the first owner's.
    assert_eq!(put(&mut first, script.steps(claim.fence, 1)), committed(3));
    assert_eq!(
        pulled(&mut second, &pull(later(10), 9)),
        [("r".to_owned(), Fence(2))]
    );
    assert_eq!(
        put(&mut first, script.clone().steps(claim.fence, 1)),
        stale(3, 2)
    );
    assert_eq!(put(&mut second, script.steps(Fence(2), 1)), committed(4));
    let third = Lease::new(later(60_010), Duration::from_secs(1));
    let claim = first
        .claim(&run, &owner("c"), third)
        .expect("it ran out again");
    assert_eq!(claim.fence, Fence(3));
}

/// What one who is gone has claimed is due at once, and theirs no more; what
/// others have is left to them.
pub fn a_gone_owner_is_disowned(fixture: &impl Fixture<Store: PoolStore>) {
    let (mut gone, mut next) = (fixture.open(), fixture.open());
    assert_eq!(gone.owners().expect("asking must not fail"), []);
    let scripts = ["r", "s", "t"].map(|run| plain(&mut gone, run));
    let lease = Lease::new(NOW, Duration::from_secs(60));
    let claims = ["a", "a", "b"]
        .into_iter()
        .zip(&scripts)
        .map(|(by, script)| {
            let claim = gone.claim(script.run(), &owner(by), lease);
            claim.expect("nobody has it").fence
        });
    let fences: Vec<Fence> = claims.collect();
    let owners = next.owners().expect("asking must not fail");
    assert_eq!(owners, [owner("a"), owner("b")]);
    assert_eq!(names(&mut next, &pull(later(5), 9)), "");
    let disowned = next.disown(&owner("a"), later(5));
    assert_eq!(disowned.expect("it must not fail"), 2);
    assert_eq!(next.owners().expect("asking must not fail"), [owner("b")]);
    let [mut first, _, mut third] = scripts;
    // It is not theirs any more, though nobody has claimed it yet.
    let late = put(&mut gone, first.clone().steps(fences[0], 1));
    assert_eq!(late, stale(2, fences[0].0 + 1));
    let held: Vec<_> = { ["r", "s", "t"].iter().zip(&fences) }
        .map(|(run, fence)| (id(run), *fence))
        .collect();
    let lost = gone.renew(&held, lease).expect("renewing must not fail");
    assert_eq!(lost, [id("r"), id("s")]);
    let taken = pulled(&mut next, &pull(later(5), 9));
    let [(r, fence), (s, _)] = taken.as_slice() else {
        panic!("two are due: {taken:?}");
    };
    assert_eq!((r.as_str(), s.as_str()), ("r", "s"));
    assert_eq!(put(&mut next, first.steps(*fence, 1)), committed(3));
    assert_eq!(put(&mut gone, third.steps(fences[2], 1)), committed(3));
    let nobody = next.disown(&owner("a"), later(6));
    assert_eq!(nobody.expect("it must not fail"), 0);
}

/// Who has a run is told, and from when on it may be claimed where nobody has.
pub fn a_run_stands_as_its_claim_does(fixture: &impl Fixture<Store: PoolStore>) {
    let (mut store, looks) = (fixture.open(), fixture.open());
    let stands = |run: &str| looks.standing(&id(run)).expect("asking must not fail");
    assert_eq!(stands("r"), None);
    let script = plain(&mut store, "r");
    let free = |due| Some(Standing::Free { due });
    assert_eq!(stands("r"), free(Some(NOW)));
    let lease = Lease::new(NOW, Duration::from_secs(60));
    let claim = store.claim(script.run(), &owner("a"), lease);
    let fence = claim.expect("nobody has it").fence;
    let claimed = Standing::Claimed {
        owner: owner("a"),
        until: lease.until,
    };
    assert_eq!(stands("r"), Some(claimed));
    // A claim that is renewed until now is over, and it is known whose it was.
    let over = Lease {
        now: later(5),
        until: later(5),
    };
    let lost = store.renew(&[(id("r"), fence)], over);
    assert_eq!(lost.expect("renewing must not fail"), []);
    let taken = pulled(&mut store, &pull(later(5), 9));
    let [(_, next)] = taken.as_slice() else {
        panic!("it is due: {taken:?}");
    };
    assert!(*next > fence);
    // What a fence before it says changes nothing.
    let lost = store.renew(&[(id("r"), fence)], over);
    assert_eq!(lost.expect("renewing must not fail"), [id("r")]);
    assert!(matches!(stands("r"), Some(Standing::Claimed { until, .. }) if until > later(5)));
    store.release(&id("r"), *next, Some(later(9)));
    assert_eq!(stands("r"), free(Some(later(9))));
}

/// A renewed claim lasts until the new end.
pub fn a_claim_is_renewed_while_it_lasts(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    plain(&mut store, "r");
    let ask = pull(NOW, 9);
    let [(_, fence)] = pulled(&mut store, &ask)[..] else {
        panic!("it is due")
    };
    let held = [(id("r"), fence)];
    let longer = Lease::new(later(59_000), Duration::from_secs(60));
    assert_eq!(
        store.renew(&held, longer).expect("renewing must not fail"),
        []
    );
    assert_eq!(names(&mut fixture.open(), &pull(later(118_999), 9)), "");
    assert_eq!(next(&store), Some(later(119_000)));
    // One that ran out and that nobody took is renewed too.
    let late = Lease::new(later(200_000), Duration::from_secs(60));
    assert_eq!(
        store.renew(&held, late).expect("renewing must not fail"),
        []
    );
    assert_eq!(names(&mut fixture.open(), &pull(later(259_999), 9)), "");
    assert_eq!(names(&mut fixture.open(), &pull(later(260_000), 9)), "r");
}

/// Renewing tells which claims are lost: taken, let go, of another fence, of
/// no run.
pub fn a_lost_claim_is_told(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    for run in ["kept", "taken", "gone"] {
        plain(&mut store, run);
    }
    let short = Lease::new(NOW, Duration::from_millis(1));
    let mut held: Vec<(RunId, Fence)> = ["kept", "taken", "gone", "other"]
        .map(|run| (id(run), Fence(1)))
        .into();
    for (run, fence) in &held[..3] {
        let claim = store.claim(run, &owner("a"), short).expect("nobody has it");
        assert_eq!(claim.fence, *fence);
    }
    let ran_out = Lease::new(later(1), Duration::from_secs(60));
    let taken = fixture.open().claim(&id("taken"), &owner("b"), ran_out);
    assert!(taken.is_ok(), "{taken:?}");
    store.release(&id("gone"), Fence(1), None);
    let lost = store.renew(&held, lease()).expect("renewing must not fail");
    assert_eq!(lost, ["taken", "gone", "other"].map(id));
    held.truncate(1);
    held[0].1 = Fence(2);
    assert_eq!(
        store.renew(&held, lease()).expect("renewing must not fail"),
        [id("kept")]
    );
}

/// A run that was let go is due when its owner said.
pub fn a_release_says_when(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    plain(&mut store, "r");
    for (fence, due) in [(1, Some(later(7))), (2, Some(NOW)), (3, None)] {
        let claim = store
            .claim(&id("r"), &owner("a"), lease())
            .expect("nobody has it");
        assert_eq!(claim.fence, Fence(fence));
        store.release(&id("r"), Fence(fence), due);
        assert_eq!(next(&store), due);
    }
    assert_eq!(names(&mut store, &pull(later(1_000_000), 9)), "");
    claimed(&mut store, &id("r"));
}

/// Who lost a run cannot let it go any more.
pub fn a_stale_release_changes_nothing(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    plain(&mut store, "r");
    let fence = claimed(&mut store, &id("r")).fence;
    store.release(&id("r"), fence, Some(later(1)));
    store.release(&id("r"), fence, Some(later(2)));
    assert_eq!(next(&store), Some(later(2)), "its owner may still say when");
    claimed(&mut store, &id("r"));
    store.release(&id("r"), fence, Some(later(3)));
    assert_eq!(next(&store), Some(lease().until));
    let again = store.claim(&id("r"), &owner("b"), lease());
    assert!(matches!(again, Err(ClaimError::Held { .. })));
}

/// A closed run is given to nobody, claimed or not.
pub fn a_closed_run_is_never_due(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let mut script = plain(&mut store, "r");
    let fence = claimed(&mut store, script.run()).fence;
    assert_eq!(
        put(&mut store, script.seal(fence, Outcome::Succeeded)),
        committed(5)
    );
    assert_eq!(next(&store), None);
    store.release(script.run(), fence, Some(NOW));
    assert_eq!(next(&store), None);
    assert_eq!(names(&mut store, &pull(later(1_000_000), 9)), "");
    // The next epoch is open again.
    let fence = claimed(&mut store, script.run()).fence;
    assert_eq!(put(&mut store, script.resume(fence)), committed(7));
    store.release(script.run(), fence, Some(later(1)));
    assert_eq!(names(&mut store, &pull(later(1), 9)), "r");
}

/// A command makes a run due at once that nobody has, whatever it waits for,
/// closed or not; where somebody has it, as soon as it is let go.
pub fn a_command_makes_a_run_due(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let mut script = plain(&mut store, "r");
    let run = script.run().clone();
    let fence = claimed(&mut store, &run).fence;
    store.release(&run, fence, None);
    store.put(&run, &command("c", 1)).expect("anyone may put");
    assert!(next(&store).is_some_and(|at| at <= NOW));
    let [(_, fence)] = pulled(&mut store, &pull(NOW, 9))[..] else {
        panic!("it is due")
    };
    // Let go unanswered, it comes again.
    store.release(&run, fence, None);
    let [(_, fence)] = pulled(&mut store, &pull(NOW, 9))[..] else {
        panic!("its command waits")
    };
    let answer = Answer::refused("no");
    store
        .done(&run, &command_id("c"), &answer)
        .expect("answering must not fail");
    store
        .put(&run, &command("c", 1))
        .expect("a late delivery is no error");
    assert_eq!(
        put(&mut store, script.seal(fence, Outcome::Succeeded)),
        committed(5)
    );
    store.put(&run, &command("d", 1)).expect("anyone may put");
    store.release(&run, fence, None);
    let [(_, fence)] = pulled(&mut store, &pull(NOW, 9))[..] else {
        panic!("a command to a closed run is answered too")
    };
    store
        .done(&run, &command_id("d"), &answer)
        .expect("answering must not fail");
    store.release(&run, fence, None);
    assert_eq!(next(&store), None);
}

/// No more runs with one key are begun than its limit; one that was begun
/// holds its place while it waits, and is given again whatever the limit.
pub fn a_place_is_held_until_the_run_is_closed(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let mut scripts: Vec<Script> = ["a", "b", "c", "d"]
        .into_iter()
        .zip(1..)
        .map(|(run, n)| {
            let script = Script::new(&id(run)).with_concurrency("key", 2);
            born(&mut store, script, later(n))
        })
        .collect();
    assert_eq!(names(&mut store, &pull(later(9), 9)), "ab");
    assert_eq!(names(&mut store, &pull(later(9), 9)), "");
    assert_eq!(
        next(&store),
        Some(later(60_009)),
        "those behind are not due"
    );
    store.release(&id("a"), Fence(1), Some(later(20)));
    assert_eq!(names(&mut store, &pull(later(19), 9)), "");
    assert_eq!(
        pulled(&mut store, &pull(later(20), 9)),
        [("a".to_owned(), Fence(2))]
    );
    let commit = scripts[0].seal(Fence(2), Outcome::Succeeded);
    assert_eq!(put(&mut store, commit), committed(5));
    assert_eq!(next(&store), Some(later(3)), "its place is free");
    assert_eq!(names(&mut store, &pull(later(30), 9)), "c");
    let commit = scripts[1].seal(Fence(1), Outcome::Failed);
    assert_eq!(put(&mut store, commit), committed(5));
    assert_eq!(names(&mut fixture.open(), &pull(later(30), 9)), "d");
}

/// A run that waits behind others is given for its commands, and takes no
/// place by that.
pub fn a_command_reaches_a_run_that_waits_behind(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    for (run, n) in [("a", 1), ("b", 2), ("c", 3)] {
        let script = Script::new(&id(run)).with_concurrency("key", 1);
        born(&mut store, script, later(n));
    }
    assert_eq!(names(&mut store, &pull(later(9), 9)), "a");
    store
        .put(&id("b"), &command("c", 1))
        .expect("anyone may put");
    let mut given = store
        .claim_due(&pull(later(9), 9))
        .expect("pulling must not fail");
    let Some(Pulled {
        run,
        claim: Ok(claim),
        may_begin: false,
        asked: true,
        ..
    }) = given.pop()
    else {
        panic!("its command waits")
    };
    assert_eq!((run, given.len()), (id("b"), 0));
    let answer = Answer::refused("no");
    store
        .done(&id("b"), &command_id("c"), &answer)
        .expect("answering must not fail");
    store.release(&id("b"), claim.fence, Some(later(2)));
    assert_eq!(names(&mut store, &pull(later(9), 9)), "");
    let mut script = Script::new(&id("a"))
        .with_concurrency("key", 1)
        .created_at(later(1));
    script.create();
    assert_eq!(
        put(&mut store, script.seal(Fence(1), Outcome::Failed)),
        committed(5)
    );
    assert_eq!(names(&mut store, &pull(later(9), 9)), "b");
}

/// Keys have nothing to do with each other, and each run keeps its own limit.
pub fn each_key_has_its_own_places(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let runs = [
        ("a", Some(("x", 1))),
        ("b", Some(("x", 1))),
        ("c", Some(("y", 1))),
        ("d", None),
        ("e", Some(("x", 2))),
        ("f", Some(("y", 1))),
    ];
    for ((run, key), n) in runs.into_iter().zip(1..) {
        let script = Script::new(&id(run));
        let script = match key {
            Some((key, limit)) => script.with_concurrency(key, limit),
            None => script,
        };
        born(&mut store, script, later(n));
    }
    assert_eq!(names(&mut store, &pull(later(9), 9)), "acde");
    let by_key = crate::RunFilter {
        concurrency: Some("x".into()),
        ..crate::RunFilter::default()
    };
    let listed = store.list(&by_key).expect("listing must not fail");
    assert_eq!(
        listed.iter().map(crate::RunEntry::name).collect::<String>(),
        "abe"
    );
    // Closing the first leaves one in x: that is within e's limit, not within b's.
    let mut script = Script::new(&id("a"))
        .with_concurrency("x", 1)
        .created_at(later(1));
    script.create();
    assert_eq!(
        put(&mut store, script.seal(Fence(1), Outcome::Failed)),
        committed(5)
    );
    assert_eq!(names(&mut store, &pull(later(9), 9)), "");
}

/// What waits is counted where it belongs.
pub fn the_backlog_is_counted(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    for (run, key, at) in [
        ("a", true, 0),
        ("b", true, 1),
        ("c", false, 9),
        ("d", false, 2),
    ] {
        let script = Script::new(&id(run));
        let script = if key {
            script.with_concurrency("key", 1)
        } else {
            script
        };
        born(&mut store, script, later(at));
    }
    let mut done = plain(&mut store, "done");
    let fence = claimed(&mut store, done.run()).fence;
    assert_eq!(
        put(&mut store, done.seal(fence, Outcome::Succeeded)),
        committed(5)
    );
    store.release(done.run(), fence, None);
    assert_eq!(names(&mut store, &pull(NOW, 1)), "a");
    let backlog = |at| store.backlog(at).expect("counting must not fail");
    let counted = Backlog {
        due: 1,
        later: 1,
        behind: 1,
        claimed: 1,
    };
    assert_eq!(backlog(later(5)), counted);
    let expired = Backlog {
        due: 3,
        later: 0,
        behind: 1,
        claimed: 0,
    };
    assert_eq!(backlog(later(60_000)), expired);
}

/// Whatever several pools ask for at once, each run goes to one of them.
pub fn two_pools_never_share_a_run(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    for n in 0..40 {
        plain(&mut store, &format!("r{n}"));
    }
    let mut given: Vec<String> = std::thread::scope(|scope| {
        let pools: Vec<_> = (0..4)
            .map(|_| {
                let mut store = fixture.open().another();
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    loop {
                        let runs = store
                            .claim_due(&pull(NOW, 3))
                            .expect("pulling must not fail");
                        if runs.is_empty() {
                            return mine;
                        }
                        mine.extend(runs.into_iter().map(|it| it.run.to_string()));
                    }
                })
            })
            .collect();
        let pools = pools.into_iter();
        pools
            .flat_map(|pool| pool.join().expect("it does not panic"))
            .collect()
    });
    assert_eq!(given.len(), 40);
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), 40);
}
