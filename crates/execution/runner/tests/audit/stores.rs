//! A store that fails: at every commit in turn, in every way a commit can fail.
//! Nobody goes on from memory; what is durable is gone on from, once.

use crate::house::{House, facades, house, id, order, seconds};
use rok_facades::testing::TestEngine;
use rok_log::{
    Answer, Claim, ClaimError, Command, Commit, CommitResult, EventReader, Fault, FaultyStore,
    Fence, Inbox, Lease, LogBytes, MemoryStore, Owner, RunEntry, RunFilter, RunIndex, RunQueue,
    RunRow, RunStore, Store, StoreError,
};
use rok_runner::RunnerError;
use rok_vocabulary::{CommandId, Outcome, RunId, RunPhase, Seq, StepState, Timestamp};
use rstest::rstest;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All ports over a memory store, with a write port that can be spoilt.
pub(crate) struct Spoilt<W> {
    inner: MemoryStore,
    writer: W,
}

impl<W: RunStore> RunStore for Spoilt<W> {
    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<CommitResult>, StoreError> {
        self.writer.commit(commits)
    }
}

impl<W> EventReader for Spoilt<W> {
    fn read(&self, run: &RunId) -> Result<LogBytes, StoreError> {
        self.inner.read(run)
    }
    fn read_from(&self, run: &RunId, seq: Seq) -> Result<LogBytes, StoreError> {
        self.inner.read_from(run, seq)
    }
    fn read_raw(&self, run: &RunId) -> Result<Vec<u8>, StoreError> {
        self.inner.read_raw(run)
    }
    fn document(
        &self,
        run: &RunId,
        digest: rok_chain::Digest,
    ) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.inner.document(run, digest)
    }
    fn seal(&self, run: &RunId) -> Result<Option<rok_chain::Seal>, StoreError> {
        self.inner.seal(run)
    }
}

impl<W> RunIndex for Spoilt<W> {
    fn get(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        self.inner.get(run)
    }
    fn list(&self, filter: &RunFilter) -> Result<Vec<RunEntry>, StoreError> {
        self.inner.list(filter)
    }
}

impl<W> RunQueue for Spoilt<W> {
    fn claim(&mut self, run: &RunId, owner: &Owner, lease: Lease) -> Result<Claim, ClaimError> {
        self.inner.claim(run, owner, lease)
    }
    fn renew(&mut self, held: &[(RunId, Fence)], lease: Lease) -> Result<Vec<RunId>, StoreError> {
        self.inner.renew(held, lease)
    }
    fn release(&mut self, run: &RunId, fence: Fence, due: Option<Timestamp>) {
        self.inner.release(run, fence, due);
    }
}

impl<W> Inbox for Spoilt<W> {
    fn put(&self, run: &RunId, command: &Command) -> Result<(), StoreError> {
        self.inner.put(run, command)
    }
    fn take(&mut self, run: &RunId) -> Result<Vec<Command>, StoreError> {
        self.inner.take(run)
    }
    fn done(&mut self, run: &RunId, id: &CommandId, answer: &Answer) -> Result<(), StoreError> {
        self.inner.done(run, id, answer)
    }
    fn answer(&self, run: &RunId, id: &CommandId) -> Result<Option<Answer>, StoreError> {
        self.inner.answer(run, id)
    }
}

/// A store whose `n`-th commit fails.
pub(crate) fn faulty(store: &MemoryStore, n: u64, fault: Fault) -> Box<dyn Store> {
    Box::new(Spoilt {
        inner: store.clone(),
        writer: FaultyStore::new(store.clone(), n, fault),
    })
}

/// A writer that does something behind its owner's back after each commit.
pub(crate) struct Thief<F> {
    store: MemoryStore,
    steal: F,
}

impl<F: FnMut(&RunId) + Send> RunStore for Thief<F> {
    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<CommitResult>, StoreError> {
        let results = self.store.commit(commits)?;
        for commit in commits {
            (self.steal)(&commit.run);
        }
        Ok(results)
    }
}

pub(crate) struct Stolen;

impl Stolen {
    #[expect(
        clippy::new_ret_no_self,
        reason = "it is a store, whatever it is made of"
    )]
    pub(crate) fn new<F: FnMut(&RunId) + Send>(store: MemoryStore, steal: F) -> Spoilt<Thief<F>> {
        Spoilt {
            inner: store.clone(),
            writer: Thief { store, steal },
        }
    }
}

type Ends = BTreeMap<&'static str, (RunPhase, Outcome, Vec<StepState>)>;

/// Runs with everything in them: retries, gates, conditions, failures.
const RUNS: [(&str, &str); 4] = [
    (
        "well",
        "steps: { a: { call: ok }, b: { call: io1, retry: { max: 2, base: 1s }, needs: [a] }, c: { call: ok, needs: [b], if: \"steps.a.outputs.n == 1\" } }",
    ),
    (
        "partial",
        "max_parallel: 2\nsteps: { a: { call: bad, required: false }, b: { call: ok, needs: [a], required: false }, c: { call: ok, after: [a] }, d: { call: ok, if: \"false\" } }",
    ),
    (
        "gate",
        "steps: { a: { call: ok }, g: { call: io, gate: hard, needs: [a], retry: { max: 1, base: 1s } }, b: { call: ok, needs: [g] } }",
    ),
    ("unfit", "steps: { a: { call: unfit } }"),
];

fn create_missing(house: &mut House) {
    for (run, plan) in RUNS {
        if house.store.get(&id(run)).unwrap().is_none() {
            house.create(run, order(plan));
        }
    }
}

/// Goes on until all is sealed, or the store fails.
fn go_on(house: &mut House) -> Result<(), RunnerError> {
    loop {
        house.try_settle()?;
        let Some(due) = house.shard.wake_at() else {
            return Ok(());
        };
        house.clock.advance_to(due);
    }
}

fn ends(house: &House) -> Ends {
    RUNS.iter()
        .map(|(run, _)| (*run, house.result(run)))
        .collect()
}

/// How often each step has a durable success.
fn succeeded(store: &MemoryStore) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for (run, _) in RUNS {
        if store.get(&id(run)).unwrap().is_none() {
            continue;
        }
        for (event, _) in crate::logbook::read(store, &id(run)) {
            if let rok_events::Body::StepSucceeded { step, .. } = &event.body {
                *found.entry(format!("{run}/{step}")).or_default() += 1;
            }
        }
    }
    found
}

#[rstest]
#[case(Fault::Lost)]
#[case(Fault::Unacknowledged)]
#[case(Fault::Torn { keep: 1 })]
#[case(Fault::Torn { keep: 700 })]
#[case(Fault::Torn { keep: 100_000 })]
fn every_commit_fails_once(#[case] fault: Fault, #[values(false, true)] pure: bool) {
    let facades = || {
        let engine = TestEngine::ok();
        facades(&Arc::new(if pure { engine.pure() } else { engine }))
    };
    let mut undisturbed = house();
    create_missing(&mut undisturbed);
    go_on(&mut undisturbed).unwrap();
    let expected = ends(&undisturbed);
    for n in 1.. {
        let mut house = house();
        let spoilt = faulty(&house.store, n, fault);
        house.shard = crate::house::shard(spoilt, facades(), &house.clock, &house.hand, "first");
        create_missing(&mut house);
        let Err(error) = go_on(&mut house) else {
            assert!(n > 7, "there were only {n} commits");
            assert_eq!(ends(&house), expected);
            return;
        };
        assert!(matches!(error, RunnerError::Store(_)), "{error}");
        for (run, _) in RUNS {
            assert!(
                house.shard.run(&id(run)).is_none(),
                "commit {n}: {run} goes on from memory"
            );
        }
        assert_eq!(
            house.try_turn().unwrap(),
            0,
            "nothing is left to do in memory"
        );
        let durable = succeeded(&house.store);
        let starts = house.hand.all_starts();
        house.pass(seconds(1));

        let store = house.store.clone();
        house.crash(Box::new(store), facades());
        create_missing(&mut house);
        go_on(&mut house).unwrap();
        assert_eq!(ends(&house), expected, "commit {n}");
        for (step, times) in house.hand.all_starts() {
            if durable.contains_key(&step) {
                assert_eq!(
                    starts.get(&step),
                    Some(&times),
                    "commit {n}: {step} ran again"
                );
            }
        }
        assert!(succeeded(&house.store).values().all(|times| *times == 1));
    }
}

/// A store that is lost stops the work: nothing runs on without an owner.
#[test]
fn what_runs_is_stopped_when_the_store_is_lost() {
    let mut house = house();
    // The fourth commit is that of `a`'s result.
    let spoilt = faulty(&house.store, 4, Fault::Lost);
    let facades = rok_facades::testing::facades();
    house.shard = crate::house::shard(spoilt, facades.clone(), &house.clock, &house.hand, "first");
    let plan = "steps: { a: { call: ok }, b: { call: wait }, c: { call: ok, needs: [a] } }";
    house.create("r", order(plan));
    assert!(house.try_settle().is_err());
    let stopped = ("r/b".to_owned(), rok_executor::CancelReason::Interrupted);
    assert!(house.hand.cancelled().contains(&stopped));
    assert_eq!(house.hand.starts("r", "c"), 0);

    let store = house.store.clone();
    house.crash(Box::new(store), facades);
    house.settle();
    house.end("r", "b");
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
}

/// A commit that contradicts itself is one run's fault: the others go on.
#[test]
fn a_commit_that_is_refused_breaks_one_run() {
    struct Picky(MemoryStore);
    impl RunStore for Picky {
        fn commit(&mut self, commits: &[Commit]) -> Result<Vec<CommitResult>, StoreError> {
            if let Some(bad) = commits
                .iter()
                .find(|c| c.run.as_str() == "well" && c.expect_seq.0 > 8)
            {
                return Err(StoreError::Invalid {
                    run: bad.run.clone(),
                    fault: rok_log::CommitFault::Unended,
                });
            }
            self.0.commit(commits)
        }
    }
    let mut house = house();
    let store = Box::new(Spoilt {
        inner: house.store.clone(),
        writer: Picky(house.store.clone()),
    });
    let facades = rok_facades::testing::facades();
    house.shard = crate::house::shard(store, facades, &house.clock, &house.hand, "first");
    create_missing(&mut house);
    go_on(&mut house).unwrap();
    assert!(house.shard.run(&id("well")).is_none());
    assert!(matches!(&house.broken[..], [(run, RunnerError::Store(_))] if *run == id("well")));
    for (run, _) in &RUNS[1..] {
        house.ended(run);
    }
}
