//! Every code block of `docs/policies.md` about Cedar is loaded, and does what its
//! text says.

use rok_facades::{
    ActionRequest, DutyKey, GovernanceEngine, GovernedAction, OwnedOutcomeFacts, OwnedRunFacts,
};
use rok_governance::{CedarEngine, ConditionalPolicy, Policies, PolicySources};
use rok_rac::Duty;
use rok_vocabulary::{Actor, EnforcementLevel, Outcome, Timestamp};
use rstest::rstest;
use serde_json::json;

const DOC: &str = include_str!("../../../../docs/policies.md");

/// The code blocks of a section, as (language, text).
fn blocks(section: &str) -> Vec<(&str, &str)> {
    let mut blocks = Vec::new();
    let mut rest = section;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (language, body) = after.split_once('\n').expect("a block has lines");
        let (text, next) = body.split_once("\n```").expect("a block ends");
        blocks.push((language, text));
        rest = next;
    }
    blocks
}

fn section(title: &str) -> &'static str {
    DOC.split("\n## ")
        .find(|section| section.starts_with(title))
        .expect("the section is there")
}

fn engine(title: &str) -> CedarEngine {
    let mut sources = PolicySources::new();
    for (language, text) in blocks(section(title)) {
        sources = match language {
            "cedar" => sources.with_policies(title, text),
            "cedarschema" => sources.with_inputs(title, text),
            "json" => {
                let policy: ConditionalPolicy = serde_json::from_str(text).expect("it is one");
                sources
                    .with_policies("rest", "permit (principal, action, resource);")
                    .with_execution_policy(title, &policy)
                    .expect("it maps onto Cedar")
            }
            other => panic!("what is a `{other}` block?"),
        };
    }
    CedarEngine::new(Policies::load(&sources).unwrap_or_else(|error| panic!("{error}")))
}

fn facts(plan: &str, submitter: &str, at: &str) -> OwnedOutcomeFacts {
    let at = Timestamp::parse_rfc3339(at).expect("an instant");
    let mut run = OwnedRunFacts::new(
        "r1".parse().expect("a run id"),
        plan.parse().expect("a plan id"),
        at,
    );
    run.submitter = submitter.parse().expect("an actor");
    run.inputs = json!({ "dataset": "iris" });
    OwnedOutcomeFacts::new(run, Outcome::Succeeded)
}

const MONDAY: &str = "2026-02-16T09:00:00Z";

fn run(engine: &CedarEngine, facts: &OwnedOutcomeFacts) -> (bool, String) {
    let answer = engine
        .authorize_run(&facts.run.borrow())
        .expect("an answer");
    assert!(answer.errors.is_empty(), "{answer:?}");
    (answer.granted, answer.reason)
}

#[test]
fn there_are_as_many_examples_as_tests_of_them() {
    let count = |language| {
        let all = blocks(DOC).into_iter();
        all.filter(|(found, _)| *found == language).count()
    };
    assert_eq!(
        (count("cedar"), count("cedarschema"), count("json")),
        (4, 1, 1)
    );
    // The one of injected policies is carried out by the tests of `rok`.
    assert_eq!(count("yaml"), 1);
    assert_eq!(blocks(DOC).len(), 7);
}

#[rstest]
#[case("operator", None, true)]
#[case("data-team", Some("data"), true)]
#[case("data-team", Some("web"), false)]
#[case("data-team", None, false)]
#[case("guest", Some("data"), false)]
fn roles(#[case] role: &str, #[case] team: Option<&str>, #[case] granted: bool) {
    let engine = engine("Example 1");
    let mut facts = facts("nightly", "user:ada", MONDAY);
    facts.run.roles = vec![role.to_owned()];
    let labels = team.map(|team| ("team".to_owned(), team.to_owned()));
    facts.run.labels.extend(labels);
    assert_eq!(run(&engine, &facts).0, granted);
    let borrowed = facts.borrow();
    let key = DutyKey::new(&borrowed.run, Duty::EVALUATE_POLICY);
    let verdict = engine.evaluate_policy(&key, &borrowed).expect("an answer");
    assert!(verdict.allowed);
}

#[rstest]
#[case("user:bob", "release-manager", GovernedAction::Approve, None, true)]
#[case("user:bob", "guest", GovernedAction::Approve, None, false)]
#[case("user:ada", "release-manager", GovernedAction::Approve, None, false)]
#[case("user:ada", "release-manager", GovernedAction::Reject, None, true)]
#[case("user:bob", "release-manager", GovernedAction::Override, None, false)]
#[case(
    "user:bob",
    "release-manager",
    GovernedAction::Override,
    Some("why not"),
    false
)]
#[case(
    "user:bob",
    "release-manager",
    GovernedAction::Override,
    Some("flaky, OPS-12"),
    true
)]
#[case("user:bob", "release-manager", GovernedAction::Cancel, None, false)]
fn four_eyes(
    #[case] who: &str,
    #[case] role: &str,
    #[case] action: GovernedAction,
    #[case] reason: Option<&str>,
    #[case] granted: bool,
) {
    let engine = engine("Example 2");
    let facts = facts("nightly", "user:ada", MONDAY);
    let actor: Actor = who.parse().expect("an actor");
    let request = ActionRequest {
        actor: &actor,
        roles: &[role.to_owned()],
        action,
        run: facts.run.borrow(),
        step: None,
        reason,
        gate: None,
        hold: None,
        budget_use: None,
    };
    let answer = engine.authorize_action(&request).expect("an answer");
    assert_eq!(answer.granted, granted, "{answer:?}");
}

#[rstest]
#[case("publish", "2026-02-20T13:59:00Z", true)]
#[case("publish", "2026-02-20T14:00:00Z", false)]
#[case("publish", "2026-02-22T09:00:00Z", false)]
#[case("publish", MONDAY, true)]
#[case("nightly", "2026-02-22T09:00:00Z", true)]
fn a_freeze(#[case] plan: &str, #[case] at: &str, #[case] granted: bool) {
    let facts = facts(plan, "schedule:weekly", at);
    let (answer, reason) = run(&engine("Example 3"), &facts);
    assert_eq!(answer, granted);
    assert_eq!(reason.contains("Monday to Friday"), !granted, "{reason}");
}

#[rstest]
#[case(json!({"dataset": "iris"}), true)]
#[case(json!({"dataset": "prod-eu"}), false)]
#[case(json!({"dataset": "prod-eu", "min_accuracy": 0.94}), false)]
#[case(json!({"dataset": "prod-eu", "min_accuracy": 0.97}), true)]
#[case(json!({"dataset": "prod-eu", "min_accuracy": 1}), true)]
fn production_needs_accuracy(#[case] inputs: serde_json::Value, #[case] granted: bool) {
    let mut facts = facts("nightly", "user:ada", MONDAY);
    facts.run.inputs = inputs;
    assert_eq!(run(&engine("Example 4"), &facts).0, granted);
}

#[rstest]
#[case(0.5, false, true, None)]
#[case(0.9, false, true, Some(EnforcementLevel::Soft))]
#[case(0.5, true, false, Some(EnforcementLevel::Strict))]
fn what_may_complete(
    #[case] time_use: f64,
    #[case] gate_failed: bool,
    #[case] allowed: bool,
    #[case] level: Option<EnforcementLevel>,
) {
    let mut facts = facts("nightly", "user:ada", MONDAY);
    facts.time_use = Some(time_use);
    let gate = gate_failed.then(|| "check".parse().expect("a step id"));
    facts.gate_failures.extend(gate);
    let borrowed = facts.borrow();
    let key = DutyKey::new(&borrowed.run, Duty::EVALUATE_POLICY);
    let engine = engine("Example 4");
    let verdict = engine.evaluate_policy(&key, &borrowed).expect("an answer");
    assert_eq!(
        (verdict.allowed, verdict.enforcement_level),
        (allowed, level)
    );
}

#[rstest]
#[case("user:ada", true)]
#[case("schedule:weekly", false)]
fn an_execution_policy(#[case] submitter: &str, #[case] granted: bool) {
    let facts = facts("publish", submitter, MONDAY);
    assert_eq!(run(&engine("ONEX"), &facts).0, granted);
}
