//! What is remembered of gates that people decide on.

use super::apply::out_of_place;
use super::{ApplyError, RunState};
use crate::compiled::StepIx;
use crate::steps::{Approval, GateWait};
use alloc::boxed::Box;
use alloc::string::ToString;
use rok_events::{ApprovalData, Event};
use rok_plan::Approver;
use rok_vocabulary::{Actor, CommandId, StepId, StepState, Timestamp};

impl RunState {
    /// How many approvals a step that waits is short of.
    #[must_use]
    pub fn missing_approvals(&self, ix: StepIx) -> u32 {
        let given = self.step(ix).approvals().len() as u32;
        self.definition(ix).approvers.count.saturating_sub(given)
    }

    /// The first gate that will have waited too long, and when.
    pub(crate) fn first_expiry(&self) -> Option<(Timestamp, StepIx)> {
        self.progress.expiries.first().copied()
    }

    /// A manual gate begins to wait.
    pub(super) fn gate_waits(&mut self, ix: StepIx, at: Timestamp) {
        let expires_at = self.definition(ix).expires.map(|expires| at.after(expires));
        let slot = &mut self.steps[ix as usize];
        slot.state = StepState::Waiting;
        slot.wait = Some(Box::new(GateWait {
            since: at,
            expires_at,
            approvals: alloc::vec::Vec::new(),
        }));
        self.progress.waiting += 1;
        self.progress.expiries.extend(expires_at.map(|at| (at, ix)));
    }

    /// A manual gate waits no more: it was decided, or is given up.
    pub(super) fn gate_is_over(&mut self, ix: StepIx) {
        self.progress.waiting -= 1;
        self.no_expiry(ix);
        self.steps[ix as usize].wait = None;
    }

    fn no_expiry(&mut self, ix: StepIx) {
        let wait = self.steps[ix as usize].wait.as_mut();
        if let Some(at) = wait.and_then(|wait| wait.expires_at.take()) {
            self.progress.expiries.remove(&(at, ix));
        }
    }

    pub(super) fn gate_approved(
        &mut self,
        event: &Event,
        step: &StepId,
        data: &ApprovalData,
    ) -> Result<(), ApplyError> {
        let ix = self.decided_step(event, step)?;
        let needed = self.definition(ix).approvers.count;
        let slot = &self.steps[ix as usize];
        let (given, waits) = (slot.approvals().len() as u32 + 1, !slot.undecided);
        let counted = data.given == given && data.missing == needed.saturating_sub(given);
        let again = slot.approvals().iter().any(|one| one.actor == event.actor);
        if !counted || again {
            return out_of_place(event, "the approvals are not counted like that");
        }
        if !self.is_entitled(ix, &event.actor, data.entry.as_deref()) {
            return out_of_place(event, "the plan does not let them approve");
        }
        if slot.expires_at().is_some_and(|at| at <= event.at) {
            return out_of_place(event, "the gate had expired");
        }
        self.commands.insert(data.command.clone());
        let slot = &mut self.steps[ix as usize];
        let wait = slot.wait.get_or_insert_default();
        wait.approvals.push(Approval {
            actor: event.actor.clone(),
            entry: data.entry.clone(),
            at: event.at,
        });
        if data.missing == 0 {
            slot.approved = true;
            self.no_expiry(ix);
            if waits {
                self.schedule.offer_again(self.plan.graph(), ix);
            }
        }
        Ok(())
    }

    /// Whether the plan lets an actor approve, as the entry that is claimed. A
    /// role is taken at its word: who has it stands in no log.
    fn is_entitled(&self, ix: StepIx, actor: &Actor, entry: Option<&str>) -> bool {
        let approvers = &self.definition(ix).approvers;
        let named = match entry {
            None => approvers.any_of.is_empty(),
            Some(entry) => approvers.any_of.iter().any(|one| {
                let of_actor = match one {
                    Approver::User(_) => one.to_string() == actor.to_string(),
                    Approver::Role(_) => true,
                };
                of_actor && one.to_string() == entry
            }),
        };
        named && !(approvers.not_submitter && actor == self.submitter())
    }

    pub(super) fn gate_rejected(
        &mut self,
        event: &Event,
        step: &StepId,
        command: &CommandId,
    ) -> Result<(), ApplyError> {
        self.decided_step(event, step)?;
        self.commands.insert(command.clone());
        Ok(())
    }

    fn decided_step(&self, event: &Event, step: &StepId) -> Result<StepIx, ApplyError> {
        let ix = self
            .find(step.as_str())
            .ok_or_else(|| ApplyError::UnknownStep { step: step.clone() })?;
        let slot = &self.steps[ix as usize];
        if (slot.state == StepState::Waiting && !slot.approved) || slot.undecided {
            return Ok(ix);
        }
        Err(ApplyError::OutOfPlace {
            event_type: event.body.event_type(),
            why: "the step does not wait for a decision",
        })
    }
}
