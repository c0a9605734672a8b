//! Commands: what people and programs want of a run. Invariant: a command is
//! obeyed once, and a refused one is refused again.

use super::{KernelError, RunOrchestrationKernel};
use crate::effect::Rejected;
use crate::input::{Command, CommandKind, PolicyAnswer};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use rok_events::{Body, PolicyData, PolicyStage};
use rok_vocabulary::{Actor, CommandId, RunPhase, StepId, Timestamp};

/// A command that fits the run's state and was allowed by the policies.
pub(super) struct Order<'a> {
    pub(super) id: CommandId,
    pub(super) reason: Option<String>,
    pub(super) roles: &'a [String],
}

impl RunOrchestrationKernel {
    /// A person's or program's wish. `Ok(Some(reason))`: it is denied.
    pub(super) fn command(
        &mut self,
        command: Command,
        now: Timestamp,
    ) -> Result<Option<String>, Rejected> {
        if self.state.has_seen(&command.id) {
            return Ok(self.state.denial(&command.id).map(Into::into));
        }
        let overrides = matches!(command.kind, CommandKind::Override(_));
        if self.state.phase().is_terminal() && !overrides {
            return Err(Rejected::Closed {
                phase: self.state.phase(),
            });
        }
        let step = self.fits(&command, now)?;
        self.actor = command.actor.clone();
        let result = self.obey(command, step, now);
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

    /// Whether the command makes sense now, and the place of its step.
    fn fits(&self, command: &Command, now: Timestamp) -> Result<Option<u32>, Rejected> {
        match &command.kind {
            CommandKind::Approve(step) => self
                .undecided_step(step, Some(&command.actor), now)
                .map(Some),
            CommandKind::Reject(step) => self.undecided_step(step, None, now).map(Some),
            CommandKind::Cancel => {
                let phase = self.state.phase();
                let over = matches!(phase, RunPhase::GovernanceCheck | RunPhase::Finalizing);
                if over || self.state.closing().is_some() {
                    return Err(Rejected::ExecutionOver { phase });
                }
                Ok(None)
            }
            CommandKind::Pause => self.may_pause().map(|()| None),
            CommandKind::Unpause => self.may_unpause().map(|()| None),
            CommandKind::Override(step) => {
                let reason = command.reason.as_deref();
                self.may_override(step, reason, now).map(Some)
            }
        }
    }

    fn obey(
        &mut self,
        command: Command,
        step: Option<u32>,
        now: Timestamp,
    ) -> Result<Option<String>, KernelError> {
        let Command {
            id,
            kind,
            reason,
            roles,
            authorization,
            ..
        } = command;
        let order = Order {
            id,
            reason,
            roles: &roles,
        };
        if let (CommandKind::Override(_), Some(ix)) = (&kind, step) {
            return self.override_gate(ix, order, authorization, now);
        }
        if let Some(answer) = authorization
            && let Some(why) =
                self.record_authorization(&order.id, kind.step().cloned(), answer, now)?
        {
            return Ok(Some(why));
        }
        match (kind, step) {
            (CommandKind::Approve(_), Some(ix)) => self.approve(ix, order, now),
            (CommandKind::Reject(_), Some(ix)) => self.reject(ix, order, now),
            (CommandKind::Pause, _) => self.pause(order, now).map(|()| None),
            (CommandKind::Unpause, _) => self.unpause(order, now).map(|()| None),
            _ => {
                let Order { id, reason, .. } = order;
                self.emit(
                    now,
                    Body::RunCancelRequested {
                        reason,
                        command: Some(id),
                    },
                )?;
                self.let_go(now)?;
                Ok(None)
            }
        }
    }

    /// Records what the policies say of a command; the reason where they deny.
    fn record_authorization(
        &mut self,
        id: &CommandId,
        step: Option<StepId>,
        mut answer: PolicyAnswer,
        now: Timestamp,
    ) -> Result<Option<String>, KernelError> {
        debug_assert_eq!(
            answer.data.stage,
            PolicyStage::Action,
            "commands are actions"
        );
        let why = answer.reason.clone();
        let denied = (!answer.data.allowed)
            .then(|| why.unwrap_or_else(|| "the policies do not allow it".into()));
        answer.data.command = Some(id.clone());
        self.record_policy(step, answer, now)?;
        Ok(denied)
    }

    /// Records that the plan itself denies a command.
    pub(super) fn deny_by_plan(
        &mut self,
        id: CommandId,
        kind: &str,
        step: StepId,
        why: String,
        now: Timestamp,
    ) -> Result<Option<String>, KernelError> {
        let data = PolicyData {
            stage: PolicyStage::Action,
            allowed: false,
            blocking: true,
            policies: vec!["plan:approvers".into()],
            action: Some(kind.to_string()),
            command: Some(id),
            dimension: None,
        };
        let denied = Body::PolicyEvaluated {
            step: Some(step),
            reason: Some(why.clone()),
            data: Box::new(data),
        };
        self.emit(now, denied)?;
        Ok(Some(why))
    }
}
