//! What must hold of `rules`, case by case.

use super::*;
use rok_facades::{OwnedOutcomeFacts, OwnedRunFacts, PolicyVerdict};
use rok_vocabulary::Timestamp;
use rstest::rstest;

fn facts(outcome: Outcome, class: Option<ErrorClass>) -> OwnedOutcomeFacts {
    let at = Timestamp::from_millis(0);
    let run = OwnedRunFacts::new("r".parse().unwrap(), "p".parse().unwrap(), at);
    OwnedOutcomeFacts {
        error_class: class,
        ..OwnedOutcomeFacts::new(run, outcome)
    }
}

#[rstest]
#[case(Outcome::Succeeded, None, Severity::None, IncidentCategory::None)]
#[case(
    Outcome::Partial,
    Some(ErrorClass::TransientIo),
    Severity::Low,
    IncidentCategory::Infrastructure
)]
#[case(
    Outcome::Failed,
    Some(ErrorClass::HardGateFailed),
    Severity::High,
    IncidentCategory::Quality
)]
#[case(
    Outcome::Failed,
    Some(ErrorClass::Internal),
    Severity::Critical,
    IncidentCategory::Platform
)]
#[case(Outcome::Failed, None, Severity::High, IncidentCategory::Platform)]
#[case(
    Outcome::TimedOut,
    None,
    Severity::Medium,
    IncidentCategory::Infrastructure
)]
#[case(Outcome::Cancelled, None, Severity::Low, IncidentCategory::Operator)]
#[case(
    Outcome::Denied,
    Some(ErrorClass::PolicyViolation),
    Severity::Medium,
    IncidentCategory::Governance
)]
#[case(
    Outcome::Succeeded,
    Some(ErrorClass::PolicyViolation),
    Severity::Critical,
    IncidentCategory::Governance
)]
fn the_table(
    #[case] outcome: Outcome,
    #[case] class: Option<ErrorClass>,
    #[case] severity: Severity,
    #[case] category: IncidentCategory,
) {
    let facts = facts(outcome, class);
    assert_eq!(severity_of(&facts.borrow()), severity);
    assert_eq!(category_of(&facts.borrow()), category);
}

#[test]
fn only_a_run_that_nothing_happened_to_has_no_severity() {
    for &outcome in Outcome::ALL {
        for class in ErrorClass::ALL.iter().copied().map(Some).chain([None]) {
            let facts = facts(outcome, class);
            let quiet = outcome == Outcome::Succeeded && class.is_none();
            assert_eq!(severity_of(&facts.borrow()) == Severity::None, quiet);
            assert_eq!(
                category_of(&facts.borrow()) == IncidentCategory::None,
                quiet
            );
        }
    }
}

#[test]
fn a_verdict_that_blocks_a_success_is_critical() {
    let mut facts = facts(Outcome::Succeeded, None);
    facts.verdict = Some(PolicyVerdict {
        id: "pol-1".into(),
        run_id: "r".parse().unwrap(),
        allowed: false,
        enforcement_level: None,
        policies: Vec::new(),
        reason: "no".into(),
        violations: Vec::new(),
        errors: Vec::new(),
    });
    assert_eq!(severity_of(&facts.borrow()), Severity::Critical);
}
