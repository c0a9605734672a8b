//! `handle`: a `match` over the inputs that calls the kernel's methods. Late
//! inputs come to an empty decision, impossible ones are rejected.

use super::{Authorization, GovernanceCheck, KernelError, RunOrchestrationKernel};
use crate::effect::{Decision, Rejected};
use crate::input::{Admission, Command, CommandKind, Input, PolicyAnswer};
use crate::state::{PolicyState, Resumability};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use rok_events::{Body, PolicyData, PolicyStage};
use rok_phases::PhaseInput;
use rok_rac::{DomainAck, Duty, Received, Scope};
use rok_vocabulary::{Actor, ErrorClass, Outcome, RunPhase, StepId, StepState, Timestamp};
use serde_json::value::RawValue;

impl RunOrchestrationKernel {
    /// Takes one input at an instant. After an error that is not a plain
    /// refusal ([`KernelError::Apply`]) the kernel must be dropped and folded
    /// again.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Result<Decision, Rejected> {
        let now = now.max(self.state.last_at());
        let before = self.state.standing();
        let mut denied = None;
        match input {
            Input::Admitted(admission) => self.admitted(admission, now)?,
            Input::Claimed { owner } => self.claimed(&owner, now)?,
            Input::Ack { ack, record } => self.ack(&ack, record, now)?,
            Input::PolicyEvaluated {
                answer,
                ack,
                record,
            } => {
                self.policy_evaluated(answer, &ack, record, now)?;
            }
            Input::StepDone(done) => self.step_done(done, now)?,
            Input::Published(result) => self.published(result, now)?,
            Input::Command(command) => denied = self.command(command, now)?,
            Input::Tick => self.tick(now)?,
            Input::Recovered {
                owner,
                repaired,
                killed,
            } => {
                self.recovered(owner, repaired, killed, now)?;
            }
            Input::Resume {
                actor,
                reason,
                command,
            } => self.resume(actor, reason, command, now)?,
            Input::Fault { reason } => {
                if !self.state.phase().is_terminal() && self.state.closing().is_none() {
                    self.fail(ErrorClass::Internal, reason, now)?;
                }
            }
        }
        let mut decision = self.take_decision(before);
        decision.denied = denied;
        Ok(decision)
    }

    fn admitted(&mut self, admission: Admission, now: Timestamp) -> Result<(), Rejected> {
        if self.state.phase() != RunPhase::Created || self.state.closing().is_some() {
            return Ok(());
        }
        match admission {
            Admission::Refused { class, reason } => {
                self.begin_close(
                    PhaseInput::PreflightFailed,
                    Outcome::Failed,
                    class,
                    reason,
                    now,
                )?;
            }
            Admission::Checked(answer) => match self.authorize(answer, now)? {
                Authorization::Granted | Authorization::Denied => {}
            },
        }
        Ok(())
    }

    fn claimed(&mut self, owner: &str, now: Timestamp) -> Result<(), Rejected> {
        if self.state.phase() == RunPhase::Executing {
            return Ok(());
        }
        self.begin_execution(owner, now)?;
        self.advance(now)?;
        Ok(())
    }

    /// An answer to a duty: in time, again, too late, or of another run.
    fn ack(
        &mut self,
        ack: &DomainAck,
        record: Option<Box<RawValue>>,
        now: Timestamp,
    ) -> Result<(), Rejected> {
        if ack.run_id() != self.state.run_id() {
            return Err(Rejected::ForeignAck {
                duty: ack.duty().clone(),
                run: ack.run_id().clone(),
            });
        }
        let known = matches!(
            self.state.ledger().classify(ack),
            Received::Redelivery | Received::NothingToUndo
        );
        let reconciles = self.state.settings().contract.reconciles();
        if ack.epoch() != self.state.epoch() || known || !reconciles {
            return Ok(());
        }
        if self.state.is_sealed() {
            return self.late_ack(ack, record, now);
        }
        self.emit_ack(ack, record, false, now)?;
        self.settle(now)
    }

    /// Kept and shown, changes no verdict: a segment of its own, with a seal.
    fn late_ack(
        &mut self,
        ack: &DomainAck,
        record: Option<Box<RawValue>>,
        now: Timestamp,
    ) -> Result<(), Rejected> {
        if self.state.saw_late(ack.id()) {
            return Ok(());
        }
        self.emit_ack(ack, record, true, now)?;
        self.seal_again(now)?;
        Ok(())
    }

    pub(super) fn seal_again(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let phase = self.state.phase();
        let outcome = self.state.outcome().unwrap_or(Outcome::Failed);
        self.emit(now, Body::RunSealed { phase, outcome })
    }

    fn policy_evaluated(
        &mut self,
        answer: Option<PolicyAnswer>,
        ack: &DomainAck,
        record: Option<Box<RawValue>>,
        now: Timestamp,
    ) -> Result<(), Rejected> {
        let ending =
            self.state.phase() == RunPhase::GovernanceCheck || self.state.closing().is_some();
        let terminal = self.state.phase().is_terminal();
        if terminal || !ending || *self.state.policy() != PolicyState::Open {
            return self.ack(ack, record, now);
        }
        if let Some(PolicyAnswer {
            data,
            reason,
            violations,
        }) = answer
        {
            let forbidden = !data.allowed || !violations.is_empty();
            let blocking = data.blocking && !data.allowed;
            let violated = PolicyData {
                blocking,
                policies: if violations.is_empty() {
                    data.policies.clone()
                } else {
                    violations
                },
                ..data.clone()
            };
            self.emit(
                now,
                Body::PolicyEvaluated {
                    step: None,
                    reason: reason.clone(),
                    data: Box::new(data),
                },
            )?;
            if forbidden {
                self.emit(
                    now,
                    Body::PolicyViolated {
                        reason,
                        data: Box::new(violated),
                    },
                )?;
            }
        }
        if self.state.settings().contract.reconciles() {
            return self.ack(ack, record, now);
        }
        self.settle(now)
    }

    /// Goes on where the run waits for acks.
    fn settle(&mut self, now: Timestamp) -> Result<(), Rejected> {
        if self.state.closing().is_some() && !self.state.phase().is_terminal() {
            self.try_close(now)?;
        } else if self.state.phase() == RunPhase::GovernanceCheck {
            self.check(now)?;
        }
        Ok(())
    }

    /// The check, and what follows from it.
    pub(super) fn check(&mut self, now: Timestamp) -> Result<(), KernelError> {
        match self.governance_check(now)? {
            GovernanceCheck::Waiting { .. } => Ok(()),
            GovernanceCheck::Refused { reasons } => self.refuse(reasons.join("; "), now),
            GovernanceCheck::Passed(proof) => {
                self.begin_finalization(&proof, now)?;
                self.state.keep_proof(proof);
                Ok(())
            }
        }
    }

    fn published(&mut self, result: Result<(), String>, now: Timestamp) -> Result<(), Rejected> {
        if self.state.phase() != RunPhase::Finalizing || self.state.closing().is_some() {
            return Ok(());
        }
        if let Err(reason) = result {
            let reason = alloc::format!("publication failed: {reason}");
            self.fail(ErrorClass::Internal, reason, now)?;
        } else if let Some(proof) = self.state.take_proof() {
            self.finalize(proof, now)?;
        } else {
            self.fail(
                ErrorClass::Internal,
                "the proof of the passed check is lost".into(),
                now,
            )?;
        }
        Ok(())
    }

    /// A person's or program's wish. `Ok(Some(reason))`: a policy refuses it.
    fn command(&mut self, command: Command, now: Timestamp) -> Result<Option<String>, Rejected> {
        if self.state.has_seen(&command.id) {
            return Ok(None);
        }
        if self.state.phase().is_terminal() {
            return Err(Rejected::Closed {
                phase: self.state.phase(),
            });
        }
        let waiting = match &command.kind {
            CommandKind::Approve(step) | CommandKind::Reject(step) => {
                Some(self.waiting_step(step)?)
            }
            CommandKind::Cancel => None,
        };
        let Command {
            id,
            actor,
            kind,
            reason,
            authorization,
        } = command;
        self.actor = actor;
        let result = self.obey(id, &kind, waiting, reason, authorization, now);
        self.actor = Actor::Runner;
        let denied = result?;
        if denied.is_none() {
            self.settle(now)?;
            if self.state.phase() == RunPhase::Executing && self.state.closing().is_none() {
                self.advance(now)?;
            }
        }
        Ok(denied)
    }

    fn waiting_step(&self, step: &StepId) -> Result<u32, Rejected> {
        let plan = self.state.plan();
        let ix = plan
            .find(step)
            .ok_or_else(|| Rejected::UnknownStep { step: step.clone() })?;
        let slot = self.state.step(ix);
        let waits = (slot.state == StepState::Waiting && !slot.approved) || slot.undecided;
        if waits && !self.state.is_halted() {
            return Ok(ix);
        }
        Err(Rejected::NotWaiting {
            step: step.clone(),
            state: slot.state,
        })
    }

    fn obey(
        &mut self,
        id: rok_vocabulary::CommandId,
        kind: &CommandKind,
        waiting: Option<u32>,
        reason: Option<String>,
        authorization: Option<PolicyAnswer>,
        now: Timestamp,
    ) -> Result<Option<String>, KernelError> {
        if let Some(PolicyAnswer {
            data, reason: why, ..
        }) = authorization
        {
            debug_assert_eq!(data.stage, PolicyStage::Action, "commands are actions");
            let allowed = data.allowed;
            let step = match kind {
                CommandKind::Approve(step) | CommandKind::Reject(step) => Some(step.clone()),
                CommandKind::Cancel => None,
            };
            self.emit(
                now,
                Body::PolicyEvaluated {
                    step,
                    reason: why.clone(),
                    data: Box::new(data),
                },
            )?;
            if !allowed {
                let why = why.unwrap_or_else(|| "the policies do not allow it".into());
                return Ok(Some(why));
            }
        }
        match (kind, waiting) {
            (CommandKind::Approve(step), Some(ix)) => {
                let undecided = self.state.step(ix).undecided;
                self.emit(
                    now,
                    Body::GateApproved {
                        step: step.clone(),
                        reason,
                        command: id,
                    },
                )?;
                self.release(now)?;
                if undecided {
                    self.retry_now(ix, now)?;
                }
            }
            (CommandKind::Reject(step), Some(ix)) => {
                let why = alloc::format!("rejected by {}", self.actor);
                let why = reason
                    .as_ref()
                    .map_or(why.clone(), |reason| alloc::format!("{why}: {reason}"));
                self.emit(
                    now,
                    Body::GateRejected {
                        step: step.clone(),
                        reason,
                        command: id,
                    },
                )?;
                self.release(now)?;
                self.reject_step(ix, why, now)?;
            }
            _ => {
                self.emit(
                    now,
                    Body::RunCancelRequested {
                        reason,
                        command: Some(id),
                    },
                )?;
                self.release(now)?;
            }
        }
        Ok(None)
    }

    fn release(&mut self, now: Timestamp) -> Result<(), KernelError> {
        if self.state.hold().is_some() {
            self.emit(now, Body::RunReleased { reason: None })?;
        }
        Ok(())
    }

    fn tick(&mut self, now: Timestamp) -> Result<(), Rejected> {
        if self.state.phase().is_terminal() {
            return Ok(());
        }
        self.settle(now)?;
        if self.state.phase() == RunPhase::Executing && self.state.closing().is_none() {
            self.time_out(now)?;
            self.give_up_on_stops(now)?;
            self.advance(now)?;
        }
        Ok(())
    }

    fn resume(
        &mut self,
        actor: Actor,
        reason: Option<String>,
        command: Option<rok_vocabulary::CommandId>,
        now: Timestamp,
    ) -> Result<(), Rejected> {
        if command.as_ref().is_some_and(|id| self.state.has_seen(id)) {
            return Ok(());
        }
        match self.state.resumability() {
            Resumability::NextEpoch => {}
            Resumability::SameEpoch => {
                let reason = "it is not closed: its epoch goes on".to_string();
                return Err(Rejected::NotResumable { reason });
            }
            Resumability::Refused(reason) => return Err(Rejected::NotResumable { reason }),
        }
        self.actor = actor;
        let resumed = self.emit(now, Body::RunResumed { reason, command });
        self.actor = Actor::Runner;
        resumed?;
        self.declare_expectations(alloc::vec::Vec::new(), now)?;
        Ok(())
    }

    /// When something becomes due by itself.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        let state = &self.state;
        if state.is_sealed() {
            return None;
        }
        let active = state.active(state.last_at());
        let mut due: Option<Timestamp> = None;
        let mut consider = |at: Option<Timestamp>| {
            due = match (due, at) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        };
        let wall = |at: Option<Timestamp>| at.and_then(|at| state.clock().wall(at));
        if let Some(closing) = state.closing() {
            consider(wall(Some(closing.until)));
            return due;
        }
        match state.phase() {
            RunPhase::Executing => {
                consider(state.progress().retries.first().map(|(at, _)| *at));
                if state.stopping().is_none() {
                    consider(wall(state.run_deadline()));
                }
                consider(self.stop_deadline());
            }
            RunPhase::GovernanceCheck => {
                let ack = state
                    .ledger()
                    .next_deadline(Scope::GovernanceCheck)
                    .filter(|at| *at > active);
                consider(wall(ack));
                let entered = state.active(state.phase_context().entered_at);
                consider(wall(Some(
                    entered.after(state.settings().governance_timeout),
                )));
            }
            _ => {}
        }
        due
    }

    /// The duties that the kernel itself declares at T0.
    #[must_use]
    pub const fn standard_duties() -> [Duty; 5] {
        [
            Duty::START_TRACE,
            Duty::EVALUATE_POLICY,
            Duty::CREATE_INCIDENT,
            Duty::COMPLETE_TRACE,
            Duty::FINALIZE_RUN,
        ]
    }
}
