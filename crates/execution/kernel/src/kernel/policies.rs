//! What injected policies forbid while the run goes on: a strict one blocks, and
//! each is on record.

use super::{KernelError, RunOrchestrationKernel};
use crate::compiled::StepIx;
use crate::effect::Rejected;
use crate::input::{Breached, StepDone, StepEnd};
use crate::state::Rollback;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use rok_events::{Body, PolicyData, PolicyStage, StoppingData};
use rok_execution_policy::Breach;
use rok_vocabulary::{
    Attempt, EnforcementLevel, ErrorClass, Outcome, Profile, RunPhase, StepId, StepState, Timestamp,
};

impl RunOrchestrationKernel {
    /// An attempt's work is not what policies let begin: it is told, and where
    /// one blocks, the attempt fails unstarted.
    pub(super) fn breached(&mut self, found: Breached, now: Timestamp) -> Result<(), Rejected> {
        let Breached {
            epoch,
            step,
            compensates,
            attempt,
            breaches,
            blocked,
        } = found;
        if self.is_older(epoch)? || !self.is_under_way(step, attempt, compensates) {
            return Ok(());
        }
        let id = if compensates {
            self.state.done(step).id.clone()
        } else {
            self.state.step_id(step)
        };
        for breach in &breaches {
            self.violated(Some((&id, attempt)), breach, now)?;
        }
        let Some(first) = breaches.iter().find(|one| blocked && self.blocks(one)) else {
            return Ok(());
        };
        let done = StepDone {
            epoch,
            step,
            attempt,
            end: StepEnd::Failed {
                class: ErrorClass::PolicyViolation,
                reason: format!("blocked: {first}"),
            },
            data: Box::default(),
            left: Vec::new(),
        };
        if compensates {
            self.compensation_done(done, now)
        } else {
            self.step_done(done, now)
        }
    }

    fn is_under_way(&self, ix: StepIx, attempt: Attempt, compensates: bool) -> bool {
        let state = &self.state;
        let running = if compensates {
            let running = state.rollback().and_then(Rollback::running);
            running == Some(ix) && state.undo_attempt(ix) == attempt
        } else {
            state.places().contains(&ix)
                && state.step(ix).state == StepState::Running
                && state.step(ix).attempt == attempt
        };
        running && state.phase() == RunPhase::Executing
    }

    /// Holds what was used against the caps of policies: each that is passed is
    /// told once in an epoch, and a strict one ends the run.
    pub(super) fn hold_to_caps(
        &mut self,
        another: bool,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let over = self.state.over_caps(another);
        for breach in &over {
            self.violated(None, breach, now)?;
        }
        let Some(first) = over.iter().find(|one| self.blocks(one)) else {
            return Ok(());
        };
        if self.state.is_halted() || self.state.closing().is_some() {
            return Ok(());
        }
        let stopping = Body::RunStopping {
            class: ErrorClass::PolicyViolation,
            reason: format!("blocked: {first}"),
            data: StoppingData {
                outcome: Outcome::Failed,
                exit: None,
            },
        };
        self.emit(now, stopping)
    }

    /// What observes alone blocks nothing.
    fn blocks(&self, breach: &Breach) -> bool {
        let observes = self.state.settings().profile == Profile::ObserveOnly;
        breach.level == EnforcementLevel::Strict && !observes
    }

    fn violated(
        &mut self,
        of: Option<(&StepId, Attempt)>,
        breach: &Breach,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let blocking = self.blocks(breach);
        let stage = match of {
            Some(_) => PolicyStage::Step,
            None => PolicyStage::Use,
        };
        let violated = Body::PolicyViolated {
            step: of.map(|(step, _)| step.clone()),
            attempt: of.map_or(Attempt::FIRST, |(_, attempt)| attempt),
            reason: Some(breach.to_string()),
            data: Box::new(PolicyData {
                stage,
                allowed: !blocking,
                blocking,
                policies: vec![breach.policy.clone()],
                action: None,
                command: None,
                dimension: breach.dimension,
            }),
        };
        self.emit(now, violated)
    }
}
