//! What is remembered of overrides.

use super::apply::out_of_place;
use super::{ApplyError, Resumability, RunState};
use crate::compiled::StepIx;
use crate::effect::Effect;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_events::{Event, OverrideAppliedData, OverrideData, SkipCause};
use rok_rac::Duty;
use rok_vocabulary::{Actor, Disposition, Domain, Epoch, RunPhase, Seq, StepId, Timestamp};

/// A failed hard gate that a person lets the run pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The gate.
    pub step: StepIx,
    /// Who takes it upon them.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// No epoch begins with it after that.
    pub expires_at: Timestamp,
    /// The event that approved it.
    pub approval: Seq,
    /// The epoch that it was given in, which had failed.
    pub epoch: Epoch,
    /// The first epoch that used it.
    pub used_in: Option<Epoch>,
}

impl RunState {
    /// Every hard gate that ever failed, in that order.
    #[must_use]
    pub fn failed_gates(&self) -> &[StepId] {
        &self.failed_gates
    }

    /// Every override, in the order in which they were given.
    #[must_use]
    pub fn overrides(&self) -> &[Override] {
        &self.overrides
    }

    /// The override of a gate that an epoch may begin with.
    #[must_use]
    pub fn override_of(&self, ix: StepIx, now: Timestamp) -> Option<&Override> {
        let mut of_gate = self.overrides.iter().rev();
        of_gate.find(|one| one.step == ix && now < one.expires_at)
    }

    /// The override by which this epoch passes a gate.
    #[must_use]
    pub fn passes_by(&self, ix: StepIx) -> Option<&Override> {
        let mut of_gate = self.overrides.iter().rev();
        of_gate.find(|one| one.step == ix && one.used_in.is_some())
    }

    /// The first failed hard gate that nobody has overridden.
    #[must_use]
    pub fn shut_gate(&self, now: Timestamp) -> Option<&StepId> {
        self.failed_gates.iter().find(|gate| {
            let ix = self.plan.find(gate);
            ix.is_none_or(|ix| self.override_of(ix, now).is_none())
        })
    }

    /// Why failed hard gates keep the next epoch from beginning, if they do.
    pub(crate) fn gates_refuse(&self, now: Timestamp) -> Option<Resumability> {
        let shut = self.shut_gate(now)?;
        let ix = self.plan.find(shut);
        let expired = self.overrides.iter().rev().find(|one| Some(one.step) == ix);
        let why = match (expired, &self.plan.plan().overrides) {
            (Some(expired), _) => format!(
                "the override of the hard gate `{shut}` expired at {}",
                expired.expires_at
            ),
            (None, Some(permitted)) if self.overrides.len() >= permitted.max as usize => format!(
                "the hard gate `{shut}` failed, and that is final: the plan permits {} overrides, and all were given",
                permitted.max
            ),
            (None, Some(_)) => {
                format!("the hard gate `{shut}` failed, and that is final without an override")
            }
            (None, None) => {
                format!(
                    "the hard gate `{shut}` failed, and that is final: the plan permits no override"
                )
            }
        };
        Some(Resumability::Refused(why))
    }

    /// The gates that this epoch passes by override, each once.
    #[must_use]
    pub fn reviews(&self) -> Vec<StepIx> {
        let used = self.overrides.iter().filter(|one| one.used_in.is_some());
        let mut gates: Vec<StepIx> = used.map(|one| one.step).collect();
        gates.sort_unstable();
        gates.dedup();
        gates
    }

    /// The duty to have an override reviewed.
    pub(crate) fn review_duty(&self, ix: StepIx) -> Duty {
        let gate = self.plan.step(ix).id.as_str();
        Duty::new(Domain::Incidents, "review_override", Some(gate)).expect("a step id is a fit key")
    }

    /// The reviews that were asked for and are not answered.
    pub(crate) fn open_reviews(&self) -> Vec<StepIx> {
        let over = self.sealed || !self.entered || self.phase().is_terminal();
        if over || self.overrides.is_empty() || !self.settings().contract.reconciles() {
            return Vec::new();
        }
        let mut gates = self.reviews();
        gates.retain(|ix| self.ledger.is_open(&self.review_duty(*ix)));
        gates
    }

    pub(super) fn review_effects(&self) -> impl Iterator<Item = Effect> {
        let open = self.open_reviews().into_iter();
        open.map(|step| Effect::ReviewOverride { step })
    }

    /// The next epoch begins: it uses every override.
    pub(super) fn use_overrides(&mut self) {
        for one in &mut self.overrides {
            one.used_in.get_or_insert(self.epoch);
        }
    }

    pub(super) fn override_approved(
        &mut self,
        event: &Event,
        step: &StepId,
        reason: &str,
        data: &OverrideData,
    ) -> Result<(), ApplyError> {
        let ix = self
            .plan
            .find(step)
            .ok_or_else(|| ApplyError::UnknownStep { step: step.clone() })?;
        if !self.sealed || self.phase() != RunPhase::Failed || !self.failed_gates.contains(step) {
            return out_of_place(event, "no hard gate has failed that could be overridden");
        }
        if self.disposition() == Disposition::RolledBack || self.is_being_undone() {
            return out_of_place(event, "what succeeded is undone");
        }
        let Some(permitted) = &self.plan.plan().overrides else {
            return out_of_place(event, "the plan permits no override");
        };
        let submits = permitted.by.not_submitter && event.actor == *self.submitter();
        if self.overrides.len() >= permitted.max as usize || submits || reason.is_empty() {
            return out_of_place(event, "the plan does not permit this override");
        }
        if data.expires_at != event.at.after(permitted.expires) {
            return out_of_place(event, "an override is good for as long as the plan says");
        }
        self.commands.insert(data.command.clone());
        self.approved_override = Some(Override {
            step: ix,
            actor: event.actor.clone(),
            reason: reason.into(),
            at: event.at,
            expires_at: data.expires_at,
            approval: event.seq,
            epoch: self.epoch,
            used_in: None,
        });
        Ok(())
    }

    pub(super) fn override_applied(
        &mut self,
        event: &Event,
        step: &StepId,
        reason: &str,
        data: &OverrideAppliedData,
    ) -> Result<(), ApplyError> {
        let Some(approved) = self.approved_override.take() else {
            return out_of_place(event, "nobody approved it");
        };
        let named = format!("{}:{}", self.run, approved.approval) == data.approval;
        let gate = self.plan.step(approved.step).id == *step;
        if !named || !gate || approved.actor != event.actor || approved.reason != reason {
            return out_of_place(event, "it is not what was approved");
        }
        self.overrides.push(approved);
        Ok(())
    }

    /// The gates that this epoch has passed by override.
    pub fn overridden(&self) -> impl Iterator<Item = StepIx> {
        let slots = self.steps.iter().zip(0..);
        let passed = slots.filter(|(slot, _)| slot.skip == Some(SkipCause::Override));
        passed.map(|(_, ix)| ix)
    }

    /// Why an override is to be reviewed: who answered for the gate, and how.
    #[must_use]
    pub fn override_in_words(&self, ix: StepIx) -> String {
        let gate = &self.plan.step(ix).id;
        match self.passes_by(ix) {
            Some(one) => format!(
                "hard gate `{gate}` is passed by override of {}, to be reviewed: {}",
                one.actor, one.reason
            ),
            None => format!("hard gate `{gate}` is passed by override, to be reviewed"),
        }
    }

    /// Every override, in words: none is ever forgotten.
    #[must_use]
    pub fn overrides_in_words(&self) -> Vec<String> {
        let words = |one: &Override| {
            let gate = self.plan.step(one.step).id.to_string();
            let used = match one.used_in {
                Some(epoch) => format!("used from epoch {epoch} on"),
                None => format!("not used yet, good until {}", one.expires_at),
            };
            format!(
                "hard gate `{gate}` was overridden by {} at {} ({used}): {}",
                one.actor, one.at, one.reason
            )
        };
        self.overrides.iter().map(words).collect()
    }
}
