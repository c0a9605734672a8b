//! Applying what happened to a step.

use super::RunState;
use super::apply::out_of_place;
use super::apply_error::ApplyError;
use crate::compiled::StepIx;
use rok_events::{Event, InputsHash, SkipCause, StartedData, StepEndData};
use rok_plan::Gate;
use rok_scheduler::{Doom, Finish};
use rok_vocabulary::{Attempt, ErrorClass, RunPhase, StepId, StepState, Timestamp};

impl RunState {
    pub(super) fn expect_step(
        &self,
        event: &Event,
        step: &StepId,
        states: &[StepState],
        attempt: Attempt,
    ) -> Result<StepIx, ApplyError> {
        let ix = self
            .find(step.as_str())
            .ok_or_else(|| ApplyError::UnknownStep { step: step.clone() })?;
        let slot = &self.steps[ix as usize];
        if self.phase() == RunPhase::Executing
            && states.contains(&slot.state)
            && slot.attempt == attempt
        {
            return Ok(ix);
        }
        Err(ApplyError::WrongStep {
            event_type: event.body.event_type(),
            step: step.clone(),
            attempt,
            state: slot.state,
            current: slot.attempt,
        })
    }

    pub(super) fn step_started(
        &mut self,
        event: &Event,
        step: &StepId,
        attempt: Attempt,
        data: &StartedData,
        inputs_hash: Option<InputsHash>,
    ) -> Result<(), ApplyError> {
        let states = [StepState::Pending, StepState::Waiting, StepState::Failed];
        let ix = self.expect_step(event, step, &states, attempt)?;
        let slot = &self.steps[ix as usize];
        let allowed = match slot.state {
            StepState::Waiting => slot.approved,
            StepState::Failed => slot.retry_due.is_some(),
            // The gate of a fan-out is its parent's, and was passed.
            _ => self.child(ix).is_some() || self.plan.step(ix).gate != Some(Gate::Manual),
        };
        if data.run.is_some() && data.run != self.sub_run(ix).ok().flatten() {
            return out_of_place(event, "another run does the step's work");
        }
        let items = match &data.fan_out {
            Some(data) => Some((
                self.claimed_items(ix, data)
                    .ok_or(ApplyError::OtherItems { step: step.clone() })?,
                data,
            )),
            None => None,
        };
        // After a fold a due retry is not in the ready set: put it there first.
        self.offer_again(ix);
        if !allowed || self.is_halted() || !self.take_ready(ix) {
            return out_of_place(event, "the step must not start");
        }
        if self.steps[ix as usize].state == StepState::Waiting {
            self.gate_is_over(ix);
        }
        let slot = &mut self.steps[ix as usize];
        if let Some(due) = slot.retry_due.take() {
            self.progress.retries.remove(&(due, ix));
        }
        slot.state = StepState::Running;
        slot.inputs_hash = inputs_hash;
        slot.run.clone_from(&data.run);
        if let Some((items, data)) = items {
            slot.started_at.get_or_insert(event.at);
            self.begin_fan_out(ix, items, data.sha256.clone());
            return Ok(());
        }
        self.note_attempt();
        self.child_runs(ix, true);
        self.steps[ix as usize].started_at.get_or_insert(event.at);
        self.progress.running[self.plan.graph().lane(self.origin(ix))] += 1;
        self.progress.hard_gates_running += u32::from(self.is_hard_gate(ix));
        Ok(())
    }

    pub(super) fn is_hard_gate(&self, ix: StepIx) -> bool {
        self.definition(ix).gate == Some(Gate::Hard)
    }

    pub(super) fn stopped_running(&mut self, ix: StepIx) {
        if self.is_fanned_out(ix) {
            return;
        }
        self.child_runs(ix, false);
        self.progress.running[self.plan.graph().lane(self.origin(ix))] -= 1;
        self.progress.hard_gates_running -= u32::from(self.is_hard_gate(ix));
        self.steps[ix as usize].stop = None;
        self.steps[ix as usize].stop_at = None;
    }

    /// Counts a step that is finished and tells the schedule.
    pub(super) fn settle(&mut self, ix: StepIx, how: Finish) {
        if self.settle_child(ix, how) {
            return;
        }
        let bad = !matches!(how, Finish::Succeeded | Finish::Skipped(Doom::Skip));
        let required = self.plan.is_required(ix);
        self.progress.required_bad += u32::from(bad && required);
        self.progress.optional_bad += u32::from(bad && !required);
        let counts = &mut self.progress.counts;
        match how {
            Finish::Succeeded => counts.succeeded += 1,
            Finish::Failed => counts.failed += 1,
            Finish::Skipped(_) => counts.skipped += 1,
        }
        self.schedule.finish(self.plan.graph(), ix, how);
        self.settle_owner(ix, how);
    }

    pub(super) fn step_succeeded(
        &mut self,
        event: &Event,
        step: &StepId,
        attempt: Attempt,
        data: &StepEndData,
    ) -> Result<(), ApplyError> {
        let ix = self.expect_step(event, step, &[StepState::Running], attempt)?;
        if !self.may_end_fan_out(ix, true) {
            return out_of_place(event, "its children have not all succeeded");
        }
        self.note_use(data);
        self.stopped_running(ix);
        let list = self.end_fan_out(ix);
        let slot = &mut self.steps[ix as usize];
        slot.state = StepState::Succeeded;
        slot.outputs = list.or_else(|| data.outputs.clone());
        slot.class = None;
        slot.reason = None;
        slot.ended_at = Some(event.at);
        self.note_done(ix);
        self.settle(ix, Finish::Succeeded);
        Ok(())
    }

    pub(super) fn step_failed(
        &mut self,
        event: &Event,
        step: &StepId,
        attempt: Attempt,
        (class, reason): (ErrorClass, &str),
        data: &StepEndData,
    ) -> Result<(), ApplyError> {
        // Without an attempt: a rejected gate, an interrupted step that a
        // person gave up, or what had not started when the run's time was up.
        let states = [
            StepState::Running,
            StepState::Pending,
            StepState::Waiting,
            StepState::Failed,
        ];
        let ix = self.expect_step(event, step, &states, attempt)?;
        if self.is_fanned_out(ix) {
            if !self.may_end_fan_out(ix, false) {
                return out_of_place(event, "its children have not failed");
            }
            self.end_fan_out(ix);
        }
        self.note_use(data);
        let slot = &mut self.steps[ix as usize];
        match slot.state {
            StepState::Running => self.stopped_running(ix),
            StepState::Waiting => self.gate_is_over(ix),
            StepState::Failed if slot.undecided => {
                slot.undecided = false;
                self.progress.undecided -= 1;
            }
            StepState::Pending if self.stopping.is_some() => {}
            _ => return out_of_place(event, "the step has no attempt that could fail"),
        }
        let slot = &mut self.steps[ix as usize];
        slot.state = StepState::Failed;
        slot.wait = None;
        slot.outputs.clone_from(&data.outputs);
        slot.class = Some(class);
        slot.reason = Some(reason.into());
        slot.ended_at = Some(event.at);
        if data.last {
            if !self.awaits_fallback(ix) {
                self.settle(ix, Finish::Failed);
            }
        } else {
            // Until the decision's next event says when it is tried again.
            slot.undecided = true;
            self.progress.undecided += 1;
        }
        Ok(())
    }

    pub(super) fn step_retried(
        &mut self,
        event: &Event,
        step: &StepId,
        attempt: Attempt,
        class: ErrorClass,
        due: Timestamp,
    ) -> Result<(), ApplyError> {
        let before = Attempt(attempt.0.wrapping_sub(1));
        let ix = self.expect_step(event, step, &[StepState::Failed], before)?;
        let slot = &mut self.steps[ix as usize];
        if !core::mem::take(&mut slot.undecided) {
            return out_of_place(event, "the step has failed for good");
        }
        slot.attempt = attempt;
        slot.wait = None;
        slot.retry_due = Some(due);
        slot.retries += u32::from(class != ErrorClass::WorkerLost);
        self.progress.undecided -= 1;
        self.progress.counts.retries += 1;
        self.progress.retries.insert((due, ix));
        Ok(())
    }

    pub(super) fn step_skipped(
        &mut self,
        event: &Event,
        step: &StepId,
        cause: SkipCause,
        reason: &str,
    ) -> Result<(), ApplyError> {
        let ix = self.expect_step(
            event,
            step,
            &[StepState::Pending, StepState::Waiting],
            Attempt::FIRST,
        )?;
        if cause == SkipCause::Override && self.passes_by(ix).is_none() {
            return out_of_place(event, "nobody overrode the gate");
        }
        if self.steps[ix as usize].state == StepState::Waiting {
            self.gate_is_over(ix);
        }
        let slot = &mut self.steps[ix as usize];
        slot.state = StepState::Skipped;
        slot.skip = Some(cause);
        slot.reason = Some(reason.into());
        slot.ended_at = Some(event.at);
        if cause == SkipCause::Override {
            self.progress.overridden += 1;
            self.progress.counts.skipped += 1;
            self.schedule.take(self.plan.graph(), ix);
            self.schedule
                .finish(self.plan.graph(), ix, Finish::Succeeded);
            self.settle_owner(ix, Finish::Succeeded);
            return Ok(());
        }
        let doom = if cause.is_failure() {
            Doom::Failure
        } else {
            Doom::Skip
        };
        self.settle(ix, Finish::Skipped(doom));
        Ok(())
    }
}
