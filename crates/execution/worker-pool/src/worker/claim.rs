//! Claiming what is due, and beginning to drive it.

use super::{BATCH, BROKEN_REST, BUSY_GLANCE, Visit, Worker, chain, text_of};
use crate::outfit::Outfit;
use crate::stats::Counters;
use rok_kernel::{Input, RunState};
use rok_log::{Claim, Lease, LogBytes, Pull, Pulled, Pulling, StoreError};
use rok_runner::RunnerError;
use rok_vocabulary::{RunId, RunPhase, Timestamp};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What was begun to be claimed, and how many at most.
pub(super) struct Claiming {
    pulling: Pulling,
    limit: usize,
}

impl Worker {
    /// Begins to claim what is due, as far as there is room for it: the store
    /// does it with what this turn commits.
    pub(super) fn begin_claim(&mut self, now: Timestamp) {
        let room = self.room();
        if room == 0 || !self.is_to_look(now) {
            return;
        }
        let settings = &self.common.settings;
        let pull = Pull {
            owner: settings.owner.clone(),
            lease: Lease::new(now, settings.lease),
            limit: room.min(BATCH),
            aging: settings.aging,
        };
        self.claiming = Some(Claiming {
            pulling: self.queue.begin_claim(&pull),
            limit: pull.limit,
        });
    }

    /// Takes up what was claimed.
    pub(super) fn finish_claim(&mut self, now: Timestamp) -> Result<(), RunnerError> {
        let Some(Claiming { pulling, limit }) = self.claiming.take() else {
            return Ok(());
        };
        let pulled = pulling.wait()?;
        self.look = pulled.len() >= limit;
        self.looked = Some(self.monotonic());
        // Held from here on: whatever fails, it is let go again.
        self.hold(&pulled);
        // What is due next by its time is asked for once the shard rests.
        (self.asked, self.next_due) = (false, None);
        if self.look {
            self.common.pass_on();
        }
        for Pulled {
            run,
            claim,
            may_begin,
            asked,
            log,
        } in pulled
        {
            match claim {
                Ok(claim) => {
                    if !may_begin {
                        self.visits.insert(run.clone(), Visit::Behind);
                    }
                    if self.take_up(&run, &claim, log, now)? && asked {
                        self.inboxes.push(run);
                    }
                }
                Err(error) => self.broken(&run, &chain(&error)),
            }
        }
        Ok(())
    }

    /// Enters what was begun to be claimed in a turn that failed, so that it is
    /// let go with the rest.
    pub(super) fn hold_what_was_claimed(&mut self) {
        let claiming = self.claiming.take().map(|claiming| claiming.pulling.wait());
        // A store that failed has claimed nothing that can be let go.
        self.hold(&claiming.and_then(Result::ok).unwrap_or_default());
    }

    fn hold(&mut self, pulled: &[Pulled]) {
        for Pulled { run, claim, .. } in pulled {
            if let Ok(claim) = claim {
                self.held.insert(run.clone(), claim.fence);
            }
        }
    }

    /// Asks when something is due by its time.
    pub(super) fn ask_what_is_next(&mut self) -> Result<(), RunnerError> {
        self.next_due = self.queue.next_due()?;
        self.asked = true;
        Ok(())
    }

    /// Whether something may be due that was not looked for.
    fn is_to_look(&self, now: Timestamp) -> bool {
        let glance = self.common.settings.glance;
        let glance = if self.asked {
            glance
        } else {
            glance.min(BUSY_GLANCE)
        };
        let due = self.next_due.is_some_and(|at| at <= now);
        let glances = || {
            let looked = self.looked;
            looked.is_none_or(|at| self.monotonic().saturating_sub(at) >= glance)
        };
        // What others marked is taken off first: it must not be lost.
        self.common.take_dirt() || self.look || due || glances()
    }

    /// Begins to drive a run that was claimed. An error is the store's; what
    /// is wrong with this run alone leaves the others as they are, and that one
    /// is not driven: false.
    fn take_up(
        &mut self,
        run: &RunId,
        claim: &Claim,
        log: Option<LogBytes>,
        now: Timestamp,
    ) -> Result<bool, RunnerError> {
        self.ration(run, now)?;
        Counters::add(&self.common.counters.claimed, 1);
        let log = match log.map_or_else(|| self.queue.read(run), Ok) {
            Ok(log) => log,
            Err(error) if is_of_the_store(&error) => return Err(error.into()),
            Err(error) => {
                self.refuse(run, &chain(&error), now);
                return Ok(false);
            }
        };
        let handle = self.shard.handle();
        let outfitter = Arc::clone(&self.common.outfitter);
        // Whatever a run's plan or log does to its outfitter, it does to that
        // run alone.
        let made = catch_unwind(AssertUnwindSafe(|| {
            let Outfit { plan, context } = outfitter.outfit(run, &log, &*self.queue, &handle)?;
            let adopted = self.shard.adopt_log(run, plan, context, claim.fence, &log);
            adopted.map_err(|error| chain(&error))?;
            self.go_on(run, claim)
        }));
        let made = made.unwrap_or_else(|panic| Err(format!("it panicked: {}", text_of(&*panic))));
        let driven = made.is_ok();
        match made {
            Ok(()) => {
                self.touched.insert(run.clone());
            }
            Err(why) => {
                self.shard.abandon(run);
                self.refuse(run, &why, now);
            }
        }
        Ok(driven)
    }

    /// A run that begins takes a token of its rates; without one it is let go
    /// until there is one.
    fn ration(&mut self, run: &RunId, now: Timestamp) -> Result<(), RunnerError> {
        if self.common.buckets.is_empty() || self.visits.contains_key(run) {
            return Ok(());
        }
        if let Some(row) = self.queue.get(run)?
            && matches!(row.phase, RunPhase::Created | RunPhase::Authorized)
            && let Err(at) = self.common.buckets.take(run, &row, now)
        {
            // Its commands are answered all the same.
            self.visits.insert(run.clone(), Visit::Rationed(at));
        }
        Ok(())
    }

    /// Leaves a run alone for a while that cannot be driven here.
    fn refuse(&mut self, run: &RunId, why: &str, now: Timestamp) {
        self.leave(run, Some(now.after(BROKEN_REST)));
        self.broken(run, why);
    }

    /// Says to a run that was folded what it must hear first.
    fn go_on(&mut self, run: &RunId, claim: &Claim) -> Result<(), String> {
        let runner = self.shard.run(run).ok_or("it is not driven here")?;
        let state = runner.state();
        let repaired = rok_runner::repair_of(claim);
        if repaired.is_some() || was_interrupted(state) {
            let owner = self.common.settings.owner.to_string();
            self.shard
                .recover(run, owner, repaired, Vec::new())
                .map_err(|error| chain(&error))?;
            self.shard.go_on_with_sub_runs(run);
            return Ok(());
        }
        if state.is_sealed() {
            self.closed.insert(run.clone());
            return Ok(());
        }
        let waits = matches!(state.phase(), RunPhase::Created | RunPhase::Authorized);
        let begins = waits && state.closing().is_none() && !self.visits.contains_key(run);
        let owner = runner.context().owner.clone();
        self.shard
            .perform_outstanding(run)
            .map_err(|error| chain(&error))?;
        self.shard.say(run, Input::Tick);
        if begins {
            // Behind its admission, in one commit with it; one that is not
            // admitted is not claimed.
            self.shard.say(run, Input::Claimed { owner });
        }
        Ok(())
    }
}

/// Whether an owner that is gone was in the midst of something.
fn was_interrupted(state: &RunState) -> bool {
    let begun = !matches!(state.phase(), RunPhase::Created | RunPhase::Authorized);
    begun && !state.is_sealed() && !state.outstanding().is_empty()
}

/// Whether the store failed, and not one run in it.
const fn is_of_the_store(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Poisoned { .. }
            | StoreError::Full { .. }
            | StoreError::Denied { .. }
            | StoreError::Io { .. }
            | StoreError::Database { .. }
    )
}
