//! Asking the policies about what someone wants of a run.

use super::RunRunner;
use crate::facts::{authorization, run_facts};
use crate::services::Services;
use rok_events::PolicyStage;
use rok_facades::{ActionRequest, GateFacts, GovernedAction};
use rok_kernel::{Command, CommandKind, Input, PolicyAnswer};
use rok_vocabulary::Actor;

impl RunRunner {
    /// What the policies say of a command; `None` where governance is switched
    /// off. Changes nothing.
    #[must_use]
    pub fn ask(
        &self,
        kind: &CommandKind,
        actor: &Actor,
        roles: &[String],
        reason: Option<&str>,
        services: &Services,
    ) -> Option<PolicyAnswer> {
        let (action, step) = match kind {
            CommandKind::Approve(step) => (GovernedAction::Approve, Some(step)),
            CommandKind::Reject(step) => (GovernedAction::Reject, Some(step)),
            CommandKind::Cancel => (GovernedAction::Cancel, None),
            CommandKind::Pause | CommandKind::Unpause => (GovernedAction::Pause, None),
            CommandKind::Override(step) => (GovernedAction::Override, Some(step)),
        };
        self.state().settings().contract.governs().then(|| {
            let request = ActionRequest {
                actor,
                roles,
                action,
                run: run_facts(self.state(), &self.context, services.now()),
                step,
                reason,
                gate: self.gate_facts(kind),
                hold: self.state().hold().map(|hold| hold.reason),
                budget_use: self.state().budget_use(),
            };
            let answer = services.facades().governance.authorize_action(&request);
            authorization(PolicyStage::Action, Some(action.as_str()), answer)
        })
    }

    /// Asks the policies about a command and makes it an input.
    pub(crate) fn command(
        &self,
        command: &rok_log::Command,
        roles: &[String],
        services: &Services,
    ) -> Result<Input, String> {
        let step = || {
            command
                .step
                .clone()
                .ok_or_else(|| format!("{} needs a step", command.kind))
        };
        let kind = match command.kind {
            rok_log::CommandKind::Approve => CommandKind::Approve(step()?),
            rok_log::CommandKind::Reject => CommandKind::Reject(step()?),
            rok_log::CommandKind::Cancel => CommandKind::Cancel,
            rok_log::CommandKind::Pause => CommandKind::Pause,
            rok_log::CommandKind::Unpause => CommandKind::Unpause,
            rok_log::CommandKind::Override => CommandKind::Override(step()?),
        };
        let reason = command.reason.as_deref();
        let authorization = if self.follows_its_step(command) {
            None
        } else {
            self.ask(&kind, &command.actor, roles, reason, services)
        };
        Ok(Input::Command(Command {
            id: command.id.clone(),
            actor: command.actor.clone(),
            roles: roles.to_vec(),
            kind,
            reason: command
                .reason
                .as_deref()
                .map(|reason| self.masker.mask_str(reason).into_owned()),
            authorization,
        }))
    }

    /// A sub-run ends with the step that it is for, and pauses with the run of
    /// that step: no person asks for it, so no policy is asked either. Where each run has services of its own, a
    /// pool drives, and nobody but the pool speaks as the runner.
    fn follows_its_step(&self, command: &rok_log::Command) -> bool {
        let created = self.state().created();
        self.context.services.is_some()
            && matches!(
                command.kind,
                rok_log::CommandKind::Cancel
                    | rok_log::CommandKind::Pause
                    | rok_log::CommandKind::Unpause
            )
            && command.actor == Actor::Runner
            && created.is_some_and(|created| created.parent.is_some())
    }

    /// What the gate asks for that a command decides on.
    fn gate_facts(&self, kind: &CommandKind) -> Option<GateFacts> {
        let (CommandKind::Approve(step) | CommandKind::Reject(step)) = kind else {
            return None;
        };
        let state = self.state();
        let ix = state.plan().find(step)?;
        let approvers = &state.plan().step(ix).approvers;
        Some(GateFacts {
            needed: approvers.count,
            given: state.step(ix).approvals().len() as u32,
            not_submitter: approvers.not_submitter,
        })
    }
}
