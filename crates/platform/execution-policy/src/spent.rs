//! What a run has used, held against the caps of policies, as it runs.

use crate::judge::Breach;
use crate::policy::ExecutionPolicy;
use alloc::format;
use alloc::vec::Vec;
use rok_vocabulary::{BudgetDimension, format_amount};

/// What is known of a run's use.
#[derive(Debug, Clone, Copy)]
pub struct UseFacts<'a> {
    /// The plan.
    pub plan: &'a str,
    /// Who submitted the run.
    pub submitter: &'a str,
    /// Another attempt is about to begin: one that is too many is judged before
    /// it does.
    pub another: bool,
}

/// What policies forbid of what a run has used; `used` gives the amounts, time
/// in milliseconds.
#[must_use]
pub fn judge_use(
    policies: &[ExecutionPolicy],
    facts: &UseFacts<'_>,
    used: impl Fn(BudgetDimension) -> f64,
) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let covering = |policy: &&ExecutionPolicy| policy.covers(facts.plan, facts.submitter, None);
    for policy in policies.iter().filter(covering) {
        let Some(caps) = &policy.payload.max_budget else {
            continue;
        };
        for (dimension, cap) in caps.all() {
            let used = used(dimension);
            let over = match dimension {
                BudgetDimension::Steps => facts.another && used >= cap,
                _ => used > cap,
            };
            if over {
                let [cap, used] = [cap, used].map(|amount| format_amount(dimension, amount));
                let why = match dimension {
                    BudgetDimension::Steps => format!("at most {cap} are permitted"),
                    _ => format!("at most {cap} may be used, and {used} were"),
                };
                let breach = Breach::of(policy, None, why);
                breaches.push(Breach {
                    dimension: Some(dimension),
                    ..breach
                });
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests;
