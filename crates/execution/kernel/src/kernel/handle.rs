//! `handle`: a `match` over the inputs that calls the kernel's methods. Late
//! inputs come to an empty decision, impossible ones are rejected.

use super::{Authorization, GovernanceCheck, KernelError, RunOrchestrationKernel};
use crate::effect::{Decision, Rejected};
use crate::input::{Admission, Input, PolicyAnswer};
use crate::state::{PolicyState, Resumability};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use rok_events::{Body, PolicyData, PolicyStage};
use rok_phases::PhaseInput;
use rok_rac::{DomainAck, Duty, Received};
use rok_vocabulary::{Actor, Epoch, ErrorClass, Outcome, Profile, RunPhase, Timestamp};
use serde_json::value::RawValue;

impl RunOrchestrationKernel {
    /// Takes one input at an instant. After an error that is not a plain
    /// refusal ([`KernelError::Apply`]) the kernel must be dropped and folded
    /// again.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Result<Decision, Rejected> {
        let now = now.max(self.state.last_at());
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
            Input::Breached(found) => self.breached(found, now)?,
            Input::Published(result) => self.published(result, now)?,
            Input::Command(command) => denied = self.command(command, now)?,
            Input::Tick => self.tick(now)?,
            Input::Recovered {
                owner,
                repaired,
                killed,
                lost,
            } => {
                self.recovered(owner, repaired, killed, lost, now)?;
            }
            Input::Left { step, left } => self.left(step, left, now)?,
            Input::Resume {
                actor,
                reason,
                command,
            } => self.resume(actor, reason, command, now)?,
            Input::CompensationDone(done) => self.compensation_done(done, now)?,
            Input::Rollback {
                actor,
                reason,
                done,
                again,
            } => self.roll_back(actor, reason, &done, &again, now)?,
            Input::Fault { reason } => {
                if !self.state.phase().is_terminal() && self.state.closing().is_none() {
                    self.fail(ErrorClass::Internal, reason, now)?;
                }
            }
        }
        let mut decision = self.take_decision();
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
        match self.state.phase() {
            RunPhase::Authorized if self.state.closing().is_none() => {}
            RunPhase::Created if self.state.closing().is_none() => {
                let why = "a run is claimed that is not authorized".to_string();
                return Err(Rejected::Impossible { why });
            }
            _ => return Ok(()),
        }
        self.begin_execution(owner, now)?;
        self.advance(now)?;
        Ok(())
    }

    /// Whether an ack is of an older epoch: only late. One of another run, or
    /// of an epoch to come, is refused.
    fn is_of_an_older_epoch(&self, ack: &DomainAck) -> Result<bool, Rejected> {
        if ack.run_id() != self.state.run_id() {
            return Err(Rejected::ForeignAck {
                duty: ack.duty().clone(),
                run: ack.run_id().clone(),
            });
        }
        self.is_older(ack.epoch())
    }

    pub(super) fn is_older(&self, epoch: Epoch) -> Result<bool, Rejected> {
        let current = self.state.epoch();
        if epoch > current {
            let why = alloc::format!("it is of epoch {epoch}, the run is in epoch {current}");
            return Err(Rejected::Impossible { why });
        }
        Ok(epoch < current)
    }

    /// An answer to a duty: in time, again, too late, or of another run.
    fn ack(
        &mut self,
        ack: &DomainAck,
        record: Option<Box<RawValue>>,
        now: Timestamp,
    ) -> Result<(), Rejected> {
        let older = self.is_of_an_older_epoch(ack)?;
        let known = matches!(
            self.state.ledger().classify(ack),
            Received::Redelivery | Received::NothingToUndo
        );
        let reconciles = self.state.settings().contract.reconciles();
        if older || known || !reconciles {
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
        let older = self.is_of_an_older_epoch(ack)?;
        let ending =
            self.state.phase() == RunPhase::GovernanceCheck || self.state.closing().is_some();
        let terminal = self.state.phase().is_terminal();
        if older || terminal || !ending || *self.state.policy() != PolicyState::Open {
            return self.ack(ack, record, now);
        }
        let settings = self.state.settings();
        // Without acks, the event must say that nobody answered.
        let unanswered = || PolicyAnswer {
            data: PolicyData {
                stage: PolicyStage::Complete,
                allowed: false,
                blocking: settings.profile != Profile::ObserveOnly,
                policies: alloc::vec::Vec::new(),
                action: None,
                command: None,
                dimension: None,
            },
            reason: Some(alloc::format!(
                "the policies could not be evaluated: {}",
                ack.error().unwrap_or("they did not answer")
            )),
            violations: alloc::vec::Vec::new(),
        };
        let reconciles = settings.contract.reconciles();
        let answer = answer.or_else(|| (!reconciles).then(unanswered));
        if let Some(answer) = answer {
            self.record_policy(None, answer, now)?;
        }
        if reconciles {
            return self.ack(ack, record, now);
        }
        self.settle(now)
    }

    /// Goes on where the run waits for acks.
    pub(super) fn settle(&mut self, now: Timestamp) -> Result<(), Rejected> {
        if self.state.closing().is_some() && !self.state.phase().is_terminal() {
            self.try_close(now)?;
        } else if self.state.phase() == RunPhase::GovernanceCheck {
            self.check(now)?;
        } else if self.state.phase() == RunPhase::Finalizing {
            self.declare_drift(now)?;
            self.give_up_on_drift(now)?;
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
        if result.is_ok() && self.state.drift_is_open() {
            // It is published again once the incident is recorded.
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

    fn tick(&mut self, now: Timestamp) -> Result<(), Rejected> {
        if self.state.phase().is_terminal() {
            return Ok(());
        }
        self.settle(now)?;
        if self.state.phase() == RunPhase::Executing && self.state.closing().is_none() {
            self.time_out(now)?;
            self.give_up_on_stops(now)?;
            self.give_up_on_compensation(now)?;
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
        match self.state.resumability(now) {
            Resumability::NextEpoch => {}
            Resumability::SameEpoch => {
                let reason = "it is not closed: its epoch goes on".to_string();
                return Err(Rejected::NotResumable { reason });
            }
            Resumability::Refused(reason) => return Err(Rejected::NotResumable { reason }),
        }
        let further = self.state.further_expectations();
        self.actor = actor;
        let resumed = self.emit(now, Body::RunResumed { reason, command });
        self.actor = Actor::Runner;
        resumed?;
        let further = further.into_iter().chain(self.review_expectations());
        self.declare_expectations(further.collect(), now)?;
        Ok(())
    }

    /// When something becomes due by itself.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        let state = &self.state;
        if state.is_sealed() {
            return None;
        }
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
                if !state.is_paused() {
                    consider(state.progress().retries.first().map(|(at, _)| *at));
                }
                consider(state.first_expiry().map(|(at, _)| at));
                if state.stopping().is_none() && state.rollback().is_none() {
                    consider(wall(state.run_deadline()));
                }
                consider(self.stop_deadline());
                consider(self.compensation_stop_deadline());
            }
            RunPhase::GovernanceCheck => {
                consider(wall(self.check_waits_until()));
            }
            RunPhase::Finalizing if state.drift_is_open() => {
                consider(wall(state.drift_due()));
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
