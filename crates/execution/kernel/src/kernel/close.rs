//! Closing: the one way into a terminal phase. ONE decision holds the
//! `finalize_run` ack, the final reconciliation, the transition, the result
//! and the seal.

use super::{Change, KernelError, RunOrchestrationKernel};
use crate::reconciled::compare;
use alloc::boxed::Box;
use alloc::string::String;
use rok_events::{AckData, Body, CompletedData, ReconciliationStage, StoppingData};
use rok_phases::PhaseInput;
use rok_rac::{DomainAck, Duty, Scope};
use rok_vocabulary::{AckErrorKind, ErrorClass, Outcome, RunPhase, Timestamp};
use serde_json::value::RawValue;

impl RunOrchestrationKernel {
    /// Begins to close the run where it stands; ends it at once when nothing
    /// is open.
    pub(super) fn begin_close(
        &mut self,
        exit: PhaseInput,
        outcome: Outcome,
        class: ErrorClass,
        reason: String,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        // A run that waits for a person has a clock that stands still, and
        // would never be closed.
        self.let_go(now)?;
        let data = StoppingData {
            outcome,
            exit: Some(exit),
        };
        self.emit(
            now,
            Body::RunStopping {
                class,
                reason,
                data,
            },
        )?;
        self.try_close(now)
    }

    /// Ends a run that is being closed, once its open duties are done or the
    /// governance timeout has passed.
    pub(super) fn try_close(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let Some(closing) = self.state.closing().copied() else {
            return Ok(());
        };
        let active = self.state.active(now);
        let contract = self.state.settings().contract;
        let policy_open =
            contract.governs() && *self.state.policy() == crate::state::PolicyState::Open;
        let acks_open = contract.reconciles()
            && self
                .state
                .ledger()
                .is_waiting(Scope::GovernanceCheck, active);
        let undoing = self.state.rollback().is_some_and(|r| r.running().is_some());
        let work_open = self.state.progress().running() > 0 || undoing;
        if active < closing.until
            && (policy_open || acks_open || work_open || self.declare_drift(now)?)
        {
            return Ok(());
        }
        if self.state.phase() == RunPhase::Executing {
            self.wind_up(now)?;
        }
        let stopping = self
            .state
            .stopping()
            .expect("closing follows stopping")
            .clone();
        self.end(
            closing.input,
            Some(stopping.class),
            Some(stopping.reason),
            now,
        )
        .map(|_| ())
    }

    /// While FINALIZING, an incident about drift was asked for and did not come:
    /// the final reconciliation cannot be accepted any more.
    pub(super) fn give_up_on_drift(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let due = self
            .state
            .drift_due()
            .filter(|_| self.state.drift_is_open());
        if due.is_none_or(|due| self.state.active(now) < due) {
            return Ok(());
        }
        let reasons = compare(&self.state, ReconciliationStage::GovernanceCheck, now).reasons;
        let class = Some(ErrorClass::PolicyViolation);
        self.end(
            PhaseInput::FinalizationFailed,
            class,
            Some(reasons.join("; ")),
            now,
        )
        .map(|_| ())
    }

    /// The result is published: COMPLETED where execution allows it.
    pub(super) fn finish(&mut self, now: Timestamp) -> Result<RunPhase, KernelError> {
        let outcome = self.state.outcome().unwrap_or(Outcome::Failed);
        if outcome.may_complete() {
            return self.end(PhaseInput::Published, None, None, now);
        }
        let (class, reason) = self.failure_cause();
        self.end(PhaseInput::PublishedFailure, class, reason, now)
    }

    /// The check refused the run.
    pub(super) fn refuse(&mut self, reason: String, now: Timestamp) -> Result<(), KernelError> {
        let failed = self.state.outcome().is_some_and(|one| !one.may_complete());
        let (class, cause) = if failed {
            self.failure_cause()
        } else {
            (Some(ErrorClass::PolicyViolation), None)
        };
        // What made execution fail comes first; that more is missing, after it.
        let reason = match cause {
            Some(cause) => alloc::format!("{cause}; {reason}"),
            None => reason,
        };
        self.end(PhaseInput::CheckRefused, class, Some(reason), now)
            .map(|_| ())
    }

    /// What made execution fail, and what became of undoing it.
    fn failure_cause(&self) -> (Option<ErrorClass>, Option<String>) {
        match self.state.rollback() {
            None => self.state.execution_failure(),
            Some(rollback) => self.undoing_told(rollback, || self.state.execution_failure()),
        }
    }

    fn end(
        &mut self,
        mut input: PhaseInput,
        mut class: Option<ErrorClass>,
        mut reason: Option<String>,
        now: Timestamp,
    ) -> Result<RunPhase, KernelError> {
        self.require(input)?;
        let settings = self.state.settings();
        let now = now.max(self.state.last_at());
        if settings.contract.reconciles() {
            self.acknowledge_finalize(input, class, reason.as_deref(), now)?;
        }
        let comparison = compare(&self.state, ReconciliationStage::Final, now);
        if !comparison.data.acceptable && input == PhaseInput::Published {
            input = PhaseInput::FinalizationFailed;
            class = Some(ErrorClass::PolicyViolation);
            reason = Some(comparison.reasons.join("; "));
        }
        self.emit(
            now,
            Body::AuditReconciled {
                data: Box::new(comparison.data),
            },
        )?;
        let outcome = self.state.outcome().unwrap_or(Outcome::Failed);
        let change = Change {
            outcome: Some(outcome),
            class,
            reason: reason.clone(),
            ..Change::default()
        };
        self.transition(input, now, change)?;
        let phase = self.state.phase();
        let data = CompletedData {
            phase,
            outcome,
            duration_ms: now.since(self.state.epoch_began()).as_millis() as u64,
            steps: self.state.counts(),
            profile: self.state.profile_in_words(),
            degraded: self.state.is_degraded(),
        };
        self.emit(
            now,
            Body::RunCompleted {
                class,
                reason,
                data: Box::new(data),
            },
        )?;
        self.say_rolled_back(now)?;
        self.emit(now, Body::RunSealed { phase, outcome })?;
        Ok(phase)
    }

    /// The kernel's own duty. A run that failed in order acknowledges it with
    /// SUCCESS; one that rok itself failed acknowledges it with FAILED.
    fn acknowledge_finalize(
        &mut self,
        input: PhaseInput,
        class: Option<ErrorClass>,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        if !self.state.ledger().is_open(&Duty::FINALIZE_RUN) {
            return Ok(());
        }
        let (run, epoch) = (self.state.run_id().clone(), self.state.epoch());
        let at = self.state.active(now);
        // A step that failed as `internal` is a failed step: the run's end is
        // orderly all the same.
        let internal = match input {
            PhaseInput::CriticalError | PhaseInput::SystemError => true,
            PhaseInput::FinalizationFailed => class == Some(ErrorClass::Internal),
            _ => false,
        };
        let outcome = self.state.outcome().unwrap_or(Outcome::Failed);
        let (ack, record) = if internal {
            let error = reason
                .filter(|reason| !reason.is_empty())
                .unwrap_or("rok failed");
            let kind = AckErrorKind::Refused;
            (
                DomainAck::failed(&run, epoch, Duty::FINALIZE_RUN, kind, error, at),
                None,
            )
        } else {
            let result = alloc::format!("{run}/{epoch}");
            let record = alloc::format!(r#"{{"outcome":"{outcome}"}}"#);
            let record = RawValue::from_string(record).expect("a word needs no escaping");
            (
                DomainAck::success(&run, epoch, Duty::FINALIZE_RUN, &result, at),
                Some(record),
            )
        };
        let ack = ack.expect("result and error are not empty, and a run id is short");
        self.emit_ack(&ack, record, false, now)
    }

    pub(super) fn emit_ack(
        &mut self,
        ack: &DomainAck,
        record: Option<Box<RawValue>>,
        late: bool,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let data = AckData {
            id: ack.id(),
            duty: ack.duty().clone(),
            status: ack.status(),
            result_id: ack.result_id().map(Into::into),
            error: ack.error().map(Into::into),
            error_kind: ack.error_kind(),
            late,
            record,
        };
        self.emit(
            now,
            Body::AckReceived {
                data: Box::new(data),
            },
        )
    }
}
