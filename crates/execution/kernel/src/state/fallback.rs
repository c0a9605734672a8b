//! Fallbacks: a step that failed for good waits for the one that stands in for
//! it. All of it is a function of the events.

use super::RunState;
use crate::compiled::StepIx;
use crate::steps::StandIn;
use alloc::collections::BTreeSet;
use alloc::string::String;
use rok_scheduler::Finish;
use rok_vocabulary::{ErrorClass, StepState};

/// Steps whose fallbacks are not finished.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fallbacks {
    /// How many there are.
    awaited: u32,
    /// Those of which it is not recorded yet.
    fresh: BTreeSet<StepIx>,
}

impl RunState {
    /// A step has failed for good: it waits for its fallback, if that may run.
    pub(super) fn awaits_fallback(&mut self, ix: StepIx) -> bool {
        let Some(fallback) = self.plan.graph().fallback(ix) else {
            return false;
        };
        if self.is_halted() || self.steps[fallback as usize].state != StepState::Pending {
            return false;
        }
        self.steps[ix as usize].stand_in = StandIn::Awaited;
        self.fallbacks.awaited += 1;
        self.fallbacks.fresh.insert(ix);
        true
    }

    /// A step that waits for its fallback, and of which that is not recorded.
    pub(crate) fn fresh_fallback(&self) -> Option<StepIx> {
        self.fallbacks.fresh.first().copied()
    }

    /// How many steps wait for their fallbacks.
    pub(crate) const fn awaited_fallbacks(&self) -> u32 {
        self.fallbacks.awaited
    }

    /// It is recorded that the fallback runs: its turn has come. False where
    /// the step does not wait for this one.
    pub(super) fn falls_back(&mut self, ix: StepIx, to: StepIx) -> bool {
        let stands_in = self.plan.graph().fallback(ix) == Some(to);
        if !stands_in || self.is_halted() || !self.fallbacks.fresh.remove(&ix) {
            return false;
        }
        self.schedule.release(self.plan.graph(), to);
        true
    }

    /// A step is finished: so is the one that waits for it as its fallback.
    pub(super) fn settle_owner(&mut self, ix: StepIx, how: Finish) {
        let awaits = |owner: &StepIx| self.steps[*owner as usize].stand_in == StandIn::Awaited;
        let Some(owner) = self.plan.owner(ix).filter(awaits) else {
            return;
        };
        self.fallbacks.awaited -= 1;
        self.fallbacks.fresh.remove(&owner);
        if how != Finish::Succeeded {
            self.steps[owner as usize].stand_in = StandIn::Failed;
            return self.settle(owner, Finish::Failed);
        }
        let outputs = self.steps[ix as usize].outputs.clone();
        let slot = &mut self.steps[owner as usize];
        slot.stand_in = StandIn::Succeeded;
        slot.outputs = outputs;
        self.keep_stood_in(owner);
        self.settle_owner(owner, how);
    }

    /// The steps whose fallbacks' successes the next epoch keeps. A gate that
    /// was passed by override has left nothing to keep.
    pub(super) fn stood_in(&self) -> BTreeSet<StepIx> {
        let slot = |ix: StepIx| &self.steps[ix as usize];
        let kept = |ix: &StepIx| {
            let next = |ix: &StepIx| {
                let stood_in = slot(*ix).stand_in == StandIn::Succeeded;
                stood_in.then(|| self.plan.graph().fallback(*ix))?
            };
            let last = core::iter::successors(Some(*ix), next).last();
            let stood_in = slot(*ix).stand_in == StandIn::Succeeded;
            stood_in && last.is_some_and(|last| slot(last).state == StepState::Succeeded)
        };
        (0..self.plan.len() as StepIx).filter(kept).collect()
    }

    /// Counts a step whose fallback succeeded: a failure that stops nobody.
    pub(super) fn keep_stood_in(&mut self, ix: StepIx) {
        self.progress.counts.failed += 1;
        self.progress.optional_bad += 1;
        self.schedule
            .finish(self.plan.graph(), ix, Finish::Succeeded);
    }

    /// The failure that people are told of first: of a step that is required,
    /// and that no other one stands in for.
    #[must_use]
    pub fn first_failure(&self) -> Option<StepIx> {
        let failed = || {
            let slots = self.steps().iter().zip(0..);
            slots.filter(|(slot, _)| slot.state == StepState::Failed)
        };
        let open = || failed().filter(|(slot, _)| slot.stand_in != StandIn::Succeeded);
        let required = open().find(|(_, ix)| self.plan.is_required(*ix));
        let first = required.or_else(|| open().next());
        first.or_else(|| failed().next()).map(|(_, ix)| ix)
    }
    /// What made execution fail: why it was stopped, the failed gate, or the
    /// first failed step.
    pub(crate) fn execution_failure(&self) -> (Option<ErrorClass>, Option<String>) {
        if let Some(stopping) = self.stopping() {
            return (Some(stopping.class), Some(stopping.reason.clone()));
        }
        let plan = self.plan();
        let gate = self
            .gate_failures()
            .first()
            .and_then(|gate| plan.find(gate));
        let failed = || self.first_failure();
        match gate.or_else(failed) {
            Some(ix) => {
                let slot = self.step(ix);
                let reason = slot.reason.as_deref().unwrap_or("failed");
                (
                    slot.class,
                    Some(alloc::format!("{}: {reason}", plan.step(ix).id)),
                )
            }
            None => (Some(ErrorClass::Unknown), Some("no step succeeded".into())),
        }
    }
}
