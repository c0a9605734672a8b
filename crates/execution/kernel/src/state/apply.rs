//! Applying an event: the only mutation of a run's state. What cannot have
//! happened is refused, so a fold of a forged log fails.

use super::apply_error::ApplyError;
use super::{Accepted, Closing, Created, Hold, PolicyState, Progress, RunState, Stopping};
use crate::compiled::StepIx;
use crate::reconciled::mint;
use crate::steps::{StandIn, StepSlot, StopReason};
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;
use rok_events::{
    AckData, Body, Event, EventType, FellBackData, PolicyStage, ReconciledData,
    ReconciliationStage, StartedData, StateChange,
};
use rok_phases::{PhaseError, PhaseInput, PhaseStateMachine};
use rok_plan::{Action, Gate, StepPlace};
use rok_rac::{DomainAck, Duty, Expected, Ledger, Received};
use rok_scheduler::{Finish, Schedule};
use rok_vocabulary::{
    AckStatus, Attempt, ErrorClass, Outcome, RunPhase, Seq, StepState, Timestamp,
};

impl RunState {
    /// Applies one event. After an error the state must not be used any more.
    pub fn apply(&mut self, event: &Event) -> Result<(), ApplyError> {
        self.check_place(event)?;
        self.apply_body(event)?;
        self.next_seq = event.seq.next();
        self.last_at = event.at;
        Ok(())
    }

    fn check_place(&self, event: &Event) -> Result<(), ApplyError> {
        if event.seq != self.next_seq {
            return Err(ApplyError::Seq {
                expected: self.next_seq,
                found: event.seq,
            });
        }
        if event.at < self.last_at {
            return Err(ApplyError::TimeBackwards {
                seq: event.seq,
                last: self.last_at,
                found: event.at,
            });
        }
        let event_type = event.body.event_type();
        let out = |why| Err(ApplyError::OutOfPlace { event_type, why });
        let created = event_type == EventType::RunCreated;
        if created != self.created.is_none() {
            return out("run.created comes first, and once");
        }
        let resumed = event_type == EventType::RunResumed;
        let undoes = event_type == EventType::RunRollbackStarted && self.sealed;
        let epoch = if resumed || undoes {
            self.epoch.next()
        } else {
            self.epoch
        };
        if event.epoch != epoch {
            return Err(ApplyError::OtherEpoch {
                seq: event.seq,
                epoch,
                found: event.epoch,
            });
        }
        let after_seal = matches!(
            event_type,
            EventType::RunResumed
                | EventType::RunRollbackStarted
                | EventType::AckReceived
                | EventType::LogRepaired
                | EventType::RunSealed
                | EventType::OverrideApproved
                | EventType::RunOverrideApplied
        );
        if self.sealed && !after_seal {
            return out("the epoch is sealed");
        }
        if resumed && !self.sealed {
            return out("the epoch is not sealed");
        }
        Ok(())
    }

    fn apply_body(&mut self, event: &Event) -> Result<(), ApplyError> {
        let at = event.at;
        match &event.body {
            Body::RunCreated { trace_id, data, .. } => {
                if data.plan.sha256 != self.plan.sha256() {
                    return Err(ApplyError::OtherPlan {
                        expected: self.plan.sha256().into(),
                        found: data.plan.sha256.clone(),
                    });
                }
                self.created = Some(Created {
                    at,
                    submitter: event.actor.clone(),
                    trace_id: trace_id.clone(),
                    data: (**data).clone(),
                });
                self.epoch_began = at;
                self.epoch_started = at;
                self.phases = PhaseStateMachine::new(self.run.clone(), at);
            }
            Body::RunStateChanged(change) => self.state_changed(change, at)?,
            Body::RunHeld { step, reason, data } => {
                if self.phase() != RunPhase::Executing || self.is_paused() {
                    return out_of_place(event, "the run cannot be held now");
                }
                self.commands.extend(data.command.clone());
                self.hold = Some(Hold {
                    reason: data.hold,
                    step: step.clone(),
                    since: at,
                    by: event.actor.clone(),
                    note: reason.clone(),
                });
                self.clock.hold(at);
            }
            Body::RunReleased { command, .. } => {
                if self.hold.is_none() {
                    return out_of_place(event, "nothing holds the run");
                }
                self.commands.extend(command.clone());
                let held = self.hold.as_ref().map(|hold| hold.reason);
                if held == Some(rok_vocabulary::HoldReason::Budget) {
                    self.lift_limits();
                }
                self.hold = None;
                self.clock.release(at);
            }
            Body::RunResumed { command, .. } => {
                if self.gates_refuse(at).is_some() {
                    return out_of_place(event, "a hard gate failed and is not overridden");
                }
                self.commands.extend(command.clone());
                self.next_epoch(at);
            }
            Body::RunCancelRequested { reason, command } => {
                self.commands.extend(command.clone());
                let reason = reason.clone().unwrap_or_else(|| "cancelled".into());
                if self.stop_rollback(&reason, at) {
                    return Ok(());
                }
                self.stop(Outcome::Cancelled, ErrorClass::Cancelled, reason, at);
                if matches!(self.phase(), RunPhase::Created | RunPhase::Authorized) {
                    self.close(PhaseInput::CancelledUnclaimed, at);
                }
            }
            Body::RunStopping {
                class,
                reason,
                data,
            } => {
                self.stop_rollback(reason, at);
                self.stop(data.outcome, *class, reason.clone(), at);
                if let Some(input) = data.exit {
                    self.close(input, at);
                }
            }
            Body::RunRecovered { data } => self.clock.was_down(Duration::from_millis(data.down_ms)),
            Body::RunCompleted {
                class,
                reason,
                data,
            } => {
                let ended = self.has_ended(data.phase, data.outcome);
                if !ended || data.steps != self.counts() || data.degraded != self.degraded {
                    return out_of_place(event, "it is not the result of the events before");
                }
                self.end = Some((*class, reason.clone()));
            }
            Body::RunSealed { phase, outcome } => {
                let ended = self.has_ended(*phase, *outcome) && self.says_what_is_undone();
                if !ended || self.approved_override.is_some() {
                    return out_of_place(event, "the run has not ended like that");
                }
                self.sealed = true;
            }
            Body::StepStarted {
                step,
                attempt,
                data,
                inputs_hash,
            } => {
                let none = StartedData::default();
                let data = data.as_deref().unwrap_or(&none);
                self.step_started(event, step, *attempt, data, *inputs_hash)?;
            }
            Body::StepSucceeded {
                step,
                attempt,
                data,
            } => {
                self.step_succeeded(event, step, *attempt, data)?;
            }
            Body::StepFailed {
                step,
                attempt,
                class,
                reason,
                data,
            } => {
                self.step_failed(event, step, *attempt, (*class, reason), data)?;
            }
            Body::StepRetried {
                step,
                attempt,
                class,
                due,
            } => {
                self.step_retried(event, step, *attempt, *class, *due)?;
            }
            Body::StepSkipped {
                step,
                cause,
                reason,
            } => self.step_skipped(event, step, *cause, reason)?,
            Body::StepFellBack {
                step,
                attempt,
                data,
                ..
            } => match &**data {
                FellBackData::Step { to } => {
                    let (ix, to) = (self.plan.find(step), self.plan.find(to));
                    if !ix.zip(to).is_some_and(|(ix, to)| self.falls_back(ix, to)) {
                        return out_of_place(event, "the step does not fall back to that one");
                    }
                }
                FellBackData::Agent { .. } => {
                    let ix = self.expect_step(event, step, &[StepState::Running], *attempt)?;
                    let step = self.definition(ix);
                    let given = matches!(step.place, StepPlace::Away(_));
                    if !given && !matches!(step.action, Action::Agent(_)) {
                        return out_of_place(event, "the step is not an agent's");
                    }
                }
            },
            Body::StepWaiting { step } => {
                let ix = self.expect_step(event, step, &[StepState::Pending], Attempt::FIRST)?;
                let gate = self.plan.step(ix).gate == Some(Gate::Manual);
                if !gate || self.is_halted() || !self.schedule.take(self.plan.graph(), ix) {
                    return out_of_place(event, "the step cannot wait for a decision");
                }
                self.gate_waits(ix, at);
            }
            Body::ComponentDeprecated { step, reason } => {
                let ix = self.expect_step(event, step, &[StepState::Running], Attempt::FIRST)?;
                if self.definition(ix).deprecated.as_ref() != Some(reason) {
                    return out_of_place(event, "the plan does not say so");
                }
            }
            Body::GateFailed { step, .. } => {
                self.gate_failures.push(step.clone());
                if !self.failed_gates.contains(step) {
                    self.failed_gates.push(step.clone());
                }
                self.halt(StopReason::Cancelled, at);
            }
            Body::GateApproved { step, data, .. } => self.gate_approved(event, step, data)?,
            Body::GateRejected { step, command, .. } => self.gate_rejected(event, step, command)?,
            Body::OverrideApproved { step, reason, data } => {
                self.override_approved(event, step, reason, data)?;
            }
            Body::RunOverrideApplied { step, reason, data } => {
                self.override_applied(event, step, reason, data)?;
            }
            Body::RunRollbackStarted { reason, data } => {
                self.rollback_started(event, reason.as_ref(), data)?;
            }
            Body::BudgetExceeded { data } => self.budget_exceeded(event, data)?,
            Body::RunRolledBack { data } => self.rolled_back(event, data)?,
            Body::StepCompensationStarted { step, attempt } => {
                self.compensation_started(event, step, *attempt)?;
            }
            Body::StepCompensated {
                step,
                attempt,
                reason,
                data,
            } => {
                self.note_use(data);
                self.compensated(event, step, *attempt, reason.is_some())?;
            }
            Body::StepCompensationFailed {
                step,
                attempt,
                class,
                reason,
                data,
            } => {
                self.note_use(data);
                self.compensation_failed(event, step, *attempt, (*class, reason), data)?;
            }
            Body::ExpectationDeclared { data } => {
                let mut expected = Expected::new(data.id.clone(), data.deadline)
                    .with_metadata(data.metadata.clone());
                if data.liveness {
                    expected = expected.liveness();
                }
                self.ledger.declare(expected, self.clock.active(at));
            }
            Body::AckReceived { data } => self.ack_received(event, data)?,
            Body::AuditReconciled { data } => self.reconciled(event.seq, data, at)?,
            Body::PolicyEvaluated { data, reason, .. } => match data.stage {
                PolicyStage::Authorize => self.admitted = true,
                PolicyStage::Complete => self.policy = PolicyState::Answered((**data).clone()),
                PolicyStage::Action => self.action_evaluated(data, reason.as_deref()),
                PolicyStage::Step | PolicyStage::Use => {
                    return out_of_place(event, "policies are told of a violation, not asked");
                }
            },
            Body::PolicyViolated { data, .. } => self.note_violation(data),
            Body::ArtifactEmitted {
                step, path, sha256, ..
            } => self.note_emitted(step, path, sha256),
            Body::ArtifactQuarantined { .. } | Body::LogRepaired { .. } => {}
        }
        Ok(())
    }

    /// Whether the run has ended, in this way.
    fn has_ended(&self, phase: RunPhase, outcome: Outcome) -> bool {
        phase.is_terminal() && phase == self.phase() && Some(outcome) == self.outcome
    }

    fn state_changed(&mut self, change: &StateChange, at: Timestamp) -> Result<(), ApplyError> {
        let Some(input) = change.data.input else {
            let place = EventType::RunStateChanged;
            if self.entered || change.to != RunPhase::Created {
                let why = "only CREATED is entered without an input, and once in an epoch";
                return Err(ApplyError::OutOfPlace {
                    event_type: place,
                    why,
                });
            }
            self.entered = true;
            self.ledger
                .entered(RunPhase::Created, self.clock.active(at));
            return Ok(());
        };
        let from = self.phase();
        let to = rok_phases::next(from, input).ok_or(PhaseError { from, input })?;
        if change.from != Some(from) || change.to != to {
            return Err(ApplyError::WrongTransition { input, from, to });
        }
        let reconciled = match input {
            PhaseInput::CheckPassed => self.accepted.check,
            PhaseInput::Published => self.accepted.last,
            _ => true,
        };
        let out = |why| {
            let event_type = EventType::RunStateChanged;
            Err(ApplyError::OutOfPlace { event_type, why })
        };
        if !reconciled {
            return out("no accepted reconciliation comes before it");
        }
        if input == PhaseInput::ExecutionOver && self.hold.is_some() {
            return out("the run is held");
        }
        if input == PhaseInput::ExecutionOver && !self.may_end_as(change.data.outcome) {
            return out("the steps have not ended like that");
        }
        self.phases
            .transition(input, at, change.reason.as_deref())?;
        self.phase_since = self.clock.active(at);
        self.ledger.entered(to, self.phase_since);
        if to.is_terminal() {
            self.proof = None;
        }
        if let Some(outcome) = change.data.outcome {
            self.outcome.get_or_insert(outcome);
        }
        Ok(())
    }

    /// Whether execution can end so: as its steps give it. Where no step was
    /// ever begun, whoever calls the methods one by one has the word.
    fn may_end_as(&self, outcome: Option<Outcome>) -> bool {
        if let Some(rollback) = self.rollback() {
            return rollback.is_over() && outcome == Some(rollback.outcome);
        }
        if self.must_roll_back() && self.schedule.unfinished() == 0 {
            return false;
        }
        let begun = |slot: &StepSlot| slot.state != StepState::Pending;
        if self.schedule.unfinished() == 0 {
            outcome == Some(self.execution_outcome())
        } else {
            outcome.is_some() && !self.steps.iter().any(begun)
        }
    }

    /// A fresh contract, clock and phase; succeeded steps stay.
    fn next_epoch(&mut self, at: Timestamp) {
        self.next_contract(at);
        self.use_overrides();
        self.compensation.next_epoch();
        self.gate_failures.clear();
        self.schedule = Schedule::new(self.plan.graph());
        self.progress = Progress::new(self.plan.len());
        self.next_epoch_of_fan_outs();
        self.fallbacks = super::fallback::Fallbacks::default();
        let stood_in = self.stood_in();
        for ix in 0..self.plan.len() as StepIx {
            let slot = &mut self.steps[ix as usize];
            if slot.state == StepState::Succeeded {
                self.schedule.take(self.plan.graph(), ix);
                self.schedule
                    .finish(self.plan.graph(), ix, Finish::Succeeded);
                self.progress.counts.succeeded += 1;
            } else if stood_in.contains(&ix) {
                self.keep_stood_in(ix);
            } else {
                *slot = StepSlot::default();
            }
        }
    }

    /// An epoch of its own: a fresh contract, clock and phase.
    pub(super) fn next_contract(&mut self, at: Timestamp) {
        self.epoch = self.epoch.next();
        self.epoch_began = at;
        self.epoch_started = self.clock.active(at);
        self.phases = PhaseStateMachine::new(self.run.clone(), at);
        self.ledger = Ledger::new(self.run.clone(), self.epoch);
        self.entered = false;
        self.admitted = false;
        self.outcome = None;
        self.stopping = None;
        self.closing = None;
        self.hold = None;
        self.policy = PolicyState::Open;
        self.forget_violations();
        self.proof = None;
        self.accepted = Accepted::default();
        self.last_reconciliation = None;
        self.degraded = false;
        self.sealed = false;
        self.end = None;
    }

    fn stop(&mut self, outcome: Outcome, class: ErrorClass, reason: String, at: Timestamp) {
        if self.stopping.is_none() {
            self.stopping = Some(Stopping {
                outcome,
                class,
                reason,
                at,
            });
        }
        let timed_out = outcome == Outcome::TimedOut;
        let reason = if timed_out {
            StopReason::RunTimeout
        } else {
            StopReason::Cancelled
        };
        self.halt(reason, at);
    }

    /// Nothing more will start: running attempts are stopped, retries that are
    /// due and interrupted steps are failed for good.
    fn halt(&mut self, reason: StopReason, at: Timestamp) {
        for ix in 0..self.steps.len() {
            let fanned_out = self.is_fanned_out(ix as StepIx);
            let slot = &mut self.steps[ix];
            match slot.state {
                StepState::Running if slot.stop.is_none() && !fanned_out => {
                    slot.stop = Some(reason);
                    slot.stop_at = Some(at);
                    self.fresh_stops.push(ix as StepIx);
                }
                // It ends with its fallback, which is stopped or skipped.
                StepState::Failed if slot.stand_in == StandIn::Awaited => {}
                StepState::Failed if !slot.is_finished() => {
                    slot.retry_due = None;
                    if core::mem::take(&mut slot.undecided) {
                        self.progress.undecided -= 1;
                    }
                    self.settle(ix as StepIx, Finish::Failed);
                }
                _ => {}
            }
        }
        self.progress.retries.clear();
    }

    fn close(&mut self, input: PhaseInput, at: Timestamp) {
        if self.closing.is_none() {
            let now = self.clock.active(at);
            let allowed = self.settings().governance_timeout;
            self.ledger.closing(allowed, now);
            self.closing = Some(Closing {
                input,
                until: now.after(allowed),
            });
        }
        let outcome = self.stopping.as_ref().map(|stopping| stopping.outcome);
        self.outcome = self.outcome.or(outcome);
    }

    fn ack_received(&mut self, event: &Event, data: &AckData) -> Result<(), ApplyError> {
        if data.late != self.sealed {
            return out_of_place(event, "an ack is late after the seal, and only then");
        }
        let ack = DomainAck::restore(
            data.id,
            &self.run,
            self.epoch,
            data.duty.clone(),
            data.status,
            data.result_id.as_deref(),
            data.error.as_deref(),
            data.error_kind,
            self.clock.active(event.at),
        )?;
        if data.late {
            self.late_acks.insert(data.id);
            return Ok(());
        }
        let duty = ack.duty().clone();
        let done = ack.status() == AckStatus::Success;
        let undone = self.ledger.receive(ack) == Received::Undone;
        if duty == Duty::EVALUATE_POLICY && undone && self.ledger.is_open(&duty) {
            self.policy = PolicyState::Open;
        } else if duty == Duty::EVALUATE_POLICY && done {
            self.phases.note_policy();
        } else if duty == Duty::EVALUATE_POLICY && self.policy == PolicyState::Open {
            self.policy = PolicyState::Failed;
        } else if duty == Duty::CREATE_INCIDENT && done {
            self.phases.note_incident();
        } else if duty == Duty::COMPLETE_TRACE && done {
            self.phases.note_trace();
        }
        Ok(())
    }

    fn reconciled(
        &mut self,
        seq: Seq,
        data: &ReconciledData,
        at: Timestamp,
    ) -> Result<(), ApplyError> {
        let proof = mint(self, seq, data, at).map_err(|_| ApplyError::Forged { seq })?;
        self.last_reconciliation = Some(data.result.clone());
        self.phases.note_acks(data.result.missing.is_empty());
        self.degraded |= data.degraded;
        match data.stage {
            ReconciliationStage::GovernanceCheck => {
                self.accepted.check = data.acceptable;
                self.proof = proof;
            }
            ReconciliationStage::Final => {
                self.accepted.last = data.acceptable;
                self.ledger.closing(Duration::ZERO, self.clock.active(at));
            }
        }
        // What a reconciliation finds unanswered is not waited for any more.
        self.ledger.expire(Timestamp::from_millis(i64::MAX));
        Ok(())
    }

    /// Outputs of a step, for expressions and for those who need it.
    #[must_use]
    pub fn outputs(&self, ix: StepIx) -> Option<&Arc<serde_json::Value>> {
        self.steps[ix as usize].outputs.as_ref()
    }
}

pub(super) fn out_of_place(event: &Event, why: &'static str) -> Result<(), ApplyError> {
    Err(ApplyError::OutOfPlace {
        event_type: event.body.event_type(),
        why,
    })
}
