//! One shard of a pool: it renews, claims, turns, and lets go.

use crate::common::{Common, Post};
use crate::event::PoolEvent;
use crate::outfit::Outfit;
use crate::stats::Counters;
use rok_kernel::{Effect, Input, RunState};
use rok_log::{Claim, Fence, Lease, PoolStore, Pull, Pulled};
use rok_runner::{RunRunner, RunnerError, Shard, Turn};
use rok_vocabulary::{RunId, RunPhase, Timestamp};
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

/// One shard of a pool.
pub(crate) struct Worker {
    number: usize,
    common: Arc<Common>,
    shard: Shard,
    queue: Box<dyn PoolStore>,
    post: Post,
    /// What is claimed, and by which fence.
    held: HashMap<RunId, Fence>,
    /// Runs to which something happened.
    touched: BTreeSet<RunId>,
    /// Runs whose inbox is to be read after the next turn.
    inboxes: Vec<RunId>,
    /// Runs that wait for runs of their own, and for nothing else.
    parents: HashSet<RunId>,
    /// Runs that may not begin, and were given for their commands.
    behind: HashSet<RunId>,
    /// Whether more may be due than was claimed.
    look: bool,
    next_due: Option<Timestamp>,
    looked: Option<Duration>,
    /// When the claims were renewed last.
    renewed: Duration,
    drain: Option<Drain>,
    /// How many runs the statistics count for this shard.
    counted: usize,
}

/// How far a shard is that lets go of everything.
struct Drain {
    interrupt_at: Duration,
    give_up_at: Option<Duration>,
}

impl Worker {
    pub(crate) fn new(number: usize, common: Arc<Common>) -> Self {
        let (shard, post) = Self::begin(number, &common);
        Self {
            number,
            shard,
            queue: common.another_store(),
            post,
            held: HashMap::new(),
            touched: BTreeSet::new(),
            inboxes: Vec::new(),
            parents: HashSet::new(),
            behind: HashSet::new(),
            look: true,
            next_due: None,
            looked: None,
            renewed: (common.monotonic)(),
            drain: None,
            counted: 0,
            common,
        }
    }

    fn begin(number: usize, common: &Common) -> (Shard, Post) {
        let store = common.another_store();
        let owner = common.settings.owner.clone();
        let shard = Shard::new(store, common.services.clone(), owner).reporting_events();
        let post = common.post(number, shard.handle());
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

    /// One turn. False: everything is let go of, and nothing more is claimed.
    pub(crate) fn turn(&mut self) -> Result<bool, RunnerError> {
        let now = self.common.clock.now();
        self.renew(now)?;
        if self.common.is_draining() {
            self.begin_to_drain();
        } else {
            self.claim(now)?;
        }
        let until = self.renewed + self.common.settings.lease;
        let monotonic = Arc::clone(&self.common.monotonic);
        let turn = self.shard.turn_while(&|| monotonic() < until)?;
        self.account(turn, now);
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
        if monotonic.saturating_sub(self.renewed) < lease / 3 {
            return Ok(());
        }
        let held: Vec<(RunId, Fence)> = self.held.iter().map(|(r, f)| (r.clone(), *f)).collect();
        let lost = self.queue.renew(&held, Lease::new(now, lease))?;
        self.renewed = monotonic;
        Counters::add(&self.common.counters.renewals, held.len());
        for run in lost {
            self.shard.abandon(&run);
            self.lost(&run);
        }
        Ok(())
    }

    fn claim(&mut self, now: Timestamp) -> Result<(), RunnerError> {
        let room = self.room();
        if room == 0 {
            return Ok(());
        }
        let monotonic = self.monotonic();
        let settings = &self.common.settings;
        let glances = self
            .looked
            .is_none_or(|at| monotonic.saturating_sub(at) >= settings.glance);
        let due = self.next_due.is_some_and(|at| at <= now);
        if !(self.common.take_dirt() || self.look || due || glances) {
            return Ok(());
        }
        let pull = Pull {
            owner: settings.owner.clone(),
            lease: Lease::new(now, settings.lease),
            limit: room.min(BATCH),
            aging: settings.aging,
        };
        let pulled = self.queue.claim_due(&pull)?;
        self.look = pulled.len() >= pull.limit;
        self.looked = Some(monotonic);
        self.next_due = if self.look {
            None
        } else {
            self.queue.next_due()?
        };
        for Pulled {
            run,
            claim,
            may_begin,
        } in pulled
        {
            match claim {
                Ok(claim) => {
                    if !may_begin {
                        self.behind.insert(run.clone());
                    }
                    self.take_up(&run, &claim, now)?;
                }
                Err(error) => self.broken(&run, &error.to_string()),
            }
        }
        Ok(())
    }

    /// Begins to drive a run that was claimed.
    fn take_up(&mut self, run: &RunId, claim: &Claim, now: Timestamp) -> Result<(), RunnerError> {
        if !self.common.buckets.is_empty()
            && let Some(row) = self.queue.get(run)?
            && row.phase == RunPhase::Created
            && let Err(at) = self.common.buckets.take(&row, now)
        {
            self.queue.release(run, claim.fence, Some(at));
            return Ok(());
        }
        Counters::add(&self.common.counters.claimed, 1);
        self.held.insert(run.clone(), claim.fence);
        let log = self.queue.read(run)?;
        let handle = self.shard.handle();
        let outfitter = Arc::clone(&self.common.outfitter);
        let made = outfitter
            .outfit(run, &log, &*self.queue, &handle)
            .and_then(|Outfit { plan, context }| {
                let adopted = self.shard.adopt_log(run, plan, context, claim.fence, &log);
                adopted.map_err(|error| chain(&error))
            })
            .and_then(|()| self.go_on(run, claim));
        match made {
            Ok(()) => {
                self.touched.insert(run.clone());
                self.inboxes.push(run.clone());
            }
            Err(why) => {
                self.shard.abandon(run);
                self.leave(run, Some(now.after(BROKEN_REST)));
                self.broken(run, &why);
            }
        }
        Ok(())
    }

    /// Says to a run that was folded what it must hear first.
    fn go_on(&mut self, run: &RunId, claim: &Claim) -> Result<(), String> {
        let runner = self.shard.run(run).ok_or("it is not driven here")?;
        let state = runner.state();
        let repaired = rok_runner::repair_of(claim);
        if repaired.is_some() || was_interrupted(state) {
            let owner = self.common.settings.owner.to_string();
            self.shard
                .recover(run, owner, repaired)
                .map_err(|error| chain(&error))?;
            self.shard.go_on_with_sub_runs(run);
            return Ok(());
        }
        if state.is_sealed() {
            return Ok(());
        }
        self.shard
            .perform_outstanding(run)
            .map_err(|error| chain(&error))?;
        self.shard.say(run, Input::Tick);
        Ok(())
    }

    fn account(&mut self, turn: Turn, now: Timestamp) {
        let counters = &self.common.counters;
        if !turn.events.is_empty() {
            Counters::add(&counters.turns, 1);
        }
        for (run, events) in turn.events {
            Counters::add(&counters.events, events.len());
            self.touched.insert(run);
        }
        for run in turn.lost {
            self.lost(&run);
        }
        for (run, error) in turn.broken {
            self.leave(&run, Some(now.after(BROKEN_REST)));
            self.broken(&run, &chain(&error));
        }
    }

    /// Looks at the runs to which something happened, and to which nothing is
    /// to be said now: what is over or waits leaves the memory.
    fn settle(&mut self, now: Timestamp) {
        if self.drain.is_some() {
            self.let_go_of_all(now);
            return;
        }
        let spoken: HashSet<RunId> = self.shard.spoken_to().into_iter().cloned().collect();
        let (later, touched): (BTreeSet<_>, BTreeSet<_>) = std::mem::take(&mut self.touched)
            .into_iter()
            .partition(|run| spoken.contains(run));
        self.touched = later;
        for run in touched {
            let Some(runner) = self.shard.run(&run) else {
                continue;
            };
            let state = runner.state();
            if state.is_sealed() {
                self.common.outfitter.ended(&run, state);
                Counters::add(&self.common.counters.ended, 1);
                self.let_go(&run, now);
            } else if self.behind.contains(&run) && state.closing().is_none() {
                self.let_go(&run, now);
            } else if state.phase() == RunPhase::Authorized && state.closing().is_none() {
                let owner = runner.context().owner.clone();
                self.shard.say(&run, Input::Claimed { owner });
            } else if self.parks(runner, now) {
                Counters::add(&self.common.counters.parked, 1);
                self.let_go(&run, now);
            } else if only_sub_runs(state) {
                self.parents.insert(run);
            } else {
                self.parents.remove(&run);
            }
        }
    }

    /// Whether a run only waits, and will for a while.
    fn parks(&self, runner: &RunRunner, now: Timestamp) -> bool {
        let state = runner.state();
        let waits = state.phase() == RunPhase::Executing && state.outstanding().is_empty();
        let soon = now.after(self.common.settings.park_after);
        match runner.wake_at() {
            Some(at) => waits && at > soon,
            None => waits && state.hold().is_some(),
        }
    }

    /// Lets go of a run in order: whoever claims it goes on.
    fn let_go(&mut self, run: &RunId, now: Timestamp) {
        let due = self.shard.run(run).and_then(|runner| runner.due(now));
        self.shard.abandon(run);
        self.leave(run, due);
    }

    fn leave(&mut self, run: &RunId, due: Option<Timestamp>) {
        self.touched.remove(run);
        self.parents.remove(run);
        self.behind.remove(run);
        if let Some(fence) = self.held.remove(run) {
            self.queue.release(run, fence, due);
        }
        self.common.outfitter.let_go(run);
    }

    fn lost(&mut self, run: &RunId) {
        self.held.remove(run);
        self.touched.remove(run);
        self.parents.remove(run);
        self.behind.remove(run);
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

    /// Nothing new starts; what runs may end.
    fn begin_to_drain(&mut self) {
        if self.drain.is_some() {
            return;
        }
        for run in self.held.keys() {
            self.shard.drain(run);
        }
        self.drain = Some(Drain {
            interrupt_at: self.monotonic() + self.common.settings.grace,
            give_up_at: None,
        });
    }

    /// Lets go of what has nothing under way; after the grace all is stopped.
    fn let_go_of_all(&mut self, now: Timestamp) {
        let monotonic = self.monotonic();
        let Some(drain) = &mut self.drain else {
            return;
        };
        if drain.give_up_at.is_none() && monotonic >= drain.interrupt_at {
            let graces = self.shard.runs().flat_map(|(_, runner)| {
                let steps = &runner.state().plan().plan().steps;
                steps.iter().map(|step| step.kill_grace)
            });
            let grace = graces.max().unwrap_or_default();
            drain.give_up_at = Some(monotonic + grace + STOP_MARGIN);
            for run in self.held.keys() {
                self.shard.interrupt(run);
            }
        }
        let over = drain.give_up_at.is_some_and(|at| monotonic >= at);
        let spoken: HashSet<RunId> = self.shard.spoken_to().into_iter().cloned().collect();
        let idle: Vec<RunId> = self
            .held
            .keys()
            .filter(|run| over || (!spoken.contains(*run) && self.shard.is_idle(run)))
            .cloned()
            .collect();
        for run in idle {
            if let Some(runner) = self.shard.run(&run)
                && runner.state().is_sealed()
            {
                self.common.outfitter.ended(&run, runner.state());
                Counters::add(&self.common.counters.ended, 1);
            }
            self.let_go(&run, now);
        }
    }

    /// Waits until there is something to do.
    pub(crate) fn rest(&mut self) {
        if self.shard.is_busy() || !self.inboxes.is_empty() {
            return;
        }
        let room = self.drain.is_none() && self.room() > 0;
        if room && self.look {
            return;
        }
        self.post.asleep.store(true, Ordering::SeqCst);
        if !(room && self.common.is_dirty()) {
            let timeout = self.time_to_rest(room);
            if let Some(message) = self.shard.next_message(timeout) {
                self.shard.take(message);
            }
        }
        self.post.asleep.store(false, Ordering::SeqCst);
    }

    fn time_to_rest(&self, room: bool) -> Duration {
        let (now, monotonic) = (self.common.clock.now(), self.monotonic());
        let settings = &self.common.settings;
        let mut rest = if self.drain.is_some() {
            Duration::from_millis(50)
        } else {
            settings.glance
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
        Counters::add(&self.common.counters.restarts, 1);
        let (shard, why) = (self.number, why.to_owned());
        self.common.tell(&PoolEvent::ShardFailed { shard, why });
        let left: Vec<RunId> = self.held.keys().cloned().collect();
        for run in &left {
            self.shard.abandon(run);
        }
        self.queue = self.common.another_store();
        let (shard, post) = Self::begin(self.number, &self.common);
        (self.shard, self.post) = (shard, post);
        let now = self.common.clock.now();
        for run in &left {
            self.leave(run, Some(now));
        }
        self.inboxes.clear();
        self.touched.clear();
        self.parents.clear();
        self.look = true;
    }
}

/// Whether an owner that is gone was in the midst of something.
fn was_interrupted(state: &RunState) -> bool {
    let begun = !matches!(state.phase(), RunPhase::Created | RunPhase::Authorized);
    begun && !state.is_sealed() && !state.outstanding().is_empty()
}

/// Whether all that is under way are runs of their own.
fn only_sub_runs(state: &RunState) -> bool {
    let outstanding = state.outstanding();
    !outstanding.is_empty()
        && outstanding.iter().all(|effect| match effect {
            Effect::StartStep { step, .. } => state.is_sub_run(*step),
            _ => false,
        })
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
