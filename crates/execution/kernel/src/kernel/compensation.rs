//! Undoing what succeeded: one compensation at a time, the last step first.

use super::{KernelError, RunOrchestrationKernel};
use crate::effect::{Effect, Rejected};
use crate::input::{StepDone, StepEnd};
use crate::state::{DoneIx, Rollback, Rollbackable};
use crate::steps::StopReason;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_events::{Body, StepEndData};
use rok_vocabulary::{Actor, ErrorClass, RunPhase, StepId, Timestamp};

/// How often in one rollback a compensation, or in one epoch a step, is begun
/// again whose worker was lost: what takes its machine down must not do so for
/// ever. More than a person interrupts and resumes a run in one sitting.
pub(super) const MAX_LOST: u32 = 5;

impl RunOrchestrationKernel {
    /// The next epoch, which undoes what succeeded.
    pub(super) fn roll_back(
        &mut self,
        actor: Actor,
        reason: Option<String>,
        done: &[StepId],
        again: &[StepId],
        now: Timestamp,
    ) -> Result<(), Rejected> {
        let data = match self.state.rollbackable(done, again) {
            Rollbackable::NextEpoch(data) => Box::new(data),
            Rollbackable::SameEpoch => {
                let reason = "its rollback is not closed: its epoch goes on".into();
                return Err(Rejected::NotRollbackable { reason });
            }
            Rollbackable::Undecided(steps) => {
                let steps: Vec<&str> = steps.iter().map(StepId::as_str).collect();
                let reason = format!(
                    "a person must say whether the interrupted compensation of {} is done",
                    steps.join(", ")
                );
                return Err(Rejected::NotRollbackable { reason });
            }
            Rollbackable::Refused(reason) => return Err(Rejected::NotRollbackable { reason }),
        };
        self.actor = actor;
        let started = self.emit(now, Body::RunRollbackStarted { reason, data });
        self.actor = Actor::Runner;
        started?;
        // What the plan expects on top belongs to an epoch that executes it.
        self.declare_expectations(Vec::new(), now)?;
        Ok(())
    }

    /// The plan undoes what succeeded, because execution did not.
    pub(super) fn begin_rollback(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let data = Box::new(self.state.rollback_data());
        let reason = Some("on_failure: rollback".into());
        self.emit(now, Body::RunRollbackStarted { reason, data })?;
        self.compensate(now)
    }

    /// Starts the next compensation, or ends execution when none is left.
    pub(super) fn compensate(&mut self, now: Timestamp) -> Result<(), KernelError> {
        loop {
            let Some(rollback) = self.state.rollback() else {
                return Ok(());
            };
            if self.state.is_paused() {
                return Ok(());
            }
            if rollback.is_over() {
                let outcome = rollback.outcome;
                return self.end_execution(outcome, now);
            }
            if self.draining {
                return Ok(());
            }
            let Some(done) = rollback.next() else {
                return Ok(());
            };
            let said_by = rollback.actor.clone();
            let step = self.state.done(done).id.clone();
            let attempt = self.state.undo_attempt(done);
            if rollback.is_by_hand(&step) {
                let undone = Body::StepCompensated {
                    step,
                    attempt,
                    reason: Some(format!("undone by hand, says {said_by}")),
                    data: Box::default(),
                };
                self.emit(now, undone)?;
                continue;
            }
            self.emit(now, Body::StepCompensationStarted { step, attempt })?;
            self.step_effects
                .push(Effect::StartCompensation { done, attempt });
            return Ok(());
        }
    }

    /// An attempt at a compensation is over. A result of an older attempt or
    /// epoch is late.
    pub(super) fn compensation_done(
        &mut self,
        done: StepDone,
        now: Timestamp,
    ) -> Result<(), Rejected> {
        let StepDone {
            epoch,
            step: ix,
            attempt,
            end,
            data,
            left: _,
        } = done;
        if self.is_older(epoch)? {
            return Ok(());
        }
        let running = self.state.rollback().and_then(Rollback::running);
        let late = self.state.phase() != RunPhase::Executing
            || running != Some(ix)
            || attempt < self.state.undo_attempt(ix);
        if late {
            return Ok(());
        }
        if attempt > self.state.undo_attempt(ix) {
            let why = format!("attempt {attempt} at that compensation was never started");
            return Err(Rejected::Impossible { why });
        }
        match end {
            StepEnd::Succeeded(_) => {
                let step = self.state.done(ix).id.clone();
                let done = Body::StepCompensated {
                    step,
                    attempt,
                    reason: None,
                    data,
                };
                self.emit(now, done)?;
            }
            StepEnd::Failed { class, reason } => {
                self.compensation_failed(ix, class, reason, data, now)?;
            }
        }
        if self.state.closing().is_some() {
            self.try_close(now)?;
        } else {
            self.advance(now)?;
        }
        Ok(())
    }

    /// A compensation that failed stops the rollback; one that was interrupted
    /// is begun again, where the step may be repeated.
    fn compensation_failed(
        &mut self,
        ix: DoneIx,
        class: ErrorClass,
        reason: String,
        mut data: Box<StepEndData>,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let done = self.state.done(ix);
        let idempotent = self.state.plan().step(done.origin).idempotent;
        let lost = class == ErrorClass::WorkerLost;
        let times = done.undo.as_ref().map_or(0, |undo| undo.lost);
        let stopped = self.state.rollback().is_some_and(|r| r.stop().is_some());
        data.undecided = lost && !idempotent;
        data.last = !lost || !idempotent || stopped || times >= MAX_LOST;
        let (step, attempt) = (done.id.clone(), self.state.undo_attempt(ix));
        self.emit(
            now,
            Body::StepCompensationFailed {
                step,
                attempt,
                class,
                reason,
                data,
            },
        )
    }

    /// A new owner: the compensation that was under way is lost.
    pub(super) fn compensation_lost(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let running = self.state.rollback().and_then(Rollback::running);
        match running {
            Some(ix) => {
                let reason = "the worker that ran it is gone".into();
                self.compensation_failed(ix, ErrorClass::WorkerLost, reason, Box::default(), now)
            }
            None => Ok(()),
        }
    }

    pub(super) fn compensation_cancel(&self, done: DoneIx) -> Option<Effect> {
        let rollback = self.state.rollback()?;
        let (reason, _) = rollback.stop()?;
        let attempt = self.state.undo_attempt(done);
        (rollback.running() == Some(done)).then_some(Effect::CancelCompensation {
            done,
            attempt,
            reason,
        })
    }

    /// When a compensation that was told to stop is given up.
    pub(super) fn compensation_stop_deadline(&self) -> Option<Timestamp> {
        let rollback = self.state.rollback()?;
        let (_, since) = rollback.stop()?;
        let origin = self.state.done(rollback.running()?).origin;
        Some(since.after(self.stop_allowance(origin)))
    }

    pub(super) fn give_up_on_compensation(&mut self, now: Timestamp) -> Result<(), KernelError> {
        match self.compensation_stop_deadline() {
            Some(due) if now >= due => self.abandon_compensation(now),
            _ => Ok(()),
        }
    }

    /// The compensation under way is given up.
    pub(super) fn abandon_compensation(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let Some(ix) = self.state.rollback().and_then(Rollback::running) else {
            return Ok(());
        };
        let why = "it was told to stop and did not report".into();
        let stopped = self.state.rollback().and_then(Rollback::stop);
        let class = match stopped {
            Some((StopReason::RunTimeout, _)) => ErrorClass::Timeout,
            _ => ErrorClass::Cancelled,
        };
        self.compensation_failed(ix, class, why, Box::default(), now)
    }

    /// Between the terminal phase and the seal.
    pub(super) fn say_rolled_back(&mut self, now: Timestamp) -> Result<(), KernelError> {
        if !self.state.rollback().is_some_and(Rollback::is_complete) {
            return Ok(());
        }
        let data = self.state.rolled_back_data();
        self.emit(now, Body::RunRolledBack { data })
    }

    /// Why an epoch that undoes something FAILED: what made execution fail, and
    /// what is left to undo.
    pub(super) fn undoing_told(
        &self,
        rollback: &Rollback,
        cause: impl FnOnce() -> (Option<ErrorClass>, Option<String>),
    ) -> (Option<ErrorClass>, Option<String>) {
        let (class, before) = if rollback.own_epoch {
            (rollback.class, rollback.cause.clone())
        } else {
            cause()
        };
        let failed = rollback.failed().map(|ix| self.state.done(ix));
        let told = match (failed, rollback.stopped()) {
            _ if rollback.is_complete() => "rolled back".into(),
            (Some(done), _) => {
                let why = done.undo.as_ref().and_then(|undo| undo.reason.as_deref());
                format!(
                    "the compensation of `{}` failed: {}",
                    done.id,
                    why.unwrap_or("no reason is recorded")
                )
            }
            (None, stopped) => format!(
                "its rollback was stopped: {}",
                stopped.unwrap_or("no reason is recorded")
            ),
        };
        let left: Vec<&str> = rollback
            .remaining()
            .map(|ix| self.state.done(ix).id.as_str())
            .collect();
        let left = if left.is_empty() {
            String::new()
        } else {
            format!("; not undone: {}", left.join(", "))
        };
        let before = before.map(|before| before + "; ").unwrap_or_default();
        let failure = failed
            .and_then(|done| done.undo.as_ref()?.class)
            .filter(|_| rollback.own_epoch);
        (failure.or(class), Some(format!("{before}{told}{left}")))
    }
}
