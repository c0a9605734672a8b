//! Amounts of what runs use up, as people read them.

use crate::duration::format_duration;
use crate::words::BudgetDimension;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

/// `5.2 USD`, `3 attempts`, `1m30s`: at most six decimals, as sums of tenths are
/// no tenths. Time is in milliseconds.
#[must_use]
pub fn format_amount(of: BudgetDimension, amount: f64) -> String {
    let unit = match of {
        BudgetDimension::CostUsd => "USD",
        BudgetDimension::EnergyKwh => "kWh",
        BudgetDimension::Steps => "attempts",
        BudgetDimension::Tokens => "tokens",
        BudgetDimension::Time => return format_duration(Duration::from_millis(amount as u64)),
    };
    let number = format!("{amount:.6}");
    let number = number.trim_end_matches('0').trim_end_matches('.');
    format!("{number} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(BudgetDimension::CostUsd, 0.1 + 0.2, "0.3 USD")]
    #[case(BudgetDimension::EnergyKwh, 10.0, "10 kWh")]
    #[case(BudgetDimension::Steps, 0.0, "0 attempts")]
    #[case(BudgetDimension::Tokens, 1_000_000.0, "1000000 tokens")]
    #[case(BudgetDimension::Time, 90_000.0, "1m30s")]
    fn amounts(#[case] of: BudgetDimension, #[case] amount: f64, #[case] text: &str) {
        assert_eq!(format_amount(of, amount), text);
    }
}
