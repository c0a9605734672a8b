//! Gates that people decide on: manual gates, and interrupted steps that must
//! not be repeated blindly.

use super::commands::Order;
use super::{KernelError, RunOrchestrationKernel};
use crate::compiled::StepIx;
use crate::effect::Rejected;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use rok_events::{ApprovalData, Body, HeldData, StepEndData};
use rok_vocabulary::{
    Actor, ErrorClass, HoldReason, StepId, StepState, Timestamp, format_duration,
};

impl RunOrchestrationKernel {
    /// The place of a step that waits for a decision; of `by`, where it is an
    /// approval.
    pub(super) fn undecided_step(
        &self,
        step: &StepId,
        by: Option<&Actor>,
        now: Timestamp,
    ) -> Result<StepIx, Rejected> {
        let ix = self
            .state
            .find(step.as_str())
            .ok_or_else(|| Rejected::UnknownStep { step: step.clone() })?;
        let slot = self.state.step(ix);
        let waits = (slot.state == StepState::Waiting && !slot.approved) || slot.undecided;
        if !waits || self.state.is_halted() {
            return Err(if slot.state == StepState::Waiting && slot.approved {
                Rejected::AlreadyApproved { step: step.clone() }
            } else {
                Rejected::NotWaiting {
                    step: step.clone(),
                    state: slot.state,
                }
            });
        }
        if let Some(at) = slot.expires_at().filter(|at| *at <= now) {
            let step = step.clone();
            return Err(Rejected::GateExpired { step, at });
        }
        let before = |actor: &&Actor| slot.approvals().iter().any(|one| one.actor == **actor);
        if let Some(actor) = by.filter(before) {
            return Err(Rejected::ApprovedBefore {
                step: step.clone(),
                actor: actor.to_string(),
                missing: self.state.missing_approvals(ix),
            });
        }
        Ok(ix)
    }

    /// One person's word for a step. It passes with the last one missing.
    pub(super) fn approve(
        &mut self,
        ix: StepIx,
        order: Order<'_>,
        now: Timestamp,
    ) -> Result<Option<String>, KernelError> {
        let Order { id, reason, roles } = order;
        let step = self.state.definition(ix);
        let step_id = self.state.step_id(ix);
        let submitter = self.state.submitter();
        let entry = match step.approvers.entitle(&self.actor, roles, submitter) {
            Ok(entry) => entry.map(ToString::to_string),
            Err(why) => {
                let why = format!("{} may not approve `{step_id}`: {why}", self.actor);
                return self.deny_by_plan(id, "approve", step_id, why, now);
            }
        };
        let slot = self.state.step(ix);
        let undecided = slot.undecided;
        let given = slot.approvals().len() as u32 + 1;
        let missing = self.state.missing_approvals(ix).saturating_sub(1);
        let data = ApprovalData {
            command: id,
            entry,
            given,
            missing,
        };
        self.emit(
            now,
            Body::GateApproved {
                step: step_id,
                reason,
                data: Box::new(data),
            },
        )?;
        if missing > 0 {
            return Ok(None);
        }
        self.release(now)?;
        if undecided {
            self.retry_now(ix, now)?;
        }
        Ok(None)
    }

    /// A person stops a step. Whoever submitted the run may, where they are
    /// named: that lets nothing pass.
    pub(super) fn reject(
        &mut self,
        ix: StepIx,
        order: Order<'_>,
        now: Timestamp,
    ) -> Result<Option<String>, KernelError> {
        let Order { id, reason, roles } = order;
        let step = self.state.definition(ix);
        let step_id = self.state.step_id(ix);
        if let Err(why) = step.approvers.named(&self.actor, roles) {
            let why = format!("{} may not reject `{step_id}`: {why}", self.actor);
            return self.deny_by_plan(id, "reject", step_id, why, now);
        }
        let why = match &reason {
            Some(reason) => format!("rejected by {}: {reason}", self.actor),
            None => format!("rejected by {}", self.actor),
        };
        self.emit(
            now,
            Body::GateRejected {
                step: step_id,
                reason,
                command: id,
            },
        )?;
        self.release(now)?;
        self.reject_step(ix, why, now)?;
        Ok(None)
    }

    /// Gates that waited too long fail. By wall time: a hold that never ends is
    /// what `expires` is there to end.
    pub(super) fn expire_gates(&mut self, now: Timestamp) -> Result<(), KernelError> {
        while let Some((at, ix)) = self.state.first_expiry()
            && at <= now
        {
            let step = self.state.definition(ix);
            let (needed, expires) = (step.approvers.count, step.expires.unwrap_or_default());
            let step = step.id.clone();
            let slot = self.state.step(ix);
            let (attempt, given) = (slot.attempt, slot.approvals().len());
            let reason = match given {
                0 => format!(
                    "expired after {} without approval",
                    format_duration(expires)
                ),
                _ => format!(
                    "expired after {} with {given} of {needed} approvals",
                    format_duration(expires)
                ),
            };
            let data = Box::new(StepEndData {
                last: true,
                ..StepEndData::default()
            });
            self.emit(
                now,
                Body::StepFailed {
                    step,
                    attempt,
                    class: ErrorClass::Timeout,
                    reason,
                    data,
                },
            )?;
            self.release(now)?;
        }
        Ok(())
    }

    /// Only decisions of people are left: the run is held for the first one.
    pub(super) fn hold_for_a_decision(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let Some((ix, hold)) = self.state.first_undecided() else {
            return Ok(());
        };
        let step = self.state.step_id(ix);
        let reason = match hold {
            HoldReason::InterruptedStep => format!(
                "step `{step}` was interrupted and is not idempotent: approve to run it again, reject to fail it"
            ),
            _ => format!("manual gate `{step}` waits for a decision"),
        };
        let data = HeldData {
            hold,
            release: self.who_releases(ix),
            expires_at: self.state.first_expiry().map(|(at, _)| at),
            command: None,
        };
        self.emit(
            now,
            Body::RunHeld {
                step: Some(step),
                reason: Some(reason),
                data,
            },
        )
    }

    fn who_releases(&self, ix: StepIx) -> String {
        let approvers = &self.state.definition(ix).approvers;
        let missing = self.state.missing_approvals(ix);
        let who = approvers.who();
        match missing {
            1 if approvers.any_of.is_empty() && !approvers.not_submitter => {
                "approve or reject".into()
            }
            1 => format!("approve or reject: {who}"),
            _ => format!("approve or reject: {missing} of {who}"),
        }
    }
}
