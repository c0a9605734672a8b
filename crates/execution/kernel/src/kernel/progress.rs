//! Execution: starting what is ready, taking results, skipping, retrying,
//! stopping, and noticing the end.

use super::compensation::MAX_LOST;
use super::{KernelError, RunOrchestrationKernel};
use crate::compiled::{PROCESSES, StepIx};
use crate::effect::{Effect, Rejected};
use crate::input::{StepDone, StepEnd, StepSuccess};
use crate::scope::RunScope;
use crate::steps::StopReason;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use rok_events::{Body, SkipCause, StepEndData, StoppingData};
use rok_plan::Gate;
use rok_scheduler::{Doom, retry_delay};
use rok_vocabulary::{Attempt, ErrorClass, Outcome, RunPhase, StepState, Timestamp};

/// How a failed attempt goes on.
enum Next {
    Retry { after: Duration },
    Ask,
    Fail,
}

impl RunOrchestrationKernel {
    /// Starts what may start, skips what must be skipped, and ends execution
    /// when nothing is left.
    pub(super) fn advance(&mut self, now: Timestamp) -> Result<(), KernelError> {
        if self.state.rollback().is_some() {
            return self.compensate(now);
        }
        self.time_out(now)?;
        self.expire_gates(now)?;
        self.check_budget(now)?;
        if !self.state.is_paused() {
            self.state.offer_due_retries(now);
        }
        if self.state.is_halted() {
            self.skip_the_rest(now)?;
        } else {
            loop {
                self.end_fan_outs(now)?;
                self.fall_back(now)?;
                self.skip_doomed(now)?;
                let Some(ix) = self.next_startable() else {
                    break;
                };
                self.start_or_skip(ix, now)?;
                if self.state.is_halted() {
                    self.skip_the_rest(now)?;
                    break;
                }
            }
        }
        self.notice_the_end(now)
    }

    /// The first ready step for which there is a free place.
    fn next_startable(&mut self) -> Option<StepIx> {
        if self.draining || self.state.is_paused() {
            return None;
        }
        let settings = self.state.settings();
        let progress = self.state.progress();
        let (all, processes) = (progress.running(), progress.running[PROCESSES]);
        let hard_gate_runs = progress.hard_gates_running > 0;
        let free_place = all < settings.max_parallel.max(1);
        let free_process = free_place && processes < settings.max_processes.max(1);
        let ahead = !hard_gate_runs
            && self.state.plan().processes_only()
            && processes < settings.max_processes.saturating_add(settings.start_ahead);
        let open = |lane: usize| {
            if lane == PROCESSES {
                free_process || ahead
            } else {
                free_place
            }
        };
        let step = self.state.schedule_mut().next_ready(open);
        let ix = match (step, self.state.next_child(open, true)) {
            (Some(step), Some((parent, child))) => {
                if step < parent {
                    step
                } else {
                    child
                }
            }
            (step, child) => step.or(child.map(|(_, child)| child))?,
        };
        let step = self.state.definition(ix);
        let is_process = self.state.plan().graph().lane(self.state.origin(ix)) == PROCESSES;
        let may_start_ahead = step.idempotent && step.gate.is_none();
        (!is_process || free_process || may_start_ahead).then_some(ix)
    }

    fn start_or_skip(&mut self, ix: StepIx, now: Timestamp) -> Result<(), KernelError> {
        if self.state.child(ix).is_some() {
            return self.start(ix, now);
        }
        let plan = Arc::clone(self.state.plan());
        let step = plan.step(ix);
        let slot = self.state.step(ix);
        let attempt = slot.attempt;
        let first = slot.state == StepState::Pending;
        if first && self.pass_overridden(ix, now)? {
            return Ok(());
        }
        let verdict = match &step.condition {
            Some(condition) if first => condition.eval(&RunScope::new(&self.state)),
            _ => Ok(true),
        };
        match verdict {
            Ok(false) => {
                let told = step.skip_reason.as_deref();
                let reason = told.unwrap_or("its condition is false").into();
                return self.skip(ix, SkipCause::Condition, reason, now);
            }
            Err(error) => {
                let step_id = step.id.clone();
                if step.gate != Some(Gate::Manual) && !self.may_attempt(ix, now)? {
                    return Ok(());
                }
                // A manual gate never starts without a person's word.
                let begun = if step.gate == Some(Gate::Manual) {
                    Body::StepWaiting { step: step_id }
                } else {
                    Body::StepStarted {
                        step: step_id,
                        attempt,
                        data: None,
                        inputs_hash: None,
                    }
                };
                self.emit(now, begun)?;
                let reason = format!("if: {error}");
                let data = Box::default();
                return self.attempt_failed(ix, ErrorClass::ConfigError, reason, data, now);
            }
            Ok(true) => {}
        }
        if first && step.gate == Some(Gate::Manual) {
            return self.emit(
                now,
                Body::StepWaiting {
                    step: step.id.clone(),
                },
            );
        }
        if step.for_each.is_some() {
            return self.fan_out(ix, now);
        }
        self.start(ix, now)
    }

    fn start(&mut self, ix: StepIx, now: Timestamp) -> Result<(), KernelError> {
        if !self.may_attempt(ix, now)? {
            return Ok(());
        }
        let attempt = self.state.step(ix).attempt;
        let run = self.state.sub_run(ix);
        let sub_run = run.as_ref().ok().cloned().flatten();
        let data = self.state.started_data(ix, sub_run);
        self.emit(
            now,
            Body::StepStarted {
                step: self.state.step_id(ix),
                attempt,
                data,
                inputs_hash: self.state.inputs_label(ix),
            },
        )?;
        self.warn_of_deprecation(ix, attempt, now)?;
        if let Err(error) = run {
            let (class, reason) = (ErrorClass::ConfigError, error.to_string());
            return self.attempt_failed(ix, class, reason, Box::default(), now);
        }
        self.step_effects
            .push(Effect::StartStep { step: ix, attempt });
        Ok(())
    }

    /// Records, once an epoch, that what a step runs is deprecated. The children
    /// of a fan-out are one step.
    pub(super) fn warn_of_deprecation(
        &mut self,
        ix: StepIx,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let step = self.state.definition(ix);
        match &step.deprecated {
            Some(reason) if attempt == Attempt::FIRST && self.state.child(ix).is_none() => {
                let (step, reason) = (step.id.clone(), reason.clone());
                self.emit(now, Body::ComponentDeprecated { step, reason })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn skip(
        &mut self,
        ix: StepIx,
        cause: SkipCause,
        reason: String,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let step = self.state.step_id(ix);
        self.emit(
            now,
            Body::StepSkipped {
                step,
                cause,
                reason,
            },
        )
    }

    fn skip_doomed(&mut self, now: Timestamp) -> Result<(), KernelError> {
        while let Some((ix, doom)) = self.state.schedule_mut().pop_doomed() {
            let (cause, reason) = match doom {
                Doom::Failure => (
                    SkipCause::DependencyFailed,
                    "Dependencies failed or timed out",
                ),
                Doom::Skip => (SkipCause::DependencySkipped, "Dependencies were skipped"),
                Doom::Unneeded => (
                    SkipCause::FallbackNotNeeded,
                    "the step that it stands in for did not fail",
                ),
            };
            self.skip(ix, cause, reason.into(), now)?;
        }
        Ok(())
    }

    /// Nothing more may start: records what did not run, with why.
    fn skip_the_rest(&mut self, now: Timestamp) -> Result<(), KernelError> {
        self.skip_unstarted(now)?;
        self.end_fan_outs(now)
    }

    fn skip_unstarted(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let (cause, reason, timed_out) =
            match (self.state.stopping(), self.state.gate_failures().first()) {
                (Some(stop), _) => (
                    SkipCause::RunStopped,
                    stop.reason.clone(),
                    stop.outcome == Outcome::TimedOut,
                ),
                (None, Some(gate)) => (
                    SkipCause::HardGate,
                    format!("hard gate `{gate}` failed"),
                    false,
                ),
                (None, None) => return Ok(()),
            };
        if !self.state.has_unstarted() {
            return Ok(());
        }
        for ix in self.state.places() {
            if !matches!(
                self.state.step(ix).state,
                StepState::Pending | StepState::Waiting
            ) {
                continue;
            }
            if timed_out {
                let step = self.state.step_id(ix);
                let data = Box::new(StepEndData {
                    last: true,
                    ..StepEndData::default()
                });
                let (class, reason) = (ErrorClass::Timeout, reason.clone());
                self.emit(
                    now,
                    Body::StepFailed {
                        step,
                        attempt: Attempt::FIRST,
                        class,
                        reason,
                        data,
                    },
                )?;
            } else {
                self.skip(ix, cause, reason.clone(), now)?;
            }
        }
        Ok(())
    }

    fn notice_the_end(&mut self, now: Timestamp) -> Result<(), KernelError> {
        self.acknowledge_expected(now)?;
        let progress = self.state.progress();
        if self.state.is_paused() || progress.running() > 0 || !progress.retries.is_empty() {
            return Ok(());
        }
        if self.state.schedule().unfinished() == 0 {
            if self.state.must_roll_back() {
                return self.begin_rollback(now);
            }
            return self.end_execution(self.state.execution_outcome(), now);
        }
        // An owner that stops leaves ready steps to the next one: no hold.
        let ready = self.state.schedule_mut().next_ready(|_| true).is_some();
        let ready = ready || self.state.next_child(|_| true, false).is_some();
        if ready || self.state.hold().is_some() {
            return Ok(());
        }
        // The step whose fallback the budget was waiting for may be done since.
        self.check_budget(now)?;
        if self.state.is_halted() {
            self.skip_the_rest(now)?;
            return self.notice_the_end(now);
        }
        if self.state.hold().is_some() {
            return Ok(());
        }
        self.hold_for_a_decision(now)
    }

    /// Execution is over; where nobody is asked, the check follows at once.
    pub(super) fn end_execution(
        &mut self,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        self.execution_complete(outcome, now)?;
        if self.state.settings().contract.governs() {
            return Ok(());
        }
        self.check(now)
    }

    /// An attempt is over. A result of an older attempt or epoch is late.
    pub(super) fn step_done(&mut self, done: StepDone, now: Timestamp) -> Result<(), Rejected> {
        let StepDone {
            epoch,
            step: ix,
            attempt,
            end,
            mut data,
            left,
        } = done;
        if self.is_older(epoch)? {
            return Ok(());
        }
        let steps = self.state.places().end;
        if ix >= steps || self.state.is_fanned_out(ix) || attempt > self.state.step(ix).attempt {
            let why = format!("attempt {attempt} of step {ix} of {steps} was never started");
            return Err(Rejected::Impossible { why });
        }
        let late = self.state.phase() != RunPhase::Executing
            || self.state.step(ix).state != StepState::Running
            || self.state.step(ix).attempt != attempt;
        if late {
            return Ok(());
        }
        self.note_left(ix, left, now)?;
        if let Some(agent) = &data.agent {
            self.note_agents(ix, attempt, agent, now)?;
        }
        match end {
            StepEnd::Succeeded(StepSuccess { outputs, artifacts }) => {
                let step = self.state.definition(ix);
                let checked = if outputs.is_null() && step.outputs.is_empty() {
                    Ok(outputs)
                } else {
                    rok_plan::check_outputs(step, &outputs)
                };
                match checked {
                    Ok(outputs) => {
                        data.inputs_hash = data.inputs_hash.or(self.state.step(ix).inputs_hash);
                        data.outputs = (!outputs.is_null()).then(|| Arc::new(outputs));
                        let step = self.state.step_id(ix);
                        self.note_made(ix, artifacts, now)?;
                        self.emit(
                            now,
                            Body::StepSucceeded {
                                step,
                                attempt,
                                data,
                            },
                        )?;
                    }
                    Err(faults) => {
                        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                        let reason = faults.join("; ");
                        self.attempt_failed(ix, ErrorClass::ValidationFailed, reason, data, now)?;
                    }
                }
            }
            StepEnd::Failed { class, reason } => {
                self.attempt_failed(ix, class, reason, data, now)?;
            }
        }
        if self.state.closing().is_some() {
            self.try_close(now)?;
        } else {
            self.advance(now)?;
        }
        Ok(())
    }

    pub(super) fn attempt_failed(
        &mut self,
        ix: StepIx,
        class: ErrorClass,
        reason: String,
        mut data: Box<StepEndData>,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let plan = Arc::clone(self.state.plan());
        let step = plan.step(self.state.origin(ix));
        let slot = self.state.step(ix);
        let (attempt, stopped) = (slot.attempt, slot.stop);
        let asked = data.retry_after_ms.map(Duration::from_millis);
        let next = self.after_failure(ix, class, asked);
        let hard = step.gate == Some(Gate::Hard);
        let class = match class {
            ErrorClass::ValidationFailed if hard => ErrorClass::HardGateFailed,
            other => other,
        };
        data.last = matches!(next, Next::Fail);
        data.undecided = matches!(next, Next::Ask);
        let id = self.state.step_id(ix);
        let failed = Body::StepFailed {
            step: id.clone(),
            attempt,
            class,
            reason: reason.clone(),
            data,
        };
        self.emit(now, failed)?;
        match next {
            Next::Retry { after } => {
                let (attempt, due) = (attempt.next(), now.after(after));
                self.emit(
                    now,
                    Body::StepRetried {
                        step: id,
                        attempt,
                        class,
                        due,
                    },
                )?;
            }
            // A gate that was stopped from outside has said nothing.
            Next::Fail if hard && stopped.is_none() => {
                // The gate of a fan-out is its parent.
                let (attempt, reason) = match self.state.child(ix) {
                    Some(_) => (Attempt::FIRST, format!("{id}: {reason}")),
                    None => (attempt, reason),
                };
                self.emit(
                    now,
                    Body::GateFailed {
                        step: step.id.clone(),
                        attempt,
                        class,
                        reason,
                    },
                )?;
            }
            Next::Ask | Next::Fail => {}
        }
        Ok(())
    }

    /// What follows a failed attempt. The other side may ask for more patience than
    /// the plan has, within the plan's longest delay.
    fn after_failure(&self, ix: StepIx, class: ErrorClass, asked: Option<Duration>) -> Next {
        let (step, slot) = (self.state.definition(ix), self.state.step(ix));
        if self.state.is_halted() {
            return Next::Fail;
        }
        if class == ErrorClass::WorkerLost {
            // Every attempt that is no retry is one after a lost worker.
            let lost = slot.attempt.0.saturating_sub(slot.retries);
            return match step.idempotent {
                false => Next::Ask,
                true if lost >= MAX_LOST.max(step.retry.max) => Next::Fail,
                true => Next::Retry {
                    after: Duration::ZERO,
                },
            };
        }
        let retry = &step.retry;
        if self.state.settings().never_retry {
            return Next::Fail;
        }
        if !step.idempotent || slot.retries >= retry.max || !retry.classes.contains(&class) {
            return Next::Fail;
        }
        let attempt = slot.attempt.to_string();
        let id = self.state.step_id(ix);
        let seed = [self.state.run_id().as_str(), id.as_str(), attempt.as_str()];
        let own = retry_delay(retry.base, retry.max_delay, slot.retries, &seed);
        let asked = asked.unwrap_or_default().min(retry.max_delay);
        Next::Retry {
            after: own.max(asked),
        }
    }

    /// An interrupted step that a person lets run again.
    pub(super) fn retry_now(&mut self, ix: StepIx, now: Timestamp) -> Result<(), KernelError> {
        let step = self.state.step_id(ix);
        let attempt = self.state.step(ix).attempt.next();
        self.emit(
            now,
            Body::StepRetried {
                step,
                attempt,
                class: ErrorClass::WorkerLost,
                due: now,
            },
        )
    }

    /// A waiting step that a person stops.
    pub(super) fn reject_step(
        &mut self,
        ix: StepIx,
        reason: String,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let slot = self.state.step(ix);
        let (attempt, undecided) = (slot.attempt, slot.undecided);
        let class = if undecided {
            ErrorClass::WorkerLost
        } else {
            ErrorClass::PolicyViolation
        };
        let step = self.state.step_id(ix);
        let data = Box::new(StepEndData {
            last: true,
            ..StepEndData::default()
        });
        self.emit(
            now,
            Body::StepFailed {
                step,
                attempt,
                class,
                reason,
                data,
            },
        )
    }

    /// The plan's `max_duration` has passed.
    pub(super) fn time_out(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let Some(deadline) = self.state.run_deadline() else {
            return Ok(());
        };
        let held = self.state.hold().is_some() || self.state.rollback().is_some();
        if held || self.state.stopping().is_some() || self.state.active(now) < deadline {
            return Ok(());
        }
        let max = self.state.plan().plan().max_duration.unwrap_or_default();
        let reason = format!(
            "the run's max_duration of {} passed",
            rok_vocabulary::format_duration(max)
        );
        let data = StoppingData {
            outcome: Outcome::TimedOut,
            exit: None,
        };
        self.emit(
            now,
            Body::RunStopping {
                class: ErrorClass::Timeout,
                reason,
                data,
            },
        )?;
        Ok(())
    }

    /// How long a stopped attempt may take to report: its grace, and as long
    /// again as the audit would wait.
    pub(super) fn stop_allowance(&self, ix: StepIx) -> Duration {
        let settings = self.state.settings();
        self.state.definition(ix).kill_grace + settings.governance_timeout + settings.grace_period
    }

    /// When the first attempt that was told to stop is given up.
    pub(super) fn stop_deadline(&self) -> Option<Timestamp> {
        // Nothing is told to stop before: a run that goes well never looks.
        if !self.state.is_halted() {
            return None;
        }
        let stops = self.state.places().filter_map(|ix| {
            let at = self.stopped_at(ix)?;
            Some(at.after(self.stop_allowance(ix)))
        });
        stops.min()
    }

    /// When an attempt was told to stop that may be given up. A sub-run never
    /// is: it ends by rules of its own, and nobody else would see to its end.
    fn stopped_at(&self, ix: StepIx) -> Option<Timestamp> {
        self.state
            .step(ix)
            .stop_at
            .filter(|_| !self.state.is_sub_run(ix))
    }

    /// A stopped attempt that never reports does not hold the run for ever.
    pub(super) fn give_up_on_stops(&mut self, now: Timestamp) -> Result<(), KernelError> {
        if !self.state.is_halted() {
            return Ok(());
        }
        for ix in self.state.places() {
            let stopped = self.stopped_at(ix);
            if stopped.is_some_and(|at| now >= at.after(self.stop_allowance(ix))) {
                self.give_up(ix, now)?;
            }
        }
        Ok(())
    }

    fn give_up(&mut self, ix: StepIx, now: Timestamp) -> Result<(), KernelError> {
        let class = match self.state.step(ix).stop {
            Some(StopReason::RunTimeout) => ErrorClass::Timeout,
            Some(StopReason::Cancelled) | None => ErrorClass::Cancelled,
        };
        let why = "it was told to stop and did not report".into();
        self.attempt_failed(ix, class, why, Box::default(), now)
    }

    /// A run that is closed in EXECUTING leaves no step without an end.
    pub(super) fn wind_up(&mut self, now: Timestamp) -> Result<(), KernelError> {
        if self.state.rollback().is_some() {
            return self.abandon_compensation(now);
        }
        for ix in self.running_places() {
            self.give_up(ix, now)?;
        }
        self.skip_the_rest(now)
    }
}
