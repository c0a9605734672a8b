//! What must hold of `execution_policy`, case by case.

use super::*;
use crate::{Policies, PolicySources};
use rok_vocabulary::{EnforcementLevel, PolicyScope, PolicyType};
use rstest::rstest;

fn policy(scope: PolicyScope, action: &str) -> ConditionalPolicy {
    ConditionalPolicy {
        policy_type: PolicyType::Compliance,
        scope,
        enforcement_level: EnforcementLevel::Soft,
        payload: PolicyRule {
            id: "p-1".to_owned(),
            action: action.to_owned(),
            plan: matches!(scope, PolicyScope::Plan | PolicyScope::Step)
                .then(|| "nightly".to_owned()),
            step: (scope == PolicyScope::Step).then(|| "build".to_owned()),
            submitter: (scope == PolicyScope::Session).then(|| "user:ada".to_owned()),
            when: Some("context.hour < 6".to_owned()),
            reason: Some("say \"why\"\n".to_owned()),
        },
    }
}

#[rstest]
#[case(PolicyScope::Step, "complete")]
#[case(PolicyScope::Step, "approve")]
#[case(PolicyScope::Plan, "run")]
#[case(PolicyScope::Plan, "complete")]
#[case(PolicyScope::Session, "run")]
#[case(PolicyScope::Org, "cancel")]
fn every_scope_maps_onto_a_valid_policy(#[case] scope: PolicyScope, #[case] action: &str) {
    let policy = policy(scope, action);
    let sources = PolicySources::new()
        .with_execution_policy("onex", &policy)
        .unwrap();
    let policies = Policies::load(&sources).unwrap_or_else(|error| panic!("{error}"));
    let info = policies.infos().next().unwrap();
    assert_eq!(info.id, "p-1");
    assert_eq!(info.enforcement_level, Some(EnforcementLevel::Soft));
    assert_eq!(policies.reasons["p-1"], "say \"why\"\n");
}

#[rstest]
#[case(PolicyScope::Step)]
#[case(PolicyScope::Plan)]
#[case(PolicyScope::Session)]
fn a_scope_needs_its_parts(#[case] scope: PolicyScope) {
    let mut policy = policy(scope, "run");
    policy.payload = PolicyRule {
        id: "p-1".to_owned(),
        action: "run".to_owned(),
        ..PolicyRule::default()
    };
    let error = to_cedar(&policy).unwrap_err();
    assert!(
        matches!(
            error,
            ExecutionPolicyError::Scope {
                fault: ScopeFault { does: "needs", .. },
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_part_that_would_be_ignored_is_refused() {
    let mut policy = policy(PolicyScope::Org, "run");
    policy.payload.plan = Some("nightly".to_owned());
    let error = to_cedar(&policy).unwrap_err();
    assert!(
        matches!(
            error,
            ExecutionPolicyError::Scope {
                fault: ScopeFault {
                    does: "has no use for",
                    ..
                },
                ..
            }
        ),
        "{error}"
    );
}

#[rstest]
#[case("true }; permit (principal, action, resource) when { true")]
#[case("1 +")]
#[case("")]
fn a_condition_is_one_expression(#[case] when: &str) {
    let mut policy = policy(PolicyScope::Org, "run");
    policy.payload.when = Some(when.to_owned());
    let error = to_cedar(&policy).unwrap_err();
    assert!(
        matches!(error, ExecutionPolicyError::Condition { .. }),
        "{error}"
    );
}

#[rstest]
#[case("a\"); permit (principal, action, resource); //")]
#[case("back\\slash\u{0}\u{7f}é")]
fn names_cannot_break_out(#[case] name: &str) {
    let mut policy = policy(PolicyScope::Step, "complete");
    policy.payload.plan = Some(name.to_owned());
    policy.payload.step = Some(name.to_owned());
    let text = to_cedar(&policy).unwrap();
    let set: cedar_policy::PolicySet = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(set.policies().count(), 1);
}

#[test]
fn an_execution_policy_is_read_from_json() {
    let json = r#"{"type":"security","scope":"org","enforcement_level":"strict",
        "payload":{"id":"x","action":"run"}}"#;
    let policy: ConditionalPolicy = serde_json::from_str(json).unwrap();
    assert!(to_cedar(&policy).unwrap().contains("@type(\"security\")"));
    let unknown = json.replace("payload", "payLoad");
    assert!(serde_json::from_str::<ConditionalPolicy>(&unknown).is_err());
}
