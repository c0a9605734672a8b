//! Performing compensations: as steps are, under a name and key of their own.

use super::RunRunner;
use crate::facts::{authorization, run_facts};
use crate::recorded::RecordedEnd;
use crate::services::Services;
use rok_events::PolicyStage;
use rok_executor::{
    AttemptRecord, AttemptRef, PreflightFault, ReportSink, StepFailure, StepReport, StepRequest,
    StepResult, StepSuccess, Work,
};
use rok_facades::{ActionRequest, GovernedAction};
use rok_kernel::{Admission, DoneIx, Input, Rollback};
use rok_vocabulary::{Attempt, ErrorClass, IdempotencyKey, StepRef, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// The result of a compensation that was not executed.
fn taken(recorded: RecordedEnd) -> StepResult {
    let (end, from) = match recorded {
        Ok(hit) => {
            let nothing = StepSuccess {
                outputs: serde_json::Value::Null,
                artifacts: Vec::new(),
            };
            (Ok(nothing), hit.from)
        }
        Err(failed) => (
            Err(StepFailure::new(failed.class, failed.reason)),
            failed.from,
        ),
    };
    StepResult {
        end,
        started_at: None,
        wall: Duration::ZERO,
        usage: rok_executor::Usage::default(),
        exit_code: None,
        record: AttemptRecord {
            cached: Some((from.run, from.step, from.seq)),
            ..AttemptRecord::default()
        },
    }
}

impl RunRunner {
    /// What a report about a compensation is about, if that is under way.
    pub(crate) fn undoing(&self, of: &StepRef) -> Option<DoneIx> {
        let running = self.state().rollback()?.running()?;
        (self.state().done(running).id == of.step).then_some(running)
    }

    pub(super) fn compensation_ref(&self, done: DoneIx, attempt: Attempt) -> AttemptRef {
        let state = self.state();
        AttemptRef {
            run: state.run_id().clone(),
            step: StepRef {
                epoch: state.epoch(),
                step: state.done(done).id.clone(),
                attempt,
                compensates: true,
            },
        }
    }

    pub(super) fn start_compensation(
        &self,
        done: DoneIx,
        attempt: Attempt,
        services: &Services,
        sink: &Arc<dyn ReportSink>,
    ) -> Option<Input> {
        let request = self.compensation_request(done, attempt);
        let attempt = self.compensation_ref(done, attempt);
        if let Some(recorded) = self.recorded_undo(done) {
            let result = taken(recorded);
            return Some(self.done(done, StepReport { attempt, result }));
        }
        let breached = request.as_ref().ok();
        let breached = breached.and_then(|request| self.breached(done, request));
        if breached.as_ref().is_some_and(|found| found.blocked) {
            return breached.map(Input::Breached);
        }
        match self.start(attempt, request, None, services, sink) {
            Some(report) => Some(self.done(done, report)),
            None => breached.map(Input::Breached),
        }
    }

    /// A replay undoes only what it did: what it took from the record was
    /// another run's doing, and that run's to undo. How that went is taken too.
    fn recorded_undo(&self, done: DoneIx) -> Option<RecordedEnd> {
        let recorded = self.context.recorded.as_ref()?;
        let id = self.state().done(done).id.as_str();
        let hit = recorded.of(id)?.as_ref().ok()?.clone();
        let undone = recorded.undone(id).map(|failed| Err(failed.clone()));
        Some(undone.unwrap_or(Ok(hit)))
    }

    /// A compensation's request. The run's `max_duration` does not bound it: a
    /// run whose time is up is undone all the same.
    fn compensation_request(
        &self,
        ix: DoneIx,
        attempt: Attempt,
    ) -> Result<StepRequest, StepFailure> {
        let state = self.state();
        let config = |reason: String| StepFailure::new(ErrorClass::ConfigError, reason);
        let done = state.done(ix);
        let step = state.plan().step(done.origin);
        let resolved = state.resolve_compensation(done);
        let resolved = resolved.map_err(|error| config(error.to_string()))?;
        let secrets = self.context.secrets.clone().map_err(config)?;
        Ok(StepRequest {
            attempt: self.compensation_ref(ix, attempt),
            key: IdempotencyKey::of_compensation(state.run_id(), done.epoch, &done.id),
            work: self.work(
                done.origin,
                resolved.action,
                resolved.env,
                resolved.cwd.as_deref(),
            ),
            inputs: state.inputs().map(Arc::clone).unwrap_or_default(),
            secrets,
            timeout: step.compensate.as_ref().and_then(|undo| undo.timeout),
            kill_grace: step.kill_grace,
            traceparent: None,
            artifacts: Vec::new(),
            workspace: self.context.workspace.clone(),
        })
    }

    /// Preflight of what will run, then the question whether that actor may
    /// roll the run back.
    pub(super) fn admit_rollback(
        &self,
        rollback: &Rollback,
        services: &Services,
        now: Timestamp,
    ) -> Admission {
        if let Some((class, reason)) = self.preflight_rollback(rollback, services) {
            return Admission::Refused { class, reason };
        }
        if !self.state().settings().contract.governs() {
            return Admission::Checked(None);
        }
        let action = GovernedAction::Rollback;
        let request = ActionRequest {
            actor: &rollback.actor,
            roles: self.context.roles_of(&rollback.actor),
            action,
            run: run_facts(self.state(), &self.context, now),
            step: None,
            gate: None,
            hold: None,
            budget_use: self.state().budget_use(),
            reason: rollback.reason.as_deref(),
        };
        let answer = services.facades().governance.authorize_action(&request);
        let answer = authorization(PolicyStage::Authorize, Some(action.as_str()), answer);
        Admission::Checked(Some(answer))
    }

    /// What would make the first compensation fail for sure. Later ones may
    /// need what it leaves, or what it removes.
    fn preflight_rollback(
        &self,
        rollback: &Rollback,
        services: &Services,
    ) -> Option<(ErrorClass, String)> {
        if let Err(reason) = &self.context.secrets {
            return Some((ErrorClass::ConfigError, reason.clone()));
        }
        let ix = rollback.remaining().next()?;
        if rollback.is_by_hand(&self.state().done(ix).id) {
            return None;
        }
        let request = self.compensation_request(ix, Attempt::FIRST).ok()?;
        let faults = match services.executor_for(&request.work) {
            Some(executor) => executor.preflight(&request),
            None => vec![no_executor(&request)],
        };
        let class = faults.first()?.class;
        let reasons: Vec<String> = faults
            .iter()
            .map(|fault| self.masker.mask_str(&fault.to_string()).into_owned())
            .collect();
        Some((class, reasons.join("; ")))
    }
}

fn no_executor(request: &StepRequest) -> PreflightFault {
    let kind = Work::kind(&request.work);
    PreflightFault {
        step: request.attempt.step.step.to_string(),
        class: ErrorClass::ConfigError,
        reason: format!("no executor for `{kind}` compensations is set up here"),
    }
}
