//! How bad a run's end is and whom it concerns: two tables, total over their
//! closed words.

use rok_facades::{IncidentCategory, OutcomeFacts};
use rok_vocabulary::{ErrorClass, Outcome, Severity, StepId};

/// Severity and category of each error class.
const fn by_class(class: ErrorClass) -> (Severity, IncidentCategory) {
    use IncidentCategory as C;
    use Severity as S;
    match class {
        ErrorClass::TransientIo | ErrorClass::Timeout => (S::Medium, C::Infrastructure),
        ErrorClass::WorkerLost => (S::High, C::Infrastructure),
        ErrorClass::ContractInputMissing => (S::Medium, C::Input),
        ErrorClass::ValidationFailed => (S::Medium, C::Quality),
        ErrorClass::HardGateFailed => (S::High, C::Quality),
        ErrorClass::ConfigError => (S::Medium, C::Configuration),
        ErrorClass::BudgetExceeded => (S::High, C::Budget),
        ErrorClass::PolicyViolation | ErrorClass::SandboxViolation => (S::Critical, C::Governance),
        ErrorClass::Cancelled => (S::Low, C::Operator),
        ErrorClass::Internal => (S::Critical, C::Platform),
        ErrorClass::Unknown => (S::High, C::Platform),
    }
}

/// The class that stands for an outcome that came without one.
const fn implied_class(outcome: Outcome) -> Option<ErrorClass> {
    match outcome {
        Outcome::Succeeded => None,
        Outcome::TimedOut => Some(ErrorClass::Timeout),
        Outcome::Cancelled => Some(ErrorClass::Cancelled),
        Outcome::Denied | Outcome::Partial | Outcome::Failed => Some(ErrorClass::Unknown),
    }
}

/// The class that decides. A verdict that blocks outranks what else happened.
pub(crate) fn class_of(facts: &OutcomeFacts<'_>) -> Option<ErrorClass> {
    if facts.verdict.is_some_and(|verdict| !verdict.allowed) && facts.outcome.may_complete() {
        return Some(ErrorClass::PolicyViolation);
    }
    facts.error_class.or(implied_class(facts.outcome))
}

/// How bad it is.
///
/// A run that was not allowed did no harm (medium); one that is partial, and
/// that no policy forbids, met its success rule (low).
#[must_use]
pub fn severity_of(facts: &OutcomeFacts<'_>) -> Severity {
    match (facts.outcome, class_of(facts)) {
        (_, None) => Severity::None,
        (Outcome::Denied, _) => Severity::Medium,
        (Outcome::Partial, Some(class)) if class != ErrorClass::PolicyViolation => Severity::Low,
        (_, Some(class)) => by_class(class).0,
    }
}

/// Whom it concerns.
#[must_use]
pub fn category_of(facts: &OutcomeFacts<'_>) -> IncidentCategory {
    match (facts.outcome, class_of(facts)) {
        (_, None) => IncidentCategory::None,
        (Outcome::Denied, _) => IncidentCategory::Governance,
        (_, Some(class)) => by_class(class).1,
    }
}

/// The same plan, step and class (or, without a class, outcome).
pub(crate) fn dedup_key(plan: &str, step: Option<&StepId>, what: &str) -> String {
    // A plan id, a step id and a class have no `/`, so parts cannot run together.
    format!("{plan}/{}/{what}", step.map_or("-", StepId::as_str))
}

#[cfg(test)]
mod tests;
