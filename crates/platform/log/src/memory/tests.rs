//! What must hold of `memory`, case by case.

use super::*;
use crate::contract::{Fixture, same_history, same_queue_history};
use crate::{CommitFault, Fault, FaultyStore, Owner, RunQueue, SCRIPT_LEASE, Script};
use proptest::prelude::*;
use rok_vocabulary::{Outcome, RunPhase};
use rstest::rstest;

impl Fixture for MemoryStore {
    type Store = Self;
    fn open(&self) -> Self {
        self.clone()
    }
}

mod contract {
    crate::store_contract!(super::MemoryStore::new());
    crate::pool_store_contract!(super::MemoryStore::new());
}

fn owned(run: &str) -> (MemoryStore, Script, Fence) {
    let mut store = MemoryStore::new();
    let mut script = Script::new(&run.parse().unwrap());
    store.commit(&[script.create()]).unwrap();
    let fence = store
        .claim(script.run(), &Owner::new("a"), SCRIPT_LEASE)
        .unwrap()
        .fence;
    (store, script, fence)
}

#[test]
fn namespaces_are_apart() {
    let (mut store, script, _) = owned("r");
    let other: Namespace = "tenant-2".parse().unwrap();
    let mut elsewhere = store.in_namespace(other.clone());
    assert!(matches!(
        elsewhere.read(script.run()),
        Err(StoreError::Unknown { .. })
    ));
    let commit = Commit {
        namespace: other,
        ..Script::new(script.run()).create()
    };
    let results = store.commit(&[commit]).unwrap();
    assert_eq!(results, [CommitResult::Committed { next_seq: Seq(2) }]);
    assert_eq!(elsewhere.read(script.run()).unwrap().lines().count(), 2);
    elsewhere
        .claim(script.run(), &Owner::new("b"), SCRIPT_LEASE)
        .unwrap();
    elsewhere.forget(script.run());
    assert!(matches!(
        elsewhere.read(script.run()),
        Err(StoreError::Unknown { .. })
    ));
    assert!(store.read(script.run()).is_ok());
}

#[rstest]
#[case(Fault::Lost, 2, None)]
#[case(Fault::Unacknowledged, 6, None)]
#[case(Fault::Torn { keep: 0 }, 3, None)]
#[case(Fault::Torn { keep: 10 }, 3, Some((10, 1)))]
#[case(Fault::Torn { keep: usize::MAX }, 6, None)]
fn a_fault_is_survived(
    #[case] fault: Fault,
    #[case] next: u64,
    #[case] dropped: Option<(u64, u64)>,
) {
    let (store, mut script, fence) = owned("r");
    let mut store = FaultyStore::new(store, 1, fault);
    let batch = [
        script.phase(fence, RunPhase::Executing),
        script.steps(fence, 3),
    ];
    assert!(matches!(store.commit(&batch), Err(StoreError::Io { .. })));
    assert!(matches!(
        store.commit(&batch),
        Err(StoreError::Poisoned { .. })
    ));
    let mut store = store.into_inner();
    let run = script.run();
    assert_eq!(store.read(run).unwrap().lines().count() as u64, next);
    store.release(run, fence, None);
    let claim = store.claim(run, &Owner::new("b"), SCRIPT_LEASE).unwrap();
    assert_eq!(claim.next_seq, Seq(next));
    let repaired = claim
        .repaired
        .map(|it| (it.dropped_bytes, it.dropped_lines));
    assert_eq!(repaired, dropped);
    let log = store.read_raw(run).unwrap();
    let report = verify_log(run, &log, None);
    assert_eq!(
        (report.fault, report.torn_tail, report.head),
        (None, None, claim.head)
    );
}

/// A tear at each byte of a decision leaves all of it, or nothing.
#[test]
fn a_decision_is_whole_or_gone() {
    let (_, mut script, fence) = owned("r");
    let decision = script.seal(fence, Outcome::Failed);
    for keep in 0..=decision.lines.len() {
        let (store, ..) = owned("r");
        let mut store = FaultyStore::new(store, 1, Fault::Torn { keep });
        assert!(store.commit(std::slice::from_ref(&decision)).is_err());
        let mut store = store.into_inner();
        store.release(script.run(), fence, None);
        let claim = store
            .claim(script.run(), &Owner::new("b"), SCRIPT_LEASE)
            .unwrap();
        let whole = keep == decision.lines.len();
        assert_eq!(
            claim.next_seq,
            Seq(if whole { 5 } else { 2 }),
            "{keep} bytes"
        );
        assert_eq!(claim.repaired.is_some(), !whole && keep > 0, "{keep} bytes");
        let mut again = if whole {
            script.clone()
        } else {
            Script::new(script.run())
        };
        if !whole {
            again.create();
        }
        let commit = if whole {
            again.resume(claim.fence)
        } else {
            again.steps(claim.fence, 1)
        };
        let results = store.commit(&[commit]).unwrap();
        assert!(
            matches!(results[..], [CommitResult::Committed { .. }]),
            "{keep} bytes"
        );
    }
}

#[test]
fn the_ports_are_object_safe() {
    let mut store: Box<dyn crate::Store> = Box::new(MemoryStore::new());
    let commit = Script::new(&"r".parse().unwrap()).create();
    assert!(commit.check().is_ok());
    assert_eq!(store.commit(&[commit]).unwrap().len(), 1);
    let unended = Commit {
        lines: b"{}".to_vec(),
        ..Script::new(&"s".parse().unwrap()).create()
    };
    assert_eq!(unended.check(), Err(CommitFault::Unended));
}

proptest! {
    /// The harness itself: a store does not differ from itself.
    #[test]
    fn one_history_is_one_history(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        same_history(&MemoryStore::new(), &MemoryStore::new(), &bytes);
    }

    /// And so is what a pool does.
    #[test]
    fn one_queue_is_one_queue(bytes in prop::collection::vec(any::<u8>(), 0..240)) {
        same_queue_history(&MemoryStore::new(), &MemoryStore::new(), &bytes);
    }
}
