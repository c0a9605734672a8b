//! Load for a pool: many runs over one store, submitted, claimed and driven as
//! `rok serve` does it, and so many of them not at their end at any time.

use crate::load::{Failed, sound};
use crate::measure::{Spent, time};
use crate::world::{self, Ready};
use rok_facades::Facades;
use rok_kernel::RunState;
use rok_log::{CommitResult, LogBytes, Owner, PoolStore};
use rok_runner::{Clock as _, ShardHandle, SystemClock, newborn};
use rok_vocabulary::RunId;
use rok_worker_pool::{Outfit, Outfitter, PoolBuilder, PoolEvent, PoolSettings, PoolStats};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Longer than this nothing takes: a pool that is silent has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Threads that turn: two a processor, as a server's.
pub(crate) const SHARDS: usize = 4;

/// What is heard of the pool.
enum News {
    Ended(Result<(), Failed>),
    Trouble(String),
}

struct Bench {
    plan: Ready,
    news: Sender<News>,
}

impl Outfitter for Bench {
    fn outfit(
        &self,
        _: &RunId,
        _: &LogBytes,
        _: &dyn PoolStore,
        _: &ShardHandle,
    ) -> Result<Outfit, String> {
        Ok(Outfit {
            plan: Arc::clone(&self.plan.compiled),
            context: world::context(),
        })
    }

    fn ended(&self, _: &RunId, state: &RunState) {
        // Nobody listens any more once the bench has failed.
        drop(self.news.send(News::Ended(sound(state))));
    }

    fn let_go(&self, _: &RunId) {}
}

/// Drives `total` runs of a plan to their ends, `in_flight` at once.
pub(crate) fn drive(
    store: &dyn PoolStore,
    plan: &Ready,
    total: usize,
    in_flight: usize,
    domains: Facades,
) -> Result<(Spent, PoolStats), Failed> {
    let (news, heard) = channel();
    let settings = PoolSettings {
        shards: SHARDS,
        in_flight,
        ..PoolSettings::new(Owner::new("bench"))
    };
    let trouble = news.clone();
    let plan_of_runs = plan.clone();
    let outfitter = Bench {
        plan: plan_of_runs,
        news,
    };
    let services = world::services(domains);
    let pool = PoolBuilder::new(settings, store.another(), services, Arc::new(outfitter))
        .log(Arc::new(move |event| {
            if !matches!(
                event,
                PoolEvent::Started { .. } | PoolEvent::Draining { .. } | PoolEvent::Stopped { .. }
            ) {
                drop(trouble.send(News::Trouble(event.to_string())));
            }
        }))
        .start()?;
    let (fed, spent) = time(|| feed(store.another(), plan, total, in_flight, &heard));
    pool.drain();
    pool.join();
    fed?;
    Ok((spent, pool.stats()))
}

/// Submits as many as end, until all have.
fn feed(
    mut store: Box<dyn PoolStore>,
    plan: &Ready,
    total: usize,
    in_flight: usize,
    heard: &Receiver<News>,
) -> Result<(), Failed> {
    let (mut submitted, mut ended) = (0, 0);
    while ended < total {
        let room = (ended + in_flight).min(total) - submitted;
        submit(&mut *store, plan, room)?;
        submitted += room;
        let first = heard.recv_timeout(PATIENCE);
        let first = first.map_err(|_| Failed("no run has ended for a minute".into()))?;
        for news in std::iter::once(first).chain(heard.try_iter()) {
            match news {
                News::Ended(how) => how?,
                News::Trouble(what) => return Err(Failed(what)),
            }
            ended += 1;
        }
    }
    Ok(())
}

/// Creates so many runs in one commit.
fn submit(store: &mut dyn PoolStore, plan: &Ready, runs: usize) -> Result<(), Failed> {
    if runs == 0 {
        return Ok(());
    }
    let mut commits = Vec::with_capacity(runs);
    for _ in 0..runs {
        let (compiled, bytes) = (Arc::clone(&plan.compiled), Arc::clone(&plan.bytes));
        let spec = world::spec(crate::load::MAX_PARALLEL);
        let now = SystemClock.now();
        let run = world::new_run();
        commits.push(newborn(run, compiled, bytes, spec, Vec::new(), now)?);
    }
    let results = store.commit(&commits)?;
    let whole = |result: &CommitResult| matches!(result, CommitResult::Committed { .. });
    if results.iter().all(whole) {
        return Ok(());
    }
    Err(Failed("a run was not created".into()))
}
