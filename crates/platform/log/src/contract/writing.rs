//! The rules of the write port, the queue and the reader.

use super::{Fixture, claimed, committed, created, id, lease, owner, put, stale};
use crate::{
    ClaimError, Commit, CommitFault, CommitResult, EventReader, Fence, RunIndex, RunQueue,
    RunStore, Script, StoreError,
};
use rok_chain::{ChainHash, Digest, LogState, SealCheck, verify_log};
use rok_vocabulary::{Outcome, RunPhase, Seq};

/// The first commit creates the run; a second one is stale.
pub fn a_run_is_created_once(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let mut script = Script::new(&id("r"));
    let commit = script.create();
    assert_eq!(put(&mut store, commit.clone()), committed(2));
    assert_eq!(put(&mut store, commit.clone()), stale(2, 0));
    assert_eq!(put(&mut fixture.open(), commit), stale(2, 0));
}

/// What was never created cannot be read, claimed or appended to.
pub fn an_unknown_run_is_an_error(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let run = id("nobody");
    assert!(matches!(store.read(&run), Err(StoreError::Unknown { .. })));
    assert!(matches!(
        store.read_raw(&run),
        Err(StoreError::Unknown { .. })
    ));
    assert!(matches!(store.seal(&run), Err(StoreError::Unknown { .. })));
    let document = store.document(&run, Digest::of(b"x"));
    assert!(matches!(document, Err(StoreError::Unknown { .. })));
    assert_eq!(store.get(&run).expect("looking is no error"), None);
    let claim = store.claim(&run, &owner("a"), lease());
    assert!(matches!(
        claim,
        Err(ClaimError::Store(StoreError::Unknown { .. }))
    ));
    store.release(&run, Fence(1), None);
    let mut script = Script::new(&run);
    script.create();
    assert_eq!(put(&mut store, script.steps(Fence(1), 1)), stale(0, 0));
    assert!(matches!(store.read(&run), Err(StoreError::Unknown { .. })));
}

/// Only the owner appends.
pub fn an_append_needs_a_claim(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let mut script = created(&mut store, "r");
    assert_eq!(
        put(&mut store, script.clone().steps(Fence::UNCLAIMED, 1)),
        stale(2, 0)
    );
    assert_eq!(
        put(&mut store, script.clone().steps(Fence(1), 1)),
        stale(2, 0)
    );
    let claim = claimed(&mut store, script.run());
    assert_eq!(put(&mut store, script.steps(claim.fence, 1)), committed(3));
    store.release(script.run(), claim.fence, None);
    assert_eq!(put(&mut store, script.steps(claim.fence, 1)), stale(3, 1));
}

/// A commit must go where the log ends.
pub fn an_append_at_another_seq_is_stale(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let mut script = created(&mut store, "r");
    let fence = claimed(&mut store, script.run()).fence;
    let first = script.steps(fence, 2);
    let second = script.steps(fence, 1);
    assert_eq!(put(&mut store, second.clone()), stale(2, 1));
    assert_eq!(put(&mut store, first.clone()), committed(4));
    assert_eq!(put(&mut store, first), stale(4, 1));
    assert_eq!(put(&mut store, second), committed(5));
}

/// An owner that was replaced can append nothing, even where its successor has
/// written nothing yet.
pub fn nothing_is_appended_under_an_old_fence(fixture: &impl Fixture) {
    let mut first = fixture.open();
    let mut script = created(&mut first, "r");
    let old = claimed(&mut first, script.run()).fence;
    first.release(script.run(), old, None);
    let mut second = fixture.open();
    let new = claimed(&mut second, script.run()).fence;
    assert!(new > old);
    assert_eq!(
        put(&mut first, script.clone().steps(old, 1)),
        stale(2, new.0)
    );
    assert_eq!(
        put(&mut second, script.clone().steps(old, 1)),
        stale(2, new.0)
    );
    assert_eq!(put(&mut second, script.steps(new, 1)), committed(3));
}

/// While one owner has a run, nobody else gets it, by whatever handle.
pub fn a_run_has_one_owner(fixture: &impl Fixture) {
    let (mut first, mut second) = (fixture.open(), fixture.open());
    let script = created(&mut first, "r");
    let fence = claimed(&mut first, script.run()).fence;
    for store in [&mut first, &mut second] {
        match store.claim(script.run(), &owner("another"), lease()) {
            Err(ClaimError::Held { run, by }) => {
                assert_eq!(run, *script.run());
                assert!(by.contains("the owner"), "{by}");
            }
            other => panic!("the run was given away: {other:?}"),
        }
    }
    first.release(script.run(), fence, None);
    claimed(&mut second, script.run());
}

/// Fences only rise.
pub fn each_claim_raises_the_fence(fixture: &impl Fixture) {
    let run = created(&mut fixture.open(), "r").run().clone();
    for n in 1..5 {
        let mut store = fixture.open();
        assert_eq!(claimed(&mut store, &run).fence, Fence(n));
        store.release(&run, Fence(n), None);
    }
}

/// A claim says from where to go on.
pub fn a_claim_names_where_the_log_ends(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let mut script = created(&mut store, "r");
    let claim = claimed(&mut store, script.run());
    assert_eq!((claim.next_seq, claim.head), (Seq(2), script.head()));
    assert_eq!((claim.repaired, claim.resealed), (None, false));
    assert_eq!(put(&mut store, script.steps(claim.fence, 3)), committed(5));
    store.release(script.run(), claim.fence, None);
    let claim = claimed(&mut fixture.open(), script.run());
    assert_eq!((claim.next_seq, claim.head), (Seq(5), script.head()));
}

/// Reading needs no claim, and sees what was acknowledged.
pub fn everyone_reads_while_one_writes(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let mut script = created(&mut store, "r");
    let fence = claimed(&mut store, script.run()).fence;
    let reader = fixture.open();
    for n in 1..4 {
        let commit = script.steps(fence, n);
        let lines = commit.lines.clone();
        let seq = commit.expect_seq;
        assert!(matches!(
            put(&mut store, commit),
            CommitResult::Committed { .. }
        ));
        let read = reader
            .read_from(script.run(), seq)
            .expect("reading needs no claim");
        assert_eq!(read.bytes, lines);
        let row = reader.get(script.run()).expect("neither does the index");
        assert_eq!(row.as_ref(), Some(script.row()));
    }
}

/// `read_from` begins with the line asked for.
pub fn reading_starts_where_it_is_asked_to(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let mut script = created(&mut store, "r");
    let fence = claimed(&mut store, script.run()).fence;
    assert_eq!(put(&mut store, script.steps(fence, 3)), committed(5));
    let all = store.read(script.run()).expect("it is there");
    assert_eq!((all.first_seq, all.lines().count()), (Seq(0), 5));
    assert_eq!(
        store.read_raw(script.run()).expect("it is there"),
        all.bytes
    );
    for seq in 0..7 {
        let some = store
            .read_from(script.run(), Seq(seq))
            .expect("it is there");
        let expected: Vec<_> = all.lines().skip(seq as usize).collect();
        assert_eq!(some.first_seq, Seq(seq));
        assert_eq!(some.lines().collect::<Vec<_>>(), expected, "from {seq}");
    }
}

/// A page is the lines that the whole log has there, whichever decisions they
/// are of, and no more of them.
pub fn a_page_is_a_part_of_the_log(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let mut script = created(&mut store, "r");
    let fence = claimed(&mut store, script.run()).fence;
    assert_eq!(put(&mut store, script.steps(fence, 3)), committed(5));
    assert_eq!(put(&mut store, script.steps(fence, 2)), committed(7));
    let all = store.read(script.run()).expect("it is there");
    let due = store.next_seq(script.run()).expect("it is there");
    assert_eq!(due, Seq(7));
    for seq in 0..9 {
        for most in 0..9 {
            let page = store.read_page(script.run(), Seq(seq), most);
            let page = page.expect("it is there");
            let lines = all.lines().skip(seq as usize).take(most);
            assert_eq!(page.first_seq, Seq(seq));
            let found = page.lines().collect::<Vec<_>>();
            assert_eq!(found, lines.collect::<Vec<_>>(), "{most} from {seq}");
        }
    }
    let unknown = store.read_page(&id("unknown"), Seq(0), 1);
    assert!(unknown.is_err() && store.next_seq(&id("unknown")).is_err());
}

/// One stale commit does not stop the others of its batch.
pub fn a_batch_goes_on_past_a_stale_commit(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let mut scripts: Vec<_> = ["a", "b", "c"].map(|run| created(&mut store, run)).into();
    let fences: Vec<_> = scripts
        .iter()
        .map(|script| claimed(&mut store, script.run()).fence)
        .collect();
    let mut batch: Vec<_> = scripts
        .iter_mut()
        .zip(fences)
        .map(|(script, fence)| script.steps(fence, 2))
        .collect();
    batch[1].fence = Fence(9);
    let mut last = Script::new(&id("d"));
    batch.push(last.create());
    let results = store.commit(&batch).expect("stale is no error");
    assert_eq!(
        results,
        [committed(4), stale(2, 1), committed(4), committed(2)]
    );
    let lines = |run| store.read(&id(run)).expect("it is there").lines().count();
    assert_eq!(["a", "b", "c", "d"].map(lines), [4, 2, 4, 2]);
    assert!(store.commit(&[]).expect("nothing to do").is_empty());
}

/// A commit whose parts disagree is refused whole, and the store goes on.
pub fn what_contradicts_itself_is_refused(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let script = created(&mut store, "r");
    let fence = claimed(&mut store, script.run()).fence;
    let good = script.clone().seal(fence, Outcome::Succeeded);
    let mut bad = vec![good.clone(); 6];
    bad[0].lines.pop();
    bad[1].lines.clear();
    bad[2].events += 1;
    bad[3].row.next_seq = Seq(99);
    bad[4].head = ChainHash::genesis(script.run());
    bad[5].documents = script_documents(&script);
    bad[5].documents[0].digest = Digest::of(b"other");
    bad.push(Commit {
        seal: None,
        ..good.clone()
    });
    bad.push(Commit {
        seal: good.seal,
        ..script.clone().steps(fence, 3)
    });
    // A decision without its last line.
    let mut cut = Commit {
        events: 2,
        seal: None,
        ..good.clone()
    };
    cut.lines.pop();
    while cut.lines.last() != Some(&b'\n') {
        cut.lines.pop();
    }
    cut.row.next_seq = Seq(4);
    bad.push(cut);
    for commit in bad {
        let other = script.clone().steps(fence, 1);
        match store.commit(&[other, commit]) {
            Err(StoreError::Invalid { fault, .. }) => {
                assert!(!matches!(fault, CommitFault::Namespace { .. }));
            }
            other => panic!("it was not refused: {other:?}"),
        }
    }
    assert_eq!(
        store
            .read(script.run())
            .expect("it is there")
            .lines()
            .count(),
        2
    );
    assert_eq!(put(&mut store, good), committed(5));
}

fn script_documents(script: &Script) -> Vec<crate::Document> {
    Script::new(script.run()).create().documents
}

/// Documents are found by the digest that events name.
pub fn documents_are_kept_by_digest(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let script = created(&mut store, "r");
    let document = script_documents(&script).remove(0);
    let found = store
        .document(script.run(), document.digest)
        .expect("it is there");
    assert_eq!(found.as_deref(), Some(&*document.bytes));
}

/// A seal is there as soon as its events are, and stays until the next.
pub fn a_seal_is_kept_with_its_events(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let mut script = created(&mut store, "r");
    let fence = claimed(&mut store, script.run()).fence;
    assert_eq!(store.seal(script.run()).expect("it is there"), None);
    for outcome in [Outcome::Failed, Outcome::Succeeded] {
        let commit = script.seal(fence, outcome);
        let seal = commit.seal;
        assert!(matches!(
            put(&mut store, commit),
            CommitResult::Committed { .. }
        ));
        assert_eq!(store.seal(script.run()).expect("it is there"), seal);
        let resume = script.resume(fence);
        assert!(matches!(
            put(&mut store, resume),
            CommitResult::Committed { .. }
        ));
        assert_eq!(
            fixture.open().seal(script.run()).expect("it is there"),
            seal
        );
    }
}

/// What was committed is what is verified.
pub fn what_was_committed_verifies(fixture: &impl Fixture) {
    let mut store = fixture.open();
    let mut script = created(&mut store, "r");
    let run = script.run().clone();
    let fence = claimed(&mut store, &run).fence;
    let commits = [
        script.phase(fence, RunPhase::Executing),
        script.steps(fence, 3),
        script.seal(fence, Outcome::Failed),
        script.resume(fence),
        script.seal(fence, Outcome::Partial),
    ];
    let results = store
        .commit(&commits)
        .expect("one batch may hold several of a run");
    assert!(
        results
            .iter()
            .all(|result| matches!(result, CommitResult::Committed { .. }))
    );
    let log = store.read_raw(&run).expect("it is there");
    let seal = store.seal(&run).expect("it is there");
    let report = verify_log(&run, &log, seal.as_ref());
    assert_eq!(report.fault, None);
    assert_eq!(
        (report.state, report.seal),
        (LogState::Sealed, SealCheck::Matches)
    );
    assert_eq!(
        (report.head, Seq(report.events)),
        (script.head(), script.row().next_seq)
    );
}
