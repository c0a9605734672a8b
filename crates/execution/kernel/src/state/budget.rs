//! What a run has used of its budget: a sum over its events, of all epochs.

use super::{ApplyError, RunState, out_of_place};
use crate::compiled::StepIx;
use crate::steps::StepSlot;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_events::{BudgetData, Event, PolicyData, PolicyStage, StepEndData};
use rok_execution_policy::{Breach, UseFacts, judge_use};
use rok_vocabulary::{BudgetDimension, RunPhase, StepState};

/// What a run has used, whether that is limited or not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Used {
    /// US dollars, as reported.
    pub cost_usd: f64,
    /// Kilowatt hours, as reported.
    pub energy_kwh: f64,
    /// Attempts at steps that were started.
    pub attempts: u64,
    /// Tokens, as reported.
    pub tokens: u64,
    /// Time of the attempts, summed, in milliseconds.
    pub wall_ms: u64,
}

impl Used {
    /// What was used in a dimension, in its unit; time in milliseconds.
    #[must_use]
    pub fn of(&self, dimension: BudgetDimension) -> f64 {
        match dimension {
            BudgetDimension::CostUsd => self.cost_usd,
            BudgetDimension::EnergyKwh => self.energy_kwh,
            BudgetDimension::Steps => self.attempts as f64,
            BudgetDimension::Tokens => self.tokens as f64,
            BudgetDimension::Time => self.wall_ms as f64,
        }
    }
}

/// Use, and which limits were exceeded.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct BudgetState {
    used: Used,
    exceeded: BTreeSet<BudgetDimension>,
    /// Limits that somebody let the run exceed.
    lifted: BTreeSet<BudgetDimension>,
    /// Caps of policies that were passed in this epoch: policy and dimension.
    over_caps: BTreeSet<(String, BudgetDimension)>,
    /// An injected policy blocked in this epoch.
    blocked: bool,
}

impl RunState {
    /// What the run has used, over all its epochs.
    #[must_use]
    pub const fn used(&self) -> &Used {
        &self.budget.used
    }

    /// The limits that were exceeded.
    pub fn exceeded(&self) -> impl Iterator<Item = BudgetDimension> {
        self.budget.exceeded.iter().copied()
    }

    /// The limits that somebody let the run exceed.
    pub fn lifted(&self) -> impl Iterator<Item = BudgetDimension> {
        self.budget.lifted.iter().copied()
    }

    /// The largest share of any limit that was used; `None` without a budget.
    #[must_use]
    pub fn budget_use(&self) -> Option<f64> {
        let budget = self.plan().plan().budget.as_ref()?;
        let shares = BudgetDimension::ALL.iter().filter_map(|of| {
            let (limit, used) = (budget.limit(*of)?, self.used().of(*of));
            Some(if limit > 0.0 {
                used / limit
            } else {
                f64::from(u8::from(used > 0.0))
            })
        });
        shares.reduce(f64::max)
    }

    /// A limit that is exceeded and of which nothing is recorded. That of
    /// attempts is, once another one would be started.
    pub(crate) fn newly_exceeded(&self, another: bool) -> Option<BudgetData> {
        let mut all = BudgetDimension::ALL.iter();
        all.find_map(|dimension| self.exceeds(*dimension, another))
    }

    fn exceeds(&self, dimension: BudgetDimension, another: bool) -> Option<BudgetData> {
        let limit = self.plan().plan().budget.as_ref()?.limit(dimension)?;
        let used = self.used().of(dimension);
        let over = match dimension {
            BudgetDimension::Steps => another && used >= limit,
            _ => used > limit,
        };
        let data = BudgetData {
            dimension,
            limit,
            used,
        };
        (over && !self.budget.exceeded.contains(&dimension)).then_some(data)
    }

    /// Whether a limit is exceeded that nobody lifted.
    pub(crate) fn is_over_budget(&self) -> bool {
        self.budget.exceeded != self.budget.lifted
    }

    /// Whether a step that is to start has a fallback, or a fallback is under
    /// way.
    pub(crate) fn may_fall_back(&self) -> bool {
        if self.awaited_fallbacks() > 0 {
            return true;
        }
        let graph = self.plan().graph();
        let starts = |slot: &StepSlot| !slot.is_finished() && slot.state != StepState::Running;
        let mut of_plan = (0..self.plan().len() as StepIx).zip(self.steps());
        of_plan.any(|(ix, slot)| graph.fallback(ix).is_some() && starts(slot))
    }

    pub(super) fn note_attempt(&mut self) {
        self.budget.used.attempts += 1;
    }

    /// What a fan-out's children used is theirs.
    pub(super) fn note_use(&mut self, data: &StepEndData) {
        if data.children.is_some() {
            return;
        }
        let used = &mut self.budget.used;
        used.cost_usd += data.usage.cost_usd;
        used.energy_kwh += data.usage.energy_kwh;
        used.tokens = used.tokens.saturating_add(data.usage.tokens);
        used.wall_ms = used.wall_ms.saturating_add(data.wall_ms);
    }

    pub(super) fn budget_exceeded(
        &mut self,
        event: &Event,
        data: &BudgetData,
    ) -> Result<(), ApplyError> {
        let executing = self.phase() == RunPhase::Executing && self.rollback().is_none();
        if !executing || self.exceeds(data.dimension, true) != Some(*data) {
            return out_of_place(event, "the budget is not exceeded like that");
        }
        self.budget.exceeded.insert(data.dimension);
        Ok(())
    }

    /// The caps of policies that are passed and of which nothing is recorded.
    pub(crate) fn over_caps(&self, another: bool) -> Vec<Breach> {
        let policies = self.execution_policies();
        if policies.is_empty() || !self.settings().contract.governs() {
            return Vec::new();
        }
        let facts = UseFacts {
            plan: self.plan().plan().id.as_str(),
            submitter: &self.submitter().to_string(),
            another,
        };
        let mut over = judge_use(policies, &facts, |of| self.used().of(of));
        let told = &self.budget.over_caps;
        over.retain(|one| {
            let of = one.dimension.map(|of| (one.policy.clone(), of));
            of.is_some_and(|of| !told.contains(&of))
        });
        over
    }

    /// Whether an injected policy stopped the run or a step, in this epoch.
    #[must_use]
    pub const fn was_blocked(&self) -> bool {
        self.budget.blocked
    }

    pub(super) fn note_violation(&mut self, data: &PolicyData) {
        let on_the_way = matches!(data.stage, PolicyStage::Step | PolicyStage::Use);
        self.budget.blocked |= data.blocking && on_the_way;
        let passed = data.policies.first().cloned().zip(data.dimension);
        self.budget.over_caps.extend(passed);
    }

    /// Each epoch is told anew, and stopped anew.
    pub(super) fn forget_violations(&mut self) {
        self.budget.over_caps.clear();
        self.budget.blocked = false;
    }

    /// Somebody lets the run go on without the limits that held it.
    pub(super) fn lift_limits(&mut self) {
        self.budget.lifted.clone_from(&self.budget.exceeded);
    }
}
