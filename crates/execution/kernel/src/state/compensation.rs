//! What is undone and what is left to undo. Invariant: a compensation has a
//! recorded start before it starts, and none starts after it succeeded.

use super::{ApplyError, RunState, out_of_place};
use crate::compiled::StepIx;
use crate::kernel::RunOrchestrationKernel;
use crate::steps::StopReason;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rok_events::{Event, RollbackData, RolledBackData, StepEndData};
use rok_plan::OnFailure;
use rok_rac::Expected;
use rok_vocabulary::{
    Actor, Attempt, Disposition, Epoch, ErrorClass, Outcome, RunPhase, StepId, StepState, Timestamp,
};
use serde_json::Value;

/// The place of a success in the order of completion, over all epochs.
pub type DoneIx = u32;

/// A step, or a fan-out's child, that succeeded and can be undone.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// Its id.
    pub id: StepId,
    /// The step of the plan that says how it is undone.
    pub origin: StepIx,
    /// The epoch in which it succeeded.
    pub epoch: Epoch,
    /// The item of a child, and its place.
    pub item: Option<(Value, u32)>,
    /// What it handed on.
    pub outputs: Option<Arc<Value>>,
    /// How its undoing stands, once it was begun.
    pub undo: Option<Undo>,
}

/// How the undoing of one success stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Undo {
    /// The attempt under way, or the next one; counted over all epochs.
    pub attempt: Attempt,
    /// Attempts of the rollback under way whose worker was lost.
    pub lost: u32,
    /// Its last attempt was interrupted, and the step is not idempotent: a
    /// person must say whether it is done.
    pub undecided: bool,
    /// The class of its last failure.
    pub class: Option<ErrorClass>,
    /// The reason of its last failure.
    pub reason: Option<String>,
    /// When its last attempt was started.
    pub started_at: Option<Timestamp>,
    /// When it was undone, or its last attempt failed.
    pub ended_at: Option<Timestamp>,
    /// It is undone.
    pub done: bool,
    /// A person says that it was done by hand.
    pub by_hand: bool,
}

/// The undoing that an epoch is about, or ends with.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollback {
    /// Who asked for it.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// Whether it has an epoch of its own.
    pub own_epoch: bool,
    /// How the execution ended that is undone.
    pub outcome: Outcome,
    /// Why the run had FAILED, where the rollback has an epoch of its own.
    pub class: Option<ErrorClass>,
    /// What had made execution fail, before anything was undone.
    pub cause: Option<String>,
    queue: VecDeque<DoneIx>,
    by_hand: BTreeSet<StepId>,
    running: Option<DoneIx>,
    stop: Option<(StopReason, Timestamp)>,
    failed: Option<DoneIx>,
    stopped: Option<String>,
}

impl Rollback {
    /// What is left to undo, in order; what runs is the first of it.
    pub fn remaining(&self) -> impl Iterator<Item = DoneIx> {
        self.queue.iter().copied()
    }

    /// What is being undone.
    #[must_use]
    pub const fn running(&self) -> Option<DoneIx> {
        self.running
    }

    /// Why and since when that is being stopped.
    #[must_use]
    pub const fn stop(&self) -> Option<(StopReason, Timestamp)> {
        self.stop
    }

    /// What could not be undone.
    #[must_use]
    pub const fn failed(&self) -> Option<DoneIx> {
        self.failed
    }

    /// Why it was told to go no further.
    #[must_use]
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// Whether everything is undone.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether nothing more will be undone by this rollback.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.running.is_none()
            && (self.is_complete() || self.failed.is_some() || self.stopped.is_some())
    }

    /// Whether a person says that a step was undone by hand.
    #[must_use]
    pub fn is_by_hand(&self, id: &StepId) -> bool {
        self.by_hand.contains(id)
    }

    /// Whose turn it is.
    pub(crate) fn next(&self) -> Option<DoneIx> {
        let waits = self.running.is_none() && !self.is_over();
        self.queue.front().copied().filter(|_| waits)
    }
}

/// Whether and how a run can be rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rollbackable {
    /// A rollback was interrupted: the same epoch goes on.
    SameEpoch,
    /// It FAILED and there is something to undo: the next epoch begins.
    NextEpoch(RollbackData),
    /// Interrupted compensations that must not be repeated without a decision.
    Undecided(Vec<StepId>),
    /// It cannot; the reason.
    Refused(String),
}

/// Everything about undoing that a run's state keeps.
#[derive(Debug, Default)]
pub(crate) struct Compensation {
    /// What can be undone, in order of completion.
    done: Vec<Done>,
    undone: Vec<DoneIx>,
    rollback: Option<Rollback>,
    disposition: Option<Disposition>,
    /// The one under way was told to stop, and no effect says so yet.
    fresh_stop: bool,
    /// Duties on top of the standard ones of the last epoch that owed them.
    owed: Vec<Expected>,
}

impl Compensation {
    /// An epoch that executes steps begins.
    pub(super) fn next_epoch(&mut self) {
        self.rollback = None;
    }
}

impl RunState {
    /// The rollback that the epoch is about, or ends with.
    #[must_use]
    pub const fn rollback(&self) -> Option<&Rollback> {
        self.compensation.rollback.as_ref()
    }

    /// What is recorded of the run beside its phase.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        self.compensation.disposition.unwrap_or(Disposition::None)
    }

    /// A success that can be undone, or is.
    #[must_use]
    pub fn done(&self, ix: DoneIx) -> &Done {
        &self.compensation.done[ix as usize]
    }

    /// The last success of a step or child that can be undone, or is.
    #[must_use]
    pub fn last_done(&self, id: &StepId) -> Option<&Done> {
        self.compensation
            .done
            .iter()
            .rev()
            .find(|done| done.id == *id)
    }

    /// How the undoing of a step or child stands, once it was begun.
    #[must_use]
    pub fn undo(&self, id: &StepId) -> Option<&Undo> {
        self.last_done(id)?.undo.as_ref()
    }

    /// Whether anything was begun to be undone: then no step runs any more.
    #[must_use]
    pub fn is_being_undone(&self) -> bool {
        self.compensation
            .done
            .iter()
            .any(|done| done.undo.is_some())
    }

    /// What can be undone and is not, the last success first.
    pub fn to_undo(&self) -> impl Iterator<Item = DoneIx> {
        let all = 0..self.compensation.done.len() as DoneIx;
        all.rev().filter(|ix| {
            let undo = self.done(*ix).undo.as_ref();
            undo.is_none_or(|undo| !undo.done)
        })
    }

    /// What was undone, in that order.
    pub fn undone(&self) -> impl Iterator<Item = DoneIx> {
        self.compensation.undone.iter().copied()
    }

    /// What a rollback from here would be about.
    #[must_use]
    pub fn rollback_data(&self) -> RollbackData {
        let plan = self.plan();
        let nothing = (0..plan.len() as StepIx).filter(|ix| {
            self.step(*ix).state == StepState::Succeeded && plan.step(*ix).compensate.is_none()
        });
        RollbackData {
            steps: self.to_undo().map(|ix| self.done(ix).id.clone()).collect(),
            nothing_to_undo: nothing.map(|ix| plan.step(ix).id.clone()).collect(),
            done: Vec::new(),
            again: Vec::new(),
        }
    }

    pub(crate) fn rolled_back_data(&self) -> RolledBackData {
        RolledBackData {
            steps: self.undone().map(|ix| self.done(ix).id.clone()).collect(),
        }
    }

    /// The attempt at a compensation that is under way, or the next one. An
    /// id that succeeded twice, in two epochs, has its attempts counted once.
    #[must_use]
    pub fn undo_attempt(&self, ix: DoneIx) -> Attempt {
        let done = self.done(ix);
        if let Some(undo) = &done.undo {
            return undo.attempt;
        }
        let of_id = self.compensation.done.iter().filter(|d| d.id == done.id);
        let last = of_id
            .filter_map(|done| done.undo.as_ref())
            .map(|u| u.attempt);
        last.max().map_or(Attempt::FIRST, Attempt::next)
    }

    /// Whether the epoch must undo what succeeded before its check.
    pub(crate) fn must_roll_back(&self) -> bool {
        self.plan().plan().on_failure == OnFailure::Rollback
            && self.rollback().is_none()
            && !self.execution_outcome().may_complete()
            && self.to_undo().next().is_some()
    }

    /// Whether and how the run can be rolled back, where those steps were
    /// undone by hand and those may be tried again.
    #[must_use]
    pub fn rollbackable(&self, done: &[StepId], again: &[StepId]) -> Rollbackable {
        let refused = |why: &str| Rollbackable::Refused(why.into());
        if !self.is_sealed() && !self.phase().is_terminal() {
            return match self.rollback() {
                Some(_) => Rollbackable::SameEpoch,
                None => refused(&alloc::format!("it is {}, not FAILED", self.phase())),
            };
        }
        if self.phase() == RunPhase::Completed {
            return refused("it is COMPLETED: only a FAILED run is rolled back");
        }
        if self.disposition() == Disposition::RolledBack {
            return refused("it is rolled back already");
        }
        let mut data = self.rollback_data();
        if data.steps.is_empty() {
            return refused("there is nothing to undo: no step that succeeded has `compensate`");
        }
        if let Some(step) = done.iter().chain(again).find(|id| !data.steps.contains(id)) {
            let why = alloc::format!("step `{step}` is not among what is to be undone");
            return refused(&why);
        }
        if let Some(step) = done.iter().find(|id| again.contains(id)) {
            let why = alloc::format!("step `{step}` is either done or to be undone again");
            return refused(&why);
        }
        let open = self.to_undo().map(|ix| self.done(ix)).filter(|of| {
            let decided = done.contains(&of.id) || again.contains(&of.id);
            of.undo.as_ref().is_some_and(|undo| undo.undecided) && !decided
        });
        let open: Vec<StepId> = open.map(|done| done.id.clone()).collect();
        if !open.is_empty() {
            return Rollbackable::Undecided(open);
        }
        data.done = done.to_vec();
        data.again = again.to_vec();
        Rollbackable::NextEpoch(data)
    }

    /// What was declared on top of the standard duties: the next epoch that
    /// executes steps owes it anew. One that only undoes owes nothing of it.
    pub(crate) fn further_expectations(&self) -> Vec<Expected> {
        if self.rollback().is_some_and(|rollback| rollback.own_epoch) {
            return self.compensation.owed.clone();
        }
        let drift = Self::drift_duty();
        let standard = RunOrchestrationKernel::standard_duties();
        let declared = self.ledger().expectations().iter();
        declared
            .filter(|e| e.id != drift && !standard.contains(&e.id))
            .map(|e| {
                let expected =
                    Expected::new(e.id.clone(), e.deadline).with_metadata(e.metadata.clone());
                if e.liveness {
                    expected.liveness()
                } else {
                    expected
                }
            })
            .collect()
    }

    /// A step or child succeeded. A fan-out is undone child by child.
    pub(super) fn note_done(&mut self, ix: StepIx) {
        let origin = self.origin(ix);
        if self.is_fanned_out(ix) || self.plan().step(origin).compensate.is_none() {
            return;
        }
        let item = self.item(ix).map(|(item, index)| (item.clone(), index));
        let done = Done {
            id: self.step_id(ix),
            origin,
            epoch: self.epoch(),
            item,
            outputs: self.step(ix).outputs.clone(),
            undo: None,
        };
        self.compensation.done.push(done);
    }

    pub(super) fn rollback_started(
        &mut self,
        event: &Event,
        reason: Option<&String>,
        data: &RollbackData,
    ) -> Result<(), ApplyError> {
        let own_epoch = self.is_sealed();
        let (outcome, class, cause) = if own_epoch {
            let expected = self.rollbackable(&data.done, &data.again);
            if expected != Rollbackable::NextEpoch(data.clone()) {
                return out_of_place(event, "the run cannot be rolled back like that");
            }
            let outcome = match self.outcome() {
                Some(outcome @ (Outcome::Cancelled | Outcome::TimedOut)) => outcome,
                _ => Outcome::Failed,
            };
            let (class, reason) = self.end();
            let class = match self.rollback() {
                Some(earlier) if earlier.own_epoch => earlier.class,
                _ => class,
            };
            let cause = match self.rollback() {
                Some(earlier) => earlier.cause.clone(),
                None => reason.map(ToString::to_string),
            };
            (outcome, class, cause)
        } else {
            let over = self.schedule().unfinished() == 0 && self.phase() == RunPhase::Executing;
            if !over || !self.must_roll_back() || *data != self.rollback_data() {
                return out_of_place(event, "the run does not undo that here");
            }
            (self.execution_outcome(), None, self.execution_failure().1)
        };
        let queue: VecDeque<DoneIx> = self.to_undo().collect();
        for done in &mut self.compensation.done {
            if let Some(undo) = &mut done.undo {
                undo.lost = 0;
                undo.undecided = false;
            }
        }
        if own_epoch {
            self.compensation.owed = self.further_expectations();
            self.next_contract(event.at);
        }
        self.compensation.rollback = Some(Rollback {
            actor: event.actor.clone(),
            reason: reason.cloned(),
            own_epoch,
            outcome,
            class,
            cause,
            queue,
            by_hand: data.done.iter().cloned().collect(),
            running: None,
            stop: None,
            failed: None,
            stopped: None,
        });
        Ok(())
    }

    pub(super) fn compensation_started(
        &mut self,
        event: &Event,
        step: &StepId,
        attempt: Attempt,
    ) -> Result<(), ApplyError> {
        let turn = self.rollback().and_then(Rollback::next).filter(|ix| {
            let by_hand = self.rollback().is_some_and(|r| r.is_by_hand(step));
            let due = self.done(*ix).id == *step && self.undo_attempt(*ix) == attempt;
            due && !by_hand && self.phase() == RunPhase::Executing
        });
        let Some(ix) = turn else {
            return out_of_place(event, "it is not the turn of that compensation");
        };
        let undo = self.compensation.done[ix as usize]
            .undo
            .get_or_insert_default();
        undo.attempt = attempt;
        undo.started_at = Some(event.at);
        undo.ended_at = None;
        if let Some(rollback) = &mut self.compensation.rollback {
            rollback.running = Some(ix);
        }
        Ok(())
    }

    pub(super) fn compensated(
        &mut self,
        event: &Event,
        step: &StepId,
        attempt: Attempt,
        by_hand: bool,
    ) -> Result<(), ApplyError> {
        let due = match self.rollback() {
            Some(rollback) if by_hand => rollback.next().filter(|_| rollback.is_by_hand(step)),
            Some(rollback) => rollback.running,
            None => None,
        };
        let due = due.filter(|ix| {
            let same = self.done(*ix).id == *step && self.undo_attempt(*ix) == attempt;
            same && self.phase() == RunPhase::Executing
        });
        let Some(ix) = due else {
            return out_of_place(event, "that compensation is not under way");
        };
        let undo = self.compensation.done[ix as usize]
            .undo
            .get_or_insert_default();
        undo.attempt = attempt;
        undo.ended_at = Some(event.at);
        undo.by_hand = by_hand;
        undo.done = true;
        undo.class = None;
        undo.reason = None;
        if let Some(rollback) = &mut self.compensation.rollback {
            rollback.running = None;
            rollback.stop = None;
            rollback.queue.pop_front();
        }
        self.compensation.undone.push(ix);
        self.show_undone(ix);
        Ok(())
    }

    /// The step's own state, where it is that success which it shows; that of
    /// a fan-out once all its children are undone.
    fn show_undone(&mut self, done: DoneIx) {
        let of = self.done(done);
        let (id, origin) = (of.id.clone(), of.origin);
        let later = self.compensation.done[done as usize + 1..].iter();
        let shown = self.find(id.as_str()).filter(|ix| {
            self.step(*ix).state == StepState::Succeeded && !later.clone().any(|d| d.id == id)
        });
        let Some(ix) = shown else {
            return;
        };
        self.steps[ix as usize].state = StepState::Compensated;
        let whole = match self.fan_out(origin) {
            None => true,
            Some(fan) => {
                let undone = |ix: StepIx| self.step(ix).state == StepState::Compensated;
                self.step(origin).state == StepState::Succeeded && fan.children().all(undone)
            }
        };
        if whole {
            self.steps[origin as usize].state = StepState::Compensated;
            self.progress.counts.succeeded -= 1;
            self.progress.counts.compensated += 1;
        }
    }

    pub(super) fn compensation_failed(
        &mut self,
        event: &Event,
        step: &StepId,
        attempt: Attempt,
        (class, reason): (ErrorClass, &str),
        data: &StepEndData,
    ) -> Result<(), ApplyError> {
        let running = self.rollback().and_then(Rollback::running);
        let running =
            running.filter(|ix| self.done(*ix).id == *step && self.undo_attempt(*ix) == attempt);
        let Some(ix) = running else {
            return out_of_place(event, "that compensation is not under way");
        };
        let undo = self.compensation.done[ix as usize]
            .undo
            .get_or_insert_default();
        undo.attempt = attempt.next();
        undo.ended_at = Some(event.at);
        undo.class = Some(class);
        undo.reason = Some(reason.into());
        undo.lost += u32::from(class == ErrorClass::WorkerLost);
        undo.undecided = data.undecided;
        if let Some(rollback) = &mut self.compensation.rollback {
            rollback.running = None;
            rollback.stop = None;
            if data.last {
                rollback.failed = Some(ix);
            }
        }
        Ok(())
    }

    pub(super) fn rolled_back(
        &mut self,
        event: &Event,
        data: &RolledBackData,
    ) -> Result<(), ApplyError> {
        let ended = self.phase() == RunPhase::Failed && self.end.is_some();
        let complete = self.rollback().is_some_and(Rollback::is_complete);
        let again = self.compensation.disposition.is_some();
        if !ended || !complete || again || *data != self.rolled_back_data() {
            return out_of_place(event, "the run is not rolled back like that");
        }
        self.compensation.disposition = Some(Disposition::RolledBack);
        Ok(())
    }

    /// Whether the epoch may be sealed: what is rolled back must say so.
    pub(super) fn says_what_is_undone(&self) -> bool {
        !self.rollback().is_some_and(Rollback::is_complete)
            || self.disposition() == Disposition::RolledBack
    }

    /// Tells the rollback under way to go no further. False: there is none.
    pub(super) fn stop_rollback(&mut self, reason: &str, at: Timestamp) -> bool {
        let executing = self.phase() == RunPhase::Executing;
        let Some(rollback) = self.compensation.rollback.as_mut().filter(|_| executing) else {
            return false;
        };
        rollback.stopped.get_or_insert_with(|| reason.to_string());
        if rollback.running.is_some() && rollback.stop.is_none() {
            rollback.stop = Some((StopReason::Cancelled, at));
            self.compensation.fresh_stop = true;
        }
        true
    }

    /// The compensation that was marked to be stopped since the last call.
    pub(crate) fn take_fresh_compensation_stop(&mut self) -> Option<DoneIx> {
        let fresh = core::mem::take(&mut self.compensation.fresh_stop);
        self.rollback()?.running().filter(|_| fresh)
    }
}
