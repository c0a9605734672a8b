//! One shard of a pool: it renews, claims, turns, and lets go.

mod claim;
mod settle;

use crate::common::Common;
use crate::event::PoolEvent;
use crate::post::Post;
use crate::stats::Counters;
use claim::Claiming;
use rok_log::{Fence, Lease, PoolStore};
use rok_runner::{RunnerError, Shard, Turn};
use rok_vocabulary::{RunId, Timestamp};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How many runs are claimed at once: the shards beside this one want some.
const BATCH: usize = 32;

/// How long a run is left alone that cannot be driven.
const BROKEN_REST: Duration = Duration::from_secs(60);

/// How long stopped attempts may take beyond their grace.
const STOP_MARGIN: Duration = Duration::from_secs(2);

/// How often a shard that never rests looks for what is due by its time.
const BUSY_GLANCE: Duration = Duration::from_millis(20);

/// How long a shard has had nothing to do when it asks what is due next: where
/// run follows run, it never does.
const LULL: Duration = Duration::from_millis(5);

/// How often a shard looks at what has not ended yet while it drains.
const DRAIN_GLANCE: Duration = Duration::from_millis(50);

/// One shard of a pool.
pub(crate) struct Worker {
    number: usize,
    common: Arc<Common>,
    shard: Shard,
    queue: Box<dyn PoolStore>,
    post: Arc<Post>,
    /// What is claimed, and by which fence.
    held: HashMap<RunId, Fence>,
    /// What was let go of while the store failed: whether it heard of that
    /// nobody knows, and it is told again until it has.
    stranded: Vec<(RunId, Fence)>,
    /// Runs to which something happened.
    touched: BTreeSet<RunId>,
    /// Runs whose inbox is to be read after the next turn.
    inboxes: Vec<RunId>,
    /// Runs that wait for runs of their own, and for nothing else.
    parents: HashSet<RunId>,
    /// Runs that may not begin, and are here for their commands.
    visits: HashMap<RunId, Visit>,
    /// Runs that were closed already when they were claimed.
    closed: HashSet<RunId>,
    /// Whether more may be due than was claimed.
    look: bool,
    /// When something is due by its time, as far as that was asked for.
    next_due: Option<Timestamp>,
    /// Whether it was, since the last look.
    asked: bool,
    looked: Option<Duration>,
    /// What was begun to be claimed in this turn.
    claiming: Option<Claiming>,
    /// When the claims were renewed last.
    renewed: Duration,
    drain: Option<Drain>,
    /// How many runs the statistics count for this shard.
    counted: usize,
}

/// Why a run may not begin.
#[derive(Debug, Clone, Copy)]
enum Visit {
    /// It waits for others with its concurrency key.
    Behind,
    /// Its rate lets it begin then.
    Rationed(Timestamp),
}

/// How far a shard is that lets go of everything.
struct Drain {
    interrupt_at: Duration,
    give_up_at: Option<Duration>,
}

impl Worker {
    /// Its number among the shards of the pool.
    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn new(number: usize, common: Arc<Common>) -> Self {
        let (shard, post) = Self::begin(number, &common);
        Self {
            number,
            shard,
            queue: common.another_store(),
            post,
            held: HashMap::new(),
            stranded: Vec::new(),
            touched: BTreeSet::new(),
            inboxes: Vec::new(),
            parents: HashSet::new(),
            visits: HashMap::new(),
            closed: HashSet::new(),
            look: true,
            next_due: None,
            asked: false,
            looked: None,
            claiming: None,
            renewed: (common.monotonic)(),
            drain: None,
            counted: 0,
            common,
        }
    }

    fn begin(number: usize, common: &Common) -> (Shard, Arc<Post>) {
        let store = common.another_store();
        let owner = common.settings.owner.clone();
        let shard = Shard::new(store, common.services.clone(), owner).reporting_events();
        let post = common.post(number, shard.handle(), shard.attempts());
        (shard, post)
    }

    fn monotonic(&self) -> Duration {
        (self.common.monotonic)()
    }

    /// How many runs may be claimed now.
    fn room(&self) -> usize {
        let settings = &self.common.settings;
        let share = settings.in_flight.div_ceil(settings.shards.max(1));
        let busy = self.shard.len().saturating_sub(self.parents.len());
        share.saturating_sub(busy)
    }

    /// One turn, and a rest until there is something to do. False: see
    /// [`Self::turn`].
    pub(crate) fn turn_and_rest(&mut self) -> Result<bool, RunnerError> {
        let on = self.turn()?;
        if on {
            self.rest()?;
        }
        Ok(on)
    }

    /// One turn. False: everything is let go of, and nothing more is claimed.
    pub(crate) fn turn(&mut self) -> Result<bool, RunnerError> {
        let now = self.common.clock.now();
        self.let_go_of_stranded(now)?;
        self.renew(now)?;
        if self.common.is_draining() {
            self.begin_to_drain();
        } else {
            self.begin_claim(now);
        }
        let until = self.renewed + self.common.settings.lease;
        let holds = !self.held.is_empty();
        self.post.leased_until(holds.then_some(until));
        let monotonic = Arc::clone(&self.common.monotonic);
        let turn = self.shard.turn_while(&|| monotonic() < until)?;
        self.account(turn, now);
        self.finish_claim(now)?;
        if self.post.take_news() {
            self.inboxes.extend(self.held.keys().cloned());
        }
        for run in std::mem::take(&mut self.inboxes) {
            self.shard.read_inbox(&run);
        }
        self.settle(now);
        let in_flight = &self.common.counters.in_flight;
        in_flight.fetch_add(self.shard.len(), Ordering::Relaxed);
        in_flight.fetch_sub(self.counted, Ordering::Relaxed);
        self.counted = self.shard.len();
        Ok(self.drain.is_none() || !self.held.is_empty())
    }

    /// Prolongs the claims. What is not this shard's any more is stopped.
    fn renew(&mut self, now: Timestamp) -> Result<(), RunnerError> {
        let monotonic = self.monotonic();
        if self.held.is_empty() {
            self.renewed = monotonic;
            return Ok(());
        }
        let lease = self.common.settings.lease;
        let since = monotonic.saturating_sub(self.renewed);
        if since >= lease {
            // Others may have all of it, and the watch has stopped what ran.
            return Err(RunnerError::LeaseOver);
        }
        if since < lease / 3 {
            return Ok(());
        }
        let held: Vec<(RunId, Fence)> = self.held.iter().map(|(r, f)| (r.clone(), *f)).collect();
        let lost = self.queue.renew(&held, Lease::new(now, lease))?;
        self.renewed = monotonic;
        Counters::add(&self.common.counters.renewals, held.len() - lost.len());
        for run in lost {
            self.shard.abandon(&run);
            self.lost(&run);
        }
        Ok(())
    }

    /// Ends the claims that a failure of the store has left, so that nobody has
    /// to wait until they run out. A fence that was raised since is another's,
    /// and stays as it is.
    fn let_go_of_stranded(&mut self, now: Timestamp) -> Result<(), RunnerError> {
        if !self.stranded.is_empty() {
            let over = Lease { now, until: now };
            self.queue.renew(&self.stranded, over)?;
            self.stranded.clear();
            self.look = true;
        }
        Ok(())
    }

    fn account(&mut self, turn: Turn, now: Timestamp) {
        let counters = &self.common.counters;
        if !turn.events.is_empty() {
            Counters::add(&counters.turns, 1);
        }
        for line in turn.told {
            self.common.tell(&PoolEvent::Told { line });
        }
        for (run, events) in turn.events {
            Counters::add(&counters.events, events.len());
            self.touched.insert(run);
        }
        // One whose command was refused may go, as it could before.
        self.touched
            .extend(turn.commands.into_iter().map(|(run, ..)| run));
        for run in turn.lost {
            self.lost(&run);
        }
        for (run, error) in turn.broken {
            self.leave(&run, Some(now.after(BROKEN_REST)));
            self.broken(&run, &chain(&error));
        }
    }

    /// Forgets a run, and gives the fence that it was held by.
    fn forget(&mut self, run: &RunId) -> Option<Fence> {
        self.touched.remove(run);
        self.parents.remove(run);
        self.visits.remove(run);
        self.closed.remove(run);
        self.held.remove(run)
    }

    fn lost(&mut self, run: &RunId) {
        self.forget(run);
        self.common.outfitter.let_go(run);
        Counters::add(&self.common.counters.lost, 1);
        let run = run.clone();
        self.common.tell(&PoolEvent::RunLost { run });
    }

    fn broken(&self, run: &RunId, why: &str) {
        Counters::add(&self.common.counters.broken, 1);
        let (run, why) = (run.clone(), why.to_owned());
        self.common.tell(&PoolEvent::RunBroken { run, why });
    }

    /// Whether another turn has something to do without a message.
    pub(crate) fn is_busy(&self) -> bool {
        let room = self.drain.is_none() && self.room() > 0;
        let looks = room && (self.look || self.common.is_dirty());
        self.shard.is_busy() || !self.inboxes.is_empty() || looks
    }

    /// Takes in a message that has come already, if one has.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn hear(&mut self) -> bool {
        let message = self.shard.next_message(Duration::ZERO);
        let heard = message.is_some();
        if let Some(message) = message {
            self.shard.take(message);
        }
        heard
    }

    /// Waits until there is something to do.
    fn rest(&mut self) -> Result<(), RunnerError> {
        if self.is_busy() {
            return Ok(());
        }
        let room = self.drain.is_none() && self.room() > 0;
        let asks = room && !self.asked;
        self.post.asleep.store(room, Ordering::SeqCst);
        let mut heard = room && self.common.is_dirty();
        if !heard {
            let rest = self.time_to_rest(room);
            let rest = if asks { rest.min(LULL) } else { rest };
            if let Some(message) = self.shard.next_message(rest) {
                self.shard.take(message);
                heard = true;
            }
        }
        self.post.asleep.store(false, Ordering::SeqCst);
        if asks && !heard {
            self.ask_what_is_next()?;
        }
        Ok(())
    }

    fn time_to_rest(&self, room: bool) -> Duration {
        let (now, monotonic) = (self.common.clock.now(), self.monotonic());
        let settings = &self.common.settings;
        let mut rest = match &self.drain {
            Some(_) => DRAIN_GLANCE,
            None => settings.glance,
        };
        if let Some(at) = self.shard.wake_at() {
            rest = rest.min(at.since(now));
        }
        if let Some(at) = self.next_due.filter(|_| room) {
            rest = rest.min(at.since(now));
        }
        if !self.held.is_empty() {
            let renew = (self.renewed + settings.lease / 3).saturating_sub(monotonic);
            rest = rest.min(renew);
        }
        rest
    }

    /// Begins anew after a failure: nothing in memory is gone on from, and what
    /// was claimed is let go, so that somebody folds it again.
    pub(crate) fn restart(&mut self, why: &str) {
        self.common.failed(self.number, why);
        self.hold_what_was_claimed();
        let left: Vec<RunId> = self.held.keys().cloned().collect();
        for run in &left {
            self.shard.abandon(run);
        }
        let held = self.held.iter();
        self.stranded
            .extend(held.map(|(run, fence)| (run.clone(), *fence)));
        self.queue = self.common.another_store();
        let (shard, post) = Self::begin(self.number, &self.common);
        (self.shard, self.post) = (shard, post);
        let now = self.common.clock.now();
        for run in &left {
            self.leave(run, Some(now));
        }
        self.inboxes.clear();
        self.touched.clear();
        self.look = true;
    }
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// What a panic says.
pub(crate) fn text_of(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}
