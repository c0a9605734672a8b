//! Budgets: what is used up stops the run, or holds it.

use super::{KernelError, RunOrchestrationKernel};
use crate::compiled::StepIx;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_events::{Body, BudgetData, HeldData, StoppingData};
use rok_plan::OnExceeded;
use rok_vocabulary::{BudgetDimension, ErrorClass, HoldReason, Outcome, Timestamp, format_amount};

impl RunOrchestrationKernel {
    /// Whether the budget lets another attempt at a step start now. A step that
    /// it does not let fails without one where a fallback can stand in for it;
    /// fallbacks themselves go on.
    pub(super) fn may_attempt(&mut self, ix: StepIx, now: Timestamp) -> Result<bool, KernelError> {
        self.record_exceeded(true, now)?;
        self.hold_to_caps(true, now)?;
        if self.state.is_halted() {
            return Ok(false);
        }
        if self.state.is_over_budget() && !self.is_fallback(ix) {
            if self.falls_back(ix) {
                self.fail_over_budget(ix, now)?;
            } else {
                self.enforce_budget(now)?;
            }
            return Ok(false);
        }
        Ok(!self.state.is_halted() && !self.state.is_paused())
    }

    /// Records every limit that is exceeded, and does what the plan says, unless
    /// a step that is left has a fallback: that is for its turn to decide.
    pub(super) fn check_budget(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let fresh = self.record_exceeded(false, now)?;
        // Over its own limit of attempts, it has asked for another one.
        self.hold_to_caps(self.state.is_over_budget(), now)?;
        let waits = self.state.has_unstarted() || !self.state.progress().retries.is_empty();
        // A run that must not exceed it fails for its last step, too.
        let due = waits || (fresh && self.on_exceeded() == OnExceeded::Fail);
        if self.state.is_over_budget() && due && !self.state.may_fall_back() {
            self.enforce_budget(now)?;
        }
        Ok(())
    }

    /// Whether there was one.
    fn record_exceeded(&mut self, another: bool, now: Timestamp) -> Result<bool, KernelError> {
        let mut fresh = false;
        while let Some(data) = self.state.newly_exceeded(another) {
            self.emit(now, Body::BudgetExceeded { data })?;
            fresh = true;
        }
        Ok(fresh)
    }

    fn on_exceeded(&self) -> OnExceeded {
        let budget = self.state.plan().plan().budget.as_ref();
        budget.map_or_else(OnExceeded::default, |budget| budget.on_exceeded)
    }

    fn is_fallback(&self, ix: StepIx) -> bool {
        self.state.plan().owner(self.state.origin(ix)).is_some()
    }

    fn falls_back(&self, ix: StepIx) -> bool {
        let graph = self.state.plan().graph();
        graph.fallback(self.state.origin(ix)).is_some()
    }

    fn fail_over_budget(&mut self, ix: StepIx, now: Timestamp) -> Result<(), KernelError> {
        let begun = Body::StepStarted {
            step: self.state.step_id(ix),
            attempt: self.state.step(ix).attempt,
            data: None,
            inputs_hash: None,
        };
        self.emit(now, begun)?;
        let reason = self.why_over_budget();
        let class = ErrorClass::BudgetExceeded;
        self.attempt_failed(ix, class, reason, Box::default(), now)
    }

    fn enforce_budget(&mut self, now: Timestamp) -> Result<(), KernelError> {
        if self.state.is_halted() || self.state.closing().is_some() {
            return Ok(());
        }
        match self.on_exceeded() {
            OnExceeded::Hold if self.state.hold().is_some() => Ok(()),
            OnExceeded::Hold => self.hold_for_budget(now),
            OnExceeded::Fail => {
                // A run that stops waits for nobody.
                self.let_go(now)?;
                let exit = None;
                let outcome = Outcome::Failed;
                let reason = self.why_over_budget();
                self.emit(
                    now,
                    Body::RunStopping {
                        class: ErrorClass::BudgetExceeded,
                        reason,
                        data: StoppingData { outcome, exit },
                    },
                )
            }
        }
    }

    fn why_over_budget(&self) -> String {
        let budget = self.state.plan().plan().budget.as_ref();
        let limit = |of| budget.and_then(|budget| budget.limit(of)).unwrap_or(0.0);
        let lifted: Vec<BudgetDimension> = self.state.lifted().collect();
        let open = self.state.exceeded().filter(|of| !lifted.contains(of));
        let told = open.map(|dimension| {
            told(&BudgetData {
                dimension,
                limit: limit(dimension),
                used: self.state.used().of(dimension),
            })
        });
        told.collect::<Vec<String>>().join("; ")
    }

    fn hold_for_budget(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let reason = self.why_over_budget();
        let data = HeldData {
            hold: HoldReason::Budget,
            release: "unpause".into(),
            expires_at: None,
            command: None,
        };
        self.emit(
            now,
            Body::RunHeld {
                step: None,
                reason: Some(reason),
                data,
            },
        )
    }
}

/// `the budget of 5 USD is used up: 5.2 USD`
fn told(data: &BudgetData) -> String {
    let BudgetData {
        dimension,
        limit,
        used,
    } = *data;
    let [limit, used] = [limit, used].map(|amount| format_amount(dimension, amount));
    match dimension {
        BudgetDimension::Steps => format!("the budget of {limit} is used up"),
        _ => format!("the budget of {limit} is exceeded: {used}"),
    }
}
