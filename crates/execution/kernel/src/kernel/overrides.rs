//! Overrides: a person takes it upon them that a failed hard gate is passed.
//! Invariant: within the plan's ceiling, with a reason, after the seal, and
//! never forgotten: the gate is skipped as overridden in each later epoch.

use super::commands::Order;
use super::{KernelError, RunOrchestrationKernel};
use crate::compiled::StepIx;
use crate::effect::{Effect, Rejected};
use crate::input::PolicyAnswer;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_events::{Body, OverrideAppliedData, OverrideData, SkipCause};
use rok_rac::{Deadline, Expected};
use rok_vocabulary::{Disposition, RunPhase, StepId, Timestamp};

impl RunOrchestrationKernel {
    /// Whether a step's failure can be overridden now, and its place.
    pub(super) fn may_override(
        &self,
        step: &StepId,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<StepIx, Rejected> {
        let state = &self.state;
        let ix = state
            .plan()
            .find(step)
            .ok_or_else(|| Rejected::UnknownStep { step: step.clone() })?;
        let refuse = |why: String| {
            Err(Rejected::NotToOverride {
                step: step.clone(),
                why,
            })
        };
        if !state.is_sealed() || state.phase() != RunPhase::Failed {
            return refuse(format!(
                "the run is {}, not closed as FAILED",
                state.phase()
            ));
        }
        if state.disposition() == Disposition::RolledBack || state.is_being_undone() {
            return refuse("what succeeded is undone, or is being undone".into());
        }
        if !state.failed_gates().contains(step) {
            return refuse("it is no hard gate that failed".into());
        }
        if let Some(before) = state.override_of(ix, now) {
            return refuse(format!(
                "{} did so at {}, good until {}",
                before.actor, before.at, before.expires_at
            ));
        }
        let Some(overrides) = &state.plan().plan().overrides else {
            return refuse("the plan permits no override".into());
        };
        let applied = state.overrides().len();
        if applied >= overrides.max as usize {
            return refuse(format!(
                "the plan permits {} overrides a run, and {applied} were applied",
                overrides.max
            ));
        }
        if reason.is_none_or(|reason| reason.trim().is_empty()) {
            return refuse("an override needs a reason".into());
        }
        Ok(ix)
    }

    /// Writes the override behind the seal, as a segment with a seal of its
    /// own. A denial leaves no trace there: nothing else may follow a seal.
    pub(super) fn override_gate(
        &mut self,
        ix: StepIx,
        order: Order<'_>,
        authorization: Option<PolicyAnswer>,
        now: Timestamp,
    ) -> Result<Option<String>, KernelError> {
        let Order { id, reason, roles } = order;
        if let Some(answer) = authorization.as_ref().filter(|answer| !answer.data.allowed) {
            let why = answer.reason.clone();
            return Ok(Some(
                why.unwrap_or_else(|| "the policies do not allow it".into()),
            ));
        }
        let step = self.state.plan().step(ix).id.clone();
        let overrides = self
            .state
            .plan()
            .plan()
            .overrides
            .clone()
            .unwrap_or_default();
        let submitter = self.state.submitter();
        let entry = match overrides.by.entitle(&self.actor, roles, submitter) {
            Ok(entry) => entry.map(ToString::to_string),
            Err(why) => {
                let actor = &self.actor;
                return Ok(Some(format!("{actor} may not override `{step}`: {why}")));
            }
        };
        let reason = reason.unwrap_or_default();
        let approval = format!("{}:{}", self.state.run_id(), self.state.next_seq());
        let now = now.max(self.state.last_at());
        let data = OverrideData {
            command: id,
            entry,
            policies: authorization
                .map(|answer| answer.data.policies)
                .unwrap_or_default(),
            expires_at: now.after(overrides.expires),
        };
        self.emit(
            now,
            Body::OverrideApproved {
                step: step.clone(),
                reason: reason.clone(),
                data: Box::new(data),
            },
        )?;
        let used = self.state.overrides().len() as u32 + 1;
        let data = OverrideAppliedData {
            approval,
            used,
            max: overrides.max,
        };
        self.emit(now, Body::RunOverrideApplied { step, reason, data })?;
        self.seal_again(now)?;
        Ok(None)
    }

    /// Passes a gate that was overridden, instead of starting it.
    pub(super) fn pass_overridden(
        &mut self,
        ix: StepIx,
        now: Timestamp,
    ) -> Result<bool, KernelError> {
        let Some(applied) = self.state.passes_by(ix) else {
            return Ok(false);
        };
        let reason = format!(
            "passed by override of {}: {}",
            applied.actor, applied.reason
        );
        self.skip(ix, SkipCause::Override, reason, now)?;
        Ok(true)
    }

    /// Each override that the epoch uses is to be reviewed.
    pub(super) fn review_expectations(&self) -> Vec<Expected> {
        let deadline = Deadline::after_entering(
            RunPhase::GovernanceCheck,
            self.state.settings().governance_timeout,
        );
        let reviews = self.state.reviews().into_iter();
        reviews
            .map(|ix| {
                let duty = self.state.review_duty(ix);
                Expected::new(duty, deadline)
            })
            .collect()
    }

    /// The reviews that were not asked for when the last decision was taken.
    pub(super) fn fresh_reviews(&mut self) -> Vec<Effect> {
        let open = self.state.open_reviews();
        if open == self.decided_reviews {
            return Vec::new();
        }
        let before = core::mem::replace(&mut self.decided_reviews, open);
        let fresh = self.decided_reviews.iter();
        let fresh = fresh.filter(|ix| !before.contains(ix));
        fresh
            .map(|ix| Effect::ReviewOverride { step: *ix })
            .collect()
    }
}
