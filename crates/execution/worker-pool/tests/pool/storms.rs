//! Kills and failures at any moment: every run ends, once, and its log holds.

use crate::world::{World, compile, seconds, settings, world};
use rok_chain::Digest;
use rok_log::{
    Answer, Backlog, Claim, ClaimError, Collect, Collected, Command, CommandKind, Commit,
    CommitResult, EventReader, Fence, Inbox, Lease, Listener, LogBytes, MemoryStore, Owner,
    PoolStore, Pull, Pulled, Records, Retention, RunEntry, RunFilter, RunIndex, RunQueue, RunRow,
    RunStore, Signals, Standing, StoreError, Subscription, WorkQueue,
};
use rok_vocabulary::{CommandId, RunId, Seq, Timestamp};
use rok_worker_pool::PoolSettings;
use rok_worker_pool::testing::HandPool;
use rstest::rstest;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Chance that can be had again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }
}

const PLANS: [&str; 6] = [
    "steps: { a: { call: ok }, b: { call: ok, needs: [a] }, c: { call: ok, needs: [b] } }",
    "steps: { a: { call: ok }, b: { call: bad }, c: { call: ok, needs: [b] } }",
    "steps: { a: { call: io1, retry: { max: 3, base: 3s } }, b: { call: ok, needs: [a] } }",
    "steps: { ask: { call: ok, gate: manual }, b: { call: ok, needs: [ask] } }",
    "concurrency: { key: k, limit: 2 }\nsteps: { a: { call: ok }, b: { call: ok, needs: [a] } }",
    "priority: 7\nsteps: { a: { call: ok }, b: { call: ok }, c: { call: ok, after: [a, b] } }",
];

/// Lets pools die until all runs have ended.
fn storm(seed: u64, runs: usize, kills: usize) -> World {
    let mut dice = Dice(seed | 1);
    let mut world = world();
    let plans = PLANS.map(|rest| compile(&format!("plan: p\n{rest}")));
    for n in 0..runs {
        world.submit_plan(&format!("run-{n}"), &plans[n % plans.len()]);
    }
    let pool_settings = || PoolSettings {
        in_flight: 40,
        shards: 2,
        ..settings("storm")
    };
    for n in (3..runs).step_by(plans.len()) {
        world.command(&format!("run-{n}"), CommandKind::Approve, Some("ask"));
    }
    for _ in 0..kills {
        let mut pool = world.pool_with(pool_settings());
        for _ in 0..dice.below(runs / kills * 4 + 8) {
            let _ = pool.turn(dice.below(2));
            if dice.below(20) == 0 {
                world.clock.advance(seconds(1));
            }
        }
        // A kill: what ran on the machine is gone, and so is what was in memory.
        drop(pool);
        world.hand.lose_everything();
        if dice.below(2) == 0 {
            world.clock.advance(seconds(31));
        }
    }
    let mut last = world.pool_with(pool_settings());
    for n in (3..runs).step_by(plans.len()) {
        // An approval that came before its gate was refused; another is due.
        if world.row(&format!("run-{n}")).outcome.is_none() {
            world.command(&format!("run-{n}"), CommandKind::Approve, Some("ask"));
        }
    }
    for _ in 0..200 {
        world.pass(&mut [&mut last], seconds(1));
        for n in (3..runs).step_by(plans.len()) {
            if world.row(&format!("run-{n}")).hold.is_some() {
                world.command(&format!("run-{n}"), CommandKind::Approve, Some("ask"));
            }
        }
    }
    world
}

#[rstest]
fn whatever_dies_every_run_ends_once(#[values(1, 2, 3)] seed: u64) {
    let world = storm(seed * 7919, 120, 25);
    for n in 0..120 {
        let run = format!("run-{n}");
        let (_, outcome) = world.ended(&run);
        let expected = if n % PLANS.len() == 1 {
            "failed"
        } else {
            "succeeded"
        };
        assert_eq!(outcome.as_str(), expected, "{run} with seed {seed}");
    }
}

/// A store whose n-th commit fails, by whatever handle, and that is whole
/// again once it is opened again.
struct Flaky {
    inner: MemoryStore,
    left: Arc<AtomicI64>,
    /// Whether what failed was written all the same.
    written: bool,
    poisoned: bool,
    /// While this holds nothing at all can be written.
    down: Arc<AtomicBool>,
}

impl Flaky {
    fn is_down(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) {
            let source = io::Error::other("no space left");
            return Err(StoreError::from_io("write", "the log", source));
        }
        Ok(())
    }
}

impl RunStore for Flaky {
    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<CommitResult>, StoreError> {
        if self.poisoned {
            let cause = "the injected fault".into();
            return Err(StoreError::Poisoned { cause });
        }
        self.is_down()?;
        if self.left.fetch_sub(1, Ordering::SeqCst) != 1 {
            return self.inner.commit(commits);
        }
        self.poisoned = true;
        if self.written {
            self.inner.commit(commits)?;
        }
        let source = io::Error::other("the injected fault");
        Err(StoreError::from_io("write", "the log", source))
    }
}

impl EventReader for Flaky {
    fn read(&self, run: &RunId) -> Result<LogBytes, StoreError> {
        self.inner.read(run)
    }
    fn read_from(&self, run: &RunId, seq: Seq) -> Result<LogBytes, StoreError> {
        self.inner.read_from(run, seq)
    }
    fn read_raw(&self, run: &RunId) -> Result<Vec<u8>, StoreError> {
        self.inner.read_raw(run)
    }
    fn document(&self, run: &RunId, digest: Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.inner.document(run, digest)
    }
    fn seal(&self, run: &RunId) -> Result<Option<rok_chain::Seal>, StoreError> {
        self.inner.seal(run)
    }
}

impl RunIndex for Flaky {
    fn get(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        self.inner.get(run)
    }
    fn list(&self, filter: &RunFilter) -> Result<Vec<RunEntry>, StoreError> {
        self.inner.list(filter)
    }
}

impl Inbox for Flaky {
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

impl RunQueue for Flaky {
    fn claim(&mut self, run: &RunId, owner: &Owner, lease: Lease) -> Result<Claim, ClaimError> {
        self.is_down()?;
        self.inner.claim(run, owner, lease)
    }
    fn renew(&mut self, held: &[(RunId, Fence)], lease: Lease) -> Result<Vec<RunId>, StoreError> {
        self.is_down()?;
        self.inner.renew(held, lease)
    }
    fn release(&mut self, run: &RunId, fence: Fence, due: Option<Timestamp>) {
        if self.is_down().is_ok() {
            self.inner.release(run, fence, due);
        }
    }
}

impl WorkQueue for Flaky {
    fn claim_due(&mut self, pull: &Pull) -> Result<Vec<Pulled>, StoreError> {
        self.is_down()?;
        self.inner.claim_due(pull)
    }
    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_due()
    }
    fn owners(&self) -> Result<Vec<Owner>, StoreError> {
        self.inner.owners()
    }
    fn disown(&mut self, owner: &Owner, now: Timestamp) -> Result<usize, StoreError> {
        self.inner.disown(owner, now)
    }
    fn standing(&self, run: &RunId) -> Result<Option<Standing>, StoreError> {
        self.inner.standing(run)
    }
    fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError> {
        self.inner.backlog(now)
    }
}

impl Signals for Flaky {
    fn subscribe(&self, listener: Listener) -> Subscription {
        self.inner.subscribe(listener)
    }
}

impl Records for Flaky {
    fn records(
        &self,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.inner.records(kind, after, limit)
    }
    fn remove_record(&mut self, kind: &str, key: &str) -> Result<(), StoreError> {
        self.inner.remove_record(kind, key)
    }
}

impl Retention for Flaky {
    fn collect(&mut self, collect: &Collect) -> Result<Collected, StoreError> {
        self.is_down()?;
        self.inner.collect(collect)
    }
    fn stub(&self, run: &RunId) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.stub(run)
    }
}

impl PoolStore for Flaky {
    fn another(&self) -> Box<dyn PoolStore> {
        Box::new(Self {
            inner: self.inner.clone(),
            left: Arc::clone(&self.left),
            written: self.written,
            poisoned: false,
            down: Arc::clone(&self.down),
        })
    }

    fn try_to_write(&self) -> Result<(), StoreError> {
        self.inner.try_to_write()
    }
}

#[rstest]
fn whichever_commit_fails_every_run_ends(#[values(false, true)] written: bool) {
    for n in 1.. {
        let mut world = world();
        for (run, rest) in PLANS.iter().enumerate() {
            world.submit(&format!("run-{run}"), rest);
        }
        let left = Arc::new(AtomicI64::new(n));
        let flaky = Flaky {
            inner: world.store.clone(),
            left: Arc::clone(&left),
            written,
            poisoned: false,
            down: Arc::default(),
        };
        let clock = Arc::clone(&world.clock);
        let monotonic = crate::world::monotonic(Arc::clone(&clock));
        let builder = world.builder_over(settings("a"), flaky.another());
        let mut pool = builder.clock(clock, monotonic).by_hand();
        pool.settle();
        world.command("run-3", CommandKind::Approve, Some("ask"));
        world.pass(&mut [&mut pool], seconds(12));
        for run in 0..PLANS.len() {
            world.ended(&format!("run-{run}"));
        }
        let struck = left.load(Ordering::SeqCst) <= 0;
        assert_eq!(pool.stats().restarts, u64::from(struck), "commit {n}");
        if !struck {
            assert!(n > 8, "several commits were made to fail");
            return;
        }
    }
}

/// A pool whose store cannot be written while it is down.
fn pool_over(world: &World, down: &Arc<AtomicBool>) -> HandPool {
    let flaky = Flaky {
        inner: world.store.clone(),
        left: Arc::new(AtomicI64::new(0)),
        written: false,
        poisoned: false,
        down: Arc::clone(down),
    };
    let clock = Arc::clone(&world.clock);
    let monotonic = crate::world::monotonic(Arc::clone(&clock));
    let builder = world.builder_over(settings("a"), flaky.another());
    builder.clock(clock, monotonic).by_hand()
}

#[test]
fn what_a_store_that_could_not_be_written_has_left_goes_on_before_its_lease_ends() {
    let mut world = world();
    world.submit("run-0", PLANS[0]);
    let down = Arc::new(AtomicBool::new(false));
    let mut pool = pool_over(&world, &down);
    // It is claimed, and then nothing can be written: not that it is let go.
    assert!(pool.turn(0).expect("it goes on"));
    down.store(true, Ordering::SeqCst);
    let claimed = || world.store.standing(&crate::world::id("run-0"));
    for _ in 0..20 {
        let _ = pool.turn(0);
    }
    let owner = Owner::new("a");
    let held =
        |standing| matches!(standing, Ok(Some(Standing::Claimed { owner: by, .. })) if by == owner);
    assert!(
        held(claimed()),
        "the claim outlasts the failure: {:?}",
        claimed()
    );
    assert!(pool.stats().restarts > 0);
    // No second passes: a lease lasts thirty.
    down.store(false, Ordering::SeqCst);
    pool.settle();
    world.succeeded("run-0");
}

#[test]
fn a_shard_that_fails_over_and_over_is_told_and_tells_it_ever_more_rarely() {
    let mut world = world();
    world.submit("run-0", PLANS[0]);
    let down = Arc::new(AtomicBool::new(true));
    let mut pool = pool_over(&world, &down);
    for _ in 0..100 {
        // A turn between two failures says nothing.
        let _ = pool.turn(0);
    }
    assert!(pool.stats().restarts >= 40, "{:?}", pool.stats());
    assert_eq!(pool.stats().failing, 1);
    let told = world.tales("worker.pool.shard_failed");
    assert!(told.len() <= 7, "{told:?}");
    assert!(told[1].contains(" times=2: "), "{told:?}");
    down.store(false, Ordering::SeqCst);
    pool.settle();
    world.succeeded("run-0");
    world.pass(&mut [&mut pool], seconds(15));
    assert_eq!(pool.stats().failing, 0);
}
