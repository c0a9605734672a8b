//! What a run may use up.

use core::time::Duration;
use rok_vocabulary::BudgetDimension;

/// What a run may use up, over all its epochs. At least one limit is there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Budget {
    /// US dollars that its steps report.
    pub max_cost_usd: Option<f64>,
    /// Kilowatt hours that its steps report.
    pub max_energy_kwh: Option<f64>,
    /// Attempts at steps.
    pub max_steps: Option<u64>,
    /// Tokens that its steps report.
    pub max_tokens: Option<u64>,
    /// Time of the attempts, summed.
    pub max_time: Option<Duration>,
    /// What then happens.
    pub on_exceeded: OnExceeded,
}

/// What happens to a run that has used up its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnExceeded {
    /// It is stopped, and fails.
    #[default]
    Fail,
    /// What runs goes on, nothing new starts, until somebody lets it go on.
    Hold,
}

impl Budget {
    /// The limit of a dimension, in its unit; time in milliseconds.
    #[must_use]
    pub fn limit(&self, of: BudgetDimension) -> Option<f64> {
        match of {
            BudgetDimension::CostUsd => self.max_cost_usd,
            BudgetDimension::EnergyKwh => self.max_energy_kwh,
            BudgetDimension::Steps => self.max_steps.map(|steps| steps as f64),
            BudgetDimension::Tokens => self.max_tokens.map(|tokens| tokens as f64),
            BudgetDimension::Time => self.max_time.map(|time| time.as_millis() as f64),
        }
    }
}
