//! Letting go: of what is closed, of what waits, and of all when the pool
//! drains.

use super::{Drain, STOP_MARGIN, Visit, Worker};
use crate::stats::Counters;
use rok_kernel::{Effect, Input, RunState};
use rok_runner::RunRunner;
use rok_vocabulary::{RunId, RunPhase, Timestamp};
use std::collections::{BTreeSet, HashSet};

impl Worker {
    /// Looks at the runs to which something happened, and to which nothing is
    /// to be said now: what is over or waits leaves the memory.
    pub(super) fn settle(&mut self, now: Timestamp) {
        if self.drain.is_some() {
            self.let_go_of_all(now);
            return;
        }
        let spoken = self.spoken_to();
        let (later, touched): (BTreeSet<_>, BTreeSet<_>) = std::mem::take(&mut self.touched)
            .into_iter()
            .partition(|run| spoken.contains(run));
        self.touched = later;
        for run in touched {
            let Some(runner) = self.shard.run(&run) else {
                continue;
            };
            let state = runner.state();
            let open = state.closing().is_none();
            if state.is_sealed() {
                self.end(&run, now);
            } else if open && self.visits.contains_key(&run) {
                self.let_go(&run, now);
            } else if open && state.phase() == RunPhase::Authorized {
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

    fn spoken_to(&self) -> HashSet<RunId> {
        self.shard.spoken_to().into_iter().cloned().collect()
    }

    /// Lets go of a closed run. One that was closed when it was claimed only
    /// had a command.
    fn end(&mut self, run: &RunId, now: Timestamp) {
        if !self.closed.contains(run)
            && let Some(runner) = self.shard.run(run)
        {
            self.common.outfitter.ended(run, runner.state());
            if runner.asks_agents() {
                // What an owner that is gone gave them, and no attempt took up.
                // Whoever does not hear it is told again by a next epoch.
                drop(self.shard.withdraw(run));
            }
            Counters::add(&self.common.counters.ended, 1);
            self.common.buckets.forget(run);
        }
        self.let_go(run, now);
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
        let due = match self.visits.get(run) {
            Some(Visit::Rationed(at)) => Some(*at),
            _ => self.shard.run(run).and_then(|runner| runner.due(now)),
        };
        self.shard.abandon(run);
        self.leave(run, due);
    }

    /// Gives the claim back, and forgets the run.
    pub(super) fn leave(&mut self, run: &RunId, due: Option<Timestamp>) {
        let fence = self.forget(run);
        // What it holds in this process goes before another owner comes.
        self.common.outfitter.let_go(run);
        if let Some(fence) = fence {
            self.queue.release(run, fence, due);
        }
    }

    /// Nothing new starts; what runs may end.
    pub(super) fn begin_to_drain(&mut self) {
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
        let spoken = self.spoken_to();
        let idle: Vec<RunId> = self
            .held
            .keys()
            .filter(|run| over || (!spoken.contains(*run) && self.shard.is_idle(run)))
            .cloned()
            .collect();
        for run in idle {
            let sealed = |runner: &RunRunner| runner.state().is_sealed();
            if self.shard.run(&run).is_some_and(sealed) {
                self.end(&run, now);
            } else {
                self.let_go(&run, now);
            }
        }
    }
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
