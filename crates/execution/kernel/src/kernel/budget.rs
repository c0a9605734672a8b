//! Budgets: what is used up stops the run, or holds it.

use super::{KernelError, RunOrchestrationKernel};
use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;
use rok_events::{Body, BudgetData, HeldData, StoppingData};
use rok_plan::OnExceeded;
use rok_vocabulary::{BudgetDimension, ErrorClass, HoldReason, Outcome, Timestamp};

impl RunOrchestrationKernel {
    /// Whether the budget lets another attempt start now.
    pub(super) fn may_attempt(&mut self, now: Timestamp) -> Result<bool, KernelError> {
        self.check_budget(true, now)?;
        Ok(!self.state.is_halted() && !self.state.is_paused())
    }

    /// Records every limit that is exceeded, once, and does what the plan says;
    /// `another`: one more attempt is about to be started.
    pub(super) fn check_budget(
        &mut self,
        another: bool,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        while let Some(data) = self.state.newly_exceeded(another) {
            self.emit(now, Body::BudgetExceeded { data })?;
            let budget = self.state.plan().plan().budget.as_ref();
            let fails = budget.is_some_and(|budget| budget.on_exceeded == OnExceeded::Fail);
            if fails && self.state.stopping().is_none() {
                let exit = None;
                let outcome = Outcome::Failed;
                self.emit(
                    now,
                    Body::RunStopping {
                        class: ErrorClass::BudgetExceeded,
                        reason: told(&data),
                        data: StoppingData { outcome, exit },
                    },
                )?;
            }
        }
        let ends = self.state.is_halted() || self.state.closing().is_some();
        let waits =
            another || self.state.has_unstarted() || !self.state.progress().retries.is_empty();
        if !self.state.budget_holds() || ends || !waits || self.state.hold().is_some() {
            return Ok(());
        }
        self.hold_for_budget(now)
    }

    fn hold_for_budget(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let budget = self.state.plan().plan().budget.as_ref();
        let limit = |of| budget.and_then(|budget| budget.limit(of)).unwrap_or(0.0);
        let lifted: alloc::vec::Vec<BudgetDimension> = self.state.lifted().collect();
        let open = self.state.exceeded().filter(|of| !lifted.contains(of));
        let told = open.map(|dimension| {
            told(&BudgetData {
                dimension,
                limit: limit(dimension),
                used: self.state.used().of(dimension),
            })
        });
        let reason = told.collect::<alloc::vec::Vec<String>>().join("; ");
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
    match dimension {
        BudgetDimension::Steps => format!("the budget of {limit} attempts is used up"),
        _ => format!(
            "the budget of {} is exceeded: {}",
            amount(dimension, limit),
            amount(dimension, used)
        ),
    }
}

fn amount(of: BudgetDimension, amount: f64) -> String {
    match of {
        BudgetDimension::CostUsd => format!("{amount} USD"),
        BudgetDimension::EnergyKwh => format!("{amount} kWh"),
        BudgetDimension::Steps => format!("{amount} attempts"),
        BudgetDimension::Tokens => format!("{amount} tokens"),
        BudgetDimension::Time => {
            let time = Duration::from_millis(amount as u64);
            rok_vocabulary::format_duration(time).to_string()
        }
    }
}
