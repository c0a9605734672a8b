//! The rules of collecting.

use super::inbox::{command, command_id};
use super::{Fixture, NOW, claimed, committed, created, id, later, lease, owner, put, stale};
use crate::{
    Answer, ClaimError, Collect, Collected, CommitResult, EventReader as _, Fence, Inbox as _,
    Lease, PoolStore, Record, Records as _, Retention, RunEntry, RunFilter, RunQueue as _, Script,
    Store, StoreError, WorkQueue as _,
};
use rok_chain::{ChainHash, Digest};
use rok_vocabulary::{Outcome, Seq};
use std::time::Duration;

const STUB: &[u8] = br#"{"left":1}"#;

/// A run's log as its script wrote it, to be collected.
fn collect(script: &Script) -> Collect {
    Collect {
        run: script.run().clone(),
        next_seq: script.row().next_seq,
        head: script.head(),
        now: NOW,
        stub: STUB.to_vec(),
        records: Vec::new(),
    }
}

fn asked(store: &mut impl Retention, collect: &Collect) -> Collected {
    store.collect(collect).expect("collecting must not fail")
}

/// A run with a label that is over and let go, and the fence it had.
fn over(store: &mut impl PoolStore, run: &str) -> (Script, Fence) {
    let labels = [("team", "core")].into_iter().collect();
    let mut script = Script::new(&id(run)).with_labels(labels);
    assert_eq!(put(store, script.create()), committed(2));
    let fence = claimed(store, script.run()).fence;
    assert_eq!(
        put(store, script.seal(fence, Outcome::Succeeded)),
        committed(5)
    );
    store.release(script.run(), fence, None);
    // Whoever reads the queue waits for what was let go.
    assert_eq!(store.owners().expect("asking must not fail"), []);
    (script, fence)
}

fn is_collected<T>(told: &Result<T, StoreError>) -> bool {
    matches!(told, Err(StoreError::Collected { .. }))
}

/// All that any store tells of a run that its script sealed and that was
/// collected: the row, the seal and the name are there, and nothing else.
///
/// # Panics
/// When the store tells something else.
pub fn only_a_stub_is_left(store: &mut impl Store, script: &Script) {
    let run = script.run();
    assert!(is_collected(&store.read(run)));
    assert!(is_collected(&store.read_from(run, Seq(1))));
    assert!(is_collected(&store.read_page(run, Seq(0), 1)));
    assert!(is_collected(&store.read_raw(run)));
    assert!(is_collected(&store.next_seq(run)));
    let seal = store.seal(run).expect("the seal stays");
    assert_eq!(seal.map(|seal| seal.head), Some(script.head()));
    let row = store.get(run).expect("the row stays");
    assert_eq!(row.as_ref(), Some(script.row()));
    let labelled = RunFilter {
        labels: (*script.row().labels).clone(),
        phases: vec![script.row().phase],
        ..RunFilter::default()
    };
    for filter in [RunFilter::default(), labelled] {
        let mut listed = store.list(&filter).expect("listing must not fail");
        listed.retain(|entry| entry.name() == run.as_str());
        let (run, row) = (run.clone(), script.row().clone());
        assert_eq!(listed, [RunEntry::Collected { run, row }]);
    }
    let claim = store.claim(run, &owner("late"), lease());
    assert!(matches!(
        claim,
        Err(ClaimError::Store(StoreError::Collected { .. }))
    ));
    assert!(is_collected(&store.put(run, &command("c", 1))));
    assert!(is_collected(&store.take(run)));
    let answer = Answer::accepted(Seq(1));
    assert!(is_collected(&store.done(run, &command_id("c"), &answer)));
    // Its name is taken: a request that comes again makes no second run.
    let again = put(store, Script::new(run).create());
    let next = script.row().next_seq;
    assert!(
        matches!(again, CommitResult::Stale { next_seq, .. } if next_seq == next),
        "{again:?}"
    );
}

/// The log goes, the stub stays, and so do rows of the domains: those that are
/// there as they are, and those that only the log brought.
pub fn a_collected_run_is_a_stub(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let row = |key: &str, json: &str| Record {
        kind: "incidents",
        key: key.into(),
        json: json.into(),
    };
    let (script, fence) = over(&mut store, "r");
    assert_eq!(store.stub(script.run()).expect("it is a run"), None);
    let unknown = store.stub(&id("nobody"));
    assert!(matches!(unknown, Err(StoreError::Unknown { .. })));
    let mut other = Script::new(&id("other"));
    let mut commit = other.create();
    commit.records.push(row("a", "1"));
    assert_eq!(put(&mut store, commit), committed(2));
    let collect = Collect {
        records: vec![row("a", "2"), row("b", "3")],
        ..collect(&script)
    };
    assert_eq!(asked(&mut store, &collect), Collected::Done);
    let mut elsewhere = fixture.open();
    let left = elsewhere.stub(script.run()).expect("it is a stub");
    assert_eq!(left.as_deref(), Some(STUB));
    assert!(is_collected(&elsewhere.collect(&collect)));
    let nobody = Collect {
        run: id("nobody"),
        ..collect
    };
    let unknown = elsewhere.collect(&nobody);
    assert!(matches!(unknown, Err(StoreError::Unknown { .. })));
    let rows = elsewhere.records("incidents", None, 9).expect("they stay");
    assert_eq!(
        rows,
        [
            ("a".to_owned(), b"1".to_vec()),
            ("b".to_owned(), b"3".to_vec())
        ]
    );
    // The other run is what it was.
    let log = elsewhere.read(other.run()).expect("a run");
    assert_eq!(log.lines().count(), 2);
    let plan = Digest::of(br#"{"id":"scripted"}"#);
    let plan = elsewhere.document(other.run(), plan);
    assert!(plan.expect("its plan stays").is_some());
    only_a_stub_is_left(&mut elsewhere, &script);
    let late = script.clone().resume(fence);
    assert_eq!(put(&mut store, late), stale(5, fence.next().0));
}

/// A run that somebody has is not collected, until the claim has run out.
pub fn what_somebody_has_is_not_collected(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let (script, _) = over(&mut store, "r");
    let lease = Lease::new(NOW, Duration::from_millis(10));
    let claim = store.claim(script.run(), &owner("a pool"), lease);
    let fence = claim.expect("nobody has it").fence;
    let held = Collected::Held {
        by: "a pool".into(),
    };
    assert_eq!(asked(&mut fixture.open(), &collect(&script)), held);
    let log = store.read(script.run()).expect("it is a run still");
    assert_eq!(log.lines().count(), 5);
    let ran_out = Collect {
        now: later(10),
        ..collect(&script)
    };
    assert_eq!(asked(&mut fixture.open(), &ran_out), Collected::Done);
    let lost = store.renew(&[(script.run().clone(), fence)], lease);
    let lost = lost.expect("renewing must not fail");
    assert_eq!(lost, std::slice::from_ref(script.run()));
}

/// An owner that slept past its lease meets a stub: what it brings is stale,
/// and letting go changes nothing.
pub fn whoever_slept_finds_a_stub_and_appends_nothing(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let (mut script, _) = over(&mut store, "r");
    let seen = collect(&script);
    let lease = Lease::new(NOW, Duration::from_millis(10));
    let claim = store.claim(script.run(), &owner("a pool"), lease);
    let fence = claim.expect("nobody has it").fence;
    let ran_out = Collect {
        now: later(10),
        ..seen
    };
    assert_eq!(asked(&mut fixture.open(), &ran_out), Collected::Done);
    let late = script.resume(fence);
    assert_eq!(put(&mut store, late), stale(5, fence.next().0));
    store.release(&id("r"), fence, Some(NOW));
    assert_eq!(store.next_due().expect("asking must not fail"), None);
    assert!(is_collected(&store.read(&id("r"))));
}

/// A run that is open, that went on, or that is another than the one that was
/// seen is not collected.
pub fn what_moved_is_not_collected(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let open = created(&mut store, "open");
    assert_eq!(asked(&mut store, &collect(&open)), Collected::Moved);
    let (mut script, _) = over(&mut store, "r");
    let seen = collect(&script);
    let other = Collect {
        head: ChainHash::genesis(script.run()),
        ..seen.clone()
    };
    assert_eq!(asked(&mut store, &other), Collected::Moved);
    let fence = claimed(&mut store, script.run()).fence;
    for commit in [script.resume(fence), script.seal(fence, Outcome::Failed)] {
        assert!(matches!(
            put(&mut store, commit),
            CommitResult::Committed { .. }
        ));
    }
    store.release(script.run(), fence, None);
    assert_eq!(asked(&mut store, &seen), Collected::Moved);
    assert_eq!(store.stub(script.run()).expect("it is a run"), None);
    assert_eq!(asked(&mut store, &collect(&script)), Collected::Done);
}

/// A command that was accepted is answered before its run goes.
pub fn a_command_that_waits_keeps_its_run(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let (script, _) = over(&mut store, "r");
    let sent = command("c", 1);
    store.put(script.run(), &sent).expect("anyone may put");
    assert_eq!(asked(&mut store, &collect(&script)), Collected::Asked);
    let answer = Answer::accepted(Seq(1));
    store
        .done(script.run(), &sent.id, &answer)
        .expect("answering must not fail");
    assert_eq!(asked(&mut store, &collect(&script)), Collected::Done);
    assert_eq!(store.next_due().expect("asking must not fail"), None);
}
